"""Each kind of damage is planted, and has to be found."""
import os
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoreact_plugin.datasets import EmoReactDataset
from emoreact_plugin.datasets.checking import (check, make_part,
                                               parts_of_folder)
from emoreact_plugin.datasets.crop_extraction import extract_crops
from emoreact_plugin.datasets.landmarks import prepare_clip
from emoreact_plugin.recipes import build_pipeline
from emoreact_plugin.transforms import CropRegions

from ..conftest import (EMOTIONS, FRAMES, HEIGHT, WIDTH, face_of, make_tiny,
                        write_openface, write_video)
from .helpers import to_frames

SPLITS = ('train', 'val', 'test')
BOTH = ['landmarks', 'keypoints']
CLIP = 'TRAIN101_2'  # what is damaged, in line 3 of train.csv


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """Clips that differ in their content, as videos, frames and crops."""
    data = make_tiny(tmp_path_factory.mktemp('whole'), counts=(3, 2, 2))
    for k, path in enumerate(sorted(data.root.glob('videos/*.mp4'))):
        with open(path, 'ab') as file:  # players skip a box named so
            file.write(b'\0\0\0\x0cfree' + k.to_bytes(4, 'big'))
    for names in data.videos.values():
        to_frames(data.root, names, 1)
    for k, folder in enumerate(sorted(data.root.glob('frames/*'))):
        for path in folder.iterdir():
            image = cv2.imread(str(path))
            image[0, 0] = 10 * k
            cv2.imwrite(str(path), image)
    extract_crops([str(data.root / 'videos')], str(data.root / 'crops'),
                  CropRegions(('face', 'body')), size=32)
    for k, path in enumerate(sorted(data.root.glob('crops/*/face/000001*'))):
        with open(path, 'ab') as file:  # decoders stop at the image's end
            file.write(bytes([k]))
    return data.root


@pytest.fixture
def root(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / 'data'))


def config(root, split, kind='video', **changes):
    """Of a data set whose samples have every frame of a clip."""
    prefix = dict(
        video=dict(video='videos'), crops=dict(crops='crops'),
        frames=dict(frames='frames', landmarks='videos', keypoints='videos'))
    return dict(
        dict(
            type='EmoReactDataset',
            ann_file=f'{split}.csv',
            data_root=str(root),
            data_prefix=prefix[kind],
            filename_tmpl='{:06d}.png',
            required=[] if kind == 'crops' else BOTH,
            pipeline=build_pipeline(('face', 'body'), FRAMES, 32,
                                    source=kind),
            serialize_data=False,
            test_mode=True), **changes)


def look(root, kind='video', **changes):
    return check([make_part(split, config(root, split, kind, **changes))
                  for split in SPLITS], workers=2)


def found(report, levels=('error', 'warning')):
    return [(f.level, f.kind, f.split, f.clip) for f in report.findings
            if f.level in levels]


def loads(root, kind='video', **changes):
    """Whether all samples of the data set itself can be loaded."""
    try:
        for split in SPLITS:
            data = config(root, split, kind, **changes)
            del data['type']
            data = EmoReactDataset(**data)
            for k in range(len(data)):
                data[k]
    except Exception:
        return False
    return True


def video(root, name=CLIP):
    return root / 'videos' / f'{name}.mp4'


def openface(root, name=CLIP):
    return root / 'videos' / f'{name}.mp4_openface' / f'{name}.csv'


def keypoints(root, name=CLIP):
    return root / 'videos' / f'{name}.mp4_hol.txt'


def frame(root, number):
    return root / 'frames' / CLIP / f'{number:06d}.png'


def crop(root, region, number):
    return root / 'crops' / CLIP / region / f'{number:06d}.jpg'


def edit(line, old, new):
    """Of train.csv."""

    def damage(root):
        path = root / 'train.csv'
        lines = path.read_text().split('\n')
        assert old in lines[line - 1]
        lines[line - 1] = lines[line - 1].replace(old, new, 1)
        path.write_text('\n'.join(lines))

    return damage


