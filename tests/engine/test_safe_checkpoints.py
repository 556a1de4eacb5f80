"""A run that is stopped at any moment goes on; tools/dev/kill_and_resume.py tries many more."""

import itertools
import shutil

import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import LocalBackend
from mmengine.runner import Runner

from emoreact_plugin import InputError
from emoreact_plugin.engine import EmoReactRunner
from emoreact_plugin.engine.exact_resume import note_validated, validated_epoch
from emoreact_plugin.evaluation import ROCAUCMetric
from tests.factories import NO_WORKERS, RUNTIME, small_config

pytestmark = pytest.mark.slow


def config(tiny, work_dir, epochs=4, resume=False, **options):
    cfg = Config.fromfile(RUNTIME)
    small = dict(input='face', num_segments=1, max_epochs=epochs, batch_size=4)
    cfg.merge_from_dict(small_config(data_root=str(tiny.root), **small).to_dict())
    for option in NO_WORKERS:
        cfg.merge_from_dict({option.split('=')[0]: 0})
    cfg.work_dir, cfg.resume = str(work_dir), resume
    # Two runs in one second would share MMEngine's global objects.
    config.count += 1
    cfg.experiment_name = f'safe{config.count}'
    cfg.merge_from_dict(options)
    return cfg


config.count = 0


def train(*args, **kwargs):
    runner = EmoReactRunner.from_cfg(config(*args, **kwargs))
    runner.train()
    return runner


