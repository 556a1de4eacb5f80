import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.clips.landmark_readers import read_openface_csv
from tests.factories import REAL_DATA

POINTS = [f'x_{k}' for k in range(68)] + [f'y_{k}' for k in range(68)]
nan = float('nan')


def face(x, y, half=10):
    """Cells of 68 points whose box has this centre and half its side."""
    signs = [-1, 1] + [0] * 65 + [1]
    cells = {f'x_{k}': x + half * sign for k, sign in enumerate(signs)}
    cells.update({f'y_{k}': y + half * sign for k, sign in enumerate(signs)})
    return cells


def row(x=100, y=50, half=10, **cells):
    return dict(face(x, y, half), **dict(dict(confidence=0.98, success=1), **cells))


def write(
    path,
    rows,
    columns=('frame', 'face_id', 'confidence', 'success'),
    comma=', ',
    end='\n',
    start='',
):
    """Write an OpenFace file, by default with its blanks after the commas."""
    names = [*columns, *POINTS]
    lines = [comma.join(names)]
    lines += [comma.join(str(cells[name]) for name in names) for cells in rows]
    path.write_bytes((start + end.join(lines) + end).encode())
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'face.csv'


def centers(landmarks):
    """(F, 2) box centers, NaN where there is no face."""
    low, high = landmarks.min(axis=1), landmarks.max(axis=1)
    return (low + high) / 2


def test_values_stand_where_they_belong(path):
    rows = []
    for frame in (1, 2):
        cells = {f'x_{k}': 100 * frame + k for k in range(68)}
        cells.update({f'y_{k}': 100 * frame + k + 0.5 for k in range(68)})
        rows.append(dict(cells, frame=frame, confidence=0.5 + frame / 4, success=1))
    write(path, rows, ('frame', 'confidence', 'success'))
    landmarks, confidence, _ = read_openface_csv(path)
    assert landmarks.shape == (2, 68, 2) and landmarks.dtype == np.float32
    assert confidence.dtype == np.float32
    assert landmarks[0, 0].tolist() == [100, 100.5]
    assert landmarks[0, 67].tolist() == [167, 167.5]
    assert landmarks[1, 3].tolist() == [203, 203.5]
    assert confidence.tolist() == [0.75, 1]


@pytest.mark.parametrize(
    'style',
    [
        dict(comma=','),
        dict(comma=',  '),
        dict(end='\r\n'),
        dict(end='\r'),
        dict(start='\ufeff'),
        dict(end='\n', start='\ufeff', comma=', '),
    ],
)
def test_ways_to_write_the_same(path, style):
    rows = [row(100 + k, frame=k + 1, face_id=0) for k in range(3)]
    landmarks, confidence, _ = read_openface_csv(write(path, rows, **style))
    assert centers(landmarks).tolist() == [[100, 50], [101, 50], [102, 50]]
    assert confidence.tolist() == np.float32([0.98] * 3).tolist()


def test_all_714_columns_and_blank_last_lines(path):
    extra = [f'AU{k:02d}_r' for k in range(574)]
    columns = ('frame', 'face_id', 'confidence', 'success', *extra)
    assert len(columns) + len(POINTS) == 714
    cells = dict.fromkeys(extra, 9)
    write(path, [row(frame=1, face_id=0, **cells)], columns)
    with open(path, 'a') as file:
        file.write('\n  \n')
    landmarks, *_ = read_openface_csv(path)
    assert centers(landmarks).tolist() == [[100, 50]]


@pytest.mark.parametrize('first', [0, 1])
def test_frames_count_from_0_only_where_a_frame_0_occurs(path, first):
    frames = [first + 3, first, first + 1]  # and in any order
    rows = [row(10 * (frame - first), frame=frame) for frame in frames]
    if first == 0:
        rows = [dict(cells, frame=f'{cells["frame"]}.0') for cells in rows]
    write(path, rows, ('frame', 'confidence', 'success'))
    landmarks, confidence, _ = read_openface_csv(path)
    assert np.array_equal(centers(landmarks)[:, 0], [0, 10, nan, 30], equal_nan=True)
    assert np.isnan(confidence).tolist() == [False, False, True, False]


def test_first_frames_may_be_missing(path):
    write(path, [row(frame=3)], ('frame', 'confidence', 'success'))
    landmarks, *_ = read_openface_csv(path)
    assert np.isnan(centers(landmarks)[:, 0]).tolist() == [True, True, False]


@pytest.mark.parametrize('columns', [(), ('face_id',)])
def test_row_k_is_frame_k_without_a_frame_column(path, columns):
    rows = [row(100 + k, face_id=0) for k in range(3)]
    landmarks, confidence, _ = read_openface_csv(write(path, rows, columns))
    assert centers(landmarks)[:, 0].tolist() == [100, 101, 102]
    assert np.isnan(confidence).all()