def no_rows(root):
    path = root / 'train.csv'
    path.write_text(path.read_text().split('\n')[0] + '\n')


def longer(root):
    """More landmarks than the clip has frames."""
    write_openface(openface(root),
                   np.stack([face_of(k) for k in range(FRAMES + 20)]))


def in_its_middle(root):
    frames = np.random.default_rng(0).integers(
        0, 255, (FRAMES, HEIGHT, WIDTH, 3)).astype(np.uint8)
    write_video(video(root), frames)
    with av.open(str(video(root))) as container:
        packet = [p for p in container.demux(video=0) if p.size][3]
        start, size = packet.pos, packet.size
    data = bytearray(video(root).read_bytes())
    data[start:start + size] = b'\xff' * size
    video(root).write_bytes(data)


def prepared(root, **changes):
    settings = dict(
        total_frames=FRAMES, landmarks_file=openface(root),
        keypoints_file=keypoints(root), frame_size=(WIDTH, HEIGHT),
        source=video(root))
    prepare_clip(root / 'videos' / f'{CLIP}.npz', **dict(settings, **changes))


def no_landmarks_at_all(root):
    for path in root.glob('videos/TRAIN*_openface'):
        shutil.rmtree(path)


def list_masks(root, pattern):
    rows = [f'{path.name},surgical,6,0' for path in
            sorted(root.glob(f'videos/{pattern}.mp4'))]
    (root / 'videos' / 'masks.csv').write_text(
        'path,mask,frames,unmasked_frames\n' + '\n'.join(rows) + '\n')


VIDEO_DAMAGE = {
    'nothing': (lambda root: None, None, None, ''),
    'label': (edit(3, ',0,', ',2,'), 'annotations', '', 'line 3, column'),
    'cells': (edit(3, ',0,', ',0,0,'), 'annotations', '', 'line 3: expected'),
    'name': (edit(3, 'TRAIN1', '../TRAIN1'), 'annotations', '', 'line 3'),
    'again': (edit(4, '102_2', '101_2'), 'annotations', '', 'in line 3 alr'),
    'column': (edit(1, 'Fear', 'Feat'), 'annotations', '', "column 'Fear'"),
    'no rows': (no_rows, 'annotations', '', 'at least one clip'),
    'no file': (lambda root: os.remove(root / 'train.csv'), 'annotations', '',
                'no such annotation file'),
    'binary': (lambda root: (root / 'train.csv').write_bytes(b'\xff\xfe\x80'),
               'annotations', '', 'UTF-8'),
    'no video': (lambda root: os.remove(video(root)), 'missing clip', CLIP,
                 'is not there'),
    'garbage': (lambda root: video(root).write_bytes(b'none'),
                'unreadable clip', CLIP, 'expected a video'),
    'cut off': (lambda root: os.truncate(video(root), 900), 'unreadable clip',
                CLIP, 'no video stream'),
    'middle': (in_its_middle, 'unreadable clip', CLIP, 'damaged near frame'),
    'no landmarks': (lambda root: os.remove(openface(root)), 'no landmarks',
                     CLIP, f'{CLIP}.mp4_openface/{CLIP}.csv'),
    'none at all': (no_landmarks_at_all, 'no landmarks', '', 'none of 3'),
    'no keypoints': (lambda root: os.remove(keypoints(root)), 'no keypoints',
                     CLIP, f'{CLIP}.mp4_hol.txt'),
    'too many rows': (longer, 'landmark file', CLIP, 'another clip'),
    'no OpenFace': (lambda root: openface(root).write_text('a,b\n1,2\n'),
                    'landmark file', CLIP, 'no 2D face landmarks'),
    'odd numbers': (lambda root: keypoints(root).write_text('.1 .2 .3\n'),
                    'keypoint file', CLIP, 'pairs of x and y'),
    'npz of another size': (
        lambda root: prepared(root, frame_size=(99, 99)), 'landmark file',
        CLIP, '99x99'),
    'npz of another video': (
        lambda root: prepared(root, source=__file__), 'landmark file', CLIP,
        'bytes'),
    'broken npz': (
        lambda root: (root / 'videos' / f'{CLIP}.npz').write_bytes(b'x'),
        'landmark file', CLIP, 'damaged'),
    'some with masks': (lambda root: list_masks(root, 'TRAIN100_2'),
                        'data set', '', 'all clips masked beforehand'),
}


