"""Kill small trainings at many moments, resume them, and compare with one that was not stopped.

    python tools/dev/kill_and_resume.py

Each training runs in a process that is forked from this one, which has imported everything. It is
killed at a random moment, or at one of its writes: before it, in the middle of the data, or after
it. Some are killed once more while they resume. Then weights, optimizer, scores and files have to
be those of the run that was never stopped. It prints a table, and exits with code 1 if one is not.
"""

import argparse
import builtins
import gc
import importlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import torch
from mmengine.config import Config
from mmengine.config import config as config_module
from mmengine.runner import runner as runner_module

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.training import train
from emoreact_plugin.utils.files import sha256_of
from emoreact_plugin.utils.tables import markdown_table
from tests.factories import NO_WORKERS, make_tiny, write_config

# What differs between two runs of the same.
VOLATILE = ('run.json',)
EPOCHS = 4


def warm_up():
    """Import what a training imports, and leave out what takes long in each and writes nothing."""
    torch.set_num_threads(1)
    for name in ('torchvision.models', 'matplotlib.pyplot', 'sklearn.metrics', 'tests.factories'):
        importlib.import_module(name)
    config_module.FormatCode = lambda text, *_, **__: (text, True)
    runner_module.collect_env = lambda: {}
    gc.collect()
    gc.freeze()


def make_config(folder):
    """Write a data set and a config into a folder, and read the config."""
    data = make_tiny(folder / 'data', counts=(6, 4, 3))
    options = dict(input='face', num_segments=1, max_epochs=EPOCHS, batch_size=3)
    cfg = Config.fromfile(write_config(folder / 'tiny.py', data_root=str(data.root), **options))
    for option in NO_WORKERS:
        key, value = option.split('=')
        cfg.merge_from_dict({key: {'0': 0, 'False': False}[value]})
    cfg.randomness = dict(seed=5)
    cfg.optim_wrapper.optimizer.lr = 0.05
    return cfg


class Writes:
    """Count the writes into a folder, and end this process at one of them.

    Args:
        folder (Path): Only files right in it count: not logs, which are in folders of their own.
        at (int, optional): Number of the moment to end at.
        notes (Path, optional): The file to write the moments into.
        number (int): The signal to end by.
    """

    def __init__(self, folder, at=None, notes=None, number=signal.SIGKILL):
        self.folder, self.at, self.number = str(folder), at, number
        self.count, self.notes = 0, notes and os.open(notes, os.O_CREAT | os.O_WRONLY)
        self.open, self.replace, self.remove = io.open, os.replace, os.remove
        builtins.open = io.open = self._open
        os.replace = self._around('replace', self.replace)
        os.remove = self._around('remove', self.remove)

    def moment(self, moment, what, path):
        if os.path.dirname(os.path.abspath(str(path))) != self.folder:
            return
        if self.notes:
            os.write(self.notes, f'{moment} {what} {os.path.basename(path)}\n'.encode())
        self.count += 1
        if self.count - 1 == self.at:
            os.kill(os.getpid(), self.number)

    def _around(self, what, function):
        def call(path, *args, **kwargs):
            self.moment('before', what, path)
            result = function(path, *args, **kwargs)
            self.moment('after', what, path)
            return result

        return call

    def _open(self, path, mode='r', *args, **kwargs):
        if not isinstance(path, (str, os.PathLike)) or not set(mode) & set('wax+'):
            return self.open(path, mode, *args, **kwargs)
        self.moment('before', 'open', path)
        file = self.open(path, mode, *args, **kwargs)
        self.moment('after', 'open', path)
        write = file.write

        def halves(data):
            self.moment('before', 'write', path)
            size = len(data) // 2
            written = write(data[:size])
            file.flush()
            self.moment('within', 'write', path)
            written += write(data[size:])
            file.flush()
            self.moment('after', 'write', path)
            return written

        if os.path.dirname(os.path.abspath(str(path))) == self.folder:
            file = Halves(file, halves)
        return file


class Halves:
    """Pass all on to a file but what is written."""

    def __init__(self, file, write):
        self._file, self.write = file, write

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __iter__(self):
        return iter(self._file)

    def __enter__(self):
        self._file.__enter__()
        return self

    def __exit__(self, *error):
        return self._file.__exit__(*error)


