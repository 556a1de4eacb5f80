"""The tools as a user runs them, on the tiny data set."""

import hashlib
import json
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.config import config as mm_config
from mmengine.runner import EpochBasedTrainLoop
from scipy.special import expit
from sklearn.metrics import f1_score, roc_auc_score

from emoreact_plugin.evaluation import Calibration, calibrate, read_dump
from emoreact_plugin.inference import EmotionInferencer
from tests.factories import (
    NO_WORKERS,
    ROOT,
    call_tool,
    make_tiny,
    write_annotations,
    write_config,
)

pytestmark = pytest.mark.slow

SHORT = ['--cfg-options', 'train_cfg.max_epochs=2', 'train_dataloader.batch_size=4', *NO_WORKERS]


def run(tool, *arguments, ok=True):
    """Run a tool in this process; what it prints."""
    code, out, errors = call_tool(tool, *arguments)
    assert (code == 0) == ok, out + errors
    return out + errors


# Two ranks as torchrun starts them, but forked, for what is imported takes long.
RANKS = """
import os, runpy, sys
import torch.multiprocessing
from mmengine.config import config

config.FormatCode = lambda text, *_, **__: (text, True)  # as tests/conftest.py
sys.argv = sys.argv[1:]
tool = runpy.run_path(sys.argv[0])

def rank(k):
    os.environ.update(RANK=str(k), LOCAL_RANK=str(k))
    tool['main'](tool['parse_args']())

torch.multiprocessing.start_processes(rank, nprocs=2, start_method='fork')
"""


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    """Our own, small enough: ResNet-18 on 32 pixels."""
    return write_config(tmp_path_factory.mktemp('config') / 'small.py')