@pytest.mark.parametrize('name', VIDEO_DAMAGE)
def test_what_stops_training_is_an_error_and_the_only_one(root, name):
    damage, kind, clip, text = VIDEO_DAMAGE[name]
    damage(root)
    report = look(root)
    assert loads(root) == (kind is None)
    errors = [f for f in report.findings if f.level == 'error']
    if kind is None:
        assert errors == []
        return
    assert {(f.kind, f.split) for f in errors} == {(kind, 'train')}
    assert [f.clip for f in errors][0] == clip
    # The message names the file, and what is wrong with it.
    assert str(root) in errors[0].text and text in errors[0].text


FRAMES_DAMAGE = {
    'nothing': (lambda root: None, None, ''),
    'folder': (lambda root: shutil.rmtree(root / 'frames' / CLIP),
               'missing clip', 'nor another folder of'),
    'gap': (lambda root: os.remove(frame(root, 3)), 'unreadable clip',
            '000003.png is missing'),
    'first': (lambda root: frame(root, 1).write_bytes(b'x'),
              'unreadable clip', 'cannot be read as an image'),
    'later': (lambda root: frame(root, 4).write_bytes(b'x'),
              'unreadable clip', '000004.png: expected an image'),
    'size': (lambda root: cv2.imwrite(str(frame(root, 4)),
                                      np.zeros((20, 20, 3), 'u1')),
             'unreadable clip', '000004.png: expected 64x48 pixels'),
}


@pytest.mark.parametrize('name', FRAMES_DAMAGE)
def test_every_image_of_a_folder_is_read(root, name):
    damage, kind, text = FRAMES_DAMAGE[name]
    damage(root)
    errors = [f for f in look(root, 'frames').findings if f.level == 'error']
    # All frames, and the fourth alone: the first one read tells the size.
    alone = build_pipeline(('face', 'body'), 1, 32, source='frames')
    assert (kind is None) == (
        loads(root, 'frames') and loads(root, 'frames', pipeline=alone))
    assert [(f.kind, f.clip) for f in errors] == ([] if kind is None else
                                                  [(kind, CLIP)])
    assert all(text in f.text for f in errors)


CROPS_DAMAGE = {
    'nothing': (lambda root: None, None, ''),
    'folder': (lambda root: shutil.rmtree(root / 'crops' / CLIP),
               'missing clip', 'is not there'),
    'record': (lambda root: os.remove(root / 'crops' / CLIP / 'crops.json'),
               'unreadable clip', 'crops.json'),
    'crop': (lambda root: os.remove(crop(root, 'body', 5)),
             'unreadable clip', 'body/000005.jpg: expected an image'),
    'region': (lambda root: os.rename(crop(root, 'body', 1).parent,
                                      crop(root, 'hands', 1).parent),
               'unreadable clip', 'found none in 6 crops'),
}


@pytest.mark.parametrize('name', CROPS_DAMAGE)
def test_every_prepared_crop_is_read(root, name):
    damage, kind, text = CROPS_DAMAGE[name]
    damage(root)
    errors = [f for f in look(root, 'crops').findings if f.level == 'error']
    assert loads(root, 'crops') == (kind is None)
    assert [(f.kind, f.clip) for f in errors] == ([] if kind is None else
                                                  [(kind, CLIP)])
    assert all(text in f.text for f in errors)


def test_crops_of_another_region(root):
    pipeline = build_pipeline(('fullbody', ), 3, 32, source='crops')
    report = look(root, 'crops', pipeline=pipeline)
    assert len(found(report, ['error'])) == 7
    assert "expected crops of 'fullbody', found face, body" in (
        report.findings[0].text)


