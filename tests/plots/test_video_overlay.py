import numpy as np
import pytest

from emoreact_plugin.plots.text import font, shorten, wrap
from emoreact_plugin.plots.video_overlay import (
    ALARM,
    EMOTION_COLORS,
    LONG_SIDE,
    REGION_COLORS,
    Curve,
    VideoOverlay,
    color_of,
    digits,
)

NAMES = ('Joy', 'Fear', 'Anger')


def curve(values, marks=None, names=NAMES):
    """Windows of 2 s whose middles are at 1, 2, 3, ... seconds."""
    count = len(values)
    return Curve(
        names,
        1.0 + np.arange(count),
        np.array(values, float),
        [(k, k + 2.0) for k in range(count)],
        marks or [''] * count,
        count + 1.0,
        np.full(len(names), 0.5),
    )


def rgb(color):
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def where(image, color):
    """(n, 2) y and x of pixels of a colour."""
    return np.argwhere((image == rgb(color)).all(axis=2))


def gray(width, height):
    return np.full((height, width, 3), 200, np.uint8)


@pytest.mark.parametrize(
    'size',
    [
        (1280, 720),
        (720, 1280),
        (1920, 1080),
        (641, 363),
        (64, 48),
        (48, 65),
        (500, 500),
        (2000, 100),
        (100, 2000),
        (1, 1),
    ],
)
def test_sizes(size):
    overlay = VideoOverlay(size, curve([[0.1, 0.2, 0.3]]), 'x')
    wide, high = overlay.size
    assert wide % 2 == high % 2 == 0 and max(wide, high) <= LONG_SIDE
    # letters can be read
    assert overlay.letter >= min(wide, high) / 36
    image = overlay.draw(gray(*size), 1.0, {})
    assert image.shape == (high, wide, 3) and image.dtype == np.uint8
    # the picture keeps its format, and its place
    assert (image[0, 0] == 200).all()
    ratio = overlay.picture[0] / overlay.picture[1]
    assert ratio == pytest.approx(size[0] / size[1], rel=0.05)


def bars(image, overlay, count):
    """How long the bars are, as a share of the first one's track."""
    lengths = []
    for i in range(count):
        found = where(image, color_of(i))
        left, top, wide = overlay.bars
        found = found[(found[:, 0] < overlay.chart[1]) & (found[:, 1] > left + 7 * overlay.letter)]
        lengths.append(np.ptp(found[:, 1]) if len(found) else 0)
    return np.array(lengths)


def test_bars_are_as_long_as_the_scores():
    overlay = VideoOverlay((400, 300), curve([[0.25, 0.5, 1.0]]), 'x')
    found = bars(overlay.draw(gray(400, 300), 0.0, {}), overlay, 3)
    np.testing.assert_allclose(found / found[2], [0.25, 0.5, 1.0], atol=0.02)


@pytest.mark.parametrize(
    'time, window', [(0.0, 0), (1.0, 0), (1.4, 0), (1.6, 1), (2.4, 1), (2.6, 2), (4.0, 2)]
)
def test_the_window_centered_on_the_time_is_shown(time, window):
    values = [[0.2, 1.0, 1.0], [0.5, 1.0, 1.0], [0.8, 1.0, 1.0]]
    overlay = VideoOverlay((400, 300), curve(values), 'x')
    found = bars(overlay.draw(gray(400, 300), time, {}), overlay, 3)
    assert found[0] / found[2] == pytest.approx(values[window][0], abs=0.02)


def test_the_cursor_moves_with_the_time():
    overlay = VideoOverlay((400, 300), curve([[0.1, 0.1, 0.1]] * 3), 'x')
    left, top, wide, high = overlay._plot()
    places = []
    for time in (0.0, 2.0, 4.0):
        field = overlay.draw(gray(400, 300), time, {})[top : top + high, left : left + wide]
        places.append(np.argwhere((field == 0).all(axis=(0, 2))).min())
    np.testing.assert_allclose(places, [0, (wide - 2) / 2, wide - 2], atol=1)


def test_boxes_are_scaled_with_the_picture():
    overlay = VideoOverlay((100, 50), curve([[0.1, 0.2, 0.3]]), 'x', ('face', 'body'))
    assert overlay.scale > 4
    frame = gray(100, 50)
    image = overlay.draw(frame, 0.0, dict(face=(10, 5, 30, 25), body=None))
    assert (frame == 200).all()
    picture = image[:, : overlay.picture[0]]
    assert len(where(picture, overlay.colors['face']))
    found = np.argwhere((picture != 200).any(axis=2))  # and its edges
    np.testing.assert_allclose(found.min(axis=0) / overlay.scale, (5, 10), atol=0.2)
    np.testing.assert_allclose((found.max(axis=0) + 1) / overlay.scale, (25, 30), atol=0.2)
    assert not len(where(image[:, : overlay.picture[0]], overlay.colors['body']))


