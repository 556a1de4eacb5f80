import dataclasses
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.clips import cache_file as module
from emoreact_plugin.clips.cache_file import (
    cache_clip,
    is_current,
    load_cached,
    stamp_of,
    write_cached,
)
from emoreact_plugin.clips.landmark_readers import read_keypoints_txt, read_openface_csv
from emoreact_plugin.clips.landmarks import Landmarks
from tests.factories import write_openface


def write_landmarks(path, frames):
    """Write a face in every frame: x is the number of the frame, y is 5."""
    points = np.full((frames, 68, 2), 5.0)
    points[..., 0] = np.arange(1, frames + 1)[:, None]
    write_openface(path, points)
    return path


@pytest.fixture
def clip(tmp_path):
    """Arguments of cache_clip for a clip of 20 frames."""
    source = tmp_path / 'clip.mp4'
    source.write_bytes(b'video')
    keypoints = tmp_path / 'clip_hol.txt'
    keypoints.write_text('0.5 0.25 0.75 1\n' * 20)
    return dict(
        out_file=tmp_path / 'cache' / 'clip.safetensors',
        total_frames=20,
        landmarks_file=write_landmarks(tmp_path / 'clip.csv', 20),
        keypoints_file=keypoints,
        frame_size=(640, 360),
        source=source,
    )


def write_old(path, clip, **changes):
    """Write the cache file of a clip as version 0.2 did; None leaves an array out."""
    content = dict(
        face_landmarks=clip.face_landmarks,
        face_confidence=clip.face_confidence,
        body_keypoints=clip.body_keypoints,
        face_is_box=clip.face_is_box,
        total_frames=np.int64(clip.total_frames),
        frame_size=np.array(clip.frame_size, np.int64),
        sources=np.array(json.dumps(dict(version=1, files=clip.sources))),
    )
    content.update(changes)
    np.savez(path, **{name: each for name, each in content.items() if each is not None})
    return path


def roles_of(clip):
    return {role: clip[role] for role in ('source', 'landmarks_file', 'keypoints_file')}


def test_what_was_prepared_is_loaded(clip, tmp_path):
    assert cache_clip(**clip) is None
    assert os.listdir(tmp_path / 'cache') == ['clip.safetensors']
    made = load_cached(clip['out_file'])
    faces, confidence, _ = read_openface_csv(clip['landmarks_file'])
    assert np.array_equal(made.face_landmarks, faces)
    assert np.array_equal(made.face_confidence, confidence)
    assert np.array_equal(made.body_keypoints, read_keypoints_txt(clip['keypoints_file'], 20)[0])
    assert made.face_landmarks[7, 3].tolist() == [8, 5]
    assert made.body_keypoints[7].tolist() == [[0.5, 0.25], [0.75, 1]]
    assert made.face_confidence[7] == np.float32(0.98)
    for array in (made.face_landmarks, made.face_confidence, made.body_keypoints):
        assert array.dtype == np.float32 and len(array) == 20
    assert made.total_frames == 20 and made.frame_size == (640, 360)
    stat = os.stat(clip['source'])
    assert made.sources.keys() == roles_of(clip).keys()
    assert made.sources['source'] == dict(
        path=str(clip['source']), size=5, mtime_ns=stat.st_mtime_ns
    )


def test_boxes(clip, tmp_path):
    cache_clip(**clip)
    made = load_cached(clip['out_file'])
    assert made.face_is_box.dtype == bool and not made.face_is_box.any()
    is_box = np.arange(20) % 3 == 0
    module.write_cached(tmp_path / 'new.safetensors', dataclasses.replace(made, face_is_box=is_box))
    again = load_cached(tmp_path / 'new.safetensors')
    assert again.face_is_box.tolist() == is_box.tolist()
    for name in ('face_landmarks', 'body_keypoints', 'face_confidence'):
        assert np.array_equal(getattr(again, name), getattr(made, name))
    assert again.sources == made.sources
    with pytest.raises(
        InputError,
        match=r'expected bool \(20,\), found bool'
        r' \(19,\)',
    ):
        module.write_cached(
            tmp_path / 'new.safetensors', dataclasses.replace(made, face_is_box=is_box[1:])
        )


@pytest.mark.parametrize('changes', [{}, dict(face_is_box=None)])
def test_files_of_version_0_2_stay_readable(changes, clip, tmp_path):
    cache_clip(**clip)
    made = load_cached(clip['out_file'])
    old = load_cached(write_old(tmp_path / 'old.npz', made, **changes))
    for name in ('face_landmarks', 'face_confidence', 'body_keypoints', 'face_is_box'):
        np.testing.assert_array_equal(getattr(old, name), getattr(made, name))
    assert old.frame_size == (640, 360) and old.total_frames == 20
    assert old.sources == made.sources


def test_without_landmarks_and_keypoints(clip, tmp_path):
    clip.update(landmarks_file=None, keypoints_file=None, source=tmp_path)
    cache_clip(**clip)
    made = load_cached(clip['out_file'])
    assert made.face_landmarks.shape == (20, 68, 2)
    assert np.isnan(made.face_landmarks).all()
    assert np.isnan(made.face_confidence).all()
    assert made.body_keypoints.shape == (20, 0, 2)
    assert list(made.sources) == ['source']


