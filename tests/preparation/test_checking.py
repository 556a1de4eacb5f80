"""What is wrong with a whole data set."""

import os
import shutil

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoreact_plugin import InputError
from emoreact_plugin.preparation.checking import check_all
from emoreact_plugin.preparation.crops import extract_crops
from emoreact_plugin.preparation.split_check import checks_of_folder, make_check
from emoreact_plugin.recipes import build_pipeline
from emoreact_plugin.transforms import CropRegions
from tests.datasets.checks.damage import (
    CLIP,
    SPLITS,
    config,
    edit,
    found,
    keypoints,
    list_masks,
    look,
    openface,
    video,
)
from tests.factories import (
    EMOTIONS,
    FRAMES,
    HEIGHT,
    WIDTH,
    face_of,
    make_tiny,
    write_openface,
    write_video,
)


def test_all_at_once(root):
    """One error does not hide another, not even of the same clip."""
    edit(2, ',1,', ',x,')(root)
    openface(root).write_text('a,b\n1,2\n')
    keypoints(root).write_text('.1 .2 .3\n')
    os.remove(video(root, 'VAL100_2'))
    video(root, 'TEST100_2').write_bytes(b'x')
    openface(root, 'TEST100_2').write_text('')
    os.remove(keypoints(root, 'TEST101_2'))
    os.remove(keypoints(root, 'TRAIN102_2'))
    openface(root, 'TRAIN102_2').write_text('a,b\n1,2\n')
    list_masks(root, '*0_2')  # none of the clips that are left: no mixture
    assert set(found(look(root), ['error'])) == {
        ('error', 'annotations', 'train', ''),
        ('error', 'landmark file', 'train', CLIP),
        ('error', 'keypoint file', 'train', CLIP),
        ('error', 'missing clip', 'val', 'VAL100_2'),
        ('error', 'unreadable clip', 'test', 'TEST100_2'),
        ('error', 'landmark file', 'test', 'TEST100_2'),
        ('error', 'no keypoints', 'test', 'TEST101_2'),
        ('error', 'no keypoints', 'train', 'TRAIN102_2'),
        ('error', 'landmark file', 'train', 'TRAIN102_2'),
    }


def test_every_wrong_line_is_named(root):
    edit(2, ',1,', ',x,')(root)
    edit(4, ',TRAIN102_2.mp4,', ',,')(root)
    path = root / 'train.csv'
    path.write_text(path.read_text() + '3,"A\nB.mp4",9\n4,/x.mp4\n')
    report = look(root)
    lines = [f.text for f in report.problems if f.kind == 'annotations']
    for number, line in zip((2, 4, 6, 7), lines, strict=True):
        assert line.startswith(f'{path}, line {number}'), line
    assert len(lines) == 4 and len(report.labels['train']) == 1


def test_very_many_wrong_lines_are_all_found(root):
    path = root / 'train.csv'
    path.write_text(path.read_text() + '9,../x.mp4\n' * 300)
    assert len([f for f in look(root).problems if f.kind == 'annotations']) == 300


