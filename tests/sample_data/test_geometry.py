"""The drawn child: exact landmarks, and cues that show only where meant."""

import itertools
from collections import Counter

import cv2
import numpy as np
import pytest

from emoreact_plugin.sample_data import drawing
from emoreact_plugin.sample_data.content import (
    FRAME_SIZE,
    NUM_FRAMES,
    cue_tracks,
    draw_child,
    draw_content,
    order_track,
)
from emoreact_plugin.sample_data.geometry import cue_boxes, place_child, place_frames
from emoreact_plugin.sample_data.painting import SCALE, shade
from emoreact_plugin.sample_data.plan import CUED_EMOTIONS
from mmaction.datasets.transforms import SampleFrames

pytestmark = pytest.mark.slow

CUES = {part: [e.cue for e in CUED_EMOTIONS if e.part == part] for part in ('face', 'body')}
ALL = CUES['face'] + CUES['body']
WIDTH, HEIGHT = FRAME_SIZE


def make(seed, on):
    """Child, content and tracks with just the cues ``on``."""
    child = draw_child(np.random.default_rng([seed, 0]))
    content = draw_content(np.random.default_rng([seed, 1]))
    return child, content, cue_tracks(content, {cue: cue in on for cue in ALL})


def paint(child, content, drawn):
    """Paint the child alone on black, at the size of the image, without light."""
    image = np.zeros((HEIGHT * SCALE, WIDTH * SCALE, 3), np.uint8)
    drawing.paint_child(image, child, content, drawn)
    return image


def extent(image, color):
    """Extent x1, y1, x2, y2 of the pixels of ``color``, in frame pixels."""
    y, x = np.nonzero((image == np.array(color, np.uint8)).all(2))
    corners = np.array([x.min(), y.min(), x.max(), y.max()])
    return (corners + 0.5) / SCALE - 0.5


def region_box(points):
    """Region rule for points (n, 2), worked out on its own."""
    (x1, y1), (x2, y2) = np.rint(points.min(0)), np.rint(points.max(0))
    ex, ey = np.rint(0.1 * (x2 - x1)), np.rint(0.1 * (y2 - y1))
    box = np.array([x1 - ex, y1 - ey, x2 + ex, y2 + ey])
    return np.clip(box, 0, [WIDTH, HEIGHT] * 2).astype(int)


def inside(keypoints):
    """Select the keypoints that lie in the frame."""
    return keypoints[((keypoints >= 0) & (keypoints < FRAME_SIZE)).all(1)]


def pairs(part):
    """Two sets of cues a seed that differ only in cues of ``part``."""
    for seed in range(4):
        rng = np.random.default_rng([seed, 2])
        first = {cue for cue in ALL if rng.random() < 0.5}
        flips = {cue for cue in CUES[part] if rng.random() < 0.6}
        yield seed, first, first ^ (flips or set(CUES[part]))


@pytest.mark.parametrize('seed', range(4))
def test_landmarks_lie_on_the_drawn_eyes(seed):
    child, content, tracks = make(seed, {'eyes_wide'})
    drawn = place_child(child, content, tracks, 4)
    image = paint(child, content, drawn)
    x1, _, x2, y2 = extent(image, (252, 252, 250))  # the white of the eyes
    eyes = drawn.landmarks[36:48]
    # two pixels for the lids, which are painted over the edge of the white
    assert x1 == pytest.approx(eyes[:, 0].min(), abs=2)
    assert x2 == pytest.approx(eyes[:, 0].max(), abs=2)
    # points 40, 41 lie at two thirds: a little above the lowest of the lid
    assert -1 <= y2 - eyes[:, 1].max() <= 3


