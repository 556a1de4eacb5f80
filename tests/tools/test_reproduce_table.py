"""The whole tool on a tiny data set: one training, tested twice."""

import csv
import importlib.util
import sys
from pathlib import Path

import pytest
from sklearn.metrics import roc_auc_score

from emoreact_plugin.evaluation import read_dump

TOOLS = Path(__file__).parents[2] / 'tools'
CONFIG = """\
_base_ = 'emoreact_plugin::_base_/runtime.py'
from emoreact_plugin.recipes import build
globals().update(build(
    arch='resnet18', init='scratch', image_size=32, batch_size=4,
    num_workers=0, max_epochs=1, data_root={root!r}, {more}))
"""


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location(
        'reproduce_table_tool', TOOLS / 'reproduce_table.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def run(tool, tiny, tmp_path_factory):
    """Call it with arguments; its files are in the folder that comes back."""
    folder = tmp_path_factory.mktemp('table')
    (folder / 'base.py').write_text(CONFIG.format(root=str(tiny.root), more=''))

    def call(*arguments, config=folder / 'base.py'):
        sys.argv = [
            'reproduce_table.py',
            str(config),
            '--work-dir',
            str(folder / 'table'),
            '--resamples',
            '50',
            *arguments,
        ]
        tool.main()
        return folder / 'table'

    before = sys.argv
    yield call
    sys.argv = before


@pytest.fixture(scope='module')
def table(run):
    return run('--seeds', '1', '--rows', 'tsn-face', 'tsn-face-tested-masked')


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
    assert 'start weights: scratch' in text
    assert '| TSN face, trained unmasked, tested masked | ' in text
    for name in ('table', 'roc', 'roc_bars'):
        assert (table / f'{name}.png').read_bytes().startswith(b'\x89PNG')
        svg = (table / f'{name}.svg').read_text()
        assert 'TSN face, trained unmasked, tested masked' in svg
    positives = sum(row[3] for row in tiny.labels['test'])
    assert f'Happiness, {positives} of 6' in (table / 'roc.svg').read_text()


def test_nothing_is_done_twice(table, run, capsys):
    done = table / 'tsn-face' / 'seed0'
    times = {path: path.stat().st_mtime_ns for path in (done / 'metrics.json', done / 'test.npz')}
    run('--seeds', '1', '--rows', 'tsn-face')
    assert times == {path: path.stat().st_mtime_ns for path in times}
    text = capsys.readouterr().out
    assert '--- tsn' not in text and 'epoch 1' not in text
    assert '| TSN face, unmasked | ' in text
    assert text.rstrip().endswith(
        'table.md, .csv, table.png, table.svg, roc.png, roc.svg, roc_bars.png, roc_bars.svg'
    )


def test_other_settings_in_the_same_folder_are_refused(table, run, capsys):
    with pytest.raises(
        SystemExit,
        match='holds a run of other settings: '
        r'optim_wrapper.optimizer.lr 0.01 \(found\), 0.1',
    ):
        run('--rows', 'tsn-face', '--cfg-options', 'optim_wrapper.optimizer.lr=0.1')


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--rows', 'tsn-hands'], 'found hands'),
        (['--seeds', '0'], '--seeds: expected 1 or more, found 0'),
        (['--resamples', '0'], '--resamples: expected 1 or more, found 0'),
        (['--margin', '-1'], '--margin: expected a number between 0 and 1'),
        (['--margin', 'nan'], '--margin: expected a number between 0 and 1'),
        (['--data-root', 'nowhere'], 'nowhere/train.csv: no such annotation'),
    ],
)
def test_what_is_wrong_is_said_before_any_training(arguments, message, run, capsys):
    with pytest.raises(SystemExit, match=message):
        run(*arguments)
    assert '--- tsn' not in capsys.readouterr().out


def test_a_base_that_is_masked_itself_is_refused(run, tiny, tmp_path):
    path = tmp_path / 'masked.py'
    path.write_text(CONFIG.format(root=str(tiny.root), more='mask=True'))
    with pytest.raises(SystemExit, match='has mask=True, which row tsn-face'):
        run('--rows', 'tsn-face', config=path)


def test_rows_of_different_test_clips_are_refused(run, tiny, tmp_path, capsys):
    path = tmp_path / 'other.py'
    path.write_text(
        CONFIG.format(
            root=str(tiny.root), more="input='face', ann_files=('train.csv', 'val.csv', 'val.csv')"
        )
    )
    with pytest.raises(
        SystemExit, match='tested on different clips, .*: 6 and 4, of which 0 are the same'
    ):
        run('--rows', 'tsn-face', str(path))
    assert '--- tsn' not in capsys.readouterr().out
