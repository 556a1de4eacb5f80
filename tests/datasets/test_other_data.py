"""Test datasets other than EmoReact: parts of videos, people, soft labels, one label per clip."""

import json

import numpy as np
import pytest
import torch
from mmengine.config import Config

from emoreact_plugin import InputError
from emoreact_plugin.datasets import EmoReactDataset, read_annotations
from emoreact_plugin.datasets.annotations import labeled_clips
from emoreact_plugin.engine.labels import balance_labels, read_split, score_priors
from emoreact_plugin.recipes import build, build_pipeline
from tests.factories import (
    FRAMES,
    LOAD,
    LOAD_FRAMES,
    WIDTH,
    body_of,
    face_of,
    to_frames,
    write_openface,
)

CLASSES = ('calm', 'angry')


@pytest.fixture
def annotate(own):
    """Return a function that writes train.csv, with the first clip of the dataset as {0}."""

    def write(text, split='train'):
        videos = own.videos['train']
        (own.root / f'{split}.csv').write_text(text.format(*videos))
        return own.root

    return write


def dataset(root, pipeline=LOAD, **kwargs):
    return EmoReactDataset(
        'train.csv',
        list(pipeline),
        data_root=str(root),
        metainfo=dict(classes=CLASSES),
        **dict(dict(test_mode=True), **kwargs),
    )


class TestParts:
    COLUMNS = dict(start='from', end='to')
    TEXT = 'video,from,to,calm,angry\n{0},1,4,0,1\n{0},,,1,0\n{0},4,,1,1\n'

    @pytest.mark.parametrize('frames', [False, True])
    def test_frames_and_landmarks_are_of_the_same_moment(self, annotate, own, frames):
        root, kwargs, pipeline = annotate(self.TEXT), {}, LOAD
        if frames:
            to_frames(root, own.videos['train'], 37)
            pipeline, kwargs = (
                LOAD_FRAMES,
                dict(
                    filename_tmpl='{:06d}.png',
                    data_prefix=dict(frames='frames', landmarks='videos', keypoints='videos'),
                ),
            )
        data = dataset(root, pipeline, columns=self.COLUMNS, **kwargs)
        name = own.videos['train'][0][:-4]
        assert data.video_ids == [f'{name}_f1-4', name, f'{name}_f4-']
        # the middles of three segments of 1, 2, 3; of 0 to 5; of 4, 5
        for i, expected in enumerate([[1, 2, 3], [1, 3, 5], [4, 5, 5]]):
            sample = data[i]
            for image, face, k in zip(
                sample['imgs'], sample['face_landmarks'], expected, strict=True
            ):
                # frame k has the brightness 20 + 30 k
                assert abs(image.mean() - (20 + 30 * k)) < 3
                np.testing.assert_allclose(face, face_of(k), atol=0.06)
        assert [data[i]['total_frames'] for i in range(3)] == [3, 6, 2]

    def test_the_whole_pipeline(self, annotate):
        data = dataset(
            annotate(self.TEXT),
            build_pipeline(('face', 'body'), 3, 32, train=True),
            columns=self.COLUMNS,
            test_mode=False,
        )
        assert [len(data[i]['inputs']) for i in range(3)] == [2] * 3

    def test_only_the_parts_frames_are_counted(self, annotate, own):
        name = own.videos['train'][0]
        faces = np.stack([face_of(k) for k in range(FRAMES)])
        faces[:2] = np.nan
        write_openface(own.root / 'videos' / f'{name}_openface' / f'{name[:-4]}.csv', faces)
        data = dataset(annotate(self.TEXT), build_pipeline(('face',), 3, 32), columns=self.COLUMNS)
        # one of 1, 2, 3, two of all, none of 4, 5
        assert data.summary() == (
            '3 clips, 11 frames; no face in 3 frames of 2 clips: whole frame used'
        )

    @pytest.mark.parametrize(
        'cells, message',
        [
            ('4,7', 'line 2: expected frames within the 6 of TRAIN100_2.mp4, found 4 to 7'),
            ('6,', 'found 6 to 6'),
            ('4,4', "line 2, column 'to': expected a frame after the first, 4, found 4"),
            ('a,4', "column 'from': expected the number of a frame, found 'a'"),
            ('-1,4', "expected the number of a frame, found '-1'"),
            ('1.5,4', "expected the number of a frame, found '1.5'"),
        ],
    )
    def test_bad_parts(self, annotate, cells, message):
        root = annotate('video,from,to,calm,angry\n{0},' + cells + ',0,1\n')
        with pytest.raises(InputError, match='train.csv') as error:
            dataset(root, columns=self.COLUMNS)
        assert message in str(error.value)

    @pytest.mark.parametrize('decoder', ['Decord', 'OpenCV', 'PyAV'])
    def test_decoders_that_take_the_whole_video_are_refused(self, annotate, own, decoder):
        sample = dict(type='SampleFrames', clip_len=1, num_clips=3, test_mode=True)
        pipeline = [dict(type=f'{decoder}Init'), sample, dict(type=f'{decoder}Decode')]
        name = own.videos['train'][0]
        # all frames would be sampled, not those from 4 on
        with pytest.raises(InputError, match=f'line 4: .*part of {name}, but {decoder}Init'):
            dataset(
                annotate('video,from,to,calm,angry\n\n{0},,,1,0\n{0},4,,1,1\n'),
                pipeline,
                columns=self.COLUMNS,
            )
        data = dataset(annotate('video,calm,angry\n{0},0,1\n'), pipeline)
        assert len(data[0]['imgs']) == 3

    def test_a_part_twice(self, annotate):
        root = annotate('video,from,to,calm,angry\n{0},1,4,0,1\n{0},1,4,1,0\n')
        with pytest.raises(InputError, match="its id '.*_f1-4' is that of line 2"):
            dataset(root, columns=self.COLUMNS)