def test_failures_are_no_landmarks(path):
    rows = [
        row(),
        row(success=0),  # stale points of an earlier frame
        dict(dict.fromkeys(POINTS, 0), success=0, confidence=0),
        row(confidence=0.7),
        row(confidence=0.69),
        row(confidence='nan'),
        row(success='nan'),
        dict(dict.fromkeys(POINTS, 0), success=1, confidence=0.9),
    ]
    write(path, rows, ('confidence', 'success'))
    landmarks, confidence, _ = read_openface_csv(path)
    missing = np.isnan(landmarks)
    assert (
        missing.any(axis=(1, 2)).tolist()
        == missing.all(axis=(1, 2)).tolist()
        == [False, 1, 1, False, 1, 1, 1, 1]
    )
    expected = np.float32([0.98, 0.98, 0, 0.7, 0.69, nan, 0.98, 0.9])
    assert np.array_equal(confidence, expected, equal_nan=True)


def test_zeros_without_a_success_column_are_no_face(path):
    rows = [row(), dict(dict.fromkeys(POINTS, 0), x_5='nan')]
    landmarks, *_ = read_openface_csv(write(path, rows, ()))
    assert np.isnan(landmarks).all(axis=(1, 2)).tolist() == [False, True]


@pytest.mark.parametrize('cell', ['nan', 'NaN', '-nan', '-nan(ind)', '', 'inf', '-inf', '1e39'])
def test_a_missing_coordinate_takes_its_point_along(path, cell):
    landmarks, *_ = read_openface_csv(write(path, [row(x_7=cell)], ()))
    assert np.isnan(landmarks[0, 7]).all()
    assert np.isnan(landmarks).sum() == 2


def test_points_outside_the_frame_are_kept(path):
    landmarks, *_ = read_openface_csv(write(path, [row(-300, 5000, half=20)], ()))
    assert centers(landmarks).tolist() == [[-300, 5000]]


# Several faces


def follow(path, *rows):
    """Rows (frame, x, half size, success) -> x of the followed person."""
    cells = [
        row(x, 50, half, frame=frame, face_id=k, success=success)
        for k, (frame, x, half, success) in enumerate(rows)
    ]
    landmarks, confidence, _ = read_openface_csv(write(path, cells))
    return [None if np.isnan(x) else x for x in centers(landmarks)[:, 0]]


def test_one_person_is_followed(path):
    # A stands at 100 and is the larger one at first, B stands at 300
    assert follow(
        path,
        (1, 300, 10, 1),
        (1, 100, 20, 1),  # A is larger
        (2, 105, 10, 1),
        (2, 300, 40, 1),  # sizes swap: still A
        (3, 302, 40, 1),  # A is away: not B
        (4, 104, 20, 0),
        (4, 303, 40, 1),  # A failed, with stale points
        (6, 300, 40, 1),
        (6, 130, 12, 1),  # nobody in frame 5; A came back
        (7, 290, 40, 1),
        (7, 140, 12, 1),
        (7, 138, 50, 0),
    ) == [100, 105, None, None, None, 130, 140]


@pytest.mark.parametrize('away, taken', [(15, False), (16, True)])
def test_somebody_who_stays_away_is_given_up(path, away, taken):
    # A at 100 is the larger one and leaves after frame 1, B stays at 300
    rows = [(1, 100, 20, 1), (1, 300, 10, 1)]
    rows += [(2 + k, 300, 10, 1) for k in range(away)]
    seen = follow(path, *rows)
    assert seen[:16] == [100] + [None] * 15
    assert seen[16:] == [300] * taken


def test_largest_counts_in_the_first_frame_with_a_face(path):
    assert follow(
        path,
        (1, 100, 50, 0),
        (1, 300, 10, 0),
        (2, 300, 12, 1),
        (2, 100, 11, 1),
        (3, 101, 30, 1),
        (3, 299, 5, 1),
    ) == [None, 300, 299]


def test_nearest_counts_where_one_face_is_known(path):
    # a second face comes in, larger, while the first one moves by 60
    assert follow(path, (1, 100, 20, 1), (2, 160, 10, 1), (2, 170, 40, 1), (3, 160, 10, 1)) == [
        100,
        160,
        160,
    ]


def test_area_is_that_of_the_points_there_are(path):
    wide = row(100, 50, 40, frame=1, face_id=0, x_1='nan', x_67='nan')
    # without points 1 and 67, it spans 60..100, not 60..140: 40 x 40
    small = row(300, 50, 25, frame=1, face_id=1)  # 50 x 50
    landmarks, *_ = read_openface_csv(write(path, [wide, small]))
    assert centers(landmarks).tolist() == [[300, 50]]


def test_confidence_is_that_of_the_followed_person(path):
    rows = [
        row(100, 50, 20, frame=1, face_id=0, confidence=0.8),
        row(300, 50, 10, frame=1, face_id=1, confidence=0.9),
        row(300, 50, 10, frame=2, face_id=1, confidence=0.95),
        row(100, 50, 20, frame=3, face_id=0, confidence=0.3),
        row(200, 50, 20, frame=3, face_id=2, confidence=0.2),
        row(300, 50, 10, frame=3, face_id=1, confidence=0.9),
    ]
    _, confidence, _ = read_openface_csv(write(path, rows))
    # frame 2: a row, but another person's; frame 3: the best failed row
    assert np.array_equal(confidence, np.float32([0.8, nan, 0.3]), equal_nan=True)