@pytest.mark.parametrize('rows', [15, 25])
def test_landmarks_are_cut_or_padded(clip, rows):
    write_landmarks(clip['landmarks_file'], rows)
    cache_clip(**clip)
    made = load_cached(clip['out_file'])
    assert made.face_landmarks.shape == (20, 68, 2)
    there = [True] * min(rows, 20) + [False] * max(20 - rows, 0)
    assert np.isfinite(made.face_landmarks).all(axis=(1, 2)).tolist() == there
    assert np.isfinite(made.face_confidence).tolist() == there


# 20 frames: 6 off is both over 5 and over 10 %. 100 frames: 10 is not over
# 10 %, 11 is.
@pytest.mark.parametrize(
    'frames, rows, fine',
    [
        (20, 15, True),
        (20, 25, True),
        (20, 14, False),
        (20, 26, False),
        (100, 90, True),
        (100, 110, True),
        (100, 89, False),
        (100, 111, False),
    ],
)
def test_landmarks_of_another_clip(clip, frames, rows, fine):
    write_landmarks(clip['landmarks_file'], rows)
    clip.update(total_frames=frames, keypoints_file=None)
    if not fine:
        message = (
            rf'clip\.csv: .* of {rows} frames, but .*clip\.mp4 has '
            rf'{frames}: .*another clip'
        )
        with pytest.raises(InputError, match=message):
            cache_clip(**clip)
        assert not clip['out_file'].exists()
        clip.update(check=False)
    cache_clip(**clip)


@pytest.mark.parametrize('lines, fine', [(15, True), (14, False), (60, True)])
def test_keypoints_of_another_clip(clip, lines, fine):
    clip['keypoints_file'].write_text('0.5 0.5\n' * lines)
    if not fine:
        message = r'clip_hol\.txt: has 14 lines, but .*clip\.mp4 has 20 frames'
        with pytest.raises(InputError, match=message):
            cache_clip(**clip)
        clip.update(check=False)
    cache_clip(**clip)


@pytest.mark.parametrize(
    'change, error, message',
    [
        (dict(source='absent.mp4'), FileNotFoundError, 'absent.mp4: there is no'),
        (dict(landmarks_file='a.csv'), FileNotFoundError, 'a.csv: there is no'),
        (dict(total_frames=0), InputError, 'total_frames .* found 0'),
        (dict(frame_size=(0, 360)), InputError, 'width in frame_size .*found 0'),
        (dict(frame_size=(640, 3.5)), InputError, 'height in .*found 3.5'),
    ],
)
def test_bad_arguments(clip, change, error, message):
    clip.update(change)
    with pytest.raises(error, match=message):
        cache_clip(**clip)
    assert not clip['out_file'].exists()


def test_a_changed_source_is_noticed(clip, tmp_path):
    roles = roles_of(clip)
    assert not is_current(clip['out_file'], roles)
    cache_clip(**clip)
    assert is_current(clip['out_file'], roles)
    assert is_current(str(clip['out_file']), {role: str(path) for role, path in roles.items()})

    for role, path in roles.items():
        stat = os.stat(path)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
        assert not is_current(clip['out_file'], roles), role
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert is_current(clip['out_file'], roles)
        content = path.read_bytes()
        path.write_bytes(content + b' ')
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert not is_current(clip['out_file'], roles), role
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        moved = path.rename(tmp_path / 'moved')
        assert not is_current(clip['out_file'], roles), role
        assert is_current(clip['out_file'], dict(roles, **{role: moved}))
        moved.rename(path)


def test_a_source_more_or_less_is_noticed(clip):
    roles = roles_of(clip)
    cache_clip(**clip)
    assert not is_current(clip['out_file'], dict(roles, keypoints_file=None))
    cache_clip(**dict(clip, keypoints_file=None))
    assert not is_current(clip['out_file'], roles)
    assert is_current(clip['out_file'], dict(roles, keypoints_file=None))


def test_another_version_is_not_current(clip, monkeypatch):
    monkeypatch.setattr(module, 'PREPARED_VERSION', 0)
    cache_clip(**clip)
    monkeypatch.undo()
    assert not is_current(clip['out_file'], roles_of(clip))
    with pytest.raises(InputError, match=r'clip\.safetensors.* version 2, found 0'):
        load_cached(clip['out_file'])


def test_a_frame_more_in_a_folder_is_noticed(clip, tmp_path):
    folder = tmp_path / 'frames'
    folder.mkdir()
    os.utime(folder, ns=(0, 0))
    clip.update(source=folder)
    cache_clip(**clip)
    assert is_current(clip['out_file'], roles_of(clip))
    (folder / '000001.jpg').write_bytes(b'')
    assert not is_current(clip['out_file'], roles_of(clip))


