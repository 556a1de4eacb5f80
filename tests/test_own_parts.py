"""Test docs/own_parts.md: a region, a backbone and a fusion in a user's own folder.

The snippets and command lines of the page are what is run here.
"""

import importlib
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from emoreact_cli import add_config_arguments
from emoreact_plugin import InputError
from emoreact_plugin.clips.cache_file import cache_clip
from emoreact_plugin.clips.regions import REGIONS
from emoreact_plugin.engine.flags import load_config
from mmaction.registry import DATASETS, MODELS
from tests.factories import FRAMES, HEIGHT, WIDTH, make_tiny, write_video

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / 'docs' / 'examples'
if not EXAMPLES.is_dir():
    pytest.skip('not a source tree', allow_module_level=True)

PAGE = (ROOT / 'docs' / 'own_parts.md').read_text()
BLOCKS = re.findall(r'```(\w+)\n(.*?)```', PAGE, re.S)
PYTHON = [text for kind, text in BLOCKS if kind == 'python']
COMMANDS = [text for kind, text in BLOCKS if kind == 'sh'][0].splitlines()
TRAIN, TEST, AGAIN = (line for line in COMMANDS if line.startswith('python'))
KEYPOINTS_LINE, *EXCERPTS = PYTHON

SMALL = ['--cfg-options', 'train_cfg.max_epochs=1'] + [
    f'{split}_dataloader.{option}'
    for split in ('train', 'val', 'test')
    for option in ('num_workers=0', 'persistent_workers=False')
]

# Joint -> x, y in fractions of 64 x 48. The head, the right elbow (14) and
# the left hip (23) lie outside the boxes of the hands.
OTHERS = {0: (0.5, 0.125), 14: (0.0625, 0.75), 23: (0.9375, 0.875)}
BOTH_HANDS = {15: (0.25, 0.5), 16: (0.75, 0.5), 22: (0.25, 0.75)}
ONE_HAND = {15: (0.25, 0.5), 21: (0.5, 0.75)}
# Three segments of six frames: frames 1, 3 and 5 are the middle ones.
POSES = [None, {**OTHERS, **BOTH_HANDS}, None, {**OTHERS, **ONE_HAND}, None, OTHERS]
# Both: x 16..48, e = round(3.2) = 3; y 24..36, e = round(1.2) = 1.
# One: x 16..32, e = round(1.6) = 2. None: the whole frame.
BOXES = [(13, 23, 51, 37), (14, 23, 34, 37), (0, 0, WIDTH, HEIGHT)]