def names(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


@pytest.fixture(scope='module')
def whole(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    train(tiny, folder)
    return folder


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / 'run')


def test_two_checkpoints_and_the_best_stay(whole):
    (best,) = whole.glob('best_*.pth')
    assert names(whole) == [best.name, 'epoch_3.pth', 'epoch_4.pth']
    assert (whole / 'last_checkpoint').read_text().endswith('epoch_4.pth')
    assert validated_epoch(whole) == 4
    assert not list(whole.glob('.*'))


def test_a_better_checkpoint_takes_the_place_of_the_best(tiny, tmp_path, monkeypatch):
    rising, stock = itertools.count(1), ROCAUCMetric.compute_metrics

    def better_each_time(self, results):
        return {**stock(self, results), 'roc_auc/micro': next(rising) / 100}

    monkeypatch.setattr(ROCAUCMetric, 'compute_metrics', better_each_time)
    train(tiny, tmp_path, epochs=3)
    found = [name for name in names(tmp_path) if name.startswith('best')]
    assert found == ['best_roc_auc_micro_epoch_3.pth']


@pytest.mark.parametrize('hook', ['SafeCheckpointHook', 'CheckpointHook'])
def test_old_checkpoints_stay_until_the_new_one_is_whole(tiny, tmp_path, monkeypatch, hook):
    put = LocalBackend.put

    def full(self, data, path):
        if 'epoch_3' in str(path):
            raise OSError(28, 'full')
        put(self, data, path)

    monkeypatch.setattr(LocalBackend, 'put', full)
    with pytest.raises(OSError, match='full'):
        train(tiny, tmp_path, **{'default_hooks.checkpoint.type': hook})
    assert [n for n in names(tmp_path) if n.startswith('epoch')] == ['epoch_1.pth', 'epoch_2.pth']
    assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_2.pth')


def test_a_damaged_last_checkpoint_is_passed_over(tiny, run, capsys):
    last = run / 'epoch_4.pth'
    expected = torch.load(last, weights_only=True)['state_dict']
    data = bytearray(last.read_bytes())
    data[len(data) // 2] ^= 255  # only a checksum can tell
    last.write_bytes(data)
    train(tiny, run, resume=True)
    out = capsys.readouterr().out
    assert 'WARNING' in out and 'epoch_4.pth' in out and 'going on from' in out
    found = torch.load(last, weights_only=True)['state_dict']
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_no_whole_checkpoint_is_no_reason_to_start_anew(tiny, run):
    for path in run.glob('epoch_*.pth'):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match='none of its 2 checkpoints is whole.*--overwrite'):
        EmoReactRunner.from_cfg(config(tiny, run, resume=True))


def test_the_best_checkpoint_has_no_optimizer_and_is_refused(tiny, run):
    (best,) = run.glob('best_*.pth')
    with pytest.raises(InputError, match=f'{best.name}: .*optimizer'):
        EmoReactRunner.from_cfg(config(tiny, run, resume=True, load_from=str(best)))


@pytest.mark.parametrize('kind', [EmoReactRunner, Runner])
def test_a_training_does_not_start_anew_over_another(tiny, run, kind):
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    with pytest.raises(InputError, match='holds checkpoints.*--resume.*--overwrite'):
        kind.from_cfg(config(tiny, run)).train()
    # MMEngine's Runner has written its config by then.
    before = {name: data for name, data in before.items() if not name.endswith('.py')}
    left = {name: (run / name).read_bytes() for name in before}
    assert left == before
    kind.from_cfg(config(tiny, run, overwrite=True, epochs=1)).train()
    assert names(run) == ['best_roc_auc_micro_epoch_1.pth', 'epoch_1.pth']


def test_a_run_goes_on_in_another_folder(tiny, whole, tmp_path):
    kept = {path.name: path.read_bytes() for path in whole.glob('*.pth')}
    train(tiny, tmp_path, resume=True, load_from=str(whole / 'epoch_4.pth'))
    (best,) = whole.glob('best_*.pth')
    assert (tmp_path / best.name).is_file() and (tmp_path / 'metrics.json').is_file()
    assert {path.name: path.read_bytes() for path in whole.glob('*.pth')} == kept


def test_a_best_checkpoint_that_is_lost_is_made_again_of_that_of_its_epoch(tiny, tmp_path):
    train(tiny, tmp_path, epochs=2)
    (best,) = tmp_path.glob('best_*.pth')
    expected = torch.load(best, weights_only=True)
    best.unlink()
    train(tiny, tmp_path, epochs=2, resume=True)
    found = torch.load(best, weights_only=True)
    assert found['meta']['calibration'] == expected['meta']['calibration']
    assert 'optimizer' not in found
    for name, weights in expected['state_dict'].items():
        assert torch.equal(found['state_dict'][name], weights)


def test_the_best_epoch_is_chosen_anew_if_none_is_left_of_it(tiny, tmp_path, capsys):
    # The lowest score is that of the first epoch, whose checkpoint is not kept.
    options = {
        'default_hooks.checkpoint.rule': 'less',
        'default_hooks.checkpoint.max_keep_ckpts': 1,
    }
    train(tiny, tmp_path, epochs=2, **options)
    assert names(tmp_path) == ['best_roc_auc_micro_epoch_1.pth', 'epoch_2.pth']
    (tmp_path / 'best_roc_auc_micro_epoch_1.pth').unlink()
    train(tiny, tmp_path, epochs=2, resume=True, **options)
    assert names(tmp_path) == ['best_roc_auc_micro_epoch_2.pth', 'epoch_2.pth']
    assert 'best_roc_auc_micro_epoch_1.pth is gone' in capsys.readouterr().out


def test_epochs_that_come_again_are_validated_again(tiny, run):
    note_validated(run, 9)
    train(tiny, run, epochs=5, resume=True)
    assert validated_epoch(run) == 5


def test_a_best_checkpoint_of_another_run_is_not_taken(tiny, tmp_path):
    first, copy = tmp_path / 'run', tmp_path / 'copy'
    train(tiny, first, epochs=1)
    shutil.copytree(first, copy)
    (best,) = copy.glob('best_*.pth')
    expected = torch.load(best, weights_only=True)['state_dict']
    best.unlink()
    train(tiny, first, epochs=1, overwrite=True, **{'optim_wrapper.optimizer.lr': 0.5})
    train(tiny, copy, epochs=1, resume=True)
    found = torch.load(best, weights_only=True)['state_dict']
    assert all(torch.equal(found[name], expected[name]) for name in expected)
