import argparse
from pathlib import Path

import pytest
from mmengine.fileio import load as load_yaml

from emoreact_cli import add_config_arguments
from emoreact_plugin import InputError
from emoreact_plugin.engine.flags import load_config
from emoreact_plugin.engine.labels import balance_labels, score_priors
from emoreact_plugin.recipes import edit
from emoreact_plugin.transforms import CropRegions

CONFIGS = Path(__file__).parents[2] / 'configs'
SAMPLE = str(CONFIGS / 'sample' / 'fusion.py')


def load(*arguments):
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    return load_config(parser.parse_intermixed_args(arguments))


def datasets(cfg):
    return [cfg[f'{s}_dataloader'].dataset for s in ('train', 'val', 'test')]


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('[es]*/*.py')), ids=lambda p: p.stem)
def test_every_config_loads_and_fits_its_name(path):
    cfg = load(str(path))
    assert cfg.default_scope == 'mmaction'
    assert cfg.recipe.input in path.stem or path.stem == 'table'
    assert ('masked' in path.stem) == cfg.recipe.mask
    assert len(path.read_text().splitlines()) <= 70  # a page


def test_a_flag_rebuilds_all_that_depends_on_it():
    cfg = load(SAMPLE, '--num-segments', '5', '--shift', '--shift_div', '4')
    assert cfg.model.recognizer.backbone.num_segments == 5
    assert cfg.model.recognizer.backbone.shift_div == 4
    assert cfg.model.recognizer.cls_head.num_segments == 5
    assert [d.pipeline[0].num_clips for d in datasets(cfg)] == [5] * 3
    # what the config itself says stays
    assert cfg.train_dataloader.dataset.data_root == 'data/sample'
    assert cfg.recipe.arch == 'resnet18'


def test_underscores_and_the_config_as_a_flag():
    cfg = load('--config', SAMPLE, '--num_segments', '1', '--input', 'body')
    assert cfg.model.streams == ('body',)
    assert cfg.recipe.num_segments == 1
    assert cfg.work_dir.endswith('fusion_input-body_num_segments-1')


def test_flags_without_a_value_in_the_name_of_the_work_dir():
    cfg = load(SAMPLE, '--mask', '--no-shift')
    assert cfg.work_dir == str(Path('work_dirs/fusion_mask_no-shift'))


def test_data_root_and_cache_dir_reach_all_splits():
    cfg = load(SAMPLE, '--data-root', '/d', '--cache-dir', '/c', '--allow-missing')
    for dataset in datasets(cfg):
        assert dataset.data_root == '/d' and dataset.cache_dir == '/c'
        assert dataset.allow_missing is True


def test_cfg_options_come_last():
    cfg = load(
        SAMPLE,
        '--input',
        'face',
        '--cfg-options',
        'optim_wrapper.optimizer.lr=0.5',
        'train_dataloader.batch_size=7',
    )
    assert cfg.optim_wrapper.optimizer.lr == 0.5
    assert cfg.train_dataloader.batch_size == 7


def child(tmp_path, text):
    path = tmp_path / 'child.py'
    path.write_text(f'_base_ = [{SAMPLE!r}]\n{text}')
    return str(path)


def test_a_config_on_top_edits_and_takes_flags(tmp_path):
    path = child(tmp_path, 'model = dict(threshold=0.3)\n')
    cfg = load(path, '--num-segments', '5')
    assert cfg.model.threshold == 0.3
    assert cfg.test_dataloader.dataset.pipeline[0].num_clips == 5


def test_a_resolved_config_runs_again_as_it_is(tmp_path):
    cfg = load(SAMPLE, '--input', 'face')
    path = str(tmp_path / 'resolved.py')
    cfg.dump(path)
    assert load(path).to_dict() == cfg.to_dict()


@pytest.mark.parametrize(
    'flags',
    [
        ('--input', 'body', '--mask', '--num-segments', '5'),
        ('--arch', 'mobilenet_v2', '--shift', '--shift-div', '4'),
        ('--input', 'fullbody', '--init', 'imagenet', '--crops', 'small'),
    ],
)
def test_flags_change_a_resolved_config_as_they_change_its_file(tmp_path, flags):
    path = str(tmp_path / 'resolved.py')
    load(SAMPLE, '--input', 'face').dump(path)
    expected = load(SAMPLE, '--input', 'face', *flags) if '--input' not in flags else None
    expected = (expected or load(SAMPLE, *flags)).to_dict()
    found = load(path, *flags).to_dict()
    for cfg in (expected, found):
        cfg.pop('work_dir')
    assert found == expected