def keypoints_txt(poses=POSES):
    """Write the ``_hol.txt`` text with the page's own function."""
    page = {}
    exec(KEYPOINTS_LINE, page)
    return ''.join(
        page['keypoints_line'](
            pose and [(*pose.get(j, (0.3, 0.3)), float(j in pose)) for j in range(33)]
        )
        for pose in poses
    )


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Where the user is: a data set, and a copy of the examples."""
    folder = tmp_path_factory.mktemp('user')
    shutil.copytree(EXAMPLES, folder / 'my_project', ignore=shutil.ignore_patterns('__pycache__'))
    root = make_tiny(folder / 'EmoReact', counts=(4, 2, 2)).root
    rng = np.random.default_rng(0)
    for path in sorted(root.glob('videos/*.mp4')):
        # face and hands that look different
        tiles = rng.integers(0, 256, (FRAMES, HEIGHT // 8, WIDTH // 8, 3))
        write_video(path, tiles.repeat(8, 1).repeat(8, 2).astype(np.uint8))
        Path(f'{path}_hol.txt').write_text(keypoints_txt())
    return folder


@pytest.fixture
def on_path(folder, monkeypatch):
    """Put the user's folder on the path of this process.

    What it registers is removed afterwards.
    """
    kept = [(registry, dict(registry.module_dict)) for registry in (REGIONS, MODELS)]
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder / 'my_project')
    yield folder
    sys.modules.pop('my_parts', None)
    for registry, before in kept:
        registry.module_dict.clear()
        registry.module_dict.update(before)


@pytest.fixture
def my_parts(on_path):
    return importlib.import_module('my_parts')


def words_of(line, **places):
    """Split a command line of the page into words, without ``python``."""
    words = [str(places.get(word, word)) for word in shlex.split(line)]
    assert words[0] == 'python'
    return [str(ROOT / words[1]), *words[2:]]


def run_here(monkeypatch, words):
    monkeypatch.setattr(sys, 'argv', words)
    runpy.run_path(words[0], run_name='__main__')


def load(path, *options):
    parser = ArgumentParser()
    add_config_arguments(parser)
    return load_config(parser.parse_args([str(path), *options]))


@pytest.fixture(scope='module')
def trained(folder):
    """Run the page's training in another process in the user's folder.

    The tests that look at it follow each other, so that pytest-xdist seldom runs it twice.
    """
    result = subprocess.run(
        [sys.executable, *words_of(TRAIN), *SMALL],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        env=dict(
            os.environ,
            OMP_NUM_THREADS='1',
            PYTHONPATH=os.pathsep.join([str(folder / 'my_project'), str(ROOT)]),
        ),
    )
    assert result.returncode == 0, result.stdout + result.stderr
    work_dir = folder / 'work_dirs' / 'my_config'
    return work_dir, json.loads((work_dir / 'metrics.json').read_text())


def weights_of(checkpoint):
    return torch.load(checkpoint, map_location='cpu', weights_only=True)['state_dict']


def without_indents(code):
    return '\n'.join(line.strip() for line in code.splitlines() if line.strip())


def test_the_page_quotes_the_examples():
    sources = [without_indents(path.read_text()) for path in EXAMPLES.glob('*.py')]
    for excerpt in EXCERPTS:
        assert any(without_indents(excerpt) in source for source in sources), excerpt
    assert COMMANDS[:2] == ['cp -r docs/examples my_project', 'export PYTHONPATH=$PWD/my_project']


def test_every_part_has_learned(trained):
    work_dir, metrics = trained
    weights = weights_of(work_dir / 'epoch_1.pth')
    learned = weights['fusion.weight_logits']
    # equal at first; a softmax of two: what one stream wins the other loses
    assert learned.shape == (2, 8) and (learned != 0).all()
    torch.testing.assert_close(learned[0], -learned[1])
    assert weights['recognizers.shared.backbone.layers.0.conv.weight'].shape == (32, 3, 3, 3)
    assert set(metrics['results']) == {'val', 'test'}


def test_the_test_tool_gives_what_training_gave(trained, on_path, monkeypatch):
    _, metrics = trained
    run_here(
        monkeypatch,
        words_of(TEST, CHECKPOINT=metrics['checkpoint']) + ['--work-dir', 'test', *SMALL],
    )
    again = json.loads(Path('test', 'test_metrics.json').read_text())
    assert again['results']['test'] == pytest.approx(metrics['results']['test'])


def test_the_resolved_config_trains_alike(trained, on_path, monkeypatch):
    work_dir, metrics = trained
    resolved = (work_dir / 'my_config.py').read_text()
    assert 'import ' not in resolved
    run_here(monkeypatch, words_of(AGAIN))
    again = json.loads(Path('again', 'metrics.json').read_text())
    for split, scores in metrics['results'].items():
        assert again['results'][split] == pytest.approx(scores)
    first = weights_of(work_dir / 'epoch_1.pth')
    for name, value in weights_of(Path('again', 'epoch_1.pth')).items():
        torch.testing.assert_close(value, first[name])


def test_a_folder_that_is_not_on_the_path(trained, folder):
    assert 'my_parts' not in sys.modules
    for config, message in (
        (folder / 'my_project' / 'my_config.py', "No module named 'my_parts'"),
        (trained[0] / 'my_config.py', 'Failed to import custom modules'),
    ):
        with pytest.raises((ImportError, InputError), match=on_page(message)):
            load(config)


def hands_of(root, **options):
    """Boxes, found and crops of the first test clip, as the config says."""
    config = load('my_project/my_config.py').test_dataloader.dataset
    steps = [step.type for step in config.pipeline]
    config.update(data_root=str(root), **options)
    config.pipeline = config.pipeline[: steps.index('CropRegions') + 1]
    sample = DATASETS.build(config)[0]
    return [sample[f'hands_{key}'] for key in ('boxes', 'found', 'imgs')]


def check_hands(boxes, found, crops):
    np.testing.assert_array_equal(boxes, BOXES)
    assert found.tolist() == [True, True, False]
    for (x1, y1, x2, y2), crop in zip(BOXES, crops, strict=True):
        assert crop.shape == (y2 - y1, x2 - x1, 3)


def test_the_hands_are_cut_out(on_path):
    check_hands(*hands_of('EmoReact'))


@pytest.fixture
def own_data(tmp_path):
    return make_tiny(tmp_path / 'data', counts=(2, 2, 2)).root


def test_the_hands_of_a_prepared_file(on_path, own_data, tmp_path):
    (tmp_path / 'hol.txt').write_text(keypoints_txt())
    for video in own_data.glob('videos/TEST*.mp4'):
        # beside the text file, which leaves joints out
        cache_clip(
            video.with_suffix('.safetensors'),
            total_frames=FRAMES,
            frame_size=(WIDTH, HEIGHT),
            landmarks_file=Path(f'{video}_openface', f'{video.stem}.csv'),
            keypoints_file=tmp_path / 'hol.txt',
            source=video,
        )
    check_hands(*hands_of(own_data))


def test_keypoints_that_leave_joints_out_are_refused(on_path, own_data):
    message = on_page("hands: expected the 33 joints of MediaPipe's pose")
    with pytest.raises(RuntimeError, match=f"clip 'TEST100_2'.*{message}.*found 3 joints"):
        hands_of(own_data)


@pytest.mark.parametrize('text', [None, '\n' * FRAMES], ids=['no file', 'nobody'])
def test_whole_frames_where_nobody_was_found(on_path, own_data, text):
    path = next(own_data.glob('videos/TEST100*_hol.txt'))
    path.write_text(text) if text else path.unlink()
    boxes, found, _ = hands_of(own_data, allow_missing=True)
    assert not found.any()
    np.testing.assert_array_equal(boxes, [(0, 0, WIDTH, HEIGHT)] * 3)


def test_the_fusion_weighs_each_class_apart(my_parts):
    fusion = my_parts.ClasswiseFusion(('face', 'hands'), 2)
    logits = dict(hands=torch.tensor([[4.0, -8.0]]), face=torch.tensor([[0.0, 4.0]]))
    # at first the mean
    assert fusion(logits).tolist() == [[2.0, -2.0]]
    with torch.no_grad():
        # softmax of (log 3, 0) is (3/4, 1/4), of (0, log 7) is (1/8, 7/8)
        fusion.weight_logits.copy_(torch.tensor([[3.0, 1.0], [1.0, 7.0]]).log())
    torch.testing.assert_close(fusion(logits), torch.tensor([[1.0, -6.5]]))


def test_the_backbone_halves_the_frame_at_each_layer(my_parts):
    backbone = my_parts.SmallCNN(channels=(4, 5, 6))
    backbone.init_weights()
    assert backbone(torch.rand(2, 3, 32, 48)).shape == (2, 6, 4, 6)


def on_page(message):
    """Return a pattern of an error message that the page explains."""
    assert message in PAGE
    return re.escape(message)


def config_with(folder, name, old, new):
    """Copy the example config with one change, next to the original."""
    text = (EXAMPLES / 'my_config.py').read_text()
    assert old in text
    path = folder / 'my_project' / name
    path.write_text(text.replace(old, new))
    return path


def test_a_region_that_is_not_there(on_path):
    typo = config_with(on_path, 'typo.py', 'face+hands', 'face+hand')
    with pytest.raises(
        InputError,
        match=r'of body, face, fullbody, hands\).*'
        r'found face\+hand$',
    ):
        load(typo)


def test_a_config_that_does_not_import_the_parts(on_path):
    config = config_with(on_path, 'no_import.py', 'import my_parts', '')
    with pytest.raises(
        InputError,
        match=r'\(of body, face, fullbody\).*'
        r'found face\+hands$',
    ):
        load(config)


@pytest.mark.parametrize(
    'name, message',
    [
        ('ClasswiseFusion', 'is no registered model'),
        ('SmallCNN', 'is not in the mmaction::model registry'),
    ],
)
def test_a_fusion_or_backbone_that_is_not_there(on_path, name, message):
    cfg = load(config_with(on_path, 'typo.py', f"'{name}'", "'Typo'"))
    # ours, and MMEngine's
    with pytest.raises((InputError, KeyError), match=f'Typo\\W* {on_page(message)}'):
        MODELS.build(cfg.model)


def test_a_resolved_config_without_custom_imports(on_path):
    cfg = load('my_project/my_config.py')
    REGIONS.module_dict.pop('hands')
    message = on_page("CropRegions: unknown region 'hands'")
    cfg.test_dataloader.dataset.data_root = 'EmoReact'
    with pytest.raises(InputError, match=f'{message}, expected one of body, face, fullbody'):
        DATASETS.build(cfg.test_dataloader.dataset)


def test_flags_go_with_the_config_but_not_another_backbone(on_path):
    cfg = load('my_project/my_config.py', '--input', 'hands')
    assert cfg.model.streams == ('hands',)
    assert MODELS.build(cfg.model).fusion.streams == ('hands',)
    assert Config(cfg.to_dict()).custom_imports.imports[-1] == 'my_parts'
    with pytest.raises(InputError, match='--arch: .*ResNet, '):
        load('my_project/my_config.py', '--arch', 'mobilenet_v2')
