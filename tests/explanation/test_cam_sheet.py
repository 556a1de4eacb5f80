import warnings
from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from emoreact_plugin.explanation.cam_sheet import (
    Column,
    Overlay,
    Row,
    draw_frame,
    draw_sheet,
    enlarge,
    overlay,
    spread,
)

WHITE = np.full((40, 60, 3), 255, np.uint8)
INFERNO = matplotlib.colormaps['inferno']


def color(level):
    return np.array(INFERNO(level)[:3]) * 255


def test_the_colors_of_a_map():
    black = np.zeros((4, 8, 3), np.uint8)
    values = np.array([[0.0, 2.0]])
    # Bilinear: the outer quarters have the places' own values.
    out = overlay(black, values, 2.0)
    np.testing.assert_allclose(out[0, 0], 0.3 * color(0.0), atol=1)
    np.testing.assert_allclose(out[0, -1], 0.9 * color(1.0), atol=1)
    half = overlay(black, values, 4.0)
    np.testing.assert_allclose(half[0, -1], 0.6 * color(0.5), atol=2)
    above = overlay(black, values, 1.0)
    np.testing.assert_array_equal(above[0, -1], out[0, -1])
    assert not black.any()


def test_a_map_is_laid_over_the_gray_image():
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    out = overlay(red, np.zeros((1, 1)), 1.0)
    np.testing.assert_allclose(out[0, 0], 0.7 * 0.299 * 200 + 0.3 * color(0.0), atol=1)


def test_an_empty_map_is_dark():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        out = overlay(WHITE, np.zeros((2, 3)), 0.0)
    np.testing.assert_allclose(out, 0.7 * 255, atol=3)


def test_rows_and_columns_are_not_swapped():
    values = np.zeros((2, 3))
    values[1, 2] = 1
    large = enlarge(values, (60, 40))
    assert large.shape == (40, 60) and large[39, 59] == 1
    assert large[0, 59] == 0 and large[39, 0] == 0


def mark(emotion, stream):
    """Return a colour that nothing else has."""
    return np.array([200, 10 * emotion, stream], np.uint8)


def sheet_parts(columns, rows, streams, side=32):
    rows = [Row(f'Emotion {k}', ('fused 0.50', 'label yes')) for k in range(rows)]
    cells = {
        stream: [Overlay(np.tile(mark(k, i), (side, side, 1))) for k in range(len(rows))]
        for i, stream in enumerate(streams, 1)
    }
    return rows, [
        Column(f'frame {k}', WHITE, dict(face=(5, 5, 20, 20)), cells) for k in range(columns)
    ]


def place_of(sheet, emotion, stream):
    """X and y of the upper left corner of the first image of one kind."""
    ys, xs = np.nonzero((sheet == mark(emotion, stream)).all(-1))
    return xs.min(), ys.min()


def test_emotions_down_and_streams_side_by_side():
    rows, columns = sheet_parts(2, 3, ('face', 'body'))
    sheet = draw_sheet('clip', 'text', rows, columns, ('face', 'body'))
    x, y = place_of(sheet, 0, 1)
    assert place_of(sheet, 0, 2)[0] > x and place_of(sheet, 0, 2)[1] == y
    downs = [place_of(sheet, k, 1) for k in range(3)]
    assert [each[0] for each in downs] == [x] * 3
    assert y < downs[1][1] < downs[2][1]
    # Each column has its own.
    xs = np.nonzero((sheet[y + 5] == mark(0, 1)).all(-1))[0]
    assert (np.diff(xs) > 1).sum() == 1


def test_the_boxes_have_the_streams_colors():
    rows, columns = sheet_parts(1, 1, ('face', 'body'))
    sheet = draw_sheet('clip', 'text', rows, columns, ('face', 'body'))
    assert (sheet == (0xD5, 0x5E, 0)).all(-1).sum() > 100


@pytest.mark.parametrize('segments', [1, 3, 10])
def test_many_emotions_and_segments_fit(segments):
    rows, columns = sheet_parts(segments, 8, ('face', 'body'))
    sheet = draw_sheet('clip' * 100, 'text' * 100, rows, columns, ('face', 'body'))
    assert sheet.shape[1] <= 2048 and sheet.shape[0] <= 2100
    corner = sheet[:, -6:]
    assert (corner == 255).all()  # nothing is cut off


@pytest.mark.parametrize('shape', [(40, 60, 3), (61, 33, 3), (5, 301, 3)])
@pytest.mark.parametrize('emotions', [1, 3, 8])
def test_frames_of_a_video_have_an_even_size(shape, emotions):
    rows, (column,) = sheet_parts(1, emotions, ('face', 'body'))
    column = replace(column, frame=np.zeros(shape, np.uint8), boxes={})
    frame = draw_frame('clip', rows, column, ('face', 'body'))
    assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    for stream in (1, 2):
        assert (frame == mark(emotions - 1, stream)).all(-1).any()
    other = draw_frame('clip', rows, replace(column, title='frame 10 of 11'), ('face', 'body'))
    assert other.shape == frame.shape


def test_a_stream_without_an_image_of_a_frame_is_left_out():
    rows, columns = sheet_parts(2, 1, ('face', 'body'))
    columns[1].cells.clear()
    sheet = draw_sheet('clip', '', rows, columns, ('face', 'body'))
    xs = np.nonzero((sheet == mark(0, 1)).all(-1))[1]
    assert (np.diff(np.unique(xs)) == 1).all()


def test_spread():
    assert spread(3) == [0, 1, 2]
    assert spread(32) == [0, 3, 7, 10, 14, 17, 21, 24, 28, 31]