def test_all_at_once(root):
    """One error does not hide another, not even of the same clip."""
    edit(2, ',1,', ',x,')(root)
    openface(root).write_text('a,b\n1,2\n')
    keypoints(root).write_text('.1 .2 .3\n')
    os.remove(video(root, 'VAL100_2'))
    video(root, 'TEST100_2').write_bytes(b'x')
    openface(root, 'TEST100_2').write_text('')
    os.remove(keypoints(root, 'TEST101_2'))
    list_masks(root, '*0_2')  # none of the clips that are left: no mixture
    assert set(found(look(root), ['error'])) == {
        ('error', 'annotations', 'train', ''),
        ('error', 'landmark file', 'train', CLIP),
        ('error', 'keypoint file', 'train', CLIP),
        ('error', 'missing clip', 'val', 'VAL100_2'),
        ('error', 'unreadable clip', 'test', 'TEST100_2'),
        ('error', 'landmark file', 'test', 'TEST100_2'),
        ('error', 'no keypoints', 'test', 'TEST101_2')
    }


def test_every_wrong_line_is_named(root):
    edit(2, ',1,', ',x,')(root)
    edit(4, ',TRAIN102_2.mp4,', ',,')(root)
    path = root / 'train.csv'
    path.write_text(path.read_text() + '3,"A\nB.mp4",9\n4,/x.mp4\n')
    report = look(root)
    lines = [f.text for f in report.findings if f.kind == 'annotations']
    for number, line in zip((2, 4, 6, 7), lines):
        assert line.startswith(f'{path}, line {number}'), line
    assert len(lines) == 4 and len(report.labels['train']) == 1


def test_very_many_wrong_lines_are_cut_short(root):
    path = root / 'train.csv'
    path.write_text(path.read_text() + '9,../x.mp4\n' * 300)
    lines = [f.text for f in look(root).findings if f.kind == 'annotations']
    assert len(lines) == 201 and 'was not looked at' in lines[-1]


def test_fallbacks_are_warnings(root):
    os.remove(openface(root))
    write_openface(openface(root, 'VAL100_2'),
                   np.stack([face_of(k) if k < 2 else np.full((68, 2), np.nan)
                             for k in range(FRAMES)]))
    keypoints(root, 'TEST100_2').write_text('\n' * FRAMES)
    report = look(root, allow_missing=True)
    assert loads(root, allow_missing=True)
    assert {f[:2] + f[3:] for f in found(report)
            if f[1] != 'labels'} == {
        ('warning', 'no landmarks', CLIP), ('warning', 'no face', 'VAL100_2'),
        ('warning', 'no body', 'TEST100_2')}
    clips = {clip.clip_id: clip for clip in report.clips}
    assert clips['VAL100_2'].no_face == pytest.approx(4 / 6)
    assert clips['VAL100_2'].no_body == 0
    assert clips[CLIP].no_face is None and clips['TEST100_2'].no_body == 1


def test_half_of_the_faces_are_enough(root):
    write_openface(openface(root),
                   np.stack([face_of(k) if k < 3 else np.full((68, 2), np.nan)
                             for k in range(FRAMES)]))
    report = look(root)
    assert not [f for f in report.findings if f.kind == 'no face']
    assert {c.clip_id: c.no_face for c in report.clips}[CLIP] == 0.5


def test_only_what_is_looked_at_is_missed(root):
    no_landmarks_at_all(root)
    part = build_pipeline(('fullbody', ), 3, 32)
    report = look(root, pipeline=part, required=['keypoints'])
    assert not [f for f in report.findings if 'landmarks' in f.kind]


def test_landmarks_of_another_picture(root):
    write_openface(openface(root),
                   np.stack([face_of(k) * 4 for k in range(FRAMES)]))
    report = look(root)
    assert ('warning', 'landmark file', 'train', CLIP) in found(report)
    assert not found(report, ['error'])