@pytest.fixture(scope='module')
def trained(tiny, config, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('run')
    text = run(
        'train', config, '--data-root', tiny.root, '--work-dir', work_dir, '--seed', '3', *SHORT
    )
    return work_dir, text


def test_training_ends_with_a_table_and_its_files(trained, tiny):
    work_dir, text = trained
    metrics = json.loads((work_dir / 'metrics.json').read_text())
    best = metrics['checkpoint']
    assert Path(best).is_file() and Path(best).name.startswith('best_')
    for split in ('val', 'test'):
        scores = metrics['results'][split]
        assert 0 <= scores['roc_auc/micro'] <= 1
        assert f'{scores["roc_auc/macro"]:.3f}' in text
    assert best in text and 'label frequencies *' in text
    # a few readable lines: one a split, one an epoch, the table
    # and the warnings that val is small and such a short training has collapsed
    assert len(text.splitlines()) < 45, text
    warned = [line for line in text.splitlines() if 'WARNING' in line]
    assert 'val has 4 clips' in warned[0]
    assert all('the model has collapsed' in line for line in warned[1:]), warned
    assert text.count('epoch ') == 2
    (log,) = work_dir.glob('*/*.log')
    assert 'Config:' in log.read_text()


def test_the_test_tool_gives_what_training_gave(trained, tiny, config, tmp_path):
    work_dir, _ = trained
    metrics = json.loads((work_dir / 'metrics.json').read_text())
    dump = tmp_path / 'dump.pkl'
    # the folder stands for its best checkpoint
    run(
        'test',
        '--config',
        config,
        work_dir,
        '--data-root',
        tiny.root,
        '--work-dir',
        tmp_path,
        '--dump',
        dump,
    )
    again = json.loads((tmp_path / 'test_metrics.json').read_text())
    assert again['checkpoint'] == metrics['checkpoint']
    for key, value in metrics['results']['test'].items():
        assert again['results']['test'][key] == pytest.approx(value)
    with open(dump, 'rb') as file:
        rows = pickle.load(file)
    assert [r['video_id'] + '.mp4' for r in rows] == tiny.videos['test']
    assert [r['valence'] for r in rows] == [1 + i / 4 for i in range(6)]
    assert set(rows[0]['stream_logits']) == {'face', 'body'}
    labels = [r['gt_label'].tolist() for r in rows]
    assert labels == tiny.labels['test'].tolist()
    # from the dump alone, by scikit-learn
    for i, name in enumerate(['Curiosity', 'Uncertainty']):
        assert again['results']['test'][f'roc_auc/{name}'] == pytest.approx(
            roc_auc_score([x[i] for x in labels], [r['pred_logits'][i] for r in rows])
        )


def test_training_keeps_the_scores_of_its_best_checkpoint(trained, tiny):
    work_dir, _ = trained
    metrics = json.loads((work_dir / 'metrics.json').read_text())
    digest = hashlib.sha256(Path(metrics['checkpoint']).read_bytes())
    for split in ('val', 'test'):
        dump = read_dump(work_dir / f'{split}.npz')
        assert (dump.split, dump.run) == (split, digest.hexdigest())
        assert [f'{name}.mp4' for name in dump.video_ids] == tiny.videos[split]
        assert metrics['results'][split]['roc_auc/micro'] == pytest.approx(
            roc_auc_score(dump.labels.ravel(), dump.logits.ravel())
        )


def test_two_ranks_train_and_score_as_one(tiny, config, tmp_path):
    # 6 test clips in batches of 8 are padded on one of two ranks
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    # Each rank has its own statistics of a batch, and its own dropout.
    same = ['model.recognizer.backbone.norm_eval=True', 'model.recognizer.cls_head.dropout_ratio=0']
    arguments = ['--data-root', tiny.root, '--work-dir', tmp_path / 'two', *SHORT, *same]
    variables = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), WORLD_SIZE='2')
    done = subprocess.run(
        [sys.executable, '-c', RANKS, ROOT / 'tools' / 'train.py', config, *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        # as torchrun says that it started a process; --launcher is left out
        env=dict(os.environ, TORCHELASTIC_RUN_ID='none', **variables),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count('Calibration error, macro') == 1
    assert done.stdout.count('started by torchrun') == 1
    two = json.loads((tmp_path / 'two' / 'metrics.json').read_text())
    run('test', config, two['checkpoint'], '--data-root', tiny.root, '--work-dir', tmp_path)
    one = json.loads((tmp_path / 'test_metrics.json').read_text())
    for key, value in one['results']['test'].items():
        assert two['results']['test'][key] == pytest.approx(value, abs=1e-9)
    # One rank with the batches of both has the same losses and weights.
    arguments[3] = tmp_path / 'one'
    text = run('train', config, *arguments, 'train_dataloader.batch_size=8')
    losses = [re.findall(r'epoch \d/2  loss ([\d.]+)', each) for each in (text, done.stdout)]
    assert losses[0] == losses[1] and len(losses[0]) == 2
    weights = [
        torch.load(tmp_path / name / 'epoch_2.pth', weights_only=True)['state_dict']
        for name in ('one', 'two')
    ]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-4, atol=1e-6)


def test_resuming_and_the_resolved_config(trained, tiny, tmp_path):
    work_dir, _ = trained
    resolved = work_dir / 'small.py'
    text = run(
        'train',
        resolved,
        '--work-dir',
        work_dir,
        '--resume',
        '--cfg-options',
        'train_cfg.max_epochs=3',
    )
    assert 'going on from' in text and 'epoch_2.pth' in text
    assert 'epoch 3/3' in text and 'epoch 2/3' not in text


def test_a_checkpoint_of_another_input_is_refused(trained, tiny, config):
    metrics = json.loads((trained[0] / 'metrics.json').read_text())
    text = run(
        'test',
        config,
        metrics['checkpoint'],
        '--input',
        'body',
        '--data-root',
        tiny.root,
        ok=False,
    )
    assert "input 'fusion' (found), 'body' (expected)" in text


def test_print_config_stops_there(config, tmp_path):
    run('train', config, '--shift', '--print-config', tmp_path / 'p.py')
    assert 'ResNetTSM' in (tmp_path / 'p.py').read_text()
    assert not (tmp_path / 'work_dirs').exists()


def test_the_checkpoint_keeps_temperature_and_thresholds_of_val(trained, tiny, config, tmp_path):
    work_dir, text = trained
    metrics = json.loads((work_dir / 'metrics.json').read_text())
    stored = metrics['calibration']
    val, test = (read_dump(work_dir / f'{split}.npz') for split in ('val', 'test'))
    assert stored == calibrate(val.scores, val.labels, val.classes).to_meta()
    (best,) = work_dir.glob('best_*.pth')
    content = torch.load(best, weights_only=True)
    assert content['meta']['calibration'] == stored and stored['clips'] == 4
    calibration = Calibration.of_meta(stored, test.classes, '')
    thresholds = [stored['thresholds'][name] for name in test.classes]
    expected = f1_score(
        test.labels, calibration.probabilities(test.scores) >= thresholds, average=None
    )
    found = metrics['results']['test']
    defined = [found[f'f1_tuned/{c}'] for c in test.classes]
    assert [x for x in defined if x is not None] == pytest.approx(
        [x for x, y in zip(expected, defined, strict=True) if y is not None]
    )
    assert 'f1_tuned/macro' not in metrics['results']['val']
    assert '  at thresholds of val' in text and '  after temperature of val' in text
    # Inference and the test tool use it.
    inferencer = EmotionInferencer(str(work_dir))
    assert inferencer.thresholds == stored['thresholds']
    (result,) = inferencer(str(tiny.root / 'videos' / tiny.videos['test'][0]), progress=False)
    place = test.video_ids.index(tiny.videos['test'][0][:-4])
    probabilities = expit(test.scores[place] / stored['temperature'])
    assert list(result.probabilities.values()) == pytest.approx(probabilities, abs=1e-4)
    flags = ['--data-root', tiny.root, '--work-dir', tmp_path, '--cfg-options', *NO_WORKERS]
    assert 'at thresholds of val' in run('test', config, best, *flags)
    assert 'at thresholds of val' not in run('test', config, best, '--split', 'val', *flags)


def test_the_scores_of_every_epoch_are_kept_on_request(tiny, config, tmp_path):
    mine = tmp_path / 'mine.py'
    mine.write_text(
        f'_base_ = {str(config)!r}\n'
        "custom_hooks = [*_base_.get('custom_hooks', []), dict(type='EpochScoresHook')]\n"
        'default_hooks = dict(checkpoint=dict(max_keep_ckpts=-1))\n'
    )
    flags = ['--input', 'face', '-b', '3', '--lr', '0.001', '--work-dir', tmp_path / 'run']
    short = [each for each in SHORT if 'batch_size' not in each]
    run('train', mine, '--data-root', tiny.root, *flags, *short)
    cfg = Config.fromfile(tmp_path / 'run' / 'mine.py')
    assert cfg.train_dataloader.batch_size == cfg.test_dataloader.batch_size == 3
    assert cfg.optim_wrapper.optimizer.lr == 0.001
    names = sorted(path.name for path in (tmp_path / 'run').glob('*epoch*.*'))
    assert [n for n in names if n.startswith(('epoch', 'val_epoch'))] == [
        'epoch_1.pth',
        'epoch_2.pth',
        'val_epoch_1.npz',
        'val_epoch_2.npz',
    ]
    lines = (tmp_path / 'run').glob('*/vis_data/scalars.json')
    logged = [json.loads(x) for path in lines for x in path.read_text().splitlines()]
    micro = [each['roc_auc/micro'] for each in logged if 'roc_auc/micro' in each]
    for epoch, expected in enumerate(micro[:2], 1):
        dump = read_dump(tmp_path / 'run' / f'val_epoch_{epoch}.npz')
        assert roc_auc_score(dump.labels.ravel(), dump.scores.ravel()) == pytest.approx(expected)


def test_select_chooses_the_best_epoch_and_the_stop(tiny, config, tmp_path):
    path = tmp_path / 'p.py'
    flags = ['--data-root', tiny.root, '--early-stopping', '2', '--print-config', path]
    options = []
    for value, key in (('macro', 'roc_auc/macro'), ('within', 'roc_auc_within/micro')):
        if value == 'within':  # every split of these clips is a series of its own
            names = 'group_names=(?P<child>[A-Z]+[0-9]+)_[0-9]+'
            options = ['--cfg-options', f'val_dataloader.dataset.{names}']
            refused = run('train', config, '--select', value, *flags[:2], ok=False)
            assert '--select within: expected groups' in refused
        run('train', config, '--select', value, *flags, *options)
        cfg = Config.fromfile(path)
        assert cfg.default_hooks.checkpoint.save_best == key
        assert cfg.custom_hooks[-1].monitor == key


def test_amp_and_early_stopping(tiny, config, tmp_path, monkeypatch):
    # It is refused on a CPU that would take longer with it.
    monkeypatch.setattr('torch.cpu._is_avx512_bf16_supported', lambda: True)
    text = run(
        'train',
        config,
        '--data-root',
        tiny.root,
        '--work-dir',
        tmp_path,
        '--amp',
        '--early-stopping',
        '1',
        '--input',
        'face',
        '--num-segments',
        '1',
        *SHORT[:1],
        'train_cfg.max_epochs=4',
        'optim_wrapper.optimizer.lr=0',
        *SHORT[2:],
    )
    # nothing changes with a rate of 0, so it stops after the second epoch
    assert 'epoch 2/4' in text and 'epoch 3/4' not in text
    assert 'checkpoint:' in text


@pytest.mark.parametrize(
    'break_it, facts',
    [
        (lambda r: (r / 'val.csv').unlink(), ('val.csv: no such',)),
        (lambda r: (r / 'test.csv').write_text('video\n'), ('test.csv', "'Curiosity'")),
        (
            lambda r: write_annotations(r / 'val.csv', ['VAL100_2.mp4'], [[0] * 8]),
            ('val.csv', 'all labels are 0'),
        ),
        (
            lambda r: next((r / 'videos').glob('VAL*_hol.txt')).unlink(),
            ('val.csv', '1 of 2 clips', 'keypoints'),
        ),
    ],
    ids=['file', 'column', 'one value', 'keypoints'],
)
def test_all_splits_are_checked_before_training(break_it, facts, config, tmp_path):
    root = make_tiny(tmp_path / 'data', counts=(2, 2, 2)).root
    break_it(root)
    text = run('train', config, '--data-root', root, '--work-dir', tmp_path / 'run', ok=False)
    assert all(fact in text for fact in facts), text
    assert 'epoch 1' not in text
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_start_weights_that_are_not_there(tiny, config, tmp_path):
    arguments = ['--data-root', tiny.root, '--work-dir', tmp_path, '--init', tmp_path / 'no.pth']
    text = run('train', config, *arguments, ok=False)
    assert 'no.pth' in text and '--init scratch' in text
    assert 'train: ' not in text


def test_missing_files_are_told_before_start_weights_are_sought(config, tmp_path):
    root = make_tiny(tmp_path / 'data', counts=(2, 2, 2)).root
    next((root / 'videos').glob('TEST*.mp4')).unlink()
    arguments = ['--data-root', root, '--init', 'no.pth', '--work-dir', tmp_path / 'run']
    code, out, errors = call_tool('train', config, *arguments)
    assert (code, out) == (1, '')
    assert 'test.csv' in errors and '1 of 2' in errors
    assert 'Traceback' not in errors


@pytest.mark.parametrize('sent, expected', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize('place', [(EpochBasedTrainLoop, 'run_epoch'), (mm_config, 'FormatCode')])
def test_a_stop_says_how_to_go_on(tiny, config, tmp_path, monkeypatch, sent, expected, place):
    go_on = getattr(*place)

    def stop(*args, **kwargs):
        if (tmp_path / 'epoch_1.pth').exists():
            signal.raise_signal(sent)
        return go_on(*args, **kwargs)

    monkeypatch.setattr(*place, stop)
    flags = ['--data-root', tiny.root, '--work-dir', tmp_path, '--input', 'face', *SHORT]
    # What runs in the background is started with this signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code, out, errors = call_tool('train', config, *flags)
    except KeyboardInterrupt:
        pytest.fail('the tool does not catch Ctrl-C')
    finally:
        signal.signal(signal.SIGINT, before)
    assert code == expected, errors
    assert f'--resume goes on from {tmp_path / "epoch_1.pth"}' in out.splitlines()[-1]
    assert 'Traceback' not in out + errors
