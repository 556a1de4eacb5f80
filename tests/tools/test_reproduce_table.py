"""The whole tool on a tiny data set: one training, tested twice.

The trainings run in this process; tests/experiments/test_runs.py starts others.
"""

import contextlib
import csv
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoreact_plugin.evaluation import read_dump, write_dump
from emoreact_plugin.experiments import runs
from tests.factories import call_tool, write_config

pytestmark = pytest.mark.slow

OPTIONS = dict(batch_size=4, num_workers=0, max_epochs=1)


def run_here(command, **_):
    _, tool, *arguments = command
    code, out, errors = call_tool(Path(tool).stem, *arguments)
    lines = (out + errors).splitlines(keepends=True)
    return contextlib.nullcontext(SimpleNamespace(returncode=code, stdout=lines))


@pytest.fixture(autouse=True, scope='module')
def one_process():
    with pytest.MonkeyPatch.context() as patch:
        here = SimpleNamespace(Popen=run_here, PIPE=subprocess.PIPE)
        patch.setattr(runs, 'subprocess', here)
        yield


@pytest.fixture(scope='module')
def run(tiny, tmp_path_factory):
    """Return a caller of the tool, with its files in the folder ``run.out``."""
    folder = tmp_path_factory.mktemp('table')
    base = write_config(folder / 'base.py', data_root=str(tiny.root), **OPTIONS)

    def call(*arguments, config=base):
        common = [config, '--work-dir', call.out]
        return call_tool('reproduce_table', *common, *arguments)

    call.out = folder / 'table'
    call.base = base
    return call


@pytest.fixture(scope='module')
def table(run):
    code, _, errors = run('--seeds', '1', '--rows', 'tsn-face', 'tsn-face-tested-masked')
    assert code == 0, errors
    return run.out


def test_a_table_of_one_training_tested_twice(table, tiny):
    with open(table / 'table.csv', newline='') as file:
        rows = {(r['row'], r['metric']): r for r in csv.DictReader(file)}
    for name, dump in (('tsn-face', 'test.npz'), ('tsn-face-tested-masked', 'test_masked.npz')):
        dump = read_dump(table / 'tsn-face' / 'seed0' / dump)
        assert len(dump.video_ids) == len(tiny.videos['test'])
        expected = roc_auc_score(dump.labels.ravel(), dump.scores.ravel())
        assert float(rows[name, 'micro']['mean']) == pytest.approx(expected, abs=1e-5)
    text = (table / 'table.md').read_text()
    assert '1 training with 1 seed each' in text
    assert 'backbone: resnet18 (1 stage); ' in text and 'start weights: scratch' in text
    assert '| TSN face, trained unmasked, tested masked | ' in text
    for name in ('table', 'roc', 'roc_bars'):
        assert (table / f'{name}.png').read_bytes().startswith(b'\x89PNG')
        svg = (table / f'{name}.svg').read_text()
        assert 'TSN face, trained unmasked, tested masked' in svg
    positives = sum(row[3] for row in tiny.labels['test'])
    assert f'Happiness, {positives} of 6' in (table / 'roc.svg').read_text()


def test_only_clips_whose_regions_were_found(table, run, tiny):
    path = table / 'tsn-face' / 'seed0' / 'test.npz'
    whole = path.read_bytes()
    dump = read_dump(path)
    assert (dump.found['face'] == 1).all()
    try:
        found = np.ones(len(dump.video_ids), np.float32)
        found[0] = 2 / 3
        write_dump(path, replace(dump, found=dict(face=found)))
        code, _, errors = run('--seeds', '1', '--rows', 'tsn-face', '--found-only')
        assert code == 0, errors
        text = (table / 'table.md').read_text()
    finally:
        path.write_bytes(whole)
        run('--seeds', '1', '--rows', 'tsn-face', 'tsn-face-tested-masked')
    assert text.startswith('Only 5 of 6 clips are counted')
    expected = roc_auc_score(dump.labels[1:].ravel(), dump.scores[1:].ravel())
    assert f'| TSN face, unmasked | {expected:.3f} |' in text