def test_short_and_cut_off_clips(root):
    write_video(video(root), np.zeros((2, HEIGHT, WIDTH, 3), np.uint8))
    for path in (openface(root), keypoints(root)):
        lines = path.read_text().split('\n')
        path.write_text('\n'.join(lines[:3] if path.suffix == '.csv' else
                                  lines[:2]) + '\n')
    three = build_pipeline(('face', 'body'), 3, 32)
    two = [dict(three[0], num_clips=2), *three[1:]]
    assert ('warning', 'short', 'train', CLIP) in found(
        look(root, pipeline=three))
    assert not [f for f in look(root, pipeline=two).findings
                if f.kind == 'short']


def test_streams_with_samplers_of_their_own(root):
    pipeline = build_pipeline(
        ('face', 'body'), 3, 32, sampling=dict(
            face=dict(type='SampleFrames', clip_len=8, num_clips=1),
            body=dict(share='face', num_frames=3)))
    shorts = [f for f in look(root, pipeline=pipeline).findings
              if f.kind == 'short']
    assert len(shorts) == 7
    assert 'at least 8 frames, found 6' in shorts[0].text


def test_a_video_that_promises_more_frames(root):
    """Cut off behind its header, so that it opens."""
    frames = np.random.default_rng(0).integers(
        0, 255, (30, HEIGHT, WIDTH, 3)).astype(np.uint8)
    plain = root / 'plain.mp4'
    write_video(plain, frames)
    with av.open(str(plain)) as old, av.open(
            str(video(root)), 'w', options=dict(movflags='faststart')) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    os.truncate(video(root), int(video(root).stat().st_size * 0.5))
    os.remove(openface(root))
    os.remove(keypoints(root))
    report = look(root, allow_missing=True)
    clip, = (c for c in report.clips if c.clip_id == CLIP)
    assert 5 < clip.frames < 25
    text, = (f.text for f in report.findings if f.kind == 'cut off')
    assert f'states 30 frames, but only {clip.frames} can be' in text


def test_an_image_that_ends_in_its_middle(root):
    data = crop(root, 'face', 2).read_bytes()
    crop(root, 'face', 2).write_bytes(data[:-3])
    report = look(root, 'crops')
    assert ('warning', 'cut off', 'train', CLIP) in found(report)
    assert loads(root, 'crops') and not found(report, ['error'])
    # What reads frames may refuse it, or not, as OpenCV's version has it.
    for path in root.glob('frames/*/*.png'):
        cv2.imwrite(str(path.with_suffix('.jpg')), cv2.imread(str(path)))
    path = frame(root, 2).with_suffix('.jpg')
    path.write_bytes(path.read_bytes()[:-3])
    report = look(root, 'frames', filename_tmpl='{:06d}.jpg')
    there = {f[1] for f in found(report) if f[3] == CLIP}
    assert there == ({'cut off'} if loads(
        root, 'frames', filename_tmpl='{:06d}.jpg') else {'unreadable clip'})