# Machado, Oliveira and Fernandes (2009): what linear RGB looks like to those
# who lack one kind of cone.
SEEN_BY = dict(
    all_cones=np.eye(3),
    protanopes=[
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    deuteranopes=[
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    tritanopes=[
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
)


def nearest(colors, others, matrix):
    """Find the smallest difference (CIE 1976) between two colours, one from each list."""

    def lab(color):
        values = np.array(rgb(color)) / 255
        linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        return rgb2lab(np.clip(matrix @ linear, 0, 1))

    return min(np.linalg.norm(lab(a) - lab(b)) for a in colors for b in others if a != b)


def rgb2lab(linear):
    xyz = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ linear
    )
    t = xyz / (0.9505, 1, 1.089)
    x, y, z = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize('seen_by', SEEN_BY)
def test_boxes_are_in_no_emotions_color(seen_by):
    matrix = np.array(SEEN_BY[seen_by])
    most = nearest(EMOTION_COLORS, EMOTION_COLORS, matrix)
    assert nearest(REGION_COLORS, EMOTION_COLORS, matrix) > max(most, 20)
    assert nearest(REGION_COLORS, REGION_COLORS, matrix) > 40


def test_whether_a_region_was_found_is_said_below():
    overlay = VideoOverlay((400, 300), curve([[0.1, 0.1, 0.1]]), 'x', ('face',))
    x, y, wide = overlay.footer
    there, gone, again = (
        overlay.draw(gray(400, 300), 0.3, dict(face=box))[y:, x:]
        for box in ((1, 1, 9, 9), None, (1, 1, 9, 9))
    )
    color = overlay.colors['face']
    assert len(where(there, color)) and not len(where(gone, color))
    np.testing.assert_array_equal(there, again)


def test_what_has_to_be_read_is_above_the_picture():
    plain = VideoOverlay((400, 300), curve([[0.1, 0.1, 0.1]]), 'x')
    overlay = VideoOverlay(
        (400, 300), curve([[0.1, 0.1, 0.1]]), 'x', (), ['drawn data', 'no landmarks']
    )
    image, without = (each.draw(gray(400, 300), 0.0, {}) for each in (overlay, plain))
    found = where(image, ALARM)
    assert found[:, 0].min() == 0 and np.ptp(found[:, 1]) + 1 == overlay.size[0]
    assert found[:, 0].max() < overlay.top == len(image) - len(without)
    # Nothing of the picture and the panel is hidden.
    np.testing.assert_array_equal(image[overlay.top :], without)
    assert not len(where(without, ALARM))


@pytest.mark.parametrize('size', [(1920, 1080), (1080, 1920), (3000, 200)])
def test_full_size(size):
    overlay = VideoOverlay(size, curve([[0.1, 0.2, 0.3]]), 'x', full_size=True)
    assert overlay.scale == max(480 / min(size), 1)
    frame = np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), np.uint8)
    if overlay.scale == 1:
        image = overlay.draw(frame, 0.0, {})
        np.testing.assert_array_equal(image[: size[1], : size[0]], frame)


def test_lines_are_named_beside_their_ends():
    values = [[0.1, 0.9, 0.5], [0.9, 0.1, 0.5]]
    overlay = VideoOverlay((400, 300), curve(values), 'x')
    image = overlay.draw(gray(400, 300), 0.0, {})
    left, top, wide, high = overlay._plot()
    names = image[top : top + high, left + wide + 4 :]
    middles = [where(names, color_of(i))[:, 0].mean() / high for i in range(3)]
    assert middles[0] < middles[2] < middles[1]
    np.testing.assert_allclose(middles, [0.1, 0.9, 0.5], atol=0.1)


def test_names_of_lines_are_not_over_each_other():
    overlay = VideoOverlay((400, 300), curve([[0.01, 0.0, 0.0]]), 'x')
    image = overlay.draw(gray(400, 300), 0.0, {})
    left, top, wide, high = overlay._plot()
    rows = [
        where(image[top - 9 : top + high + 9, left + wide + 4 :], color_of(i))[:, 0]
        for i in range(3)
    ]
    assert rows[0].max() < rows[1].min() and rows[1].max() < rows[2].min()


@pytest.mark.parametrize(
    'value, threshold, text',
    [(0.496, 0.5, '0.496'), (0.5, 0.5, '0.500'), (0.49, 0.5, '0.49'), (0.1234, 0.119, '0.123')],
)
def test_three_digits_near_the_threshold(value, threshold, text):
    assert digits(value, threshold) == text


def test_an_unreliable_window_is_marked():
    overlay = VideoOverlay((400, 300), curve([[0.1, 0.1, 0.1]] * 2, ['face 20%', '']), 'x')
    first, second = (overlay.draw(gray(400, 300), t, {}) for t in (0.0, 3.0))
    assert len(where(first, ALARM)) and not len(where(second, ALARM))


def test_of_many_emotions_the_highest_are_drawn():
    names = tuple(f'class {k}' for k in range(20))
    values = np.full((2, 20), 0.1)
    values[0, [3, 17]] = 0.9
    values[1, 5] = 0.8
    overlay = VideoOverlay((400, 300), curve(values, names=names), 'x')
    assert len(overlay.shown) == 8 and overlay.shown == sorted(overlay.shown)
    assert {3, 5, 17} <= set(overlay.shown)
    overlay.draw(gray(400, 300), 0.0, {})


def test_long_texts_fit():
    face = font(15)
    text = 'a name that is much too long for its place'
    assert shorten('short', 100, face) == 'short'
    cut = shorten(text, 100, face)
    assert cut.endswith('…') and face.getlength(cut) <= 100
    lines = wrap(text, 120, face, 9)
    assert ' '.join(lines) == text
    assert all(face.getlength(line) <= 120 for line in lines)
    lines = wrap(text, 120, face, 2)
    assert len(lines) == 2 and lines[1].endswith('…')
    overlay = VideoOverlay(
        (400, 300), curve([[0.1, 0.1, 0.1]]), text * 9, (), [text * 9], [text * 9]
    )
    image = overlay.draw(gray(400, 300), 0.0, {})
    # nothing reaches the edge of the panel
    assert (image[overlay.top :, -4:] == 255).all()