@pytest.mark.parametrize('seed', range(4))
def test_landmarks_lie_on_the_drawn_mouth(seed, monkeypatch):
    monkeypatch.setattr(drawing, 'INSIDE_OF_MOUTH', (0, 255, 0))
    child, content, tracks = make(seed, {'mouth_opens'})
    drawn = place_child(child, content, tracks, NUM_FRAMES - 1)
    x1, _, x2, y2 = extent(paint(child, content, drawn), (0, 255, 0))
    inner = drawn.landmarks[60:68]
    assert y2 == pytest.approx(inner[6, 1], abs=1.5)
    assert drawn.landmarks[48, 0] - 1 <= x1 <= inner[0, 0] + 2
    assert inner[4, 0] - 2 <= x2 <= drawn.landmarks[54, 0] + 1


@pytest.mark.parametrize('cue', ['brows_down', 'none'])
def test_landmarks_lie_on_the_drawn_brows(cue):
    child, content, tracks = make(1, {cue})
    drawn = place_child(child, content, tracks, 0)
    image = paint(child, content, drawn)
    color = np.array(shade(child.hair, 0.62))
    for x, y in drawn.landmarks[[18, 19, 20, 23, 24, 25]]:
        x, y = np.rint((np.array([x, y]) + 0.5) * SCALE - 0.5).astype(int)
        assert np.abs(image[y, x] - color).max() <= 2


def test_keypoints_lie_on_the_drawn_hands_and_arms():
    child, content, tracks = make(2, {'arm_raised'})
    drawn = place_child(child, content, tracks, 7)
    image = paint(child, content, drawn)
    skin = np.array(shade(child.skin, 0.97))
    fingers = drawn.keypoints[17:23]
    wrists = drawn.keypoints[15:17].repeat(3, 0).reshape(2, 3, 2)
    for hand in (0, 1):
        for tip, wrist in zip(fingers[hand::2], wrists[hand], strict=True):
            x, y = np.rint((0.9 * tip + 0.1 * wrist + 0.5) * SCALE)
            assert np.abs(image[int(y), int(x)] - skin).max() <= 2


def test_landmarks_are_in_the_order_of_ibug():
    drawn = place_child(*make(0, set()), 0)
    x, y = drawn.landmarks.T
    assert x[0] < x[8] < x[16] and y[8] == y.max()
    assert (np.diff(x[17:27]) > 0).all()  # brows from left to right
    assert (np.diff(y[27:31]) > 0).all()  # down the nose
    assert x[36] < x[39] < x[42] < x[45]  # corners of the eyes
    assert y[37] < y[41] and y[38] < y[40]  # upper lid above the lower
    assert x[48] < x[51] < x[54] and y[51] < y[57]
    assert x[60] < x[62] < x[64] and y[62] <= y[66]


def test_a_cue_in_the_face_leaves_nothing_in_the_blacked_out_body():
    for seed, first, second in pairs('face'):
        clips = [make(seed, on) for on in (first, second)]
        frames = [drawing.draw_clip(*clip[:2], place_frames(*clip)) for clip in clips]
        for t in (0, 7, 14):
            one, two = (place_child(*clip, t) for clip in clips)
            face = region_box(one.landmarks)
            assert (face == region_box(two.landmarks)).all()
            assert (region_box(inside(one.keypoints)) == region_box(inside(two.keypoints))).all()
            assert not (frames[0][t] == frames[1][t]).all()
            for clip in frames:
                clip[t, face[1] : face[3], face[0] : face[2]] = 0
            np.testing.assert_array_equal(frames[0][t], frames[1][t])


def test_a_cue_in_the_body_leaves_nothing_in_the_face():
    for seed, first, second in pairs('body'):
        clips = [make(seed, on) for on in (first, second)]
        frames = [drawing.draw_clip(*clip[:2], place_frames(*clip)) for clip in clips]
        for t in (0, 7, 14):
            one, two = (place_child(*clip, t) for clip in clips)
            np.testing.assert_array_equal(one.landmarks, two.landmarks)
            x1, y1, x2, y2 = region_box(one.landmarks)
            assert not (frames[0][t] == frames[1][t]).all()
            np.testing.assert_array_equal(frames[0][t, y1:y2, x1:x2], frames[1][t, y1:y2, x1:x2])