def start(cfg, folder, resume=False, at=None, notes=None, number=signal.SIGKILL):
    """Start a training in a process of its own, and return its id."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        out = os.open(str(folder) + '.log', os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.stdout = os.fdopen(1, 'w', closefd=False)
        sys.stderr = os.fdopen(2, 'w', closefd=False)
        cfg = cfg.copy()
        cfg.work_dir, cfg.resume = str(folder), resume
        if at is not None or notes:
            Writes(folder, at, notes, number)
        train(cfg)
        code = 0
    except SystemExit as end:
        print(end.code)
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def wait(child):
    """Wait for a process, and return its exit code; that of a signal is negative."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_after(child, seconds, number):
    """Send a signal to a process after some time, and return its exit code."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, number)
    return wait(child)


def content_of(path, folder):
    """Return what has to be the same in a file of two runs, as plain values."""

    def plain(value):
        if isinstance(value, torch.Tensor):
            return value.numpy().tobytes()
        if isinstance(value, dict):
            return {str(key): plain(each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(each) for each in value]
        return value.replace(str(folder), '.') if isinstance(value, str) else value

    if path.suffix == '.pth':
        content = torch.load(path, weights_only=True)
        meta, info = content['meta'], content['message_hub']['runtime_info']
        kept = {key: content.get(key) for key in ('state_dict', 'optimizer', 'param_schedulers')}
        kept['meta'] = {key: meta.get(key) for key in ('epoch', 'iter', 'seed', 'calibration')}
        kept['best'] = {key: info.get(key) for key in ('best_score', 'best_ckpt', 'last_ckpt')}
        return plain(kept)
    if path.suffix == '.npz':
        with np.load(path, allow_pickle=False) as arrays:
            content = {name: arrays[name] for name in arrays.files}
        (best,) = folder.glob('best_*.pth')
        run = str(content.pop('run'))
        content = {name: array.tobytes() for name, array in content.items()}
        return dict(content, run=run == sha256_of(best))
    text = path.read_text(encoding='utf-8')
    return plain(json.loads(text)) if path.suffix == '.json' else plain(text)


def differences(folder, expected):
    """Name the files of a run that are not those of the run that was never stopped."""
    found = {path.name: path for path in folder.iterdir() if path.is_file()}
    differ = [f'{name} is there' for name in found if name not in expected]
    for name, content in expected.items():
        if name not in found:
            differ.append(f'{name} is missing')
        elif content is not None and content_of(found[name], folder) != content:
            differ.append(f'{name} differs')
    return differ


def whole_run(cfg, folder):
    """Run a training without a stop; return its files, its moments and its seconds."""
    notes = folder.with_suffix('.moments')
    begin = time.monotonic()
    code = wait(start(cfg, folder, notes=notes))
    seconds = time.monotonic() - begin
    if code:
        raise SystemExit(Path(str(folder) + '.log').read_text())
    files = {path.name: path for path in folder.iterdir() if path.is_file()}
    expected = {
        name: None if name in VOLATILE or path.suffix == '.py' else content_of(path, folder)
        for name, path in files.items()
    }
    return expected, notes.read_text().splitlines(), seconds


def try_kill(cfg, folder, files, seconds, draw, number, at=None):
    """Kill a training, resume it, and return what is wrong, and how often it was killed."""
    if at is None:
        code = kill_after(start(cfg, folder), draw.uniform(0, seconds), number)
    else:
        code = wait(start(cfg, folder, at=at, number=number))
    if code == 0:
        return None, 0
    kills = 1
    if draw.random() < 0.25:
        child = start(cfg, folder, resume=True)
        kills += kill_after(child, draw.uniform(0, seconds), number) != 0
    code = wait(start(cfg, folder, resume=True))
    return [f'exit code {code}'] if code else differences(folder, files), kills


def kind_of(line):
    """Name what is written at a moment: 'within write .epoch_2.pth.HOST-1-2.part' -> its kind."""
    moment, what, name = line.split(' ', 2)
    if name.endswith('.part'):
        name = name.removeprefix('.').removesuffix('.part').rpartition('.')[0]
    for kind in ('epoch', 'best'):
        if name.startswith(f'{kind}_'):
            name = f'{kind}_*.pth'
    return f'{moment} {what}', name


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add = parser.add_argument
    add('--random', type=int, default=200, help='kills at random moments (default: 200)')
    add('--aimed', type=int, default=100, help='kills at writes (default: 100)')
    add('--signal', choices=('KILL', 'TERM', 'INT'), default='KILL', help='(default: KILL)')
    add('--seed', type=int, default=0)
    add('--keep', metavar='DIR', help='keep the runs that differ here')
    args = parser.parse_args(arguments)
    warm_up()
    draw = random.Random(args.seed)
    number = getattr(signal, f'SIG{args.signal}')
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        cfg = make_config(folder)
        files, moments, seconds = whole_run(cfg, folder / 'whole')
        print(f'{len(moments)} moments of writing in {seconds:.1f} s', flush=True)
        jobs = [None] * args.random + aims(moments, args.aimed, draw)
        rows, wrong = Counter(), []
        for index, at in enumerate(jobs):
            while True:
                run = folder / f'run{index}'
                differ, kills = try_kill(cfg, run, files, seconds, draw, number, at)
                if differ is not None:
                    break
                remove(run)  # it ended before the signal came
            # One row for each file; what is aimed at in it is drawn evenly.
            kind = 'at a random moment' if at is None else f'writing {kind_of(moments[at])[1]}'
            rows[kind, 'runs'] += 1
            rows[kind, 'kills'] += kills
            rows[kind, 'exact'] += not differ
            if differ:
                wrong.append(f'{run.name}, {moments[at] if at is not None else "random"}: {differ}')
                print(wrong[-1], flush=True)
                if args.keep:
                    shutil.copytree(run, Path(args.keep) / run.name, dirs_exist_ok=True)
                    shutil.copy(f'{run}.log', args.keep)
            remove(run)
    print(table(rows, args.signal))
    return 1 if wrong else 0


def aims(moments, count, draw):
    """Draw moments, as many of each kind; a kind is the same in other epochs and other data."""
    kinds = defaultdict(list)
    for index, line in enumerate(moments):
        kinds[kind_of(line)].append(index)
    out = []
    while len(out) < count:
        for each in draw.sample(sorted(kinds), len(kinds)):
            out.append(draw.choice(kinds[each]))
    return out[:count]


def remove(run):
    shutil.rmtree(run, ignore_errors=True)
    Path(f'{run}.log').unlink(missing_ok=True)


def table(rows, name):
    kinds = dict.fromkeys(kind for kind, _ in rows)
    lines = [
        (kind, *(str(rows[kind, column]) for column in ('runs', 'kills', 'exact')))
        for kind in sorted(kinds)
    ]
    total = [
        str(sum(rows[kind, column] for kind in kinds)) for column in ('runs', 'kills', 'exact')
    ]
    head = (f'Killed by SIG{name}', 'Runs', 'Kills', 'Same as never stopped')
    return markdown_table(head, [*lines, ('all', *total)])


if __name__ == '__main__':
    end = main()
    sys.stdout.flush()
    os._exit(end)  # what was imported for the children need not be taken apart
