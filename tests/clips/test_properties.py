"""Check what holds for all text files of landmarks, and for all boxes, with drawn examples."""

import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emoreact_plugin import InputError
from emoreact_plugin.clips.landmark_readers import read_keypoints_txt, read_openface_csv
from emoreact_plugin.clips.landmark_writers import write_keypoints_txt, write_openface_csv
from emoreact_plugin.clips.regions import crop, extent_box, extent_boxes

few = settings(
    derandomize=True,
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# What the text formats can hold: three digits after the point, and six.
pixels = st.integers(-5000, 5000_000).map(lambda value: np.float32(value / 1000))
fractions = st.integers(-9_999_999, 9_999_999).map(lambda value: np.float32(value / 1e6))


@st.composite
def faces(draw):
    """(T, 68, 2), whole faces or NaN ones, as OpenFace knows no others."""
    count = draw(st.integers(1, 4))
    points = draw(arrays(np.float32, (count, 68, 2), elements=pixels, fill=pixels))
    there = draw(arrays(bool, count)) & points.any(axis=(1, 2))
    points[~there] = np.nan
    return points


@few
@given(faces())
def test_an_openface_file_holds_what_was_written(points):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'x.csv'
        write_openface_csv(path, points, np.zeros(len(points), bool), Fraction(25))
        landmarks, confidence, _ = read_openface_csv(path)
    np.testing.assert_allclose(landmarks, points, atol=6e-4)
    assert confidence.tolist() == np.isfinite(points).all(axis=(1, 2)).astype(float).tolist()


@few
@given(st.lists(st.lists(st.tuples(fractions, fractions), max_size=5), min_size=1, max_size=5))
def test_a_keypoint_file_holds_what_was_written(frames):
    most = max(map(len, frames))
    keypoints = np.full((len(frames), most, 2), np.nan, np.float32)
    for k, joints in enumerate(frames):
        keypoints[k, : len(joints)] = np.reshape(joints, (-1, 2))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'x_hol.txt'
        write_keypoints_txt(path, keypoints)
        read, lines = read_keypoints_txt(path, len(frames))
    np.testing.assert_allclose(read, keypoints, atol=6e-7, rtol=1e-6)
    assert lines == len(frames)


# Characters of numbers and tables, and any others.
texts = st.one_of(st.text(alphabet='0123456789.,-+eE \t\n\r;"xy_naf', max_size=60), st.text())


@few
@given(texts, st.booleans())
def test_any_text_is_landmarks_or_an_error_that_names_the_file(text, with_header):
    header = ','.join(['frame', *(f'{a}_{k}' for a in 'xy' for k in range(68))]) + '\n'
    row = ','.join(['1', *['7'] * 136]) + '\n'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'x.txt'
        path.write_bytes((header + row if with_header else '').encode() + text.encode())
        for read in (read_openface_csv, lambda path: read_keypoints_txt(path, 3)):
            try:
                points, *_ = read(path)
            except InputError as error:
                assert str(path) in str(error)
            else:
                assert points.dtype == np.float32 and points.ndim == 3 and points.shape[2] == 2
                assert not np.isinf(points).any()


coordinates = st.one_of(
    st.floats(-50, 250, width=32), st.just(np.nan), st.floats(width=32, allow_nan=True)
)


@few
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.integers(0, 6), st.just(2)),
        elements=coordinates,
    ),
    st.integers(2, 200),
    st.integers(2, 200),
)
def test_a_box_lies_in_the_frame_and_holds_the_points(points, height, width):
    frame = np.zeros((height, width, 3), np.uint8)
    boxes, found = extent_boxes(points, (height, width))
    for each, box, there in zip(points, boxes.tolist(), found.tolist(), strict=True):
        alone = extent_box(each, (height, width))
        assert alone == (tuple(box) if there else None)
        if alone is None:
            continue
        x1, y1, x2, y2 = alone
        assert 0 <= x1 <= x2 - 2 and x2 <= width and 0 <= y1 <= y2 - 2 and y2 <= height
        assert crop(frame, alone).shape == (y2 - y1, x2 - x1, 3)
        inside = each[np.isfinite(each).all(axis=1)]
        inside = inside[((inside >= 0) & (inside <= (width, height))).all(axis=1)]
        assert (np.rint(inside) >= (x1, y1)).all() and (np.rint(inside) <= (x2, y2)).all()


@few
@given(
    arrays(np.uint8, (20, 30, 3), elements=st.integers(1, 255), fill=st.integers(1, 255)),
    st.tuples(*[st.integers(0, 15)] * 2, *[st.integers(16, 20)] * 2),
    st.tuples(*[st.integers(-5, 35)] * 4),
)
def test_a_crop_is_black_where_the_hidden_box_is_and_nowhere_else(frame, box, hidden):
    assume(hidden[0] <= hidden[2] and hidden[1] <= hidden[3])
    before, (x1, y1, x2, y2) = frame.copy(), box
    y, x = np.mgrid[y1:y2, x1:x2]
    black = (x >= hidden[0]) & (x < hidden[2]) & (y >= hidden[1]) & (y < hidden[3])
    out = crop(frame, box, hidden)
    assert (out[black] == 0).all()
    assert np.array_equal(out[~black], before[y1:y2, x1:x2][~black])
    assert np.array_equal(frame, before)