def test_flags_change_a_pure_python_config(tmp_path):
    resolved = load(SAMPLE).to_dict()
    text = ['from emoreact_plugin.datasets import EmoReactDataset']
    text += ['from emoreact_plugin.models import LateFusionRecognizer']
    text += [
        'from mmengine.config import read_base',
        'with read_base():',
        '    from .base import *',
    ]
    text += [f'{name} = {value!r}' for name, value in resolved.items()]
    for kind in ('EmoReactDataset', 'LateFusionRecognizer'):
        text = [line.replace(f"'type': '{kind}'", f"'type': {kind}") for line in text]
    path = tmp_path / 'pure.py'
    path.write_text('\n'.join(text))
    (tmp_path / 'base.py').write_text('log_level = "INFO"\n')
    cfg = load(str(path), '--input', 'body', '--num-segments', '1')
    dataset = cfg.test_dataloader.dataset
    assert dataset.pipeline[0].num_clips == 1
    assert [s.regions for s in dataset.pipeline if 'regions' in s] == [('body',)]
    assert cfg.model.streams == ('body',)


@pytest.mark.parametrize(
    'arguments, error, message',
    [
        ((), InputError, 'expected one config file.*found 0'),
        ((SAMPLE, '--config', SAMPLE), InputError, 'found 2'),
        (('nowhere.py',), FileNotFoundError, 'nowhere.py: no such config'),
        ((SAMPLE, '--cfg-options', 'num_segments=5'), InputError, 'use --num-segments'),
        ((SAMPLE, '--cfg-options', 'input=face'), InputError, 'use --input'),
        ((SAMPLE, '--cfg-options', 'recipe.input=face'), InputError, 'a record'),
        (
            (SAMPLE, '--cfg-options', 'model.streams=(face,hand)'),
            InputError,
            "stream 'hand', but the pipeline of train.csv packs face_imgs, body",
        ),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        load(*arguments)


@pytest.mark.parametrize(
    'arguments, choices',
    [
        (('--num-segments', '4'), ('1', '3', '5', '10')),
        (('--arch', 'vgg'), ('resnet50', 'mobilenet_v2')),
        (('--shift-div', '3'), ('4', '8')),
    ],
)
def test_an_impossible_value_names_the_possible_ones(arguments, choices, capsys):
    with pytest.raises(SystemExit):
        load(SAMPLE, *arguments)
    text = capsys.readouterr().err
    assert all(choice in text for choice in choices)


def test_an_impossible_input_names_the_possible_ones():
    with pytest.raises(InputError, match='face, body, fullbody, fusion, or'):
        load(SAMPLE, '--input', 'hands')


def test_regions_joined_are_an_input():
    cfg = load(SAMPLE, '--input', 'face+body+fullbody')
    assert list(cfg.model.streams) == ['face', 'body', 'fullbody']


def test_what_makes_no_sense_together_is_said(capsys):
    load(SAMPLE, '--num-segments', '1', '--shift')
    text = capsys.readouterr().out
    assert text.startswith('WARNING: shift with num_segments=1')
    assert text.count('WARNING') == 1
    load(SAMPLE, '--num-segments', '1', '--no-shift')
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    'labels, weights',
    [
        # negatives per positive; a label without positives cannot be weighted
        ([[1, 0], [0, 0], [0, 0], [0, 0]], [3.0, 1.0]),
        ([[1, 1], [1, 0], [0, 1], [1, 1]], [1 / 3, 1 / 3]),
    ],
)
def test_positive_labels_are_weighted(labels, weights, tmp_path):
    rows = [f'{i}.mp4,{a},{b}' for i, (a, b) in enumerate(labels)]
    (tmp_path / 'train.csv').write_text('\n'.join(['video,calm,angry', *rows]))
    path = tmp_path / 'mine.py'
    path.write_text(
        '_base_ = []\nfrom emoreact_plugin.recipes import build\n'
        f"globals().update(build(classes=('calm', 'angry'), data_root={str(tmp_path)!r}))\n"
    )
    cfg = load(str(path))
    balance_labels(cfg)
    assert cfg.model.pos_weight == pytest.approx(weights)
    cfg.model.type = 'Recognizer2D'
    with pytest.raises(InputError, match='found Recognizer2D'):
        balance_labels(cfg)
    cfg.train_dataloader.dataset.type = 'VideoDataset'
    with pytest.raises(InputError, match='found VideoDataset'):
        balance_labels(cfg)


def test_a_flag_wins_over_what_the_config_sets(tmp_path):
    path = child(tmp_path, "model = dict(streams=('face',))\nrecipe = dict(input='face')\n")
    assert load(path, '--input', 'fusion').model.streams == ('face', 'body')


def test_frames_are_counted_whatever_the_backbone_is():
    cfg = load(str(CONFIGS / 'mixed' / 'torchvision_streams.py'), '--num-segments', '5')
    assert [each.pipeline[0].num_clips for each in datasets(cfg)] == [5, 5, 5]
    assert 'num_segments' not in str(cfg.model)


def test_a_mask_of_ones_own_stays_and_a_new_one_is_seeded_but_in_training(tmp_path):
    own = "dict(type='DrawFaceMask', kind='cloth', color='red', seed=4)"
    text = (
        'val_pipeline = _base_.val_pipeline\n'
        f'val_pipeline.insert(3, {own})\n'
        'val_dataloader = dict(dataset=dict(pipeline=val_pipeline))\n'
        'test_dataloader = dict(dataset=dict(test_mode=False))\n'
    )
    masks = [
        [dict(step) for step in each.pipeline if step['type'] == 'DrawFaceMask']
        for each in datasets(load(child(tmp_path, text), '--mask'))
    ]
    surgical = dict(type='DrawFaceMask', kind='surgical')
    assert masks[0] == [dict(surgical, seed=None)]
    assert masks[1] == [dict(type='DrawFaceMask', kind='cloth', color='red', seed=4)]
    assert masks[2] == [dict(surgical, seed=0)]


def test_subclasses_are_changed_and_a_config_without_a_record_gets_none():
    class Closer(CropRegions):
        """Crop as CropRegions does."""

    cfg = load(SAMPLE)
    cfg.pop('recipe')
    for each in datasets(cfg):
        each.pipeline[3].type = Closer
    edit(cfg, dict(input='face'))
    assert [each.pipeline[3].regions for each in datasets(cfg)] == [('face',)] * 3
    assert cfg.get('recipe') is None


@pytest.mark.parametrize(
    'flags, part',
    [
        (('--input', 'face'), 'CropRegions'),
        (('--mask',), 'CropRegions'),
        (('--shift',), 'LateFusionRecognizer'),
        (('--init', 'scratch'), 'LateFusionRecognizer'),
        (('--crops', 'small'), 'CropRegions'),
    ],
)
def test_a_flag_names_the_part_that_it_misses(tmp_path, flags, part):
    path = tmp_path / 'stock.py'
    path.write_text("_base_ = 'mmaction::_base_/models/tsn_r50.py'\n")
    with pytest.raises(InputError, match=f'{flags[0]}: .*{part}'):
        load(str(path), *flags)


def test_frozen_stages_are_not_taken_over_by_another_kind_of_backbone():
    frozen = 'tsn_imagenet-pretrained-r50-frozen_1xb8-1x1x3-12e_emoreact-fusion.py'
    path = str(CONFIGS / 'emoreact' / frozen)
    assert load(path, '--shift').model.recognizer.backbone.frozen_stages == 4
    with pytest.raises(InputError, match='--arch: .*ResNet, found frozen_stages=4'):
        load(path, '--arch', 'mobilenet_v2')


def test_a_json_config_of_the_published_code_gets_the_command():
    with pytest.raises(InputError) as error:
        load('config.json', '--input', 'face', '--mask', '--num_segments', '5')
    answer = str(error.value)
    assert 'emoreact-fusion.py --input face --mask --num-segments 5 --data-root' in answer
    command = answer.split('tools/train.py ')[1].split(' --data-root')[0].split()
    assert load(str(CONFIGS.parent / command[0]), *command[1:]).recipe.input == 'face'


def test_a_stream_for_another_number_of_frames_is_refused(tmp_path):
    tsm = str(CONFIGS / 'emoreact' / 'tsm_imagenet-pretrained-r50_1xb8-1x1x3-12e_emoreact-face.py')
    path = tmp_path / 'mine.py'
    path.write_text(
        f'_base_ = {tsm!r}\nmodel = dict(recognizer=dict(cls_head=dict(num_segments=8)))\n'
    )
    with pytest.raises(InputError, match='cls_head is for num_segments=8.*train.csv.*num_clips=3'):
        load(str(path))
    assert load(tsm, '--num-segments', '5').model.recognizer.backbone.num_segments == 5


def test_the_priors_need_no_training_split_to_test(tmp_path):
    cfg = load(SAMPLE, '--data-root', str(tmp_path))
    assert score_priors(cfg, 'val') == score_priors(cfg, 'test') == {}


def test_start_weights_of_the_folder_of_a_training(tmp_path):
    for name in ('best_roc_auc_micro_epoch_2.pth', 'epoch_3.pth'):
        (tmp_path / name).touch()
    cfg = load(SAMPLE, '--init', str(tmp_path))
    assert cfg.recipe.init == str(tmp_path / 'best_roc_auc_micro_epoch_2.pth')
    with pytest.raises(FileNotFoundError, match='best_'):
        load(SAMPLE, '--init', str(tmp_path.parent))


def test_a_folder_called_scratch_is_not_taken_for_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'scratch').mkdir()
    assert load(SAMPLE, '--init', 'scratch').recipe.init == 'scratch'


def test_the_metafile_lists_every_config_of_emoreact():
    models = load_yaml(str(CONFIGS / 'emoreact' / 'metafile.yml'))['Models']
    listed = {each['Config'] for each in models}
    assert listed == {
        path.relative_to(CONFIGS.parent).as_posix() for path in CONFIGS.glob('emoreact/*.py')
    }
    assert {each['Name'] for each in models} == {Path(each).stem for each in listed}
