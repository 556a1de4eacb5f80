"""Try a GPU: speed, waiting for data, and the ROC AUC in each precision, in one table.

It times training steps, draws the sample data set, trains on it in float32, float16 and bfloat16,
and trains the published network on crops, to see how long it waits for data.

    python tools/dev/gpu_check.py --out OUT
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import torch

from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_text
from emoreact_plugin.utils.tables import text_table

TOOLS = Path(__file__).parents[1]
CONFIGS = TOOLS.parent / 'configs'
SMALL = CONFIGS / 'sample' / 'fusion.py'
LARGE = CONFIGS / 'emoreact' / 'tsm_imagenet-pretrained-r50_1xb8-1x1x3-12e_emoreact-fusion.py'
PRECISIONS = ('float32', 'float16', 'bfloat16')


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', type=Path, default=Path('work_dirs/gpu_check'))
    parser.add_argument(
        '--quick',
        action='store_true',
        help='few clips, one epoch and small images, on the CPU as well: to see that it works',
    )
    return parser.parse_args()


def call(tool: str, *arguments: object) -> None:
    """Run a tool; it ends this one if it fails."""
    command = [sys.executable, str(TOOLS / tool), *map(str, arguments)]
    say(f'$ {" ".join(command[1:])}')
    if subprocess.run(command).returncode:
        raise InputError(f'{tool} failed')


def waiting_share(work_dir: Path) -> float:
    """Return the share of a training's time, 0..1, that passed in waiting for data.

    The first logged iterations are left out: the workers start then.
    """
    log = max(work_dir.glob('*/vis_data/scalars.json'))  # the newest
    lines = [json.loads(line) for line in log.read_text(encoding='utf-8').splitlines()]
    steps = [line for line in lines if 'data_time' in line][1:]
    return sum(step['data_time'] for step in steps) / sum(step['time'] for step in steps)


def train(
    config: Path, work_dir: Path, precision: str, epochs: int | None, *flags: object
) -> list[str]:
    """Train, and return the scores of the test split and the share of waiting as texts."""
    options = []
    if precision != 'float32':
        options, flags = [f'optim_wrapper.dtype={precision}'], ('--amp', *flags)
    if epochs is not None:
        options.append(f'train_cfg.max_epochs={epochs}')
        options += [f'param_scheduler.total_steps={epochs}'] * (config == SMALL)
    if options:
        flags = (*flags, '--cfg-options', *options)
    call('train.py', config, '--work-dir', work_dir, '--overwrite', '--crops', 'auto', *flags)
    scores = json.loads((work_dir / 'metrics.json').read_text(encoding='utf-8'))['results']['test']
    auc = [f'{scores[f"roc_auc/{name}"]:.3f}' for name in ('micro', 'macro')]
    return [*auc, f'{waiting_share(work_dir):.1%}']


@clear_errors()
def main(args: argparse.Namespace) -> None:
    out, quick, gpu = args.out, args.quick, torch.cuda.is_available()
    if not gpu and not quick:
        raise InputError('expected a GPU that PyTorch can use, found none; --quick runs on a CPU')
    device = torch.cuda.get_device_name() if gpu else 'CPU'
    # Before anything runs on the GPU besides it.
    benchmark = out / 'benchmark'
    few = ['--quick'] if quick else ['--repetitions', 5]
    call('dev/benchmark.py', '--only', 'training', '--out', benchmark, *few)
    data = out / 'sample'
    counts = ['--num-train', 48, '--num-val', 16, '--num-test', 16] if quick else []
    call('make_sample_dataset.py', '--out', data, *counts)
    common = ['--data-root', data, '--cache-dir', out / 'cache', *['-b', 2] * quick]
    rows = [['training', 'test micro', 'test macro', 'waits for data']]
    for precision in PRECISIONS if gpu else PRECISIONS[:1]:
        scores = train(SMALL, out / precision, precision, 1 if quick else None, *common)
        rows.append([f'sample/fusion.py, {precision}', *scores])
    large = [*common, '--init', 'scratch', *['--arch', 'resnet18'] * quick]
    scores = train(LARGE, out / 'large', 'float16' if gpu else 'float32', 1 if quick else 3, *large)
    rows.append([LARGE.stem, *scores])
    table = f'{device}, torch {torch.__version__}\n\n{text_table(rows)}\n'
    measured = benchmark.with_suffix('.md').read_text(encoding='utf-8')
    write_text(out / 'gpu_check.md', f'{table}\n{measured}')
    say(f'{table}\nwritten: {out / "gpu_check.md"}')


if __name__ == '__main__':
    main(parse_args())
