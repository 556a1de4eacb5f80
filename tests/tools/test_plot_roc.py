import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

from emoreact_plugin.evaluation import Dump, write_dump
from emoreact_plugin.plots.roc_plots import MAX_RUNS
from tests.factories import EMOTIONS, write_annotations

pytestmark = pytest.mark.slow

N = 40


def make_dump(seed=0, signal=1.0, **changes):
    labels = np.random.default_rng(7).integers(0, 2, (N, 8))
    labels[:, 6] = 0  # nobody is afraid
    noise = np.random.default_rng(seed).normal(size=labels.shape)
    return replace(
        Dump(
            video_ids=tuple(f'clip{k:02}' for k in range(N)),
            classes=EMOTIONS,
            labels=labels,
            scores=(signal * labels + noise).astype(np.float32),
        ),
        **changes,
    )


@pytest.fixture
def plot(calls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = calls('plot_roc')
    return lambda *arguments: call(*map(str, arguments))


@pytest.fixture
def quick(monkeypatch):
    """Write empty figures, for the tests of where they go."""
    monkeypatch.setattr(Figure, 'savefig', lambda self, path, **_: Path(path).write_bytes(b''))


def values_of(path):
    with open(path, newline='') as file:
        return {(r['run'], r['metric']): r for r in csv.DictReader(file)}


def test_one_run(plot, tmp_path):
    dump = make_dump()
    write_dump(tmp_path / 'run' / 'test.npz', dump)
    code, text, _ = plot('run')
    assert code == 0
    names = [f'roc{x}.{y}' for x in ('', '_bars', '_reliability') for y in ('png', 'svg')]
    names.append('roc_values.csv')
    assert sorted(p.name for p in (tmp_path / 'run').iterdir()) == [*names, 'test.npz']
    assert 'written: ' + ', '.join(f'run/{name}' for name in names) in text
    values = values_of('run/roc_values.csv')
    assert len(values) == 10
    defined = [k for k in range(8) if k != 6]
    each = roc_auc_score(dump.labels[:, defined], dump.scores[:, defined], average=None)
    for k, value in zip(defined, each, strict=True):
        row = values['run', EMOTIONS[k]]
        assert float(row['roc_auc']) == pytest.approx(value, abs=1e-5)
        assert float(row['low']) < value < float(row['high'])
        assert row['positives'] == str(dump.labels[:, k].sum())
        assert f'{value:.3f}' in text
    assert float(values['run', 'macro']['roc_auc']) == pytest.approx(each.mean(), abs=1e-5)
    assert float(values['run', 'micro']['roc_auc']) == pytest.approx(
        roc_auc_score(dump.labels.ravel(), dump.scores.ravel()), abs=1e-5
    )
    assert values['run', 'Fear']['roc_auc'] == ''
    assert f'Fear         0 of {N}    run  not defined  -' in text
    svg = (tmp_path / 'run' / 'roc.svg').read_text()
    assert f'Fear, 0 of {N}' in svg and '0 positives' in svg
    assert f'leaving out each of {N} clips' in text and '--train-labels marks' in text


@pytest.mark.parametrize(
    'runs, out',
    [
        (['face/test.npz'], '.'),
        (['face', 'body'], '.'),
        (['seeds'], 'seeds'),
        (['face/'], 'face'),
        (['face', '--out', 'new/x.svg'], 'new'),
        (['face', 'body', '--out', 'new'], 'new'),
    ],
)
def test_where_it_writes(runs, out, plot, quick, tmp_path):
    for run in ('face', 'body', 'seeds/seed0', 'seeds/seed1'):
        write_dump(tmp_path / run / 'test.npz', make_dump())
    before = set(tmp_path.rglob('*'))
    code, _, errors = plot(*runs)
    assert code == 0, errors
    files = [p for p in set(tmp_path.rglob('*')) - before if p.is_file()]
    assert len(files) >= 3
    assert {p.parent for p in files} == {tmp_path / out}


def test_several_runs_of_several_seeds(plot, tmp_path):
    for run, signal in (('face', 1), ('body', 0)):
        for seed in range(2):
            write_dump(tmp_path / run / f'seed{seed}' / 'test.npz', make_dump(seed, signal))
    labels = np.zeros((4, 8), int)
    labels[:3, 0] = labels[0, 1] = 1
    write_annotations(tmp_path / 'train.csv', 'abcd', labels)
    code, text, _ = plot(
        'face',
        'body',
        '--out',
        'figures/my.pdf',
        '--names',
        'a face',
        'a body',
        '--train-labels',
        'train.csv',
    )
    assert code == 0
    assert sorted(p.name for p in (tmp_path / 'figures').iterdir()) == [
        'my.pdf',
        'my_bars.pdf',
        'my_values.csv',
    ]
    values = values_of('figures/my_values.csv')
    row = values['a body', 'Happiness']
    expected = np.mean(
        [
            roc_auc_score(make_dump(s, 0).labels[:, 3], make_dump(s, 0).scores[:, 3])
            for s in range(2)
        ]
    )
    assert row['seeds'] == '2'
    assert float(row['roc_auc']) == pytest.approx(expected, abs=1e-5)
    truth = make_dump().labels
    prior = roc_auc_score(truth.ravel(), np.broadcast_to(labels.mean(axis=0), truth.shape).ravel())
    assert f'label frequencies alone: micro {prior:.3f}, macro 0.500' in text


def test_more_runs_than_fit_get_more_figures(plot, quick, tmp_path):
    paths = [write_dump(tmp_path / f'run{k}.npz', make_dump(k)) for k in range(MAX_RUNS + 1)]
    assert plot(*paths, '--out', 'many.png')[0] == 0
    assert sorted(p.name for p in tmp_path.glob('many*.png')) == [
        'many.png',
        'many_2.png',
        'many_bars.png',
        'many_bars_2.png',
    ]


def test_runs_of_other_clips_are_refused(plot, tmp_path):
    write_dump(tmp_path / 'a.npz', make_dump())
    write_dump(tmp_path / 'b.npz', make_dump(labels=1 - make_dump().labels))
    code, _, errors = plot('a.npz', 'b.npz')
    assert code == 1 and 'run b: other labels than those of run a' in errors
    assert not list(tmp_path.glob('roc*'))


@pytest.mark.parametrize(
    'arguments, message',
    [
        (
            ['a.npz', '--out', 'x.jpg'],
            'found .jpg',
        ),
        (
            ['a.npz', 'a.npz'],
            '--names: expected 2 different names',
        ),
        (['a.npz', '--names', '_a'], 'that do not start with _, found _a'),
        (['a.npz', '--names', 'x', 'y'], 'expected 1 different names'),
        (['nowhere'], 'nowhere: expected a dump (.npz) or the folder of a run'),
        (['a.npz', '--train-labels', 'no.csv'], 'no.csv: no such annotation'),
    ],
)
def test_what_is_wrong_is_said(arguments, message, plot, tmp_path):
    write_dump(tmp_path / 'a.npz', make_dump())
    code, _, errors = plot(*arguments)
    assert code == 1 and message in errors and 'Traceback' not in errors


def test_the_dump_of_another_split_is_taken_by_its_name(plot, quick, tmp_path):
    path = write_dump(tmp_path / 'run' / 'val.npz', make_dump())
    assert plot('run', '--dump-name', 'val.npz', '--out', 'a')[0] == 0
    assert plot(path, '--out', 'b')[0] == 0  # both are called run
    assert values_of('a/roc_values.csv') == values_of('b/roc_values.csv')


def test_only_clips_whose_regions_were_found(plot, quick, tmp_path):
    found = np.ones(N, np.float32)
    found[::4] = 0.5  # 30 of 40 are left
    dump = make_dump()
    write_dump(
        tmp_path / 'a.npz', replace(dump, stream_logits=dict(x=dump.scores), found=dict(x=found))
    )
    code, text, errors = plot('a.npz', '--found-only')
    assert code == 0, errors
    assert text.startswith('Only 30 of 40 clips are counted')
    keep = found == 1
    expected = roc_auc_score(dump.labels[keep].ravel(), dump.scores[keep].ravel())
    assert float(values_of('roc_values.csv')['a', 'micro']['roc_auc']) == pytest.approx(expected)
