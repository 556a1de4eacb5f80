"""MMAction2's own tool trains as ours does: the same table, files and resume."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

import mmaction
from emoreact_plugin import InputError
from emoreact_plugin.engine import EmoReactRunner
from emoreact_plugin.evaluation import read_dump
from tests.factories import NO_WORKERS, ROOT, call_tool, load_tool, write_config

pytestmark = pytest.mark.slow

MIM = Path(mmaction.__file__).parent / '.mim' / 'tools'
SHORT = ('--cfg-options', 'train_cfg.max_epochs=2', 'train_dataloader.batch_size=4', *NO_WORKERS)


@pytest.fixture(scope='module')
def config(tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp('config') / 'small.py'
    return write_config(path, data_root=str(tiny.root), input='face')


def train(tool, config, work_dir, *flags, epochs=2):
    short = [each.replace('max_epochs=2', f'max_epochs={epochs}') for each in SHORT]
    tool = load_tool('train' if tool == 'ours' else MIM / 'train.py')
    code, out, errors = call_tool(tool, config, '--work-dir', work_dir, *flags, *short)
    assert code == 0, out + errors
    return out


def results_of(folder):
    """Return the scores, and as arrays the clips' logits and the last weights."""
    metrics = json.loads((folder / 'metrics.json').read_text())
    arrays = [read_dump(str(folder / f'{split}.npz')).logits for split in ('val', 'test')]
    last = torch.load(folder / 'epoch_2.pth', weights_only=False)['state_dict']
    return metrics['results'], [*arrays, *(each.numpy() for each in last.values())]


def test_both_tools_end_with_the_same_table_files_and_resume(config, tmp_path):
    texts = {}
    for tool in ('ours', 'mim'):
        texts[tool] = train(tool, config, tmp_path / tool, '--seed', '3')
        # stopped after the first epoch, and gone on with by the same tool
        train(tool, config, tmp_path / f'{tool}-twice', '--seed', '3', epochs=1)
        for path in (tmp_path / f'{tool}-twice').glob('*.npz'):
            path.unlink()
        text = train(tool, config, tmp_path / f'{tool}-twice', '--resume')
        assert 'going on from' in text and 'epoch 2/2' in text
        assert 'epoch 1/2' not in text
    expected, dumps = results_of(tmp_path / 'ours')
    for name in ('mim', 'ours-twice', 'mim-twice'):
        found, logits = results_of(tmp_path / name)
        assert found == expected, name
        for one, other in zip(logits, dumps, strict=True):
            np.testing.assert_array_equal(one, other, name)
    files = [
        {path.name for path in (tmp_path / tool).iterdir() if path.is_file()}
        for tool in ('ours', 'mim')
    ]
    assert files[0] == files[1]
    ours, mims = (
        re.sub(r'\d+ s\b|' + re.escape(str(tmp_path / tool)), '', texts[tool])
        for tool in ('ours', 'mim')
    )
    assert ours == mims and len(mims.splitlines()) < 40


def test_it_is_whole_under_mmengines_own_runner(config, tmp_path):
    train('mim', config, tmp_path / 'ours', '--seed', '3')
    cfg = Config.fromfile(config)
    cfg.runner_type = 'Runner'
    cfg.dump(tmp_path / 'stock.py')
    train('mim', tmp_path / 'stock.py', tmp_path / 'stock', '--seed', '3')
    # Resumed without the seed, which MMEngine reads only after it built the sampler.
    train('mim', tmp_path / 'stock.py', tmp_path / 'twice', '--seed', '3', epochs=1)
    train('mim', tmp_path / 'stock.py', tmp_path / 'twice', '--resume')
    expected, dumps = results_of(tmp_path / 'ours')
    for name in ('stock', 'twice'):
        found, logits = results_of(tmp_path / name)
        assert found == expected, name
        for one, other in zip(logits, dumps, strict=True):
            np.testing.assert_array_equal(one, other, name)