def test_nothing_is_done_twice(table, run):
    done = table / 'tsn-face' / 'seed0'
    times = {path: path.stat().st_mtime_ns for path in (done / 'metrics.json', done / 'test.npz')}
    _, text, _ = run('--seeds', '1', '--rows', 'tsn-face')
    assert times == {path: path.stat().st_mtime_ns for path in times}
    assert '--- tsn' not in text and 'epoch 1' not in text
    assert '| TSN face, unmasked | ' in text
    assert text.rstrip().endswith(
        'table.png, table.svg, roc.png, roc.svg, roc_bars.png, roc_bars.svg'
    )


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--rows', 'tsn-hands'], 'found hands'),
        (['--seeds', '0'], '--seeds: expected 1 or more, found 0'),
        (['--folds', 'nowhere'], '--folds nowhere: expected folders of tools/make_folds.py'),
        (['--margin', '-1'], '--margin: expected a number between 0 and 1'),
        (['--margin', 'nan'], '--margin: expected a number between 0 and 1'),
        (['--data-root', 'nowhere'], 'nowhere/train.csv: no such'),
    ],
)
def test_what_is_wrong_is_said_before_any_training(arguments, message, run):
    code, out, errors = run(*arguments)
    assert code == 1 and message in errors
    assert '--- tsn' not in out


def test_rows_of_different_test_clips_are_refused(run, tiny, tmp_path):
    other = dict(OPTIONS, input='face', ann_files=('train.csv', 'val.csv', 'val.csv'))
    path = write_config(tmp_path / 'other.py', data_root=str(tiny.root), **other)
    code, out, errors = run('--rows', 'tsn-face', path)
    assert code == 1 and ': 6 and 4, of which 0 are the same' in errors
    assert '--- tsn' not in out


def test_folds_give_a_second_table(table, run, tiny, tmp_path):
    files = [tiny.root / f'{split}.csv' for split in ('train', 'val', 'test')]
    names = r'(?P<series>[A-Z]+)[0-9]+_[0-9]+'
    code, text, errors = call_tool(
        'make_folds', *files, '--group-names', names, '--folds', '3', '--out', tmp_path
    )
    assert code == 0, errors
    assert (tmp_path / 'fold0' / 'val.csv').is_file() and '--folds' in text
    code, text, errors = run('--seeds', '1', '--rows', 'tsn-face', '--folds', tmp_path)
    assert code == 0, errors
    assert '--- fold0, tsn-face, seed 0' in text and '--- tsn-face' not in text
    dumps = [read_dump(table / f'fold{k}' / 'tsn-face' / 'seed0' / 'test.npz') for k in range(3)]
    assert sum(len(dump.video_ids) for dump in dumps) == sum(map(len, tiny.videos.values()))
    with open(table / 'folds' / 'table.csv', newline='') as file:
        rows = {(r['row'], r['metric']): r for r in csv.DictReader(file)}
    each = [roc_auc_score(dump.labels.ravel(), dump.scores.ravel()) for dump in dumps]
    assert float(rows['tsn-face', 'micro']['mean']) == pytest.approx(np.mean(each), abs=1e-5)
    assert float(rows['label frequencies', 'macro']['mean']) == 0.5
    assert ('label frequencies of the series', 'micro') not in rows
    assert '3 folds that share no group' in (table / 'folds' / 'table.md').read_text()
    # Two divisions in one folder: said before any training.
    shutil.copytree(tmp_path / 'fold1', tmp_path / 'fold3')
    code, text, errors = run('--seeds', '1', '--rows', 'tsn-face', '--folds', tmp_path)
    clip = dumps[1].video_ids[0]
    assert code == 1 and f'{clip}: expected in the test split of one fold, found in ' in errors
    assert '--- ' not in text


def test_the_priors_need_no_clips(run, tiny, tmp_path):
    for split in ('train', 'val', 'test'):
        shutil.copy(tiny.root / f'{split}.csv', tmp_path)
    code, text, errors = call_tool('score_priors', run.base, '--data-root', tmp_path)
    assert code == 0, errors
    truth = tiny.labels['test']
    scores = np.tile(tiny.labels['train'].mean(axis=0), (len(truth), 1))
    expected = roc_auc_score(truth.ravel(), scores.ravel())
    assert f'{expected:.3f}' in text.splitlines()[1]
    assert '0 of the 1 groups' in text or 'No groups' in text