def test_damaged_files_name_themselves(clip, tmp_path):
    cache_clip(**clip)
    path = clip['out_file']
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 255
    for content in (
        b'',
        b'garbage',
        whole[:-20],
        whole[:500],
        flipped,
        np.random.default_rng(0).bytes(3000),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r'clip\.safetensors: .*Delete it'):
            load_cached(path)
        assert not is_current(path, roles_of(clip))
    with pytest.raises(FileNotFoundError, match=r'absent\.safetensors'):
        load_cached(tmp_path / 'absent.safetensors')


STAMP = dict(path='a', size=1, mtime_ns=2)


def about(files, version=1):
    return dict(sources=np.array(json.dumps(dict(version=version, files=files))))


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(face_landmarks=np.zeros((20, 67, 2), 'f4')), r'found float32 \(20, 67, 2\)'),
        (dict(face_landmarks=np.zeros((20, 68, 2), 'f8')), 'expected float32 .*found float64'),
        (dict(face_landmarks=np.float32(1)), ''),
        (dict(face_confidence=np.zeros(19, 'f4')), r'\(19,\)'),
        (dict(body_keypoints=np.zeros((20, 3, 3), 'f4')), r'\(20, 3, 3\)'),
        (dict(body_keypoints=np.zeros(20, 'f4')), r'\(20,\)'),
        (dict(total_frames=np.array([1, 2])), 'each of its frames'),
        (dict(total_frames=np.int64(21)), 'each of its frames'),
        (dict(frame_size=np.array([640])), ''),
        (dict(frame_size=np.array([640, 0])), 'frame size, found .640, 0'),
        (dict(sources=np.array('[]')), ''),
        (dict(sources=np.array('{')), ''),
        (dict(sources=np.array('[' * 100_000)), ''),
        (dict(sources=np.array(json.dumps(dict(version=1)))), 'files'),
        (about({}, version=2), 'expected version 1, found 2'),
        (about([1]), ''),
        (about(dict(source=dict(STAMP, size='9'))), 'size and time of the source'),
        (about(dict(source=dict(path='a'))), 'size'),
        (dict(face_landmarks=np.array([None])), 'face_landmarks: .*object'),
        (dict(face_confidence=None), 'face_confidence'),
    ],
)
def test_other_content_is_refused(change, message, clip, tmp_path):
    cache_clip(**clip)
    path = write_old(tmp_path / 'old.npz', load_cached(clip['out_file']), **change)
    with pytest.raises(InputError, match=rf'old\.npz: .*{message}.*Delete it'):
        load_cached(path)
    assert not is_current(path, roles_of(clip))


def test_only_files_of_the_format_are_written(clip, tmp_path):
    with pytest.raises(InputError, match=r'a\.npz: .*end in \.safetensors'):
        cache_clip(**dict(clip, out_file=tmp_path / 'a.npz'))


@pytest.mark.slow
def test_threads_read_at_once(clip, tmp_path):
    # NumPy's own reader fails so in Python 3.11.0 to 3.11.7.
    cache_clip(**clip)
    made = load_cached(clip['out_file'])
    old = write_old(tmp_path / 'old.npz', made)
    with ThreadPoolExecutor(8) as pool:
        for path in (clip['out_file'], old):
            for each in pool.map(load_cached, [path] * 2000):
                assert each.face_landmarks.tobytes() == made.face_landmarks.tobytes()


def test_a_failed_write_leaves_the_old_file(clip, monkeypatch):
    cache_clip(**clip)
    before = clip['out_file'].read_bytes()

    def half(arrays, file, *args):
        with open(file, 'wb') as opened:
            opened.write(b'half')
        raise OSError('no space left')

    monkeypatch.setattr(module, 'save_file', half)
    with pytest.raises(OSError, match='no space'):
        cache_clip(**clip)
    assert os.listdir(clip['out_file'].parent) == ['clip.safetensors']
    assert clip['out_file'].read_bytes() == before


def test_writers_and_readers_at_once(clip):
    cache_clip(**clip)
    failures = []

    def work():
        try:
            for _ in range(10):
                cache_clip(**clip)
                assert load_cached(clip['out_file']).total_frames == 20
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert os.listdir(clip['out_file'].parent) == ['clip.safetensors']


@pytest.mark.parametrize(
    'joints, keypoints_of, expected',
    [(33, 'video', True), (32, 'video', False), (33, 'text', False), (33, None, False)],
)
def test_joints_have_a_fixed_order_if_they_were_found_in_the_video(
    joints, keypoints_of, expected, clip, tmp_path
):
    cache_clip(**clip)
    stamps = dict(video=stamp_of(clip['source']), text=stamp_of(clip['keypoints_file']))
    sources = dict(source=stamps['video'], keypoints_file=stamps.get(keypoints_of))
    changed = dataclasses.replace(
        load_cached(clip['out_file']),
        body_keypoints=np.zeros((20, joints, 2), np.float32),
        sources={role: stamp for role, stamp in sources.items() if stamp},
    )
    write_cached(tmp_path / 'a.safetensors', changed)
    found = load_cached(tmp_path / 'a.safetensors')
    assert found.body_is_pose == expected
    assert Landmarks.of_cached(found).body_is_pose.tolist() == [expected] * 20