class TestPeople:
    COLUMNS = dict(person='who')
    TEXT = 'video,who,calm,angry\n{0},left,1,0\n{0},2,0,1\n'

    def files(self, own):
        """Landmarks of two people: one is 100 pixels further."""
        folder, name = own.root / 'videos', own.videos['train'][0]
        faces = np.stack([face_of(k) for k in range(FRAMES)])
        for person, shift in (('left', 0), ('2', 100)):
            write_openface(folder / f'{name[:-4]}_{person}.csv', faces + shift)
        for person, shift in (('left', 0), ('2', 0.1)):
            (folder / f'{name}_{person}_hol.txt').write_text(
                ''.join(
                    ' '.join(f'{v:.2f}' for v in (body_of(k) + shift).ravel()) + '\n'
                    for k in range(FRAMES)
                )
            )

    def test_everyone_has_landmarks_of_their_own(self, annotate, own):
        self.files(own)
        data = dataset(
            annotate(self.TEXT), columns=self.COLUMNS, required=('landmarks', 'keypoints')
        )
        name = own.videos['train'][0][:-4]
        assert data.video_ids == [f'{name}_pleft', f'{name}_p2']
        for i, (pixels, share) in enumerate([(0, 0), (100, 0.1)]):
            np.testing.assert_allclose(data[i]['face_landmarks'][0], face_of(1) + pixels, atol=0.06)
            np.testing.assert_allclose(
                data[i]['body_keypoints'][0][:, 0], (body_of(1)[:, 0] + share) * WIDTH, atol=1e-3
            )

    def test_nobody_elses_landmarks_are_taken(self, annotate, own):
        # those without a person's name are there
        with pytest.raises(FileNotFoundError) as error:
            dataset(annotate(self.TEXT), columns=self.COLUMNS, required=('landmarks',))
        assert f'{own.videos["train"][0][:-4]}_left.csv' in str(error.value)

    @pytest.mark.parametrize('who', ['', '../x', 'a b', 'a/b'])
    def test_bad_names(self, annotate, who):
        root = annotate(f'video,who,calm,angry\n{{0}},{who},1,0\n')
        with pytest.raises(InputError, match="line 2, column 'who': .*found"):
            dataset(root, columns=self.COLUMNS)


