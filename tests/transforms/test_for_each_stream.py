import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform

from emoreact_plugin import InputError
from emoreact_plugin.transforms import ForEachStream
from mmaction.datasets.transforms import Flip
from mmaction.registry import TRANSFORMS

STREAMS = ('face', 'body', 'fullbody')


def coordinates(height, width, n=3):
    """Frames whose red is the column and green the row."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[..., 0] = np.arange(width)
    frame[..., 1] = np.arange(height)[:, None]
    return [frame.copy() for _ in range(n)]


def sample():
    return dict(
        face_imgs=coordinates(100, 100),
        body_imgs=coordinates(100, 100),
        fullbody_imgs=coordinates(100, 100),
        imgs=coordinates(7, 9),
        modality='RGB',
        num_clips=3,
        clip_len=1,
    )


@TRANSFORMS.register_module(force=True)
class DrawFromAll(BaseTransform):
    """Draws from every generator that a transform may use."""

    def transform(self, results):
        import random

        results['imgs'] = np.array([random.random(), np.random.rand(), torch.rand(()).item()])
        return results


def test_flips_and_offsets_are_the_same_in_every_stream():
    transform = ForEachStream(
        STREAMS,
        [
            dict(type='Flip', flip_ratio=0.5),
            dict(type='RandomCrop', size=60),
            dict(type='FormatShape', input_format='NCHW'),
        ],
    )
    np.random.seed(1)
    flips, offsets = set(), set()
    for _ in range(40):
        out = transform(sample())
        face = out['face_imgs']
        assert face.shape == (3, 3, 60, 60)
        for stream in STREAMS:
            # the pixels tell where the crop lies and whether it is flipped
            np.testing.assert_array_equal(out[f'{stream}_imgs'], face)
            assert out[f'{stream}_transforms']['flip'] == out['face_transforms']['flip']
        left, right = face[0, 0, 0, 0], face[0, 0, 0, -1]
        flips.add(bool(left > right))
        assert out['face_transforms']['flip'] == bool(left > right)
        offsets.add((int(left), int(face[0, 1, 0, 0])))
    assert flips == {True, False}
    assert len(offsets) > 20, 'the draws do not change between samples'


def test_every_generator_is_shared_and_moves_on():
    transform = ForEachStream(STREAMS, [dict(type='DrawFromAll')])
    draws = []
    for _ in range(2):
        data = {f'{s}_imgs': coordinates(4, 4) for s in STREAMS}
        out = transform(data)
        for stream in STREAMS[1:]:
            np.testing.assert_array_equal(out[f'{stream}_imgs'], out['face_imgs'])
        draws.append(out['face_imgs'])
    assert (draws[0] != draws[1]).all()


def test_crops_of_different_sizes_come_to_one():
    data = dict(
        face_imgs=[*coordinates(30, 20, 1), *coordinates(11, 50, 1)],
        modality='RGB',
        num_clips=2,
        clip_len=1,
    )
    out = ForEachStream(
        'face',
        [
            dict(type='Resize', scale=(16, 12), keep_ratio=False),
            dict(type='FormatShape', input_format='NCHW'),
        ],
    )(data)
    assert out['face_imgs'].shape == (2, 3, 12, 16)
    assert out['img_shape'] == (12, 16)


def test_flip_leaves_the_frames_it_was_given_alone():
    # MMAction2's Flip works in place, and crops are views of the frames
    frame = coordinates(10, 10, 1)[0]
    before = frame.copy()
    resize = dict(type='Resize', scale=(10, 6), keep_ratio=False)
    flip = dict(type='Flip', flip_ratio=1)
    for transforms in ([resize, flip], [flip]):
        out = ForEachStream('face', transforms)(dict(face_imgs=[frame[2:8]], modality='RGB'))
        np.testing.assert_array_equal(frame, before)
        np.testing.assert_array_equal(out['face_imgs'][0], before[2:8, ::-1])


@TRANSFORMS.register_module(force=True)
class FlipToo(Flip):
    """The stock transform under a name that is not known to treat frames one by one."""


@pytest.mark.parametrize('own, fit', [(True, True), (True, False), (False, False)])
def test_all_streams_at_once_are_as_one_after_the_other(own, fit):
    rng = np.random.default_rng(0)
    sizes = dict(face=[(16, 16), (16, 16)], body=[(16, 16), (16, 16)])
    if not fit:
        sizes = dict(face=[(30, 21), (9, 16)], body=[(16, 16), (50, 70)])
    crops = {
        f'{stream}_imgs': [rng.integers(0, 256, (*size, 3), np.uint8) for size in each]
        for stream, each in sizes.items()
    }
    outs = []
    for flip in ('Flip', 'FlipToo'):
        np.random.seed(4)
        transform = ForEachStream(
            ('face', 'body'),
            [
                dict(type='Resize', scale=(16, 16), keep_ratio=False),
                dict(type=flip, flip_ratio=0.5),
                dict(type='RandomCrop', size=12),
                dict(type='ColorJitter', brightness=0.5, contrast=0.5, saturation=0.5, hue=0.1),
                dict(type='FormatShape', input_format='NCHW'),
            ],
        )
        for _ in range(8):
            given = {key: [img.copy() for img in imgs] for key, imgs in crops.items()}
            outs.append(transform(dict(given, own_crops=own, modality='RGB')))
            if not own:
                for key, imgs in crops.items():
                    for img, before in zip(given[key], imgs, strict=True):
                        np.testing.assert_array_equal(img, before)
        outs.append(dict(next=np.random.rand()))
    assert {bool(out['face_transforms']['flip']) for out in outs[:8]} == {True, False}
    for out, expected in zip(outs[:9], outs[9:], strict=True):
        assert out.keys() == expected.keys()
        np.testing.assert_equal(out, expected)


def test_frames_of_others_are_not_changed_though_they_have_the_size():
    frame = coordinates(6, 10, 1)[0]
    before = frame.copy()
    resize, flip = dict(type='Resize', scale=(10, 6), keep_ratio=False), dict(type='Flip')
    transform = ForEachStream('face', [resize, dict(flip, flip_ratio=1)])
    out = transform(dict(face_imgs=[frame], own_crops=False, modality='RGB'))
    np.testing.assert_array_equal(frame, before)
    np.testing.assert_array_equal(out['face_imgs'][0], before[:, ::-1])


def test_frames_that_two_streams_share_are_flipped_once():
    frames = coordinates(6, 10, 2)
    before = [frame.copy() for frame in frames]
    resize, flip = dict(type='Resize', scale=(10, 6), keep_ratio=False), dict(type='Flip')
    transform = ForEachStream(('face', 'body'), [resize, dict(flip, flip_ratio=1)])
    given = dict(face_imgs=frames, body_imgs=frames, own_imgs=True, own_crops=True)
    out = transform(dict(given, modality='RGB'))
    for stream in ('face', 'body'):
        for img, frame in zip(out[f'{stream}_imgs'], before, strict=True):
            np.testing.assert_array_equal(img, frame[:, ::-1])


def test_optical_flow_of_two_streams_is_inverted_in_pairs():
    # x and y in turn; the flip inverts x, the first of each two frames
    resize, flip = dict(type='Resize', scale=(4, 4), keep_ratio=False), dict(type='Flip')
    transform = ForEachStream(('a', 'b'), [resize, dict(flip, flip_ratio=1)])
    given = {f'{s}_imgs': [np.full((4, 4), 10, np.uint8) for _ in range(3)] for s in 'ab'}
    out = transform(dict(given, modality='Flow'))
    for stream in 'ab':
        assert [img[0, 0] for img in out[f'{stream}_imgs']] == [245, 10, 245]


@TRANSFORMS.register_module(force=True)
class Subtract(BaseTransform):
    """Takes an array."""

    def __init__(self, values):
        self.values = values

    def transform(self, results):
        results['imgs'] = [img - self.values for img in results['imgs']]
        return results


def test_transforms_with_arrays_and_none_at_all():
    transforms = {s: [dict(type='Subtract', values=np.array([0, 1, 2]))] for s in 'ab'}
    out = ForEachStream(transforms=transforms)({f'{s}_imgs': [np.full(3, 5)] for s in 'ab'})
    assert out['b_imgs'][0].tolist() == [5, 4, 3]
    assert ForEachStream(transforms={})(dict(label=1)) == dict(label=1)


def test_a_missing_stream_is_named():
    with pytest.raises(InputError, match="no 'body_imgs'.*CropRegions"):
        ForEachStream(('face', 'body'), [])(dict(face_imgs=[np.zeros(1)]))


def numbered(n=4):
    """Make a sample of n frames; frame i is all 10 i and has box i."""
    imgs = [np.full((6, 8, 3), 10 * i, np.uint8) for i in range(n)]
    boxes = np.arange(n)[:, None].repeat(4, 1)
    return dict(
        a_imgs=imgs,
        a_boxes=boxes,
        a_found=np.arange(n) % 2 == 0,
        b_imgs=list(imgs),
        b_boxes=boxes,
        b_found=np.arange(n) % 2 == 0,
        frame_inds=np.arange(n) + 50,
        modality='RGB',
        clip_len=1,
        num_clips=n,
        stream_frames=dict(
            a=dict(inds=np.array([2, 3, 0, 2]), clip_len=2, num_clips=2, frame_interval=1),
            b=dict(inds=np.array([3]), clip_len=1, num_clips=1, frame_interval=None),
        ),
    )


@TRANSFORMS.register_module(force=True)
class NoteFrames(BaseTransform):
    """Puts what it sees in the recorded keys."""

    def transform(self, results):
        results['crop_bbox'] = (
            results['frame_inds'].tolist(),
            results['clip_len'],
            results['num_clips'],
        )
        return results


def test_each_stream_has_its_own_transforms_frames_and_layout():
    out = ForEachStream(
        transforms=dict(
            a=[
                dict(type='NoteFrames'),
                dict(type='Flip', flip_ratio=1),
                dict(type='FormatShape', input_format='NCTHW'),
            ],
            b=[dict(type='NoteFrames'), dict(type='FormatShape', input_format='NCHW')],
        )
    )(numbered())
    assert out['a_imgs'].shape == (2, 3, 2, 6, 8)
    assert out['a_imgs'][:, 0, :, 0, 0].tolist() == [[20, 30], [0, 20]]
    assert out['b_imgs'].shape == (1, 3, 6, 8)
    assert out['b_imgs'][0, 0, 0, 0] == 30
    assert out['a_found'].tolist() == [True, False, True, True]
    assert out['b_found'].tolist() == [False]
    assert out['a_boxes'][:, 0].tolist() == [2, 3, 0, 2]
    assert out['b_boxes'][:, 0].tolist() == [3]
    assert out['a_transforms']['crop_bbox'] == ([52, 53, 50, 52], 2, 2)
    assert out['b_transforms']['crop_bbox'] == ([53], 1, 1)
    # the sample itself stays as it was sampled
    assert out['num_clips'] == 4 and len(out['frame_inds']) == 4


def test_a_frame_that_comes_twice_is_flipped_once():
    frame = coordinates(4, 6, 1)[0]
    data = dict(
        a_imgs=[frame],
        modality='RGB',
        frame_inds=np.zeros(1),
        stream_frames=dict(a=dict(inds=np.array([0, 0]), clip_len=1, num_clips=2)),
    )
    out = ForEachStream('a', [dict(type='Flip', flip_ratio=1)])(data)
    for img in out['a_imgs']:
        np.testing.assert_array_equal(img, coordinates(4, 6, 1)[0][:, ::-1])


def test_streams_of_different_layouts_flip_and_crop_alike():
    views = [
        dict(type='Resize', scale=(60, 60), keep_ratio=False),
        dict(type='Flip', flip_ratio=0.5),
        dict(type='RandomCrop', size=40),
    ]
    transform = ForEachStream(
        transforms=dict(
            face=[*views, dict(type='FormatShape', input_format='NCTHW')],
            body=[*views, dict(type='FormatShape', input_format='NCHW')],
        )
    )
    layouts = dict(
        face=dict(inds=np.arange(8), clip_len=8, num_clips=1),
        body=dict(inds=np.array([1, 4, 6]), clip_len=1, num_clips=3),
    )
    np.random.seed(0)
    flips = set()
    for _ in range(20):
        out = transform(
            dict(
                face_imgs=coordinates(60, 60, 8),
                body_imgs=coordinates(60, 60, 8),
                modality='RGB',
                frame_inds=np.arange(8),
                stream_frames=layouts,
            )
        )
        face, body = out['face_imgs'], out['body_imgs']
        assert face.shape == (1, 3, 8, 40, 40) and body.shape == (3, 3, 40, 40)
        np.testing.assert_array_equal(face[0, :, 0], body[0])
        flips.add(bool(body[0, 0, 0, 0] > body[0, 0, 0, -1]))
    assert flips == {True, False}


def test_a_stream_without_frames_and_a_second_round_are_refused():
    data = numbered()
    del data['stream_frames']['b']
    with pytest.raises(InputError, match="stream 'b', expected .*found a"):
        ForEachStream(('a', 'b'), [])(data)
    once = ForEachStream(('a', 'b'), [])(numbered())
    with pytest.raises(InputError, match="'a' has got its frames already"):
        ForEachStream(('a', 'b'), [])(once)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(), 'expected streams and their transforms'),
        (dict(streams=('a', 'b')), 'expected streams and their transforms'),
        (dict(transforms=[]), 'expected streams and their transforms'),
        (dict(streams=('a', 'b'), transforms=dict(a=[])), 'a list for each of a, b, found a'),
    ],
)
def test_transforms_that_do_not_fit_the_streams(options, message):
    with pytest.raises(InputError, match=message):
        ForEachStream(**options)


@pytest.mark.parametrize('own_lists', [False, True])
def test_colors_change_alike_in_every_stream(own_lists):
    """ColorJitter draws the order of its changes when it is built, which is once a stream."""
    changes = [dict(type='ColorJitter', hue=0.3), dict(type='Flip', flip_ratio=0.5)]
    transforms = {s: changes[: 1 + (s == 'face')] for s in STREAMS} if own_lists else changes
    orders = set()
    rng = np.random.default_rng(0)
    imgs = [rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(2)]
    np.random.seed(0)
    for _ in range(8):
        transform = ForEachStream(STREAMS, transforms)
        jitters = [transform.transforms[s].transforms[0] for s in STREAMS]
        orders.add(tuple(jitters[0].fn_idx))
        out = transform(dict(sample(), **{f'{s}_imgs': imgs for s in STREAMS}))
        for stream in STREAMS[1:]:
            a, b = np.array(out['face_imgs']), np.array(out[f'{stream}_imgs'])
            if own_lists and out['face_transforms'].get('flip'):
                a = a[:, :, ::-1]
            np.testing.assert_array_equal(a, b)
    # Every data set still draws an order of its own.
    assert len(orders) > 3
