"""What an older version wrote loads, resumes and scores the same.

tests/data/before holds it, and make.py that made it.
"""

import argparse
import functools
import gzip
import importlib.metadata
import json
import os
import shutil
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from emoreact_cli import add_config_arguments
from emoreact_plugin.clips.cache_file import cache_clip, is_current, load_cached
from emoreact_plugin.engine import flags, training
from emoreact_plugin.engine.flags import load_config
from emoreact_plugin.evaluation import read_dump
from emoreact_plugin.inference import EmotionInferencer
from emoreact_plugin.sample_data import make_sample_dataset
from tests.data.before import make
from tests.factories import call_tool

pytestmark = pytest.mark.slow

BEFORE = Path(make.__file__).parent
ROOT = BEFORE.parents[2]
RENAMED = {
    f'configs/emoreact/tsn_r50_{name}.py': 'configs/emoreact/'
    f'tsn_imagenet-pretrained-r50_1xb8-1x1x3-12e_emoreact-{name}.py'
    for name in ('face', 'body', 'fullbody', 'fusion')
}
# A plain config also keeps the names that it gives to its parts.
NAMED = {'dataset_type', 'data_root', 'data_prefix', 'metainfo', 'required'}
NAMED |= {'face', 'body', 'network', 'train_pipeline', 'val_pipeline', 'test_pipeline'}
NAMED |= {'group_names'}

SAMPLE = ('configs/sample/fusion.py', 'configs/sample/table.py')


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a copy of the record to work in, with this checkout's configs."""
    shutil.copytree(BEFORE, tmp_path / 'before')
    monkeypatch.chdir(tmp_path / 'before')
    monkeypatch.setattr(make, 'CHECKOUT', ROOT)
    return tmp_path / 'before'


def run(tool, *arguments):
    code, _, errors = call_tool(tool, 'work_dir/fusion.py', *arguments)
    assert code == 0, errors


def assert_same_scores(found, expected, atol):
    found, expected = read_dump(str(found)), read_dump(str(expected))
    assert (found.video_ids, found.classes) == (expected.video_ids, expected.classes)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_allclose(found.logits, expected.logits, rtol=0, atol=atol)
    assert np.ptp(found.logits, axis=0).max() > 100 * atol, 'all clips score alike'
    assert found.stream_logits.keys() == expected.stream_logits.keys()
    for stream, logits in expected.stream_logits.items():
        np.testing.assert_allclose(found.stream_logits[stream], logits, rtol=0, atol=atol)


NEW = ('group_names', 'in_place')


def resolved(config, *flags):
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    args = parser.parse_intermixed_args([str(ROOT / config), *flags])
    cfg = without_new(load_config(args).to_dict())
    return {key: value for key, value in cfg.items() if key != 'work_dir'}


def without_new(value):
    """Leave out what is new: the groups of clips, and blacking out on the frames themselves."""
    if isinstance(value, dict):
        return {key: without_new(v) for key, v in value.items() if key not in NEW}
    if isinstance(value, (list, tuple)):
        return type(value)(without_new(v) for v in value if v != 'groups')
    return value


