"""Each kind of damage to a clip is done, and has to be found."""

import os
import shutil

import av
import cv2
import numpy as np
import pytest

from emoreact_plugin.clips.cache_file import cache_clip
from emoreact_plugin.recipes import build_pipeline
from tests.datasets.checks.damage import (
    CLIP,
    crop,
    edit,
    found,
    frame,
    keypoints,
    list_masks,
    loads,
    look,
    no_landmarks_at_all,
    openface,
    video,
)
from tests.factories import FRAMES, HEIGHT, WIDTH, face_of, write_openface, write_video


def no_rows(root):
    path = root / 'train.csv'
    path.write_text(path.read_text().split('\n')[0] + '\n')


def longer(root):
    """More landmarks than the clip has frames."""
    write_openface(openface(root), np.stack([face_of(k) for k in range(FRAMES + 20)]))


def in_its_middle(root):
    frames = np.random.default_rng(0).integers(0, 255, (FRAMES, HEIGHT, WIDTH, 3)).astype(np.uint8)
    write_video(video(root), frames)
    with av.open(str(video(root))) as container:
        packet = [p for p in container.demux(video=0) if p.size][3]
        start, size = packet.pos, packet.size
    data = bytearray(video(root).read_bytes())
    data[start : start + size] = b'\xff' * size
    video(root).write_bytes(data)


def prepared(root, **changes):
    settings = dict(
        total_frames=FRAMES,
        landmarks_file=openface(root),
        keypoints_file=keypoints(root),
        frame_size=(WIDTH, HEIGHT),
        source=video(root),
    )
    cache_clip(root / 'videos' / f'{CLIP}.safetensors', **dict(settings, **changes))


VIDEO_DAMAGE = {
    'nothing': (lambda root: None, None, None, ''),
    'label': (edit(3, ',0,', ',2,'), 'annotations', '', 'line 3, column'),
    'cells': (edit(3, ',0,', ',0,0,'), 'annotations', '', 'line 3: expected'),
    'name': (edit(3, 'TRAIN1', '../TRAIN1'), 'annotations', '', 'line 3'),
    'again': (edit(4, '102_2', '101_2'), 'annotations', '', 'that of line 3'),
    'column': (edit(1, 'Fear', 'Feat'), 'annotations', '', "column 'Fear'"),
    'no rows': (no_rows, 'annotations', '', 'at least one clip'),
    'no file': (
        lambda root: os.remove(root / 'train.csv'),
        'annotations',
        '',
        'no such annotation file',
    ),
    'binary': (
        lambda root: (root / 'train.csv').write_bytes(b'\xff\xfe\x80'),
        'annotations',
        '',
        'UTF-8',
    ),
    'no video': (lambda root: os.remove(video(root)), 'missing clip', CLIP, 'is not there'),
    'another ending': (
        lambda root: os.rename(video(root), video(root).with_suffix('.webm')),
        'missing clip',
        CLIP,
        f'is not there, but {CLIP}.webm is',
    ),
    'garbage': (
        lambda root: video(root).write_bytes(b'none'),
        'unreadable clip',
        CLIP,
        'expected a video',
    ),
    'cut off': (
        lambda root: os.truncate(video(root), 900),
        'unreadable clip',
        CLIP,
        'no video stream',
    ),
    'middle': (in_its_middle, 'unreadable clip', CLIP, 'damaged near frame'),
    'no landmarks': (
        lambda root: os.remove(openface(root)),
        'no landmarks',
        CLIP,
        f'{CLIP}.mp4_openface/{CLIP}.csv',
    ),
    'none at all': (no_landmarks_at_all, 'no landmarks', '', 'none of 3'),
    'no keypoints': (
        lambda root: os.remove(keypoints(root)),
        'no keypoints',
        CLIP,
        f'{CLIP}.mp4_hol.txt',
    ),
    'too many rows': (longer, 'landmark file', CLIP, 'another clip'),
    'no OpenFace': (
        lambda root: openface(root).write_text('a,b\n1,2\n'),
        'landmark file',
        CLIP,
        'no 2D face landmarks',
    ),
    'odd numbers': (
        lambda root: keypoints(root).write_text('.1 .2 .3\n'),
        'keypoint file',
        CLIP,
        'pairs of x and y',
    ),
    'cache file of another size': (
        lambda root: prepared(root, frame_size=(99, 99)),
        'landmark file',
        CLIP,
        '99x99',
    ),
    'cache file of another video': (
        lambda root: prepared(root, source=__file__),
        'landmark file',
        CLIP,
        'bytes',
    ),
    'cache file of a copy with more frames': (
        lambda root: (prepared(root, total_frames=FRAMES + 1), os.utime(video(root), (1, 1))),
        'landmark file',
        CLIP,
        f'has landmarks of {FRAMES + 1} frames',
    ),
    'broken cache file': (
        lambda root: (root / 'videos' / f'{CLIP}.safetensors').write_bytes(b'x'),
        'landmark file',
        CLIP,
        'damaged',
    ),
    'some with masks': (
        lambda root: list_masks(root, 'TRAIN100_2'),
        'data set',
        '',
        'all clips masked beforehand',
    ),
}