class TestDuplicates:
    def test_in_two_splits(self, root):
        shutil.copy(video(root), video(root, 'TEST101_2'))
        report = look(root)
        assert found(report, ['error']) == [('error', 'duplicate', 'test', 'TEST101_2')]
        assert f'{CLIP}.mp4 of train' in report.problems[0].text

    def test_in_one_split(self, root):
        shutil.copy(video(root), video(root, 'TRAIN102_2'))
        report = look(root)
        assert not found(report, ['error'])
        assert ('warning', 'duplicate', 'train', 'TRAIN102_2') in found(report)

    def test_under_one_name(self, root):
        edit(2, 'TRAIN100_2.mp4', 'TEST100_2.mp4')(root)
        assert found(look(root), ['error']) == [('error', 'duplicate', 'test', 'TEST100_2')]

    def test_of_frames(self, root):
        shutil.rmtree(root / 'frames' / 'VAL100_2')
        shutil.copytree(root / 'frames' / CLIP, root / 'frames' / 'VAL100_2')
        assert found(look(root, 'frames'), ['error']) == [('error', 'duplicate', 'val', 'VAL100_2')]

    def test_names_that_differ_by_case(self, root):
        shutil.copy(video(root), root / 'videos' / 'val100_2.MP4')
        with open(root / 'videos' / 'val100_2.MP4', 'ab') as file:
            file.write(b'\0\0\0\x0cfree more')
        edit(2, 'TRAIN100_2.mp4', 'val100_2.MP4')(root)
        report = look(root, required=[])
        assert ('warning', 'same name', 'val', 'VAL100_2') in found(report)
        assert not [f for f in report.problems if f.kind == 'duplicate']

    def test_one_file_for_two_splits(self, root):
        parts = [
            make_check(split, config(root, name))
            for split, name in zip(SPLITS, ('train', 'val', 'val'), strict=True)
        ]
        report = check_all(parts)
        assert [f[1:] for f in found(report) if f[1] == 'duplicate'] == [('duplicate', 'test', '')]
        assert len(report.clips) == 5 and len(report.labels['test']) == 2

    def test_parts_of_one_video(self, root):
        """They are clips of their own unless they overlap."""
        for split, spans in (('train', ((0, 3), (3, 6))), ('val', ((2, 4),)), ('test', ((4, 99),))):
            rows = [f'V.mp4,{start},{end},1,0' for start, end in spans]
            (root / f'{split}.csv').write_text('video,from,to,Joy,Fear\n' + '\n'.join(rows) + '\n')
        os.rename(video(root), root / 'videos' / 'V.mp4')
        report = look(
            root,
            required=[],
            columns=dict(start='from', end='to'),
            metainfo=dict(classes=('Joy', 'Fear')),
        )
        assert found(report, ['error']) == [
            ('error', 'annotations', 'test', 'V_f4-99'),
            ('error', 'duplicate', 'val', 'V_f2-4'),
            ('error', 'duplicate', 'test', 'V_f4-99'),
        ]
        assert not [f for f in found(report, ['warning']) if f[1] == 'duplicate']
        assert [c.frames for c in report.clips] == [3, 3, 2, 0]
        text = next(f.text for f in report.problems if f.kind == 'duplicate')
        assert f'V.mp4, frames 2 to 4: is the same as {root}' in text
        assert text.endswith('V.mp4, frames 0 to 3 of train')

    def test_one_video_in_two_splits(self, root):
        """Expect a warning for other parts of a video, or other people in it, in another split.

        Within a split there is none.
        """
        rows = dict(train=['0,3,a', '3,6,a'], val=['3,6,b', '0,3,b'], test=['2,4,a', '0,6,c'])
        for split, each in rows.items():
            (root / f'{split}.csv').write_text(
                'video,from,to,who,Joy,Fear\n' + ''.join(f'V.mp4,{row},1,0\n' for row in each)
            )
        os.rename(video(root), root / 'videos' / 'V.mp4')
        report = look(
            root,
            required=[],
            metainfo=dict(classes=('Joy', 'Fear')),
            columns=dict(start='from', end='to', person='who'),
        )
        assert [f for f in found(report) if f[1] in ('duplicate', 'same video')] == [
            ('error', 'duplicate', 'test', 'V_pa_f2-4'),
            ('warning', 'same video', 'val', 'V_pb_f3-6'),
            ('warning', 'same video', 'val', 'V_pb_f0-3'),
            ('warning', 'same video', 'test', 'V_pc_f0-6'),
        ]
        texts = [f.text for f in report.problems if f.kind == 'same video']
        path = root / 'videos' / 'V.mp4'
        assert texts[0] == (
            f'{path}, frames 3 to 6, person b: is of the same video as {path}, frames 0 to 3, '
            'person a of train, so its scores may be too good'
        )

    def test_one_video_under_two_names(self, root):
        for split, name, start in (('train', 'A', 0), ('val', 'B', 3), ('test', 'C', 0)):
            (root / f'{split}.csv').write_text(
                f'video,from,to,Joy\n{name}.mp4,{start},{start + 3},1\n'
            )
        for name, other in (('A', CLIP), ('B', CLIP), ('C', 'TEST100_2')):
            shutil.copy(video(root, other), root / 'videos' / f'{name}.mp4')
        report = look(
            root, required=[], metainfo=dict(classes=('Joy',)), columns=dict(start='from', end='to')
        )
        assert [f[2:] for f in found(report) if f[1] == 'same video'] == [('val', 'B_f3-6')]


def test_odd_sizes_and_rates_are_noted(whole, tmp_path):
    data = make_tiny(tmp_path / 'odd', counts=(12, 2, 2))
    odd = data.root / 'videos' / 'TRAIN103_2.mp4'
    write_video(odd, np.zeros((FRAMES, 2 * HEIGHT, WIDTH, 3), np.uint8))
    notes = [f for f in look(data.root).problems if f.kind == 'frame size']
    assert [(f.level, f.clip) for f in notes] == [('note', 'TRAIN103_2')]
    assert '64x96 pixels; most have 64x48' in notes[0].text