@pytest.mark.parametrize('part', ['face', 'body'])
def test_boxes_of_the_face_hold_for_many_children(part):
    for seed in range(60):
        ons = (set(), set(CUES[part]))
        for t in (0, 14):
            one, two = (place_child(*make(seed, on), t) for on in ons)
            assert (region_box(one.landmarks) == region_box(two.landmarks)).all()
            if part == 'face':
                np.testing.assert_array_equal(
                    np.delete(one.keypoints, (9, 10), 0),  # corners of mouth
                    np.delete(two.keypoints, (9, 10), 0),
                )
                assert (
                    region_box(inside(one.keypoints)) == region_box(inside(two.keypoints))
                ).all()


@pytest.mark.parametrize('cue', ALL)
def test_box_of_a_cue_holds_what_the_cue_changes(cue):
    for seed in range(2):
        clips = [make(seed, on) for on in (set(), {cue})]
        children = [place_child(*clip, 0) for clip in clips]
        one, two = (paint(*clip[:2], drawn) for clip, drawn in zip(clips, children, strict=True))
        y, x = np.nonzero((cv2.absdiff(one, two) > 8).any(2))
        boxes = np.array([cue_boxes(drawn)[cue] for drawn in children])
        low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
        if cue == 'lean':  # the arms and trousers hang from what leans
            share = (
                (x >= low[0] * SCALE)
                & (x < high[0] * SCALE)
                & (y >= low[1] * SCALE)
                & (y < high[1] * SCALE)
            ).mean()
            assert share > 0.5
        else:
            slack = 6 if cue == 'arm_raised' else 2  # the width of a sleeve
            assert x.min() / SCALE >= low[0] - slack
            assert y.min() / SCALE >= low[1] - slack
            assert x.max() / SCALE < high[0] + slack
            assert y.max() / SCALE < high[1] + slack


@pytest.mark.parametrize('num_segments', [1, 3, 5])
def test_frames_of_a_cue_in_the_order_are_the_same_set_either_way(num_segments):
    rising, falling = order_track(0.13, True), order_track(0.13, False)
    np.testing.assert_array_equal(rising, falling[::-1])
    assert rising[0] == 0 and rising[-1] == 1
    sampler = dict(clip_len=1, frame_interval=1, num_clips=num_segments)
    results = dict(total_frames=NUM_FRAMES, start_index=0)
    inds = SampleFrames(**sampler, test_mode=True)(dict(results))['frame_inds']
    assert sorted(rising[inds]) == pytest.approx(sorted(falling[inds]))
    if num_segments > 1:
        assert rising[inds][0] < 0.2 < 0.8 < rising[inds][-1]
    # training draws one frame of each segment, every one as likely
    length = NUM_FRAMES // num_segments
    segments = [range(k * length, (k + 1) * length) for k in range(num_segments)]
    draws = [SampleFrames(**sampler)(dict(results))['frame_inds'] for _ in range(100)]
    assert all(
        ind in segment for draw in draws for ind, segment in zip(draw, segments, strict=True)
    )
    sets = [
        Counter(
            tuple(sorted(np.round(track[list(choice)], 9)))
            for choice in itertools.product(*segments)
        )
        for track in (rising, falling)
    ]
    assert sets[0] == sets[1]


def test_motion_does_not_tell_the_direction_of_time():
    drift = []
    for seed in range(600):
        content = draw_content(np.random.default_rng([seed, 1]))
        drift.append(
            [
                *(content.sway[-5:].mean(0) - content.sway[:5].mean(0)),
                content.roll[-5:].mean() - content.roll[:5].mean(),
            ]
        )
    drift = np.array(drift)
    error = drift.std(0) / np.sqrt(len(drift))
    assert (np.abs(drift.mean(0)) < 4 * error).all()


def test_the_content_does_not_depend_on_the_cues():
    _, one, _ = make(3, set())
    _, two, _ = make(3, set(ALL))
    assert one.painter_seed == two.painter_seed and one.on == two.on
    np.testing.assert_array_equal(one.sway, two.sway)