@pytest.mark.parametrize('name', VIDEO_DAMAGE)
def test_what_stops_training_is_an_error_and_the_only_one(root, name):
    damage, kind, clip, text = VIDEO_DAMAGE[name]
    damage(root)
    report = look(root)
    assert loads(root) == (kind is None)
    errors = [f for f in report.problems if f.level == 'error']
    if kind is None:
        assert errors == []
        return
    assert {(f.kind, f.split) for f in errors} == {(kind, 'train')}
    assert [f.clip for f in errors][0] == clip
    # The message names the file, and what is wrong with it.
    assert str(root) in errors[0].text and text in errors[0].text


FRAMES_DAMAGE = {
    'nothing': (lambda root: None, None, ''),
    'folder': (
        lambda root: shutil.rmtree(root / 'frames' / CLIP),
        'missing clip',
        'nor another folder of',
    ),
    'gap': (lambda root: os.remove(frame(root, 3)), 'unreadable clip', '000003.png is missing'),
    'first': (
        lambda root: frame(root, 1).write_bytes(b'x'),
        'unreadable clip',
        'cannot be read as an image',
    ),
    'later': (
        lambda root: frame(root, 4).write_bytes(b'x'),
        'unreadable clip',
        '000004.png: expected an image',
    ),
    'size': (
        lambda root: cv2.imwrite(str(frame(root, 4)), np.zeros((20, 20, 3), 'u1')),
        'unreadable clip',
        '000004.png: expected 64x48 pixels',
    ),
    'cache file of another clip': (
        lambda root: (
            prepared(root, source=video(root, 'VAL100_2')),
            shutil.copy(root / 'videos' / f'{CLIP}.safetensors', root / 'frames'),
        ),
        'landmark file',
        'VAL100_2.mp4, which is another clip than TRAIN',
    ),
}


@pytest.mark.parametrize('name', FRAMES_DAMAGE)
def test_every_image_of_a_folder_is_read(root, name):
    damage, kind, text = FRAMES_DAMAGE[name]
    damage(root)
    errors = [f for f in look(root, 'frames').problems if f.level == 'error']
    # All frames, and the fourth alone: the first one read tells the size.
    alone = build_pipeline(('face', 'body'), 1, 32, source='frames')
    assert (kind is None) == (loads(root, 'frames') and loads(root, 'frames', pipeline=alone))
    assert [(f.kind, f.clip) for f in errors] == ([] if kind is None else [(kind, CLIP)])
    assert all(text in f.text for f in errors)


CROPS_DAMAGE = {
    'nothing': (lambda root: None, None, ''),
    'folder': (lambda root: shutil.rmtree(root / 'crops' / CLIP), 'missing clip', 'is not there'),
    'record': (
        lambda root: os.remove(root / 'crops' / CLIP / 'crops.json'),
        'unreadable clip',
        'crops.json',
    ),
    'crop': (
        lambda root: os.remove(crop(root, 'body', 5)),
        'unreadable clip',
        'body/000005.jpg: expected an image',
    ),
    'region': (
        lambda root: os.rename(crop(root, 'body', 1).parent, crop(root, 'hands', 1).parent),
        'unreadable clip',
        'found none in 6 crops',
    ),
}


@pytest.mark.parametrize('name', CROPS_DAMAGE)
def test_every_prepared_crop_is_read(root, name):
    damage, kind, text = CROPS_DAMAGE[name]
    damage(root)
    errors = [f for f in look(root, 'crops').problems if f.level == 'error']
    assert loads(root, 'crops') == (kind is None)
    assert [(f.kind, f.clip) for f in errors] == ([] if kind is None else [(kind, CLIP)])
    assert all(text in f.text for f in errors)


def test_crops_of_another_region(root):
    pipeline = build_pipeline(('fullbody',), 3, 32, source='crops')
    report = look(root, 'crops', pipeline=pipeline)
    assert len(found(report, ['error'])) == 7
    assert "expected crops of 'fullbody', found face, body" in (report.problems[0].text)


def test_fallbacks_are_warnings(root):
    os.remove(openface(root))
    write_openface(
        openface(root, 'VAL100_2'),
        np.stack([face_of(k) if k < 2 else np.full((68, 2), np.nan) for k in range(FRAMES)]),
    )
    keypoints(root, 'TEST100_2').write_text('\n' * FRAMES)
    report = look(root, allow_missing=True)
    assert loads(root, allow_missing=True)
    assert {f[:2] + f[3:] for f in found(report) if f[1] != 'labels'} == {
        ('warning', 'no landmarks', CLIP),
        ('warning', 'no face', 'VAL100_2'),
        ('warning', 'no body', 'TEST100_2'),
    }
    clips = {clip.clip_id: clip for clip in report.clips}
    assert clips['VAL100_2'].no_face == pytest.approx(4 / 6)
    assert clips['VAL100_2'].no_body == 0
    assert clips[CLIP].no_face is None and clips['TEST100_2'].no_body == 1