class TestBlackBodies:
    """In a clip of 6 frames of 64 x 48, the face of 4 frames covers most of the body."""

    @pytest.fixture
    def close_up(self, root):
        # the body's box is x 6..58, e = 5, y 10..48, e = 4: 1..63 x 6..48, an area of 2604
        faces = np.stack([face_of(k) for k in range(FRAMES)])
        # x 10..54, e = 4, y 4..44, e = 4: 6..58 x 0..48, of which 52 * 42 = 2184 are in the body
        faces[2:] = np.tile([(10, 4), (54, 44)], (34, 1))
        write_openface(openface(root), faces)
        return root

    def shares(self, report):
        return {clip.clip_id: clip.black_body for clip in report.clips}

    def test_they_are_counted(self, close_up):
        report = look(close_up)
        assert self.shares(report)[CLIP] == pytest.approx(4 / 6)
        assert {share for name, share in self.shares(report).items() if name != CLIP} == {0}
        (problem,) = (each for each in report.problems if each.kind == 'black body')
        assert (problem.level, problem.clip) == ('warning', CLIP)
        assert problem.text.endswith('the face covers most of the body crop in 67% of 6 frames')

    @pytest.mark.parametrize('regions', [('face',), ('fullbody',)])
    def test_where_no_face_is_blacked_out_they_do_not_matter(self, close_up, regions):
        pipeline = build_pipeline(regions, 3, 32)
        report = look(close_up, pipeline=pipeline, required=[])
        assert set(self.shares(report).values()) == {None}

    def test_of_a_folder(self, close_up):
        report = check_all(checks_of_folder(str(close_up), SPLITS))
        assert self.shares(report)[CLIP] == pytest.approx(4 / 6)
        os.remove(openface(close_up))
        report = check_all(checks_of_folder(str(close_up), SPLITS))
        assert self.shares(report)[CLIP] is None

    def test_of_prepared_crops(self, close_up):
        shutil.rmtree(close_up / 'crops', ignore_errors=True)
        extract_crops(
            [str(close_up / 'videos')],
            str(close_up / 'crops'),
            CropRegions(('face', 'body')),
            step=2,  # frames 0, 2, 4
        )
        report = look(close_up, 'crops')
        assert self.shares(report)[CLIP] == pytest.approx(2 / 3)
        assert ('warning', 'black body', 'train', CLIP) in found(report)


def test_labels(root):
    """Train has both values of every label; TRAIN101_2 has none of them."""
    for row, name in enumerate(('VAL100_2', 'VAL101_2')):
        values = ','.join('01'[k == row] for k in range(8))
        text = (root / 'val.csv').read_text().split('\n')
        text[row + 1] = f'{row},{name}.mp4,{values},3'
        (root / 'val.csv').write_text('\n'.join(text))
    report = look(root)
    assert [f.clip for f in report.problems if f.kind == 'unlabeled'] == [CLIP, 'TEST101_2']
    texts = [f.text for f in report.problems if f.kind == 'labels' and f.split == 'val']
    assert len(texts) == 6 and texts[0].startswith('Excitement: no clip of')
    labels = report.labels
    assert labels['val'].tolist() == [[1] + [0] * 7, [0, 1] + [0] * 6]
    prior = np.broadcast_to(labels['train'].mean(axis=0), (2, 8))
    (scores,) = report.priors['val'].values()
    expected = roc_auc_score(labels['val'].ravel(), prior.ravel())
    assert scores == dict(micro=pytest.approx(expected), macro=0.5)
    assert report.priors['train'] == {}


class TestTheRestOfTheConfig:
    def test_masks_on_masks(self, root):
        list_masks(root, '*')
        pipeline = build_pipeline(('face', 'body'), 3, 32, mask_kind='kn95')
        report = look(root, pipeline=pipeline)
        assert found(report, ['error']) == [('error', 'data set', split, '') for split in SPLITS]
        assert 'masked beforehand' in report.problems[0].text
        assert str(root / 'train.csv') in report.problems[0].text

    def test_a_pipeline_that_does_not_fit(self, root):
        pipeline = build_pipeline(('face', 'body'), 3, 32)
        pipeline[1] = dict(type='RawFrameDecode')
        report = look(root, pipeline=pipeline)
        assert {f.kind for f in report.problems if f.level == 'error'} == {'data set'}

    def test_another_data_set(self, root):
        with pytest.raises(InputError, match='val: expected an EmoReactData'):
            make_check('val', dict(type='VideoDataset'))

    def test_other_classes(self, root):
        parts = [
            make_check('train', config(root, 'train')),
            make_check('val', config(root, 'val', metainfo=dict(classes=('Fear',)))),
        ]
        with pytest.raises(InputError, match='val: expected the classes of '):
            check_all(parts)

    def test_a_cache_that_cannot_be_written(self, root):
        (root / 'file').write_text('')
        with pytest.raises(InputError, match='--cache-dir'):
            look(root, cache_dir=str(root / 'file'))


