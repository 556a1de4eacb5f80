"""Two runs trained apart, tested with dumps, and fused."""

import json

import numpy as np
import pytest
from mmengine.config import Config
from sklearn.metrics import roc_auc_score

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import Dump, read_dump, write_dump
from tests.factories import (
    EMOTIONS,
    call_tool,
    load_tool,
    make_tiny,
    write_config,
    write_video,
)

pytestmark = pytest.mark.slow

INPUTS = ('face', 'body')


def run(tool, *arguments):
    """Run a tool in this process; what it prints."""
    code, out, errors = call_tool(tool, *arguments)
    assert code == 0, errors
    return out


def fail(*arguments):
    code, _, errors = call_tool('fuse_scores', *arguments)
    assert code == 1
    return errors


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """Make a folder with face/ and body/, and keep what the tools printed.

    Each has a checkpoint, val.npz and test.npz.
    """
    root = tmp_path_factory.mktemp('runs')
    data = make_tiny(root / 'data', counts=(4, 8, 10))
    rng = np.random.default_rng(0)
    for name in sum(data.videos.values(), []):  # no two clips alike
        write_video(data.root / 'videos' / name, rng.integers(0, 256, (6, 48, 64, 3), np.uint8))
    config = write_config(root / 'small.py', num_segments=1, num_workers=0, max_epochs=1)
    printed = {}
    for name in INPUTS:
        common = ['--input', name, '--data-root', data.root, '--work-dir', root / name]
        run('train', config, *common)
        (checkpoint,) = (root / name).glob('best_*.pth')
        for split in ('val', 'test'):
            printed[name, split] = run(
                'test',
                config,
                checkpoint,
                *common,
                '--split',
                split,
                '--dump',
                root / name / f'{split}.npz',
                '--cfg-options',
                # weights that testing must not load
                f'load_from={root / "no.pth"}',
            )
    return root, data, printed


def files(root, split):
    return [root / name / f'{split}.npz' for name in INPUTS]


def test_each_split_is_tested_with_its_own_clips(runs):
    root, data, printed = runs
    for name in INPUTS:
        trained = json.loads((root / name / 'metrics.json').read_text())
        for split in ('val', 'test'):
            text = printed[name, split]
            assert f'{split}: {len(data.videos[split])} clips' in text
            assert text.split('ROC AUC')[1].split()[0] == split
            path = root / name / f'{split}_metrics.json'
            assert f'metrics: {path}' in text
            metrics = json.loads(path.read_text())
            assert list(metrics['results']) == [split]
            assert metrics['results'][split] == pytest.approx(trained['results'][split])
            assert metrics['priors'][split] == trained['priors'][split]
            assert metrics['priors'][split]['label frequencies']['roc_auc/macro'] == 0.5
            dump = read_dump(root / name / f'{split}.npz')
            assert dump.split == split and dump.scale == 'logits'
            assert [f'{v}.mp4' for v in dump.video_ids] == data.videos[split]
            assert dump.classes == EMOTIONS
            np.testing.assert_array_equal(dump.labels, data.labels[split])
            np.testing.assert_array_equal(dump.stream_logits[name], dump.scores)
            assert (dump.found[name] == 1).all()
            assert metrics['results'][split]['roc_auc/macro'] == pytest.approx(
                roc_auc_score(dump.labels, dump.scores)
            )
    val, test = (read_dump(f) for f in (files(root, 'val')[0], files(root, 'test')[0]))
    assert val.run == test.run != read_dump(files(root, 'test')[1]).run