def test_every_combination_of_flags_resolves_to_what_it_was(place, monkeypatch):
    read = functools.cache(flags.read_config)
    monkeypatch.setattr(flags, 'read_config', lambda path: deepcopy(read(path)))
    expected = json.loads(gzip.decompress((BEFORE / 'grid.json.gz').read_bytes()))
    assert len(list(make.flags_of_grid())) == 720
    fusion = RENAMED['configs/emoreact/tsn_r50_fusion.py']
    # It replaces the loaders of the stock config whole now, instead of merging with them.
    del expected['configs/mixed/swin_fullframe.py']
    # It trains TSM on smaller images now, for the table as well.
    expected = {k: v for k, v in expected.items() if not RENAMED.get(k, k).startswith(SAMPLE)}
    for name, values in expected.items():
        config, given = (name, ()) if name.startswith('configs/') else (fusion, name.split())
        found = json.loads(json.dumps(resolved(RENAMED.get(config, config), *given)))
        # What tools/train.py did itself is hooks and a Runner now.
        assert found.pop('runner_type', 'EmoReactRunner') == 'EmoReactRunner'
        hooks = found.get('custom_hooks', [])[1:]
        assert {hook['type'] for hook in hooks} <= {*training.HOOKS}
        found['custom_hooks'] = found['custom_hooks'][:1] if hooks else values.get('custom_hooks')
        # Two checkpoints are kept now, by a hook that is MMEngine's in all else.
        kept = found['default_hooks']['checkpoint']
        assert (kept['type'], kept['max_keep_ckpts']) == ('SafeCheckpointHook', 2)
        kept.update(type='CheckpointHook', max_keep_ckpts=1)
        found = {key: value for key, value in found.items() if value is not None or key in values}
        assert {key: found.get(key) for key in values} == values, name
        assert not {*found} - {*values} - NAMED, name


def test_a_stopped_run_goes_on_to_the_scores_of_one_that_was_not(place):
    run('train', '--work-dir', 'stopped', '--resume', *make.RUN)
    for split in ('val', 'test'):
        assert_same_scores(f'stopped/{split}.npz', f'work_dir/{split}.npz', atol=1e-4)
    results = [
        json.loads((place / each / 'metrics.json').read_text())['results']
        for each in ('stopped', 'work_dir')
    ]
    for split, expected in results[1].items():
        found = {key: results[0][split][key] for key in expected}  # there is more now
        assert found == pytest.approx(expected, abs=1e-4)


def test_a_checkpoint_scores_crops_as_it_did(place):
    best = next(Path('work_dir').glob('best_*.pth'))
    run('test', best, '--crops', 'crops', '--work-dir', 'out', '--dump', 'out.npz', *make.RUN[2:])
    assert_same_scores('out.npz', 'crops.npz', atol=1e-5)


@pytest.mark.parametrize('kind, file', [('checkpoint', 'work_dir'), ('onnx', 'model.onnx')])
def test_a_checkpoint_and_an_onnx_file_score_videos_as_they_did(place, kind, file):
    if kind == 'onnx':
        pytest.importorskip('onnxruntime')
    expected = json.loads((BEFORE / 'inference.json').read_text())[kind]
    inferencer = EmotionInferencer(file, cache_dir='cache_of_inference')
    assert len(expected) == 14
    for video, probabilities in expected.items():
        found = inferencer(f'clips/videos/{video}')[0].probabilities
        assert dict(found) == pytest.approx(probabilities, abs=1e-6), video


def test_a_landmark_cache_is_read_and_made_as_it_was(place):
    files = sorted(Path('cache').glob('*.npz'))
    assert len(files) == 14
    for file in files:
        before = load_cached(file)
        sources = {role: each['path'] for role, each in before.sources.items()}
        for _role, each in before.sources.items():
            os.utime(each['path'], ns=(each['mtime_ns'],) * 2)
        assert is_current(file, sources)
        cache_clip('now.safetensors', total_frames=15, frame_size=before.frame_size, **sources)
        now = load_cached('now.safetensors')
        assert now.total_frames == before.total_frames == 15
        for name in ('face_landmarks', 'body_keypoints', 'face_is_box'):
            np.testing.assert_array_equal(getattr(now, name), getattr(before, name))


def test_the_sample_data_is_drawn_as_it_was(tmp_path):
    expected = json.loads((BEFORE / 'sample.json').read_text())
    make_sample_dataset(tmp_path / 'clips', **expected['settings'], workers=1, progress=False)
    found = make.hashes_of(tmp_path / 'clips')
    assert found.keys() == expected['files'].keys()
    # Another encoder or drawing library may give other bytes, but no other texts.
    same = expected['versions'] == {
        name: importlib.metadata.version(name) for name in expected['versions']
    }
    for name, digest in expected['files'].items():
        if same or not name.endswith('.mp4'):
            assert found[name] == digest, name
