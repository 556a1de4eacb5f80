import numpy as np
import pytest

import emoreact_plugin  # noqa: F401
from emoreact_plugin.explanation.cam_clip import Explainer
from emoreact_plugin.explanation.cam_frames import (
    CHUNK,
    every_frame,
    has_shifts,
    packed_in_order,
    sample_clip,
    shifts,
)
from mmaction.registry import MODELS
from tests.explanation.color_cues import COLORS, FEWER_BODIES, SIZE, ColorClip, color_model, peak
from tests.factories import small_config


def opened(total, method='gradcam', shift=False):
    cfg, model = color_model(shift)
    explainer, clip = Explainer(cfg, model, method), ColorClip(total)
    return explainer, clip, sample_clip(explainer, clip, 'color_model')


def test_shifts_of_two_segments():
    found = [(frames.tolist(), new.tolist()) for frames, new in shifts(np.array([1, 4]), 6)]
    assert found == [([1, 4], [True, True]), ([0, 3], [True, True]), ([2, 5], [True, True])]


@pytest.mark.parametrize('count', [1, 3, 10])
@pytest.mark.parametrize('total', [1, 2, 3, 7, 15, 100])
def test_every_frame_is_in_one_sample(total, count):
    width = total / count
    inds = (np.arange(count) * width + width / 2).astype(int)
    samples = list(shifts(inds, total))
    np.testing.assert_array_equal(samples[0][0], inds)
    found = np.concatenate([frames[new] for frames, new in samples])
    assert sorted(found) == list(range(total))
    for frames, _ in samples:  # in order, and in their segments
        assert (np.diff(frames) >= 0).all()
        assert (np.abs(frames - inds) <= np.ceil(width)).all()


@pytest.mark.parametrize('shift', [False, True])
@pytest.mark.parametrize('total', [1, 2, 14])
def test_every_frame_has_its_own_map(total, shift, tmp_path):
    explainer, clip, sampled = opened(total, shift=shift)
    assert has_shifts(sampled, total)
    first = explainer.explain(sampled.packed, range(COLORS))
    found, scales = every_frame(explainer, clip, sampled, first, range(COLORS), str(tmp_path))
    blue = 2  # of the frame's own, with TSM as well
    for stream in ('face', 'body'):
        maps = found[stream]
        assert maps.shape == (total, COLORS, 6, 6)
        for frame in range(total):
            for k in range(COLORS) if not shift else (blue,):
                assert peak(maps[frame, k]) == tuple(clip.places[stream][frame, k])
        # Shift 0 is the clip as it is tested.
        inds, at = np.unique(sampled.inds, return_index=True)
        np.testing.assert_array_equal(maps[inds].swapaxes(0, 1), first[stream].maps[:, at])
        np.testing.assert_array_equal(scales[stream], maps.max((0, 2, 3)))


def test_the_other_segments_are_shifted_alike(tmp_path):
    explainer, clip, sampled = opened(9, shift=True)
    first = explainer.explain(sampled.packed, range(COLORS))
    maps = every_frame(explainer, clip, sampled, first, range(COLORS), str(tmp_path))[0]['face']
    # Red comes from the frame at the same place of the next segment.
    for frame in range(6):
        red = clip.places['face'][frame + 3, 0]
        assert peak(maps[frame, 0]) == tuple(red)
    assert not maps[6:, 0].any()


def test_eigencam_keeps_the_sampled_clips_component(tmp_path, monkeypatch):
    from emoreact_plugin.explanation import cam

    explainer, clip, sampled = opened(9, 'eigencam')
    first = explainer.explain(sampled.packed, [])
    monkeypatch.delattr(cam, 'first_component')
    maps, _ = every_frame(explainer, clip, sampled, first, [], str(tmp_path))
    assert maps['face'].shape == (9, 1, 6, 6)


def test_few_frames_are_read_at_once(tmp_path):
    explainer, clip, sampled = opened(100)
    first = explainer.explain(sampled.packed, [0])
    every_frame(explainer, clip, sampled, first, [0], str(tmp_path))
    assert 3 < clip.most_read <= CHUNK


@pytest.mark.parametrize('total', [1, 7, 9])
def test_all_frames_in_order(total):
    explainer, clip, sampled = opened(total)
    views = list(packed_in_order(explainer, clip, sampled))
    assert len(views) == total
    for k, (frame, images) in enumerate(views):
        np.testing.assert_array_equal(frame, clip.images[k])
        np.testing.assert_array_equal(images['face'], clip.images[k][:, :SIZE])


@pytest.mark.parametrize(
    'sampling',
    [
        FEWER_BODIES,
        dict(
            face=dict(type='SampleFrames', clip_len=4, frame_interval=1, num_clips=1),
            body=dict(share='face'),
        ),
    ],
    ids=['fewer', 'dense'],
)
def test_streams_without_shifts(sampling):
    cfg = small_config(input='fusion', sampling=sampling)
    explainer = Explainer(cfg, MODELS.build(cfg.model).eval())
    sampled = sample_clip(explainer, ColorClip(8), 'color_model')
    assert not has_shifts(sampled, 8)