def test_the_table_by_scikit_learn(runs, tmp_path):
    root, data, _ = runs
    text = run(
        'fuse_scores',
        '--val',
        *files(root, 'val'),
        '--test',
        *files(root, 'test'),
        '--out',
        tmp_path / 'fused.npz',
        '--out-val',
        tmp_path / 'fused_val.npz',
        '--json',
        tmp_path / 'fused.json',
    )
    written = json.loads((tmp_path / 'fused.json').read_text())
    assert written['weights_origin'] == 'chosen on val by ROC AUC micro'
    weights = [written['weights'][name] for name in INPUTS]
    assert (
        f'weights, chosen on val by ROC AUC micro: face {weights[0]:.3g}, body {weights[1]:.3g}'
    ) in text
    assert sum(weights) == pytest.approx(1)

    def micro(w, split):
        face, body = (np.load(f)['logits'] for f in files(root, split))
        return roc_auc_score(data.labels[split], w * face + (1 - w) * body, average='micro')

    best = max(micro(k / 20, 'val') for k in range(21))
    assert micro(weights[0], 'val') == pytest.approx(best)
    blocks = {b.split(',')[0]: b.splitlines() for b in text.split('\n\n')[:2]}
    for split in ('val', 'test'):
        head, names, *rows = blocks[split]
        assert head == f'{split}, {len(data.videos[split])} clips'
        assert names.split() == ['ROC', 'AUC', 'face', 'body', 'mean', 'weighted']
        cells = {row.split()[0]: row.split()[1:] for row in rows}
        face, body = (np.load(f)['logits'] for f in files(root, split))
        labels = data.labels[split]
        for i, scores in enumerate(
            (face, body, (face + body) / 2, weights[0] * face + weights[1] * body)
        ):
            for name in ('micro', 'macro'):
                value = roc_auc_score(labels, scores, average=name)
                assert cells[name][i] == f'{value:.3f}'
                assert written['results'][split][names.split()[2 + i]][
                    f'roc_auc/{name}'
                ] == pytest.approx(value)
            each = roc_auc_score(labels, scores, average=None)
            for name, value in zip(EMOTIONS, each, strict=True):
                assert cells[name][i] == f'{value:.3f}'
        fused = read_dump(tmp_path / ('fused.npz' if split == 'test' else 'fused_val.npz'))
        np.testing.assert_allclose(fused.scores, weights[0] * face + weights[1] * body, atol=1e-6)
    # fused again, with what it was fused of
    again = run(
        'fuse_scores',
        '--val',
        tmp_path / 'fused_val.npz',
        files(root, 'val')[0],
        '--test',
        tmp_path / 'fused.npz',
        files(root, 'test')[0],
        '--names',
        'both',
        'face',
    )
    assert 'both' in again


def test_train_clips_are_looked_at_as_test_clips(runs):
    root, data, _ = runs
    tool = load_tool('test')
    cfg = Config.fromfile(str(root / 'small.py'), lazy_import=False)
    pipeline = cfg.test_dataloader.dataset.pipeline
    tool.choose_split(cfg, 'train')
    dataset = cfg.test_dataloader.dataset
    assert dataset.ann_file == 'train.csv' and dataset.test_mode
    assert dataset.pipeline == pipeline
    assert 'RandomCrop' not in str(dataset.pipeline)
    assert not cfg.test_dataloader.sampler.shuffle


def make_config():
    return Config(
        dict(
            train_dataloader=dict(dataset=dict(type='RepeatDataset')),
            test_dataloader=dict(dataset=dict(type='A', pipeline=[])),
            test_evaluator=dict(type='ROCAUCMetric', scores='logits'),
        )
    )


def test_what_the_test_tool_refuses():
    tool = load_tool('test')
    with pytest.raises(InputError, match='--split val: expected a val_datal'):
        tool.choose_split(make_config(), 'val')
    with pytest.raises(
        InputError,
        match='--split train: .*found RepeatDataset and A',
    ):
        tool.choose_split(make_config(), 'train')
    with pytest.raises(InputError, match='--dump a.csv: .*.npz or .pkl'):
        tool.add_dump(make_config(), 'a.csv', 'test', 'x.pth')
    cfg = make_config()
    cfg.test_evaluator = [dict(type='AccMetric')]
    with pytest.raises(InputError, match='a.npz: .*ROCAUCMetric.*found AccMetric'):
        tool.add_dump(cfg, 'a.npz', 'test', 'x.pth')


def test_the_dump_takes_the_scale_from_the_metric():
    tool = load_tool('test')
    cfg = make_config()
    tool.add_dump(cfg, 'a.npz', 'val', 'x.pth')
    metric, dump = cfg.test_evaluator
    assert metric.type == 'ROCAUCMetric'
    assert dump == dict(
        type='DumpScores', out_file='a.npz', split='val', checkpoint='x.pth', scores='logits'
    )
    cfg = make_config()
    tool.add_dump(cfg, 'a.pkl', 'val', 'x.pth')
    assert cfg.test_evaluator[1] == dict(type='DumpResults', out_file_path='a.pkl')


def write_runs(folder, factor=1):
    """Write dumps by hand: two classes; 'a' is right, 'b' the other way round, times a factor."""
    labels = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    return {
        f'{name}_{split}': write_dump(
            folder / f'{name}_{split}.npz',
            Dump(
                video_ids=tuple(f'{split}{i}' for i in range(4)),
                classes=('Joy', 'Fear'),
                labels=labels,
                scores=sign * (2.0 * labels - 1),
                split=split,
                run=name,
            ),
        )
        for name, sign in (('a', 1), ('b', -factor))
        for split in ('val', 'test')
    }