def test_a_video_is_decoded_once(root, monkeypatch, tmp_path):
    first = look(root, cache_dir=str(tmp_path / 'cache'))

    def probe(path):
        raise AssertionError(path)

    monkeypatch.setattr('emoreact_plugin.datasets.checks.one_clip.probe_video', probe)
    assert look(root, cache_dir=str(tmp_path / 'cache')).clips == first.clips
    video(root).write_bytes(video(root).read_bytes() + b'\0\0\0\x08free')
    with pytest.raises(AssertionError, match=CLIP):
        look(root, cache_dir=str(tmp_path / 'cache'))


class TestFolders:
    def test_without_a_config(self, root):
        report = check_all(checks_of_folder(str(root), SPLITS))
        assert report.classes == EMOTIONS and len(report.clips) == 7
        assert not found(report, ['error'])
        os.remove(openface(root))
        for path in root.glob('videos/*_hol.txt'):
            path.unlink()
        report = check_all(checks_of_folder(str(root), SPLITS))
        assert {f[:2] + f[3:] for f in found(report) if f[1].startswith('no ')} == {
            ('warning', 'no landmarks', CLIP),
            ('warning', 'no keypoints', ''),
        }

    def test_without_any_landmarks(self, root):
        """Every input of the recipe needs some."""
        for path in root.glob('videos/VAL*_hol.txt'):
            path.unlink()
        for path in root.glob('videos/VAL*_openface'):
            shutil.rmtree(path)
        report = check_all(checks_of_folder(str(root), SPLITS))
        assert found(report, ['error']) == [
            ('error', 'no landmarks', 'val', ''),
            ('error', 'no keypoints', 'val', ''),
        ]
        for problem in report.problems[:2]:
            assert problem.text.startswith('none of 2 clips has ')
            assert 'tools/extract_landmarks.py' in problem.text
        # A config that looks at whole frames needs none.
        assert not found(look(root, pipeline=[], required=[]), ['error'])

    def test_a_wrong_cell_does_not_hide_its_label(self, root):
        edit(3, ',0,', ',7,')(root)
        parts = checks_of_folder(str(root), SPLITS)
        assert parts[0].dataset.classes == EMOTIONS
        assert found(check_all(parts), ['error']) == [('error', 'annotations', 'train', '')]

    def test_own_labels(self, root):
        for split in SPLITS:
            path = root / f'{split}.csv'
            name = sorted(p.name for p in root.glob(f'videos/{split.upper()}*.mp4'))[0]
            path.write_text(f',video,calm,age,angry\n0,{name},1,7,0\n')
        parts = checks_of_folder(str(root), SPLITS)
        assert parts[0].dataset.classes == ('calm', 'angry')
        parts = checks_of_folder(str(root), SPLITS, ['angry'])
        assert parts[1].dataset.classes == ('angry',)

    def test_frames(self, root):
        shutil.rmtree(root / 'videos')
        for path in root.glob('frames/*/*.png'):
            cv2.imwrite(str(path.with_suffix('.jpg')), cv2.imread(str(path)))
        report = check_all(checks_of_folder(str(root), SPLITS))
        assert {clip.frames for clip in report.clips} == {FRAMES}
        assert {f[1] for f in found(report, ['error'])} == {'no landmarks', 'no keypoints'}

    def test_what_is_no_data_set(self, root):
        os.remove(root / 'val.csv')
        report = check_all(checks_of_folder(str(root), SPLITS))
        assert ('error', 'annotations', 'val', '') in found(report)
        for split in SPLITS:
            (root / f'{split}.csv').write_text('video,Valence\nx.mp4,1\n')
        with pytest.raises(InputError, match='expected columns of 0 and 1'):
            checks_of_folder(str(root), SPLITS)
        shutil.rmtree(root / 'videos')
        shutil.rmtree(root / 'frames')
        with pytest.raises(FileNotFoundError, match='videos or frames'):
            checks_of_folder(str(root), SPLITS)
        with pytest.raises(FileNotFoundError, match='train.csv, val.csv, te'):
            checks_of_folder(str(root / 'crops'), SPLITS)
