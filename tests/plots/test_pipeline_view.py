import numpy as np
import pytest
import torch
from mmengine.dataset import Compose

from emoreact_plugin import InputError
from emoreact_plugin.plots.pipeline_view import images_of, label_text, panel_of, view_sample
from emoreact_plugin.preparation.crops import extract_crops
from emoreact_plugin.preparation.frames import extract
from emoreact_plugin.recipes import build_pipeline
from emoreact_plugin.transforms import CropRegions
from mmaction.datasets import VideoDataset
from tests.factories import EMOTIONS, FRAMES, HEIGHT, WIDTH, face_of, make_tiny, write_openface
from tests.factories import dataset as dataset_of
from tests.transforms.masks.faces import face

STREAMS = ('face', 'body')


def brightness(frame):
    """Return the value that ``make_tiny`` paints a frame with."""
    return 20 + 30 * frame


def test_it_sees_what_training_gets(tiny):
    dataset = dataset_of(tiny.root, 'train', build_pipeline(STREAMS, 3, 32, train=True))
    pipeline, seen = dataset.pipeline, []
    for epoch in (0, 1):
        view, packed = view_sample(dataset, 2, seed=5, epoch=epoch)
        dataset.set_epoch(epoch, 5)
        again = dataset[2]
        for stream in STREAMS:
            value = again['inputs'][f'{stream}_imgs']
            assert torch.equal(packed['inputs'][f'{stream}_imgs'], value)
            assert np.array_equal(view.inputs[stream], value.permute(0, 2, 3, 1))
            assert view.inputs[stream].shape == (3, 32, 32, 3)
        seen.append(view.inputs['body'])
    assert dataset.pipeline is pipeline
    assert not np.array_equal(*seen)  # the blackened face moves


def test_frames_and_boxes(tiny):
    dataset = dataset_of(tiny.root, 'val', build_pipeline(STREAMS, 3, 32))
    view, _ = view_sample(dataset, 0, 0, 0)
    inds = view.frame_inds
    assert view.name == 'VAL100_2' and view.valence == 1
    assert inds.tolist() == [1, 3, 5]  # the middle of each third
    for k, frame in zip(inds, view.frames, strict=True):
        assert frame.shape == (HEIGHT, WIDTH, 3)
        assert abs(frame.mean() - brightness(k)) < 3
    assert view.boxes['face'].tolist() == [[8 + k, 3, 32 + k, 27] for k in inds]
    assert view.boxes['body'].tolist() == [[1, 6, 63, 48]] * 3
    panel = panel_of(view, EMOTIONS)
    assert list(panel.rows) == ['frame', 'face', 'body']
    for i, cell in enumerate(panel.rows['frame']):
        assert cell.boxes == dict(face=tuple(view.boxes['face'][i]), body=(1, 6, 63, 48))
        assert cell.note == f'frame {inds[i]}'
        assert cell.image is view.frames[i]
    for stream in STREAMS:
        for i, cell in enumerate(panel.rows[stream]):
            assert np.array_equal(cell.image, view.inputs[stream][i])
            assert cell.note == ''
    assert panel.text == ', '.join(EMOTIONS) + '; valence 1.0'


def test_a_missing_face(tmp_path):
    data = make_tiny(tmp_path, counts=(2, 2, 2))
    points = np.stack([face_of(k) for k in range(FRAMES)])
    points[3] = np.nan
    write_openface(tmp_path / 'videos/VAL100_2.mp4_openface/VAL100_2.csv', points)
    view, _ = view_sample(dataset_of(data.root, 'val', build_pipeline(STREAMS, 3, 32)), 0, 0, 0)
    panel = panel_of(view, EMOTIONS)
    assert [list(c.boxes) for c in panel.rows['frame']] == [
        ['face', 'body'],
        ['body'],
        ['face', 'body'],
    ]
    assert [c.note for c in panel.rows['face']] == ['', 'whole frame', '']
    assert [c.note for c in panel.rows['body']] == ['', '', '']


def test_masks_are_seen(tmp_path):
    data = make_tiny(tmp_path, counts=(2, 2, 2))
    for path in data.root.glob('videos/*/*.csv'):
        write_openface(path, np.stack([face(scale=0.2, center=(30, 24))] * FRAMES))
    views = [
        view_sample(
            dataset_of(data.root, 'val', build_pipeline(('face',), 3, 32, mask_kind=kind)), 0, 0, 0
        )[0]
        for kind in (None, 'surgical')
    ]
    for plain, masked in zip(*(view.frames for view in views), strict=True):
        unlike = (plain != masked).any(axis=2)
        assert unlike[26:32, 28:32].all() and not unlike[:10].any()


