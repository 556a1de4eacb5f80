"""Record what the code of one commit makes, for tests/test_before.py.

The record beside this file was made by commit 21f0a53, the last one before the
package was reorganised. To make it again, install a checkout of that commit
with the versions of its requirements-tested.txt and run there

    python FOLDER_OF_THIS_FILE/make.py OUT
"""

import argparse
import contextlib
import gzip
import hashlib
import importlib.metadata
import io
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path.cwd()
# Neutral, since checkpoints and work dirs hold paths.
PLACE = Path(tempfile.gettempdir()) / 'before'
CLIPS = dict(num_train=6, num_val=4, num_test=4)
EPOCHS = 6
SMALL = [
    'train_dataloader.batch_size=2',
    *(
        f'{split}_dataloader.{setting}'
        for split in ('train', 'val', 'test')
        for setting in ('num_workers=0', 'persistent_workers=False')
    ),
    # the first of four stages
    'model.recognizer.backbone.num_stages=1',
    *(f'model.recognizer.backbone.{each}' for each in ('strides=[1]', 'dilations=[1]')),
    'model.recognizer.backbone.out_indices=[0]',
    'model.recognizer.cls_head.in_channels=64',
    f'train_cfg.max_epochs={EPOCHS}',
    f'param_scheduler.total_steps={EPOCHS}',
]
# What tools/train.py is given.
RUN = [
    *('--seed', '0', '--data-root', 'clips', '--cache-dir', 'cache'),
    *('--cfg-options', *SMALL),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('out', type=Path)
    args = parser.parse_args()
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    record(out)


def record(out):
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir()
    os.chdir(PLACE)
    from emoreact_plugin.datasets.sample import make_sample_dataset

    make_sample_dataset(PLACE / 'clips', **CLIPS)
    write_json(
        PLACE / 'sample.json',
        dict(
            settings=CLIPS,
            versions={
                name: importlib.metadata.version(name) for name in ('av', 'numpy', 'opencv-python')
            },
            files=hashes_of(PLACE / 'clips'),
        ),
    )
    run_tool('train', 'configs/sample/fusion.py', '--work-dir', 'work_dir', *RUN)
    stopped_run()
    crops = ['--crops', '--size', '64', '--every', '5']
    run_tool('extract_frames', 'clips/videos', '--out', 'clips/crops', *crops)
    best = next(Path('work_dir').glob('best_*.pth'))
    run_tool(
        *('test', 'configs/sample/fusion.py', str(best), '--crops', 'crops'),
        *('--work-dir', 'crops_run', '--dump', 'crops.npz', *RUN[2:]),
    )
    shutil.rmtree('crops_run')
    videos = sorted(map(str, Path('clips/videos').glob('*.mp4')))
    run_tool('export_onnx', str(best), *videos[:2], '--out', 'model.onnx')
    drop_traces('model.onnx')
    write_json(PLACE / 'inference.json', inference(str(best), videos))
    with gzip.GzipFile(PLACE / 'grid.json.gz', 'wb', mtime=0) as file:
        file.write(json.dumps(grid(), sort_keys=True).encode())
    for log in PLACE.glob('*/2*'):
        shutil.rmtree(log)
    (PLACE / 'work_dir' / f'epoch_{EPOCHS}.pth').unlink()  # large
    shutil.copytree(PLACE, out, dirs_exist_ok=True)


def run_tool(name, *arguments):
    arguments = [str(CHECKOUT / a) if a.startswith('configs/') else a for a in arguments]
    print('+', name, *arguments, flush=True)
    subprocess.run(
        [sys.executable, str(CHECKOUT / 'tools' / f'{name}.py'), *arguments],
        check=True,
        env=dict(os.environ, OMP_NUM_THREADS='1'),
    )


def drop_traces(path):
    """Leave out of an ONNX file which files on this computer its nodes come from."""
    import onnx

    file = onnx.load(path)
    for node in file.graph.node:
        kept = [each for each in node.metadata_props if 'stack_trace' not in each.key]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    onnx.save(file, path)


def stopped_run():
    """Run the same training, stopped by Ctrl-C two epochs before its end."""
    code = f"""
import runpy, sys
from mmengine.runner import EpochBasedTrainLoop
run_epoch = EpochBasedTrainLoop.run_epoch
def stop(self):
    if self.epoch == {EPOCHS - 2}:
        raise KeyboardInterrupt
    run_epoch(self)
EpochBasedTrainLoop.run_epoch = stop
runpy.run_path(sys.argv[0], run_name='__main__')
"""
    tool = str(CHECKOUT / 'tools' / 'train.py')
    config = str(CHECKOUT / 'configs/sample/fusion.py')
    done = subprocess.run(
        [sys.executable, '-c', f'import sys; sys.argv = sys.argv[1:]{code}', tool, config]
        + ['--work-dir', 'stopped', *RUN],
        env=dict(os.environ, OMP_NUM_THREADS='1'),
    )
    if done.returncode != 130:
        raise RuntimeError(f'expected the run to be stopped, found {done.returncode}')


def inference(checkpoint, videos):
    """Probabilities of each clip by the checkpoint and by the ONNX file."""
    from emoreact_plugin.inference import EmotionInferencer

    return {
        kind: {
            Path(video).name: dict(inferencer(video)[0].probabilities)
            for inferencer in [EmotionInferencer(file, cache_dir='cache')]
            for video in videos
        }
        for kind, file in dict(checkpoint=checkpoint, onnx='model.onnx').items()
    }


def flags_of_grid():
    """Yield the flags of all 5 x 2 x 4 x 3 x 3 x 2 combinations."""
    for region, mask, segments, arch, shift, init in itertools.product(
        ('face', 'body', 'fullbody', 'fusion', 'face+body+fullbody'),
        (False, True),
        (1, 3, 5, 10),
        ('resnet50', 'mobilenet_v2', 'resnet18'),
        (None, 8, 4),
        ('imagenet', 'scratch'),
    ):
        yield [
            *('--input', region, '--num-segments', str(segments), '--arch', arch),
            *(['--mask'] if mask else []),
            *(['--shift', '--shift-div', str(shift)] if shift else []),
            *('--init', init),
        ]


def grid(resolve=None):
    """Resolve the values of the fusion config with flags, and of all leaf configs."""
    found, resolve = {}, resolve or resolved
    for flags in flags_of_grid():
        found[' '.join(flags)] = resolve('configs/emoreact/tsn_r50_fusion.py', *flags)
    for path in sorted((CHECKOUT / 'configs').glob('*/*.py')):
        name = path.relative_to(CHECKOUT).as_posix()
        if '_base_' not in name:
            found[name] = resolve(name)
    return found


def resolved(config, *flags):
    from emoreact_plugin.command_line import add_config_arguments, load_config

    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    with contextlib.redirect_stdout(io.StringIO()):
        args = parser.parse_intermixed_args([str(CHECKOUT / config), *flags])
        cfg = load_config(args).to_dict()
    return {key: value for key, value in cfg.items() if key != 'work_dir'}


def hashes_of(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + '\n')


if __name__ == '__main__':
    main()