def test_a_pure_python_config_trains_by_both_tools_as_its_plain_form(tiny, tmp_path):
    parts = ('datasets.emoreact_face', 'default_runtime', 'models.tsn_r50', 'schedules.sgd_12e')
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    bases = [f'configs/_base_/{part.replace(".", "/")}.py' for part in parts]
    plain = Config.fromfile(write(tmp_path / 'plain.py', f'_base_ = {bases}')).to_dict()
    path = write(
        tmp_path / 'pure.py',
        'from mmengine.config import read_base',
        'with read_base():',
        *(f'    from .configs._base_.{part} import *' for part in parts),
        "model.update(streams=('face',), start_weights=None)",
        'model.recognizer.backbone.update(',
        '    depth=18, num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,))',
        'model.recognizer.cls_head.in_channels = 64',
        "recipe.update(input='face')",
        f'train_dataloader.dataset.data_root = {str(tiny.root)!r}',
        f'val_dataloader.dataset.data_root = {str(tiny.root)!r}',
        f'test_dataloader.dataset.data_root = {str(tiny.root)!r}',
    )
    pure = Config.fromfile(path).to_dict()
    for changed in ('model', 'recipe', *(f'{s}_dataloader' for s in ('train', 'val', 'test'))):
        del plain[changed], pure[changed]
    assert pure == plain
    for tool in ('ours', 'mim'):
        train(tool, path, tmp_path / tool, '--seed', '3')
    expected, dumps = results_of(tmp_path / 'ours')
    found, logits = results_of(tmp_path / 'mim')
    assert found == expected
    for one, other in zip(logits, dumps, strict=True):
        np.testing.assert_array_equal(one, other)


def write(path, *lines):
    path.write_text('\n'.join(lines) + '\n')
    return path


def test_a_run_without_a_seed_has_seed_0(config, tmp_path):
    cfg = Config.fromfile(config)
    cfg.work_dir = str(tmp_path)
    cfg.randomness = dict(seed=None)
    runner = EmoReactRunner.from_cfg(cfg)
    assert runner.seed == 0


@pytest.mark.parametrize('seed', [-1, 2**32, 0.5])
def test_a_seed_that_numpy_does_not_take_is_refused(config, seed):
    cfg = Config.fromfile(config)
    cfg.randomness = dict(seed=seed)
    with pytest.raises(InputError, match=f'--seed: .*from 0 to 4294967295, found {seed}'):
        EmoReactRunner.from_cfg(cfg)


@pytest.mark.parametrize(
    'change, named',
    [
        ('optim_wrapper.optimizer.lr=0.5', 'optim_wrapper.optimizer.lr=0.01, found 0.5'),
        ('param_scheduler.type=ConstantLR', 'param_scheduler.type=None, found ConstantLR'),
    ],
)
def test_another_optimizer_or_schedule_is_refused_when_resuming(config, tmp_path, change, named):
    train('ours', config, tmp_path, epochs=1)
    cfg = Config.fromfile(config)
    key, value = change.split('=')
    cfg.merge_from_dict({key: float(value) if value[0].isdigit() else value})
    cfg.work_dir, cfg.resume = str(tmp_path), True
    with pytest.raises(InputError, match=named):
        EmoReactRunner.from_cfg(cfg)


def test_more_epochs_at_a_constant_rate_are_carried_out(config, tmp_path):
    train('ours', config, tmp_path, epochs=1)
    text = train('ours', config, tmp_path, '--resume', epochs=3)
    assert 'epoch 3/3' in text and 'batches of' not in text
    text = train('ours', config, tmp_path, '--resume', '-b', '1', epochs=4)
    assert 'a process, goes on with 1;' in text


def test_the_first_of_several_best_scores_counts(config, tmp_path):
    path = tmp_path / 'two.py'
    path.write_text(
        f'_base_ = [{str(config)!r}]\n'
        "default_hooks = dict(checkpoint=dict(save_best=['roc_auc/macro', 'roc_auc/micro'], "
        "rule=['greater', 'greater']))\n"
    )
    train('ours', path, tmp_path / 'run', epochs=3)
    best = json.loads((tmp_path / 'run' / 'metrics.json').read_text())['checkpoint']
    assert Path(best).name.startswith('best_roc_auc_macro')


def test_one_cycle_is_scaled_to_the_batch(config, tmp_path):
    rates = []
    # Names of their own: runs of one name that start in one second share MMEngine's log.
    for name, flags in (('plain', []), ('scaled', ['--auto-scale-lr'])):
        mine = tmp_path / f'{name}.py'
        mine.write_text(
            f'_base_ = {str(config)!r}\n'
            "param_scheduler = dict(type='OneCycleLR', eta_max=0.01, total_steps=1,\n"
            '                       convert_to_iter_based=True)\n'
            'auto_scale_lr = dict(enable=False, base_batch_size=8)\n'
            'default_hooks = dict(logger=dict(interval=1))\n'
        )
        train('ours', mine, tmp_path / name, '--seed', '3', *flags, epochs=1)
        (log,) = (tmp_path / name).glob('*/vis_data/scalars.json')
        lines = map(json.loads, log.read_text().splitlines())
        rates.append([each['lr'] for each in lines if 'lr' in each])
    assert len(rates[0]) > 1 and max(rates[0]) > 0.005
    np.testing.assert_allclose(rates[1], np.array(rates[0]) / 2)  # batches of 4 in place of 8