def test_folders_of_frames(tmp_path):
    data = make_tiny(tmp_path, counts=(2, 2, 2))
    extract([str(data.root / 'videos')], str(data.root / 'frames'))
    dataset = dataset_of(
        data.root,
        'val',
        build_pipeline(STREAMS, 3, 32, source='frames'),
        data_prefix=dict(frames='frames', landmarks='videos', keypoints='videos'),
    )
    view, _ = view_sample(dataset, 0, 0, 0)
    assert view.frame_inds.tolist() == [2, 4, 6]  # files count from 1
    assert [round(f.mean() / 10) for f in view.frames] == [5, 11, 17]
    assert view.boxes['face'][:, 0].tolist() == [9, 11, 13]


def test_streams_with_frames_of_their_own(tiny):
    sampling = dict(
        face=dict(type='SampleFrames', clip_len=2, frame_interval=1, num_clips=2),
        body=dict(share='face', num_frames=1),
    )
    pipeline = build_pipeline(STREAMS, 3, 32, sampling=sampling)
    resize, _ = pipeline[-2]['transforms']
    pipeline[-2] = dict(
        type='ForEachStream',
        transforms={
            stream: [resize, dict(type='FormatShape', input_format=shape)]
            for stream, shape in dict(face='NCTHW', body='NCHW').items()
        },
    )
    view, packed = view_sample(dataset_of(tiny.root, 'val', pipeline), 0, 0, 0)
    assert packed['inputs']['face_imgs'].shape == (2, 3, 2, 32, 32)
    assert view.inputs['face'].shape == (4, 32, 32, 3)
    # Each image has the brightness of the frame that it stands below.
    rows = panel_of(view, EMOTIONS).rows
    for stream, count in (('face', 4), ('body', 1)):
        there = [i for i, cell in enumerate(rows[stream]) if cell]
        assert len(there) == count
        for i in there:
            found = rows[stream][i].image[-1, -1].mean()
            assert abs(found - brightness(view.frame_inds[i])) < 4


def stock(*steps, clip_len=2, num_clips=2):
    return [
        dict(
            type='SampleFrames',
            clip_len=clip_len,
            frame_interval=1,
            num_clips=num_clips,
            test_mode=True,
        ),
        dict(type='DecodeVideo'),
        dict(type='Resize', scale=(32, 24), keep_ratio=False),
        *steps,
    ]


PACK = dict(type='PackActionInputs')


def test_a_stock_pipeline_with_crops(tiny):
    dataset = dataset_of(
        tiny.root,
        'val',
        stock(
            dict(type='ThreeCrop', crop_size=24),
            dict(type='FormatShape', input_format='NCTHW'),
            PACK,
        ),
    )
    view, packed = view_sample(dataset, 0, 0, 0)
    assert packed['inputs'].shape == (6, 3, 2, 24, 24)
    panel = panel_of(view, EMOTIONS)
    assert list(panel.rows) == ['frame', 'input', 'input 2', 'input 3']
    assert panel.rows['frame'][0].image.shape == (HEIGHT, WIDTH, 3)
    for _name, row in panel.rows.items():
        for k, cell in zip(view.frame_inds, row, strict=True):
            assert abs(cell.image.mean() - brightness(k)) < 3
            assert cell.boxes == {}


def test_the_frames_are_those_before_steps_that_work_in_place(tiny):

    def blacken(results):
        for img in results['imgs']:
            img[:] = 0
        return results

    dataset = dataset_of(
        tiny.root, 'val', stock(dict(type='FormatShape', input_format='NCHW'), PACK)
    )
    dataset.pipeline.transforms.insert(2, blacken)
    view, _ = view_sample(dataset, 0, 0, 0)
    for k, frame in zip(view.frame_inds, view.frames, strict=True):
        assert abs(frame.mean() - brightness(k)) < 3
    assert not view.inputs['input'].any()