class TestSoftLabels:
    TEXT = 'video,calm,angry\n{0},0.25,1\n{1},0.5,0.49\n{2},0,0.75\n'
    SOFT = [[0.25, 1.0], [0.5, 0.49], [0.0, 0.75]]
    HARD = [[0, 1], [1, 0], [0, 1]]

    def test_the_loss_sees_them_and_the_metric_two_classes(self, annotate):
        root = annotate(self.TEXT)
        train = dataset(root, soft_labels=True, test_mode=False)
        np.testing.assert_allclose(train.labels, self.SOFT)
        test = dataset(root, soft_labels=True)
        np.testing.assert_array_equal(test.labels, self.HARD)
        packed = dataset(root, build_pipeline(('face',), 3, 32), soft_labels=True)[1][
            'data_samples'
        ]
        assert packed.gt_label.tolist() == [1, 0]

    def test_they_are_refused_without_the_switch(self, annotate):
        with pytest.raises(InputError, match="line 2, column 'calm': .*'0.25'"):
            dataset(annotate(self.TEXT))

    @pytest.mark.parametrize('value', ['1.01', '-0.1', 'nan', 'x', ''])
    def test_out_of_range(self, annotate, value):
        root = annotate(f'video,calm,angry\n{{0}},{value},1\n')
        with pytest.raises(
            InputError, match=f"column 'calm': expected a number from 0 to 1, found '{value}'"
        ):
            dataset(root, soft_labels=True)

    def test_prior_and_weights(self, annotate):
        root = annotate(self.TEXT)
        for split in ('val', 'test'):
            annotate(self.TEXT, split)
        cfg = Config(
            build(
                input='face',
                classes=CLASSES,
                data_root=str(root),
                init='scratch',
                dataset=dict(soft_labels=True),
            )
        )
        np.testing.assert_array_equal(labeled_clips(read_split(cfg, 'train')).labels, self.HARD)
        # shares of positives 1/3 and 2/3: of the pairs of a positive and a
        # negative, (1, 2/3) scores, 1 + 4 + two halves of ties: by hand
        positive, negative = [1 / 3, 2 / 3, 2 / 3], [1 / 3, 1 / 3, 2 / 3]
        expected = np.mean([(p > n) + 0.5 * (p == n) for p in positive for n in negative])
        assert score_priors(cfg, 'val')['label frequencies']['roc_auc/micro'] == pytest.approx(
            expected
        )
        balance_labels(cfg)
        # 3 clips, 0.75 and 2.24 of them positive
        assert cfg.model.pos_weight == pytest.approx([3.0, 0.76 / 2.24])


class TestSingleLabel:
    def test_it_becomes_one_of_the_classes(self, annotate):
        root = annotate('name,mood\n{0},angry\n{1},calm\n')
        data = dataset(root, columns=dict(video='name', label='mood'))
        assert data.labels.tolist() == [[0, 1], [1, 0]]

    def test_another_class(self, annotate):
        root = annotate('video,mood\n{0},glad\n')
        with pytest.raises(InputError, match="line 2, column 'mood': .*calm, angry, found 'glad'"):
            dataset(root, columns=dict(label='mood'))


@pytest.mark.parametrize(
    'columns, message',
    [
        (dict(video='name'), "expected a column 'name', found the columns video"),
        (dict(label='mood'), "expected a column 'mood'"),
        (dict(start='from'), "expected a column 'from'"),
        (
            dict(lable='mood'),
            'columns: expected some of video, label, start, end, person, groups, valence',
        ),
        (dict(valence='angry'), "column 'angry': expected a number, found 'no'"),
    ],
)
def test_columns_that_are_not_there(tmp_path, columns, message):
    path = tmp_path / 'x.csv'
    path.write_text('video,calm,angry\na.mp4,1,no\n')
    with pytest.raises(InputError) as error:
        read_annotations(str(path), ('calm',), columns)
    assert message in str(error.value)


def test_a_sample_has_the_groups_that_its_name_tells(tiny):
    names = r'(?P<child>(?P<series>[A-Z]+)[0-9]+)_[0-9]+'
    data = EmoReactDataset('test.csv', [], data_root=str(tiny.root), group_names=names)
    video = tiny.videos['test'][2]
    assert data.get_data_info(2)['groups'] == dict(child=video.split('_')[0], series='TEST')


def test_emoreact_is_as_before(tiny):
    """None of it changes a data set that does not ask for it."""
    data = EmoReactDataset('train.csv', [], data_root=str(tiny.root))
    info = data.get_data_info(0)
    assert info['first_frame'] == 0
    assert info['source_frames'] == info['total_frames'] == FRAMES
    assert info['video_id'] == tiny.videos['train'][0][:-4]
    assert info['label'].dtype == torch.float32
    assert json.dumps(info['valence']) == '1.0'
    assert 'groups' not in info
