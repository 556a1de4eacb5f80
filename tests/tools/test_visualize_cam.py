import os
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from tests.factories import FRAMES, save_checkpoint, write_config, write_video

pytestmark = pytest.mark.slow

OPTIONS = dict(more='', input='fusion', image_size=64)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp('trained') / 'model.pth'
    cfg = Config.fromfile(write_config(path.with_suffix('.py'), **OPTIONS))
    return save_checkpoint(path, cfg=cfg)


@pytest.fixture
def call(tiny, tmp_path, monkeypatch, calls, checkpoint):
    """Return a caller of the tool: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    write_config(Path('config.py'), **OPTIONS)
    return calls('visualize_cam', 'config.py', checkpoint, '--data-root', str(tiny.root))


def frames_of(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]


def test_the_folder_of_a_training(calls, call, checkpoint, tiny):
    os.mkdir('run')
    shutil.copy(checkpoint, 'run/best_epoch_2.pth')
    code, out, err = calls('visualize_cam')(
        'run', str(tiny.root / 'videos' / tiny.videos['test'][2]), '--no-video'
    )
    assert code == 0, err
    assert 'sheet: run/cam/TEST102_2/TEST102_2_gradcam.png' in out


def test_a_clip_of_the_data_set(call, tiny, checkpoint):
    code, out, err = call('TEST102_2', '--emotion', 'excitement,Frustration')
    assert code == 0, err
    label = tiny.labels['test'][2][2]
    assert 'clip: TEST102_2 (test), 6 frames of 64x48; scored: 1, 3, 5' in out
    assert ('face: Grad-CAM of backbone, maps of 2x2\nWARNING: face: maps of so few places') in out
    assert f'label {"yes" if label else "no"}, face greatest' in out
    assert 'Excitement   probability ' in out and 'Curiosity' not in out
    folder = Path(checkpoint).parent / 'cam' / 'TEST102_2'
    names = ['TEST102_2_gradcam.mp4', 'TEST102_2_gradcam.png']
    assert sorted(p.name for p in folder.iterdir()) == names
    assert cv2.imread(str(folder / names[1])).shape[1] > 1000
    frames = frames_of(folder / names[0])
    assert len(frames) == FRAMES
    assert frames[0].shape[0] % 2 == frames[0].shape[1] % 2 == 0
    before = [(folder / name).read_bytes() for name in names]
    assert call('TEST102_2', '--emotion', 'excitement,Frustration')[0] == 0
    assert [(folder / name).read_bytes() for name in names] == before


@pytest.mark.parametrize('method', ['gradcam++', 'xgradcam', 'eigencam'])
def test_other_methods_and_a_layer(call, method):
    code, out, err = call(
        'TEST102_2',
        '--method',
        method,
        '--no-video',
        '--layer',
        'backbone.layer3',
        '--emotion',
        'all',
        '--out',
        'x',
    )
    assert code == 0, err
    assert 'of backbone.layer3, maps of 4x4' in out
    assert [p.name for p in Path('x').iterdir()] == [f'TEST102_2_{method}.png']
    assert out.count('probability') == 8
    assert ('all emotions' in out) == (method == 'eigencam')


def test_a_video_of_an_odd_size_without_landmarks(call, tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (5, 52, 34, 3))
    write_video(tmp_path / 'own.mp4', frames.astype(np.uint8))
    odd = tmp_path / 'own'
    odd.mkdir()
    for k in range(4):
        cv2.imwrite(str(odd / f'{k:06d}.jpg'), frames[k, :51, :33])
    for name, count in (('own.mp4', 5), ('own', 4)):
        code, out, err = call(name, '--out', f'out_{name}', '--no-landmarks')
        assert code == 0, err
        assert 'WARNING: no landmarks: whole frames are used' in out
        assert 'no face in 3 of 3 scored frames: whole frame' in out
        assert 'label' not in out
        assert len(frames_of(f'out_{name}/own_gradcam.mp4')) == count


def test_frames_without_maps_of_their_own(calls, tiny, checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_config(
        Path('own.py'),
        **OPTIONS,
        sampling=dict(
            face=dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=2),
            body=dict(share='face'),
        ),
    )
    state = torch.load(checkpoint, weights_only=True)['state_dict']
    torch.save(dict(meta={}, state_dict=state), 'own.pth')
    code, out, err = calls('visualize_cam')(
        'own.py', 'own.pth', 'TEST102_2', '--data-root', str(tiny.root)
    )
    assert code == 0, err
    assert "in the video the nearest one's are shown" in out
    video = 'cam/TEST102_2/TEST102_2_gradcam.mp4'
    assert len(frames_of(video)) == FRAMES


@pytest.mark.parametrize(
    'options, error',
    [
        (
            ('TEST109_2',),
            'TEST109_2: no such file',
        ),
        (
            ('TEST102_2', '--emotion', 'Joy'),
            '--emotion Joy: expected some of Curiosity',
        ),
        (
            ('TEST102_2', '--layer', 'backbone.layer5'),
            "--layer, face: 'backbone.layer5' does not exist",
        ),
        (('TEST102_2', '--shift'), 'trained'),
    ],
)
def test_what_cannot_be_shown(call, options, error):
    code, _, err = call(*options)
    assert code == 1 and error in err
    assert not Path('work_dirs').exists()


def test_the_config_in_the_checkpoint(calls, tiny, checkpoint, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    call = calls('visualize_cam')
    code, out, err = call(
        checkpoint, 'TEST102_2', '--no-video', '--data-root', str(tiny.root), '--out', 'x'
    )
    assert code == 0, err
    assert 'clip: TEST102_2 (test)' in out
    assert out.count('WARNING') == out.count('of so few places') == 2
    code, _, err = call(checkpoint, 'TEST102_2', '--shift')
    assert code == 1
    assert '--shift: changes a config, expected the config' in err


def test_drawn_data_warn_of_other_video(calls, tiny, checkpoint, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    file = torch.load(checkpoint, weights_only=True)
    file['meta']['dataset_meta'] = dict(drawn_sample_data=True)
    torch.save(file, 'drawn.pth')
    video = str(tiny.root / 'videos' / tiny.videos['test'][2])
    code, out, err = calls('visualize_cam')('drawn.pth', video, '--no-video', '--out', 'x')
    assert code == 0, err
    assert 'WARNING: trained on drawn sample data' in out
