import csv
import json
import os
import shutil

import cv2
import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.inference import EmotionInferencer
from emoreact_plugin.inference.live import camera
from tests.factories import save_checkpoint
from tests.inference.camera import FakeCapture


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp('trained') / 'x.pth')


@pytest.fixture
def call(calls, tiny, trained, tmp_path, monkeypatch):
    """Return a caller of the tool with the checkpoint, next to two clips.

    The clips are videos/a.mp4 and videos/b.mp4, with their landmarks.
    """
    monkeypatch.chdir(tmp_path)
    names = tiny.videos['test'][:2]
    os.mkdir('videos')
    for name, new in zip(names, ('a.mp4', 'b.mp4'), strict=True):
        shutil.copy(tiny.root / 'videos' / name, f'videos/{new}')
        shutil.copy(tiny.root / 'videos' / f'{name}_hol.txt', f'videos/{new}_hol.txt')
        shutil.copy(
            tiny.root / 'videos' / f'{name}_openface' / (name[:-4] + '.csv'),
            f'videos/{new[:-4]}.csv',
        )
    os.link(trained, 'x.pth')
    return calls('demo', 'x.pth')


def read_json(folder='demo'):
    with open(f'{folder}/results.json') as file:
        return json.load(file)


def test_files(call):
    code, out, err = call('videos')
    assert code == 0, err
    assert '2 clips in demo: results.json, clips.csv' in out
    assert out.startswith('the probabilities are not calibrated\na.mp4: ') and '\nb.mp4: ' in out
    assert sorted(os.listdir('demo')) == [
        'a.mp4_annotated.mp4',
        'b.mp4_annotated.mp4',
        'clips.csv',
        'results.json',
        'windows.csv',
    ]
    found = read_json()
    assert found['checkpoint'] == 'x.pth'
    assert len(found['checkpoint_sha256']) == 64
    assert found['classes'][0] == 'Curiosity' and found['thresholds']['Fear'] == 0.5
    assert 'not for judging individuals' in found['notice']
    assert [each['landmarks'] for each in found['clips']] == ['files'] * 2
    assert found['stopped'] is None and found['left_out'] == []
    assert (found['clips_done'], found['clips_in_all']) == (2, 2)
    with open('demo/clips.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['video'] for row in rows] == ['videos/a.mp4', 'videos/b.mp4']
    assert float(rows[0]['Fear']) == found['clips'][0]['probabilities']['Fear']
    # again: what is there is no input, and is replaced
    code, out, _ = call('.', '--no-video')
    assert code == 0 and 'the results that were there are replaced' in out
    assert len(read_json()['clips']) == 2


def test_the_folder_of_a_training(calls, call, trained):
    os.mkdir('run')
    shutil.copy(trained, 'run/best_epoch_2.pth')
    code, _, err = calls('demo')('run', 'videos', '--no-video')
    assert code == 0, err
    assert read_json('run/demo')['checkpoint'] == 'best_epoch_2.pth'


def test_flags(call):
    code, out, err = call(
        'videos/a.mp4',
        '--no-landmarks',
        '--threshold',
        '0',
        '--window',
        '.08',
        '--stride',
        '0.04',
        '--batch-size',
        '2',
        '--device',
        'cpu',
        '--no-video',
        '--out',
        'new/out',
    )
    assert code == 0, err
    assert 'WARNING: no landmarks: the whole frame is used' in out
    with open('new/out/results.json') as file:
        found = json.load(file)
    (clip,) = found['clips']
    assert len(clip['labels']) == 8 and not clip['reliable']
    assert len(clip['windows']) == 5 and found['window_seconds'] == 0.08
    assert not os.path.exists('new/out/a.mp4_annotated.mp4')


def test_masks(call):
    assert call('videos', '--mask', '--no-video')[0] == 0
    assert read_json()['mask'] == 'surgical'
    code, out, _ = call('videos', '--mask', '--mask-kind', 'n95', '--no-video')
    assert code == 0 and read_json()['mask'] == 'n95'
    assert out.count('note: trained without masks') == 1


def test_failed_clips_are_listed(call):
    with open('videos/a.mp4', 'wb') as file:
        file.write(b'no video')
    code, out, err = call('videos', '--no-video')
    assert code == 1 and '1 clip in demo' in out
    assert 'error: videos/a.mp4: expected a video' in err
    assert err.endswith('1 clip failed\n')
    assert [bool(each['error']) for each in read_json()['clips']] == [True, False]


@pytest.mark.parametrize('share, code', [(0.5, 0), (0.4, 1)])
def test_a_share_of_the_clips_may_fail(share, code, call):
    with open('videos/a.mp4', 'wb') as file:
        file.write(b'no video')
    found, out, err = call('videos', '--no-video', '--skip-bad-clips', share)
    assert found == code and 'Traceback' not in err
    assert 'videos/a.mp4: expected a video' in err
    if code:
        assert 'error: 1 of 2 clips cannot be loaded' in err and 'stopped after 1 of 2' in out
        assert read_json()['stopped'].startswith('1 of 2 clips')
    else:
        assert '1 of 2 clips was skipped: a.mp4' in out
        assert [bool(each['error']) for each in read_json()['clips']] == [True, False]


def test_a_path_that_is_not_there(call):
    code, out, err = call('no.mp4', 'videos', '--no-video')
    assert code == 1 and '2 clips in demo' in out
    assert 'error: no.mp4: no such video or folder\n1 clip failed\n' in err
    assert [bool(each['error']) for each in read_json()['clips']] == [True, False, False]


def test_it_can_be_stopped(call, monkeypatch):
    stock = EmotionInferencer.run

    def run(self, *args, **kwargs):
        clips = stock(self, *args, **kwargs)
        yield next(clips)
        raise KeyboardInterrupt

    monkeypatch.setattr(EmotionInferencer, 'run', run)
    code, out, _ = call('videos')
    assert code == 130 and 'stopped after 1 of 2 clips; results.json' in out
    found = read_json()
    assert [each['name'] for each in found['clips']] == ['a.mp4']
    assert found['stopped'] == 'stopped by Ctrl-C'
    assert (found['clips_done'], found['clips_in_all']) == (1, 2)
    assert found['left_out'] == ['videos/b.mp4']
    with open('demo/clips.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [(row['video'], row['error']) for row in rows] == [
        ('videos/a.mp4', ''),
        ('videos/b.mp4', 'left out: stopped by Ctrl-C'),
    ]
    assert rows[1]['Fear'] == ''
    assert not [name for name in os.listdir('demo') if name.endswith('.part')]


def test_a_camera(call, monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', FakeCapture)

    def frames(self):
        for k in range(21):
            yield k / 10, np.zeros((48, 64, 3), np.uint8)
        raise KeyboardInterrupt

    monkeypatch.setattr(camera.Camera, '__iter__', frames)
    code, out, err = call('--camera', '0', '--no-landmarks', '--window', '1')
    assert code == 0, err
    assert 'camera 0, 10 frames a second; the first result after 1 s' in out
    assert out.count('without landmarks') == 2 and '\n2.0 s: ' in out
    (clip,) = read_json()['clips']
    assert clip['name'] == 'camera' and len(clip['windows']) == 2
    assert read_json()['stopped'] is None  # a camera ends in this way
    assert FakeCapture.last.released


@pytest.mark.parametrize('count, windows', [(21, 2), (5, None)])
def test_a_camera_that_breaks(count, windows, call, monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', FakeCapture)

    def frames(self):
        for k in range(count):
            yield k / 10, np.zeros((48, 64, 3), np.uint8)
        raise InputError('camera 0: cannot be read any more')

    monkeypatch.setattr(camera.Camera, '__iter__', frames)
    code, _, err = call('--camera', '0', '--no-landmarks', '--window', '1')
    assert code == 1 and 'error: camera 0: cannot be read any more' in err
    if windows is None:  # nothing to keep
        assert not os.path.exists('work_dirs')
    else:
        assert len(read_json()['clips'][0]['windows']) == windows
        assert read_json()['stopped'] == ('camera 0: cannot be read any more')


def test_an_error_that_ends_the_run(call, monkeypatch):
    stock = EmotionInferencer.run

    def run(self, *args, **kwargs):
        yield next(stock(self, *args, **kwargs))
        raise RuntimeError('out of memory')

    monkeypatch.setattr(EmotionInferencer, 'run', run)
    with pytest.raises(RuntimeError, match='out of memory'):  # a bug shows its traceback
        call('videos', '--no-video')
    found = read_json()
    assert [each['name'] for each in found['clips']] == ['a.mp4']
    assert found['stopped'] == 'out of memory'
    assert found['left_out'] == ['videos/b.mp4']


@pytest.mark.parametrize(
    'arguments, message',
    [
        ((), 'expected videos, or --camera N, found neither'),
        (('videos', '--camera', '0'), 'found both'),
        (('--camera', '-1'), '--camera: expected a number from 0 to 2147483647, found -1'),
        (('videos', '--mask-kind', 'n95'), '--mask-kind: expected --mask as'),
        (('videos', '--show'), '--show: expected --camera N'),
        (('videos', '--stride', '0'), 'stride: expected more than 0 seconds'),
        (('no.mp4',), 'no.mp4: no such video or folder'),
        (('no.mp4', 'nor'), 'no.mp4, nor: no such video or folder'),
        (('videos', '--landmarks', 'x'), 'x: no such folder of landmarks'),
        (('videos', '--config', 'no.py'), 'no.py'),
        (('videos', '--device', 'cuda:99'), 'device: expected cpu'),
    ],
)
def test_flags_without_sense(arguments, message, call):
    code, _, err = call(*arguments)
    assert code == 1 and message in err and 'Traceback' not in err
    assert not os.path.exists('work_dirs')


def test_flags_that_exclude_each_other(call):
    code, _, err = call('videos', '--extract', '--no-landmarks')
    assert code == 2 and 'not allowed with' in err


def test_the_checkpoint_comes_first(calls, call):
    code, _, err = calls('demo')('videos/a.mp4', 'x.pth')
    assert code == 1 and 'videos/a.mp4: expected the checkpoint first' in err


def test_a_window_needs_a_display(call, monkeypatch):
    monkeypatch.setattr('sys.platform', 'linux')
    for name in ('DISPLAY', 'WAYLAND_DISPLAY'):
        monkeypatch.delenv(name, raising=False)
    code, _, err = call('--camera', '0', '--show')
    assert code == 1 and '--show: expected a display, found none' in err


def test_a_window_shows_each_result(call, monkeypatch):
    shown = []
    monkeypatch.setenv('DISPLAY', ':0')
    monkeypatch.setattr(cv2, 'VideoCapture', FakeCapture)
    monkeypatch.setattr(cv2, 'imshow', lambda name, image: shown.append(image))
    monkeypatch.setattr(cv2, 'waitKey', lambda delay: -1)

    def frames(self):
        for k in range(11):
            yield k / 10, np.zeros((48, 64, 3), np.uint8)

    monkeypatch.setattr(camera.Camera, '__iter__', frames)
    code, _, err = call('--camera', '0', '--no-landmarks', '--window', '1', '--show')
    assert code == 0, err
    assert [image.shape for image in shown] == [(506, 940, 3)]


def test_a_window_that_cannot_be_opened_loses_no_result(call, monkeypatch):
    monkeypatch.setenv('DISPLAY', ':0')
    monkeypatch.setattr(cv2, 'VideoCapture', FakeCapture)

    def imshow(name, image):
        raise cv2.error('no GUI')

    def frames(self):
        for k in range(11):
            yield k / 10, np.zeros((48, 64, 3), np.uint8)

    monkeypatch.setattr(cv2, 'imshow', imshow)
    monkeypatch.setattr(camera.Camera, '__iter__', frames)
    code, _, err = call('--camera', '0', '--no-landmarks', '--window', '1', '--show')
    assert code == 1 and '--show: this OpenCV cannot open a window' in err
    assert len(read_json()['clips'][0]['windows']) == 1