class TestDuplicates:

    def test_in_two_splits(self, root):
        shutil.copy(video(root), video(root, 'TEST101_2'))
        report = look(root)
        assert found(report, ['error']) == [
            ('error', 'duplicate', 'test', 'TEST101_2')]
        assert f'{CLIP}.mp4 of train' in report.findings[0].text

    def test_in_one_split(self, root):
        shutil.copy(video(root), video(root, 'TRAIN102_2'))
        report = look(root)
        assert not found(report, ['error'])
        assert ('warning', 'duplicate', 'train', 'TRAIN102_2') in found(report)

    def test_under_one_name(self, root):
        edit(2, 'TRAIN100_2.mp4', 'TEST100_2.mp4')(root)
        assert found(look(root), ['error']) == [
            ('error', 'duplicate', 'test', 'TEST100_2')]

    def test_of_frames(self, root):
        shutil.rmtree(root / 'frames' / 'VAL100_2')
        shutil.copytree(root / 'frames' / CLIP, root / 'frames' / 'VAL100_2')
        assert found(look(root, 'frames'), ['error']) == [
            ('error', 'duplicate', 'val', 'VAL100_2')]

    def test_names_that_differ_by_case(self, root):
        shutil.copy(video(root), root / 'videos' / 'val100_2.MP4')
        with open(root / 'videos' / 'val100_2.MP4', 'ab') as file:
            file.write(b'\0\0\0\x0cfree more')
        edit(2, 'TRAIN100_2.mp4', 'val100_2.MP4')(root)
        report = look(root, required=[])
        assert ('warning', 'same name', 'val', 'VAL100_2') in found(report)
        assert not [f for f in report.findings if f.kind == 'duplicate']

    def test_one_file_for_two_splits(self, root):
        parts = [make_part(split, config(root, name)) for split, name in
                 zip(SPLITS, ('train', 'val', 'val'))]
        report = check(parts)
        assert [f[1:] for f in found(report) if f[1] == 'duplicate'] == [
            ('duplicate', 'test', '')]
        assert len(report.clips) == 5 and len(report.labels['test']) == 2

    def test_parts_of_one_video(self, root):
        """They are clips of their own unless they overlap."""
        for split, spans in (('train', ((0, 3), (3, 6))), ('val', ((2, 4), )),
                             ('test', ((4, 99), ))):
            rows = [f'V.mp4,{start},{end},1,0' for start, end in spans]
            (root / f'{split}.csv').write_text(
                'video,from,to,Joy,Fear\n' + '\n'.join(rows) + '\n')
        os.rename(video(root), root / 'videos' / 'V.mp4')
        report = look(root, required=[], columns=dict(start='from', end='to'),
                      metainfo=dict(classes=('Joy', 'Fear')))
        assert found(report, ['error']) == [
            ('error', 'annotations', 'test', 'V_f4-99'),
            ('error', 'duplicate', 'val', 'V_f2-4'),
            ('error', 'duplicate', 'test', 'V_f4-99')]
        assert [c.frames for c in report.clips] == [3, 3, 2, 2]


def test_odd_sizes_and_rates_are_noted(whole, tmp_path):
    data = make_tiny(tmp_path / 'odd', counts=(12, 2, 2))
    odd = data.root / 'videos' / 'TRAIN103_2.mp4'
    write_video(odd, np.zeros((FRAMES, 2 * HEIGHT, WIDTH, 3), np.uint8))
    notes = [f for f in look(data.root).findings if f.kind == 'frame size']
    assert [(f.level, f.clip) for f in notes] == [('note', 'TRAIN103_2')]
    assert '64x96 pixels; most have 64x48' in notes[0].text


def test_labels(root):
    """train has both values of every label; TRAIN101_2 has none of them."""
    for row, name in enumerate(('VAL100_2', 'VAL101_2')):
        values = ','.join('01'[k == row] for k in range(8))
        text = (root / 'val.csv').read_text().split('\n')
        text[row + 1] = f'{row},{name}.mp4,{values},3'
        (root / 'val.csv').write_text('\n'.join(text))
    report = look(root)
    assert [f.clip for f in report.findings if f.kind == 'unlabelled'] == [
        CLIP, 'TEST101_2']
    texts = [f.text for f in report.findings
             if f.kind == 'labels' and f.split == 'val']
    assert len(texts) == 6 and texts[0].startswith('Excitement: no clip of')
    labels = report.labels
    assert labels['val'].tolist() == [[1] + [0] * 7, [0, 1] + [0] * 6]
    prior = np.broadcast_to(labels['train'].mean(axis=0), (2, 8))
    assert report.prior['val'] == pytest.approx(
        roc_auc_score(labels['val'].ravel(), prior.ravel()))
    assert report.prior['train'] is None