@pytest.mark.parametrize('place', ['fractions', 'outside'])
def test_faces_that_cannot_be_cut_out_are_none(root, place):
    faces = np.stack([face_of(k) for k in range(FRAMES)])
    faces = faces / (WIDTH, HEIGHT) if place == 'fractions' else faces + (WIDTH, 0)
    write_openface(openface(root), faces)
    report = look(root)
    assert {f[1] for f in found(report) if f[3] == CLIP} == {'no face', 'landmark file'}
    assert {c.clip_id: c.no_face for c in report.clips}[CLIP] == 1


def test_half_of_the_faces_are_enough(root):
    write_openface(
        openface(root),
        np.stack([face_of(k) if k < 3 else np.full((68, 2), np.nan) for k in range(FRAMES)]),
    )
    report = look(root)
    assert not [f for f in report.problems if f.kind == 'no face']
    assert {c.clip_id: c.no_face for c in report.clips}[CLIP] == 0.5


def test_only_what_is_looked_at_is_missed(root):
    no_landmarks_at_all(root)
    part = build_pipeline(('fullbody',), 3, 32)
    report = look(root, pipeline=part, required=['keypoints'])
    assert not [f for f in report.problems if 'landmarks' in f.kind]


def test_landmarks_of_another_picture(root):
    write_openface(openface(root), np.stack([face_of(k) * 4 for k in range(FRAMES)]))
    report = look(root)
    assert ('warning', 'landmark file', 'train', CLIP) in found(report)
    assert not found(report, ['error'])


def test_short_and_cut_off_clips(root):
    write_video(video(root), np.zeros((2, HEIGHT, WIDTH, 3), np.uint8))
    for path in (openface(root), keypoints(root)):
        lines = path.read_text().split('\n')
        path.write_text('\n'.join(lines[:3] if path.suffix == '.csv' else lines[:2]) + '\n')
    three = build_pipeline(('face', 'body'), 3, 32)
    two = [dict(three[0], num_clips=2), *three[1:]]
    assert ('warning', 'short', 'train', CLIP) in found(look(root, pipeline=three))
    assert not [f for f in look(root, pipeline=two).problems if f.kind == 'short']


def test_streams_with_samplers_of_their_own(root):
    pipeline = build_pipeline(
        ('face', 'body'),
        3,
        32,
        sampling=dict(
            face=dict(type='SampleFrames', clip_len=8, num_clips=1),
            body=dict(share='face', num_frames=3),
        ),
    )
    shorts = [f for f in look(root, pipeline=pipeline).problems if f.kind == 'short']
    assert len(shorts) == 7
    assert 'at least 8 frames, found 6' in shorts[0].text


def test_a_video_that_promises_more_frames(root):
    """Cut off behind its header, so that it opens."""
    frames = np.random.default_rng(0).integers(0, 255, (30, HEIGHT, WIDTH, 3)).astype(np.uint8)
    plain = root / 'plain.mp4'
    write_video(plain, frames)
    with (
        av.open(str(plain)) as old,
        av.open(str(video(root)), 'w', options=dict(movflags='faststart')) as new,
    ):
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    os.truncate(video(root), int(video(root).stat().st_size * 0.5))
    os.remove(openface(root))
    os.remove(keypoints(root))
    report = look(root, allow_missing=True)
    (clip,) = (c for c in report.clips if c.clip_id == CLIP)
    assert 5 < clip.frames < 25
    (text,) = (f.text for f in report.problems if f.kind == 'cut off')
    assert f'states 30 frames, but only {clip.frames} can be' in text


def test_an_image_that_ends_in_its_middle(root):
    data = crop(root, 'face', 2).read_bytes()
    crop(root, 'face', 2).write_bytes(data[:-3])
    report = look(root, 'crops')
    # What reads images may refuse it, or not, as OpenCV's version has it.
    there = {f[1] for f in found(report) if f[3] == CLIP}
    assert there == ({'cut off'} if loads(root, 'crops') else {'unreadable clip'})
    for path in root.glob('frames/*/*.png'):
        cv2.imwrite(str(path.with_suffix('.jpg')), cv2.imread(str(path)))
    path = frame(root, 2).with_suffix('.jpg')
    path.write_bytes(path.read_bytes()[:-3])
    report = look(root, 'frames', filename_tmpl='{:06d}.jpg')
    there = {f[1] for f in found(report) if f[3] == CLIP}
    assert there == (
        {'cut off'} if loads(root, 'frames', filename_tmpl='{:06d}.jpg') else {'unreadable clip'}
    )
