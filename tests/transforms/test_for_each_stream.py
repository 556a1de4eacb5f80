import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform

from emoreact_plugin.transforms import ForEachStream
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
        clip_len=1)


@TRANSFORMS.register_module(force=True)
class DrawFromAll(BaseTransform):
    """Draws from every generator that a transform may use."""

    def transform(self, results):
        import random
        results['imgs'] = np.array(
            [random.random(), np.random.rand(), torch.rand(()).item()])
        return results


def test_flips_and_offsets_are_the_same_in_every_stream():
    transform = ForEachStream(STREAMS, [
        dict(type='Flip', flip_ratio=0.5),
        dict(type='RandomCrop', size=60),
        dict(type='FormatShape', input_format='NCHW')
    ])
    np.random.seed(1)
    flips, offsets = set(), set()
    for _ in range(40):
        out = transform(sample())
        face = out['face_imgs']
        assert face.shape == (3, 3, 60, 60)
        for stream in STREAMS:
            # the pixels tell where the crop lies and whether it is flipped
            np.testing.assert_array_equal(out[f'{stream}_imgs'], face)
            assert (out[f'{stream}_transforms']['flip'] ==
                    out['face_transforms']['flip'])
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
            np.testing.assert_array_equal(out[f'{stream}_imgs'],
                                          out['face_imgs'])
        draws.append(out['face_imgs'])
    assert (draws[0] != draws[1]).all()


def test_crops_of_different_sizes_come_to_one():
    data = dict(
        face_imgs=[*coordinates(30, 20, 1), *coordinates(11, 50, 1)],
        modality='RGB', num_clips=2, clip_len=1)
    out = ForEachStream('face', [
        dict(type='Resize', scale=(16, 12), keep_ratio=False),
        dict(type='FormatShape', input_format='NCHW')
    ])(data)
    assert out['face_imgs'].shape == (2, 3, 12, 16)
    assert out['img_shape'] == (12, 16)


def test_flip_leaves_the_frames_it_was_given_alone():
    # MMAction2's Flip works in place, and crops are views of the frames
    frame = coordinates(10, 10, 1)[0]
    before = frame.copy()
    resize = dict(type='Resize', scale=(10, 6), keep_ratio=False)
    flip = dict(type='Flip', flip_ratio=1)
    for transforms in ([resize, flip], [flip]):
        out = ForEachStream('face', transforms)(
            dict(face_imgs=[frame[2:8]], modality='RGB'))
        np.testing.assert_array_equal(frame, before)
        np.testing.assert_array_equal(out['face_imgs'][0],
                                      before[2:8, ::-1])


def test_a_missing_stream_is_named():
    with pytest.raises(KeyError, match="no 'body_imgs'.*CropRegions"):
        ForEachStream(('face', 'body'), [])(dict(face_imgs=[np.zeros(1)]))