# Files that are wrong


def test_no_file_to_read(path, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'face\.csv: there is no'):
        read_openface_csv(path)
    with pytest.raises(FileNotFoundError):
        read_openface_csv(tmp_path)
    for content in (b'', b'\n \r\n'):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r'face\.csv: .*empty file'):
            read_openface_csv(path)
    for content in (b'\x89PNG\r\n\x1a\n', b'PK\x00\x00', b'\xff\xfef\x00'):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r'face\.csv: expected a text'):
            read_openface_csv(path)
    write(path, [])
    with pytest.raises(InputError, match=r'face\.csv: .*header, but no row'):
        read_openface_csv(path)


def test_without_2d_landmarks(path):
    path.write_text('frame, X_0, Y_0, AU01_r\n1, 2, 3, 4\n')
    with pytest.raises(InputError, match=r'face\.csv: .* 4 columns.*-2Dfp'):
        read_openface_csv(path)
    write(path, [row()], ())
    path.write_text(path.read_text().replace('x_3,', 'u_3,'))
    with pytest.raises(InputError, match=r'face\.csv: .* found no x_3$'):
        read_openface_csv(path)
    path.write_text(path.read_text().replace('u_3,', 'x_2,'))
    with pytest.raises(InputError, match='found no x_3'):
        read_openface_csv(path)


@pytest.mark.parametrize(
    'rows, columns, message',
    [
        ([row(frame=1), row(frame=1)], ['frame'], 'line 3: .*frame 1, face 0 again .*line 2'),
        (
            [row(frame=4, face_id=7), row(frame=4, face_id=8), row(frame=4, face_id=7)],
            ['frame', 'face_id'],
            'line 4: .*frame 4, face 7 again .*line 2',
        ),
        ([row(face_id=0), row(face_id=1)], ['face_id'], 'no frame column'),
        ([row(), row(x_9='12px')], [], "line 3, column x_9: .* found '12px'"),
        ([row(frame='one')], ['frame'], "line 2, column frame: .*found 'one'"),
        ([row(frame=1.5)], ['frame'], 'line 2, column frame: .*found 1.5'),
        ([row(frame='')], ['frame'], 'line 2, column frame: .*found nan'),
        ([row(frame=1), row(frame=-1)], ['frame'], 'line 3, column frame: .*found -1'),
        ([row(frame=10**12)], ['frame'], 'column frame: .*0 to 200000, found 1000000000000'),
        ([row(frame='inf')], ['frame'], 'column frame: .*found inf'),
        ([row(frame=1, face_id=0.5)], ['frame', 'face_id'], 'column face_id: .*found 0.5'),
        ([row(success=2)], ['success'], 'line 2, column success: .*0 or 1.*2'),
        ([row(frame=1)], ['frame', 'frame'], 'column frame occurs 2 times'),
    ],
)
def test_bad_rows(path, rows, columns, message):
    write(path, rows, columns)
    with pytest.raises(InputError, match=r'face\.csv.*' + message):
        read_openface_csv(path)


@pytest.mark.parametrize(
    'change, found',
    [
        (lambda line: line + ', 1', 137),
        (lambda line: line.rsplit(',', 1)[0], 135),
        (lambda line: '', 1),
    ],
)
def test_rows_of_another_length(path, change, found):
    lines = write(path, [row()] * 3, ()).read_text().splitlines()
    lines[2] = change(lines[2])
    path.write_text('\n'.join(lines))
    with pytest.raises(InputError, match=rf'face\.csv, line 3: expected 136 cells .*found {found}'):
        read_openface_csv(path)


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason='EMOREACT_TEST_DATA is not given')
def test_real_files():
    folder = REAL_DATA / 'openface'
    name = 'subj01_timepoint01.csv'
    landmarks, confidence, _ = read_openface_csv(folder / name)
    assert landmarks.shape == (158, 68, 2) and not np.isnan(landmarks).any()
    # its cells x_0, y_0 and x_67 in line 2
    assert landmarks[0, 0].tolist() == np.float32([444.8, 277.7]).tolist()
    assert landmarks[0, 67, 0] == np.float32(555.9)
    assert confidence.shape == (158,)
    name = 'face_in_first_part_only.derived.csv'
    landmarks, confidence, _ = read_openface_csv(folder / name)
    # rows 1 to 72 hold a face, the other 97 are zeros
    assert (
        np.isnan(landmarks).any(axis=(1, 2)).tolist()
        == np.isnan(landmarks).all(axis=(1, 2)).tolist()
        == [False] * 72 + [True] * 97
    )
    assert (confidence[72:] == 0).all()
    with pytest.raises(InputError, match=r'without_landmarks\.csv.*-2Dfp'):
        read_openface_csv(folder / 'without_landmarks.csv')
