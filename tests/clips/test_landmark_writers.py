import os
from fractions import Fraction

import numpy as np

from emoreact_plugin.clips.landmark_readers import read_keypoints_txt
from emoreact_plugin.clips.landmark_writers import write_keypoints_txt, write_openface_csv


def test_openface_csv_as_text(tmp_path):
    points = np.zeros((2, 68, 2), np.float32)
    points[1] = (2, 3.5)
    points[1, 67] = (7, 8)
    write_openface_csv(tmp_path / 'clip.csv', points, np.array([True, False]), Fraction(25))
    header, first, second = [
        line.split(', ') for line in (tmp_path / 'clip.csv').read_text().splitlines()
    ]
    assert header[:6] == ['frame', 'face_id', 'timestamp', 'confidence', 'success', 'x_0']
    assert header[72:74] == ['x_67', 'y_0'] and header[-1] == 'y_67'
    assert first[:5] == ['1', '0', '0.000', '0.00', '0']
    assert second[:6] == ['2', '0', '0.040', '1.00', '1', '2.000']
    assert second[72:74] == ['7.000', '3.500'] and second[-1] == '8.000'
    write_openface_csv(tmp_path / 'clip.csv', points, np.zeros(2, bool), None)
    assert '\n2, 0, 0.000, 1.00, 1, ' in (tmp_path / 'clip.csv').read_text()


def test_keypoints_read_back(tmp_path):
    joints = np.random.default_rng(1).uniform(-0.2, 1.3, (4, 3, 2)).astype(np.float32)
    joints[0, 1] = np.nan
    joints[1] = joints[3] = np.nan
    path = tmp_path / 'clip.mp4_hol.txt'
    write_keypoints_txt(path, joints)
    read, _ = read_keypoints_txt(path, 4)
    # joints that were not seen are left out: the next one moves up
    np.testing.assert_allclose(read[0, :2], joints[0, [0, 2]], atol=1e-6)
    assert np.isnan(read[0, 2]).all() and np.isnan(read[[1, 3]]).all()
    np.testing.assert_allclose(read[2], joints[2], atol=1e-6)
    assert os.listdir(tmp_path) == ['clip.mp4_hol.txt']