class TestTheRestOfTheConfig:

    def test_masks_on_masks(self, root):
        list_masks(root, '*')
        pipeline = build_pipeline(('face', 'body'), 3, 32, mask_kind='kn95')
        report = look(root, pipeline=pipeline)
        assert found(report, ['error']) == [
            ('error', 'data set', split, '') for split in SPLITS]
        assert 'masked beforehand' in report.findings[0].text
        assert str(root / 'train.csv') in report.findings[0].text

    def test_a_pipeline_that_does_not_fit(self, root):
        pipeline = build_pipeline(('face', 'body'), 3, 32, source='frames')
        report = look(root, pipeline=pipeline)
        assert {f.kind for f in report.findings
                if f.level == 'error'} == {'data set'}

    def test_another_data_set(self, root):
        with pytest.raises(ValueError, match='val: expected an EmoReactData'):
            make_part('val', dict(type='VideoDataset'))

    def test_other_classes(self, root):
        parts = [
            make_part('train', config(root, 'train')),
            make_part('val', config(
                root, 'val', metainfo=dict(classes=('Fear', ))))
        ]
        with pytest.raises(ValueError, match='val: expected the classes of '):
            check(parts)

    def test_a_cache_that_cannot_be_written(self, root):
        (root / 'file').write_text('')
        with pytest.raises(ValueError, match='--cache-dir'):
            look(root, cache_dir=str(root / 'file'))


def test_a_video_is_decoded_once(root, monkeypatch, tmp_path):
    first = look(root, cache_dir=str(tmp_path / 'cache'))

    def probe(path):
        raise AssertionError(path)

    monkeypatch.setattr('emoreact_plugin.datasets.clip_checks.probe_video',
                        probe)
    assert look(root, cache_dir=str(tmp_path / 'cache')) [1] == first[1]
    video(root).write_bytes(video(root).read_bytes() + b'\0\0\0\x08free')
    with pytest.raises(AssertionError, match=CLIP):
        look(root, cache_dir=str(tmp_path / 'cache'))


class TestFolders:

    def test_without_a_config(self, root):
        report = check(parts_of_folder(str(root), SPLITS))
        assert report.classes == EMOTIONS and len(report.clips) == 7
        assert not found(report, ['error'])
        os.remove(openface(root))
        for path in root.glob('videos/*_hol.txt'):
            path.unlink()
        report = check(parts_of_folder(str(root), SPLITS))
        assert {f[:2] + f[3:] for f in found(report)
                if f[1].startswith('no ')} == {
            ('warning', 'no landmarks', CLIP), ('warning', 'no keypoints', '')}

    def test_a_wrong_cell_does_not_hide_its_label(self, root):
        edit(3, ',0,', ',7,')(root)
        parts = parts_of_folder(str(root), SPLITS)
        assert parts[0].dataset.classes == EMOTIONS
        assert found(check(parts), ['error']) == [
            ('error', 'annotations', 'train', '')]

    def test_own_labels(self, root):
        for split in SPLITS:
            path = root / f'{split}.csv'
            name = sorted(p.name for p in root.glob(
                f'videos/{split.upper()}*.mp4'))[0]
            path.write_text(f',video,calm,age,angry\n0,{name},1,7,0\n')
        parts = parts_of_folder(str(root), SPLITS)
        assert parts[0].dataset.classes == ('calm', 'angry')
        parts = parts_of_folder(str(root), SPLITS, ['angry'])
        assert parts[1].dataset.classes == ('angry', )

    def test_frames(self, root):
        shutil.rmtree(root / 'videos')
        for path in root.glob('frames/*/*.png'):
            cv2.imwrite(str(path.with_suffix('.jpg')), cv2.imread(str(path)))
        report = check(parts_of_folder(str(root), SPLITS))
        assert {clip.frames for clip in report.clips} == {FRAMES}
        assert not found(report, ['error'])

    def test_what_is_no_data_set(self, root):
        os.remove(root / 'val.csv')
        report = check(parts_of_folder(str(root), SPLITS))
        assert ('error', 'annotations', 'val', '') in found(report)
        for split in SPLITS:
            (root / f'{split}.csv').write_text('video,Valence\nx.mp4,1\n')
        with pytest.raises(ValueError, match='expected columns of 0 and 1'):
            parts_of_folder(str(root), SPLITS)
        shutil.rmtree(root / 'videos')
        shutil.rmtree(root / 'frames')
        with pytest.raises(FileNotFoundError, match='videos or frames'):
            parts_of_folder(str(root), SPLITS)
        with pytest.raises(FileNotFoundError, match='train.csv, val.csv, te'):
            parts_of_folder(str(root / 'crops'), SPLITS)
