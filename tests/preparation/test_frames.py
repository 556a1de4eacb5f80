import dataclasses
import os

import av
import cv2
import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.clips.cache_file import CachedClip, stamp_of, write_cached
from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.clips.masks_csv import read_masks
from emoreact_plugin.preparation import frames as frame_extraction
from emoreact_plugin.preparation.frames import MaskedClip, extract, iterate_samples
from emoreact_plugin.preparation.jobs import Job
from emoreact_plugin.transforms import DrawFaceMask
from emoreact_plugin.video.reading import frame_rate, probe_video, read_frames
from emoreact_plugin.video.writing import write_video
from tests.factories import (
    FRAMES,
    HEIGHT,
    LOAD,
    WIDTH,
    dataset,
    left_over,
    make_tiny,
    write_annotations,
    write_openface,
)
from tests.factories import write_video as write_clip
from tests.transforms.masks.faces import face, skin

pytestmark = pytest.mark.slow

COUNT = 4
NO_FACE = 2
CLIPS = ('a.mp4', 'sub/a.mp4', 'b.mov')


@pytest.fixture
def faces(tmp_path):
    """Write a folder of clips with a large face; one frame of each has none."""
    points = np.stack([face(4 * k) for k in range(COUNT)])
    points[NO_FACE] = np.nan
    for name in CLIPS:
        path = tmp_path / 'videos' / name
        write_clip(path, np.stack([skin()] * COUNT))
        write_openface(path.parent / f'{path.name}_openface' / f'{path.stem}.csv', points)
    write_annotations(tmp_path / 'train.csv', CLIPS, np.zeros((len(CLIPS), 8), int))
    return tmp_path


@pytest.fixture
def plain(tmp_path):
    """Clips whose frame k has the brightness 20 + 30 k."""
    return make_tiny(tmp_path, counts=(2, 2, 2))


def run(root, out='out', mask=None, **kwargs):
    return extract([str(root / 'videos')], str(root / out), mask, **kwargs)


def jpegs(folder):
    return {path.name: cv2.imread(str(path))[..., ::-1] for path in sorted(folder.iterdir())}


def images_of(root, masks, **prefix):
    read = dict(type='RawFrameDecode' if 'frames' in prefix else 'DecodeVideo')
    steps = [dict(LOAD[0], clip_len=COUNT, num_clips=1), read, LOAD[2], *masks]
    return dataset(root, pipeline=steps, data_prefix=prefix)


def test_frames_are_numbered_from_1_and_in_order(plain):
    report = run(plain.root)
    names = [name[:-4] for split in plain.videos.values() for name in split]
    assert sorted(os.listdir(plain.root / 'out')) == sorted(names)
    assert [c.path for c in report.clips] == sorted(names)
    assert {c.frames for c in report.clips} == {FRAMES}
    assert report.before == 0 and report.errors == []
    images = jpegs(plain.root / 'out' / names[0])
    assert list(images) == [f'{k:06d}.jpg' for k in range(1, FRAMES + 1)]
    for k, image in enumerate(images.values()):
        assert image.shape == (HEIGHT, WIDTH, 3)
        assert abs(image.mean() - (20 + 30 * k)) < 3


