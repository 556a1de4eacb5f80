import cv2
import numpy as np
import pytest
from benchmarks.drawn_data import make_drawn_data, write_full_openface
from benchmarks.loading import data_of_folder

from emoreact_plugin.clips.landmark_readers import read_openface_csv

pytestmark = pytest.mark.slow


def test_full_openface_file(tmp_path):
    points = np.random.default_rng(0).uniform(0, 700, (4, 68, 2)).round(1)
    path = tmp_path / 'a.csv'
    write_full_openface(path, points)
    header = [c.strip() for c in path.read_text().splitlines()[0].split(',')]
    assert len(header) == len(set(header)) == 714
    found, *_ = read_openface_csv(path)
    np.testing.assert_allclose(found, points, atol=1e-3)


def test_drawn_clips(tmp_path):
    make_drawn_data(str(tmp_path), 1, 4)
    (frame,) = tmp_path.glob('frames/*/000002.jpg')
    # The published system was measured on JPEG of about 119 KB.
    assert 80_000 < frame.stat().st_size < 160_000
    assert cv2.imread(str(frame)).shape == (720, 1280, 3)
    data = data_of_folder(str(tmp_path), str(tmp_path / 'cache'))
    plain = data.build('frames')
    info = plain.get_data_info(0)
    assert info['total_frames'] == 4
    assert '4 frames' in plain.summary() and 'whole' not in plain.summary()
    # The landmarks lie on the drawn face: crop and prepared crop agree.
    sample = dict(info, frame_inds=np.array([2]))
    for transform in data.pipeline('fusion', 'frames').transforms[1:4]:
        sample = transform(sample)
    crop = cv2.resize(sample['face_imgs'][0], (256, 256))
    kept = cv2.imread(str(next(tmp_path.glob('crops/*/face/000002.jpg'))))
    assert np.abs(crop.astype(float) - kept[..., ::-1]).mean() < 5
    x1, y1, x2, y2 = sample['face_boxes'][0]
    assert 100 < x2 - x1 < 600 and 100 < y2 - y1 < 600