@pytest.fixture
def dumps(tmp_path):
    return write_runs(tmp_path)


def row(text, name):
    return [r.split()[1:] for r in text.splitlines() if r.split()[:1] == [name]]


def test_without_val_the_mean_only(dumps):
    text = run('fuse_scores', '--test', dumps['a_test'], dumps['b_test'])
    assert row(text, 'macro') == [['1.000', '0.000', '0.500']]
    assert text.splitlines()[1].split() == ['ROC', 'AUC', 'a', 'b', 'mean']
    assert 'weight' not in text


def test_given_weights(dumps, tmp_path):
    text = run(
        'fuse_scores',
        '--test',
        dumps['a_test'],
        dumps['b_test'],
        '--weights',
        1,
        3,
        '--out',
        tmp_path / 'out.npz',
    )
    assert row(text, 'macro') == [['1.000', '0.000', '0.500', '0.000']]
    assert 'weights, given: a 0.25, b 0.75' in text
    np.testing.assert_allclose(
        read_dump(tmp_path / 'out.npz').scores, -0.5 * read_dump(dumps['a_test']).scores
    )
    assert 'too good' not in text


@pytest.mark.parametrize('average', ('micro', 'macro'))
def test_the_test_labels_choose_nothing(dumps, average, tmp_path):
    """On test all labels are turned round; the weights stay."""
    chosen = []
    for turned in (False, True):
        for name in ('a_test', 'b_test'):
            dump = read_dump(dumps[name])
            write_dump(
                dumps[name],
                Dump(**{**dump.__dict__, 'labels': (1 - dump.labels if turned else dump.labels)}),
            )
        text = run(
            'fuse_scores',
            '--val',
            dumps['a_val'],
            dumps['b_val'],
            '--test',
            dumps['a_test'],
            dumps['b_test'],
            '--average',
            average,
            '--names',
            'A',
            'B',
            '--step',
            0.1,
        )
        chosen.append(text.split('weights, ')[1])
        assert row(text, 'macro')[1][-1] == ('0.000' if turned else '1.000')
    assert chosen[0] == chosen[1]
    assert chosen[0].startswith(f'chosen on val by ROC AUC {average}: A 0.6, B 0.4')
    assert 'The weighted column of val is too good' in text


def test_runs_are_named_by_what_tells_them_apart(dumps):
    tool = load_tool('fuse_scores')
    args = tool.argparse.Namespace
    assert tool.names_of(args(names=None, test=['x/face.npz', 'x/body.npz'])) == ['face', 'body']
    assert tool.names_of(args(names=None, test=['face/t.npz', 'body/t.npz'])) == ['face', 'body']


def test_what_is_refused(dumps, tmp_path):
    d = {name: str(path) for name, path in dumps.items()}
    test = ['--test', d['a_test'], d['b_test']]
    val = ['--val', d['a_val'], d['b_val']]
    for arguments, message in (
        (test[:2], '--test: expected two files or more, found 1'),
        (test + val[:2], 'expected as many files in both, found 1 and 2'),
        (test + ['--out-val', 'a.npz'], '--out-val: expected --val'),
        (test + ['--out', 'a.pkl'], 'a.pkl: expected a folder, or a file that ends in .npz'),
        (test + ['--names', 'a'], '--names: expected 2 different names'),
        (test + ['--names', 'a', 'a'], '--names: expected 2 different names'),
        (test + ['--names', 'a', 'mean'], 'none of them mean or weighted'),
        (test + ['--val', *test[1:]], 'found those of test'),
        (['--test', d['a_test'], d['a_test']], 'expected 2 different names'),
        (['--test', d['a_test'], 'no.npz'], 'no.npz: no such file'),
    ):
        text = fail(*arguments)
        assert message in text and text.startswith('error: '), text


def test_nothing_is_written_over(dumps, tmp_path):
    tool = load_tool('fuse_scores')
    args = dict(test=['a.npz', 'b.npz'], val=['c.npz', 'd.npz'], out=None, out_val=None, json=None)
    for given in (dict(out='o.npz', out_val='./o.npz'), dict(out='c.npz'), dict(json='a.npz')):
        with pytest.raises(InputError, match='expected a file of its own'):
            tool.check_files(tool.argparse.Namespace(**dict(args, **given)))
    tool.check_files(tool.argparse.Namespace(**dict(args, out='o.npz', out_val='p.npz')))