def test_a_stock_data_set(tiny, tmp_path):
    path = tiny.root / 'videos' / tiny.videos['train'][0]
    (tmp_path / 'list.txt').write_text(f'{path} 3\n')
    pipeline = stock(
        dict(type='RandomCrop', size=16), dict(type='FormatShape', input_format='NCHW'), PACK
    )
    pipeline[0]['test_mode'] = False
    pipeline.insert(0, dict(type='PyAVInit'))
    dataset = VideoDataset(str(tmp_path / 'list.txt'), pipeline)
    inds = [
        view_sample(dataset, 0, *key)[0].frame_inds.tolist()
        for key in ((0, 0), (0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (2, 0))
    ]
    assert inds[0] == inds[1]
    assert len(set(map(tuple, inds[:5]))) > 1  # of the epoch
    assert len(set(map(tuple, inds[:1] + inds[5:]))) > 1  # of the seed
    panel = panel_of(view_sample(dataset, 0, 0, 0)[0], None)
    assert panel.title == path.name and panel.text == 'label 3'


def test_layouts():
    n, t, h, w = 3, 2, 4, 5
    images = np.random.default_rng(0).integers(0, 255, (n * t, h, w, 3), dtype=np.uint8)
    flat = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    clips = flat.reshape(n, t, 3, h, w).permute(0, 2, 1, 3, 4)
    assert np.array_equal(images_of(flat, ''), images)
    assert np.array_equal(images_of(clips, ''), images)
    assert np.array_equal(images_of(clips[0], ''), images[:t])
    assert np.array_equal(images_of(flat.float() + 0.3, ''), images)
    assert images_of(flat.float(), '').dtype == np.uint8


@pytest.mark.parametrize(
    'label, text',
    [
        (torch.tensor([1.0, 0.0, 1.0]), 'a, c'),
        (torch.tensor([0.0, 0.25, 0.0]), 'b 0.25'),
        (torch.tensor([0.0, 0.0, 0.0]), 'no positive label'),
        (2, 'c'),
        (7, 'label 7'),
        (None, 'no label'),
    ],
)
def test_labels(label, text):
    assert label_text(label, ('a', 'b', 'c')) == text


def test_labels_without_names():
    assert label_text(torch.tensor([1.0, 0.0]), None) == 'label 1, 0'


@pytest.mark.parametrize(
    'steps, message',
    [
        ([lambda r: None], "clip 'VAL100_2': a step of the pipeline gives it up"),
        (
            [lambda r: dict(inputs=torch.zeros(2, 2, 4, 4))],
            r'expected an input of shape .* found \(2, 2, 4, 4\)',
        ),
        (
            [lambda r: dict(inputs=torch.full((4, 3, 4, 4), -2.0))],
            'input: expected values from 0 to 255, .* found -2 to -2',
        ),
        (
            [lambda r: dict(inputs=torch.zeros(3, 3, 4, 4))],
            'expected 4 images, one of each frame, .* found 3',
        ),
        ([lambda r: dict(inputs={})], "expected 'inputs' packed by"),
        ([lambda r: 'x'], "expected 'inputs' packed by"),
    ],
)
def test_errors(tiny, steps, message):
    dataset = dataset_of(tiny.root, 'val', [])
    dataset.pipeline = Compose(dataset_of(tiny.root, 'val', stock()).pipeline.transforms)
    dataset.pipeline.transforms += steps
    with pytest.raises(InputError, match=message):
        view_sample(dataset, 0, 0, 0)
    assert type(dataset.pipeline) is Compose


def test_a_pipeline_without_images(tiny):
    with pytest.raises(InputError, match="that decodes 'imgs'"):
        view_sample(dataset_of(tiny.root, 'val', []), 0, 0, 0)


def test_prepared_crops(tmp_path):
    data = make_tiny(tmp_path, counts=(2, 2, 2))
    extract_crops(
        [str(tmp_path / 'videos')], str(tmp_path / 'crops'), CropRegions(STREAMS), size=32
    )
    dataset = dataset_of(
        data.root,
        'val',
        build_pipeline(STREAMS, 3, 32, source='crops'),
        data_prefix=dict(crops='crops'),
    )
    view, packed = view_sample(dataset, 0, 0, 0)
    assert view.frames == [] and view.frame_inds.tolist() == [1, 3, 5]
    panel = panel_of(view, EMOTIONS)
    # no whole frame there is
    assert list(panel.rows) == list(STREAMS)
    for stream in STREAMS:
        assert [len(panel.rows[stream]), len(view.boxes[stream])] == [3, 3]
        assert np.array_equal(
            np.stack([cell.image for cell in panel.rows[stream]]),
            packed['inputs'][f'{stream}_imgs'].permute(0, 2, 3, 1),
        )
