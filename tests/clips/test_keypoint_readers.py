import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.clips.landmark_readers import read_keypoints_txt

nan = float('nan')


@pytest.fixture
def txt(tmp_path):
    return tmp_path / 'clip_hol.txt'


def test_keypoints(txt):
    txt.write_text('0.1 0.2 0.3 0.4\n\n  0.5\t-0.25 \n')
    keypoints, _ = read_keypoints_txt(txt, 5)
    assert keypoints.shape == (5, 2, 2) and keypoints.dtype == np.float32
    expected = np.full((5, 2, 2), nan, np.float32)
    expected[0] = [[0.1, 0.2], [0.3, 0.4]]
    expected[2, 0] = [0.5, -0.25]
    assert np.array_equal(keypoints, expected, equal_nan=True)


def test_lines_past_the_frames_belong_to_none(txt):
    # three frames; then hands, which may be anything
    txt.write_text('.1 .2\n.3 .4\n\n.5 .6 .7 .8 .9 .9\n1 2 3\nleft hand\n')
    keypoints, _ = read_keypoints_txt(txt, 3)
    assert np.array_equal(
        keypoints, np.float32([[[0.1, 0.2]], [[0.3, 0.4]], [[nan, nan]]]), equal_nan=True
    )


def test_keypoints_of_nobody(txt):
    txt.write_text('\n\n')
    assert read_keypoints_txt(txt, 4)[0].shape == (4, 0, 2)


@pytest.mark.parametrize('end, start', [('\r\n', ''), ('\n', '\ufeff')])
def test_keypoints_written_elsewhere(txt, end, start):
    txt.write_bytes((start + end.join(['.5 .25', '', '.75 nan .5 .5'])).encode())
    keypoints, _ = read_keypoints_txt(txt, 3)
    assert np.array_equal(
        keypoints[:, :, 0], np.float32([[0.5, nan], [nan, nan], [nan, 0.5]]), equal_nan=True
    )


@pytest.mark.parametrize(
    'line, message',
    [
        ('.1 .2 .3', 'line 2: expected pairs of x and y, found 3 numbers'),
        ('.1 .2 .3 x', "line 2, column number 4: .* found 'x'"),
        ('.1 .2 640 .5', r'line 2: .*\(0 to 1\), found 640: are these pixels'),
        ('.1 -11', 'line 2: .* found -11'),
        ('.1,.2', "line 2, column number 1: .*found '.1,.2'"),
    ],
)
def test_bad_keypoints(txt, line, message):
    txt.write_text('.1 .2\n' + line + '\n')
    with pytest.raises(InputError, match=r'clip_hol\.txt.*' + message):
        read_keypoints_txt(txt, 2)


def test_no_keypoint_file(txt):
    with pytest.raises(FileNotFoundError, match=r'clip_hol\.txt'):
        read_keypoints_txt(txt, 2)
    txt.write_bytes(b'')
    with pytest.raises(InputError, match=r'clip_hol\.txt: .*empty file'):
        read_keypoints_txt(txt, 2)
    txt.write_bytes(b'\xff\xd8\xff\xe0')
    with pytest.raises(InputError, match=r'clip_hol\.txt: expected a text'):
        read_keypoints_txt(txt, 2)
    for count in (0, -1, 1.5, None):
        with pytest.raises(InputError, match='total_frames'):
            read_keypoints_txt(txt, count)