@pytest.mark.parametrize('as_videos', [False, True])
def test_masks_are_those_of_the_pipeline(faces, as_videos):
    # a colour for each clip, so that one would tell another's mask
    mask = DrawFaceMask('random', seed=0)
    report = run(faces, 'masked', mask, as_videos=as_videos)
    assert [c.unmasked_frames for c in report.clips] == [1] * 3
    if as_videos:
        # the annotation file names videos of this ending
        names = [name.replace('.mov', '.mp4') for name in CLIPS]
        write_annotations(faces / 'train.csv', names, np.zeros((3, 8), int))
        (faces / 'videos' / 'b.mov').rename(faces / 'videos' / 'b.mp4')
        (faces / 'videos' / 'b.mov_openface').rename(faces / 'videos' / 'b.mp4_openface')
    prefix = dict(video='masked') if as_videos else dict(frames='masked')
    offline = images_of(faces, [], landmarks='videos', **prefix)
    online = images_of(faces, [dict(type='DrawFaceMask', kind='random', seed=0)], video='videos')
    bare = images_of(faces, [], video='videos')
    for i in range(len(CLIPS)):
        assert offline[i]['masked_beforehand']
        for k in range(COUNT):
            new, old, without = (data[i]['imgs'][k].astype(int) for data in (offline, online, bare))
            assert abs(new - old).mean() < 2
            assert abs(cv2.blur((new - old).astype('f4'), (9, 9))).max() < 25
            # the mask itself is far more than that loss
            assert (abs(new - without).mean() > 4) == (k != NO_FACE)
    looks = {tuple(data['imgs'][0][190, 160] // 16) for data in offline}
    assert len(looks) > 1


def test_no_mask_on_a_box(faces):
    video = faces / 'videos' / 'a.mp4'
    points = np.stack([face()] * COUNT).astype(np.float32)
    write_cached(
        faces / 'marks' / 'a.safetensors',
        CachedClip(
            points,
            np.ones(COUNT, 'f4'),
            np.full((COUNT, 0, 2), np.nan, 'f4'),
            COUNT,
            skin().shape[1::-1],
            dict(source=stamp_of(video)),
            np.arange(COUNT) == 1,
        ),
    )
    report = extract(
        [str(video)], str(faces / 'out'), DrawFaceMask(seed=0), landmarks=str(faces / 'marks')
    )
    assert report.errors == [] and report.clips[0].unmasked_frames == 1
    images = list(jpegs(faces / 'out' / 'a_mask_frames_full').values())
    off = [abs(image.astype(int) - skin()).mean() for image in images]
    assert off[1] < 2 and min(off[0], *off[2:]) > 4


def test_masked_folders_have_their_name_and_are_listed(faces):
    run(faces, mask=DrawFaceMask('cloth', 'black', seed=0))
    names = [f'{name.split(".")[0]}_mask_frames_full' for name in CLIPS]
    assert read_masks(str(faces / 'out')) == {
        name: MaskedClip(name, 'cloth 44 44 48', COUNT, 1) for name in names
    }
    for name in names:
        assert (faces / 'out' / name / '000004.jpg').is_file()


def test_a_clip_that_is_there_is_left_alone(faces):
    mask = DrawFaceMask(seed=0)
    first = run(faces, mask=mask)
    times = {p: p.stat().st_mtime_ns for p in (faces / 'out').rglob('*.jpg')}
    gone = faces / 'out' / 'sub' / 'a_mask_frames_full'
    for path in gone.iterdir():
        path.unlink()
        del times[path]
    gone.rmdir()
    # broken off: the next run deletes it
    (gone.parent / left_over('a_mask_frames_full')).mkdir()
    again = run(faces, mask=mask)
    assert again == dataclasses.replace(first, before=2)
    assert len(list(gone.iterdir())) == COUNT
    assert len(list(gone.parent.iterdir())) == 1
    assert {p: p.stat().st_mtime_ns for p in times} == times


def test_a_clip_is_whole_or_not_there(faces, monkeypatch):
    imencode, calls = cv2.imencode, []

    def break_off(*args):
        calls.append(1)
        if len(calls) == COUNT - 1:
            raise OSError('no space left')
        return imencode(*args)

    monkeypatch.setattr(cv2, 'imencode', break_off)
    mask = DrawFaceMask(seed=0)
    report = run(faces, mask=mask, workers=1)
    assert [str(error) for _, error in report.errors] == ['no space left']
    assert report.errors[0][0].endswith('a.mp4')
    assert len(report.clips) == 2
    assert not (faces / 'out' / 'a_mask_frames_full').exists()
    assert not list((faces / 'out').rglob('.*'))
    assert len(run(faces, mask=mask).clips) == 3


def test_no_masked_clip_goes_unlisted(faces, monkeypatch):

    def fail(*args):
        raise OSError('no space left')

    monkeypatch.setattr(frame_extraction, 'write_masks', fail)
    assert len(run(faces, mask=DrawFaceMask(seed=0)).errors) == 3
    assert not list((faces / 'out').rglob('*_full'))


def test_what_is_there_has_to_be_whole(faces):
    mask = DrawFaceMask(seed=0)
    run(faces, mask=mask)
    (faces / 'out' / 'a_mask_frames_full' / '000004.jpg').unlink()
    (faces / 'out' / 'masks.csv').write_text(
        'path,mask,frames,unmasked_frames\na_mask_frames_full,surgical,4,1\n'
        'b_mask_frames_full,surgical,4,1\n'
    )
    report = run(faces, mask=mask)
    texts = [str(error) for _, error in report.errors]
    assert 'expected 4 frames, found 3. Delete it' in texts[0]
    assert 'masks.csv does not list it. Delete it' in texts[1]
    assert [c.path for c in report.clips] == ['b_mask_frames_full']


def test_an_error_does_not_stop_the_others(faces):
    (faces / 'videos' / 'a.mp4').write_bytes(b'no video')
    csv = faces / 'videos' / 'sub' / 'a.mp4_openface' / 'a.csv'
    csv.unlink()
    report = run(faces, mask=DrawFaceMask(seed=0))
    assert [c.path for c in report.clips] == ['b_mask_frames_full']
    (_, first), (path, second) = report.errors
    assert 'a.mp4: expected a video' in str(first)
    assert path.endswith(os.path.join('sub', 'a.mp4'))
    for part in (path, 'no landmarks in', 'sub/a.mp4_openface/a.csv', '--allow-missing'):
        assert part in str(second)
    report = run(faces, mask=DrawFaceMask(seed=0), allow_missing=True)
    assert report.clips[-1] == MaskedClip('sub/a_mask_frames_full', 'surgical', COUNT, COUNT)


def test_landmarks_elsewhere_and_of_another_clip(faces):
    csv = faces / 'videos' / 'a.mp4_openface' / 'a.csv'
    (faces / 'csv').mkdir()
    csv.rename(faces / 'csv' / 'a.csv')
    video = str(faces / 'videos' / 'a.mp4')

    def masked(out):
        return extract(
            [video], str(faces / out), DrawFaceMask(seed=0), landmarks=str(faces / 'csv')
        )

    assert masked('one').clips[0].unmasked_frames == 1
    write_openface(faces / 'csv' / 'a.csv', np.stack([face()] * (COUNT + 6)))
    ((_, error),) = masked('two').errors
    assert 'another clip' in str(error)
    with pytest.raises(FileNotFoundError, match='nowhere: no such folder of'):
        extract([video], str(faces), DrawFaceMask(seed=0), landmarks=str(faces / 'nowhere'))


@pytest.mark.parametrize('size', [(48, 64), (47, 63)])
@pytest.mark.parametrize('rate', ['30000/1001', '12', None])
def test_videos_keep_frames_rate_size_and_colors(tmp_path, size, rate):
    from fractions import Fraction

    rate = rate and Fraction(rate)
    images = [np.full((*size, 3), (200 - 9 * k, 60, 20 + 9 * k), np.uint8) for k in range(20)]
    path = tmp_path / 'a.mp4'
    assert write_video(str(path), iter(images), rate) == 20
    info = probe_video(path)
    assert (info.total_frames, info.height, info.width) == (20, *size)
    assert frame_rate(path) == (rate or 25)
    for image, read in zip(images, read_frames(path, range(20)), strict=True):
        assert abs(image.astype(int) - read).max() < 6
    with av.open(str(path)) as file:
        assert file.streams.video[0].codec_context.name == 'h264'


def test_a_stop_is_looked_for_before_each_frame(plain):
    job, stops = Job(str(plain.root / 'videos'), plain.videos['train'][0], ''), []
    samples = iterate_samples(job, Clip(job.path, use_landmarks=False), lambda: stops.append(1))
    assert [len(stops) for _ in samples] == list(range(1, FRAMES + 1))


def test_refused_before_anything_is_written(plain):
    with pytest.raises(InputError, match='--mask'):
        run(plain.root, as_videos=True)
    (plain.root / 'empty').mkdir()
    with pytest.raises(InputError, match='found none'):
        extract([str(plain.root / 'empty')], str(plain.root / 'out'))
    assert not (plain.root / 'out').exists()


def test_sources_stay_what_they_are(faces):
    mask = DrawFaceMask(seed=0)
    with pytest.raises(InputError, match='a.mp4: would be written over itse'):
        run(faces, 'videos', mask, as_videos=True)
    run(faces, 'one', mask, as_videos=True)
    with pytest.raises(InputError, match='without masks, but .*masks.csv'):
        extract([str(faces / 'one')], str(faces / 'two'), mask)
    with pytest.raises(InputError, match="masks.csv: .*'kn95'.*a.mp4.*'surgical'"):
        run(faces, 'one', DrawFaceMask('kn95', seed=0), as_videos=True)
    # without masks they may be read like any other
    assert len(extract([str(faces / 'one')], str(faces / 'two')).clips) == 3
