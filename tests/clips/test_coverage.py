"""A region counts as found where its crop is cut out, and nowhere else."""

import numpy as np
import pytest

from emoreact_plugin.clips.coverage import coverage_of
from emoreact_plugin.clips.landmarks import Landmarks
from emoreact_plugin.transforms import CropRegions
from tests.factories import HEIGHT, WIDTH, body_of, dataset, face_of, write_openface

SIZE = np.array([WIDTH, HEIGHT])
FACE = face_of(0)
# What a tracker may give for a face of 20 x 20 pixels -> whether there is something to cut out.
FACES = {
    'in the frame': (FACE, True),
    'partly in the frame': (FACE - (20, 0), True),
    'left of the frame': (FACE - (40, 0), False),
    'below the frame': (FACE + (0, HEIGHT), False),
    'all points in one place': (np.full((68, 2), 20.0), False),
    'all points on a line': (np.linspace((5, 20), (30, 20), 68), False),
    'as fractions of the frame': (FACE / SIZE, False),
    'as fractions around the middle': (FACE / SIZE - 0.5, False),
    'huge': (FACE * 1e30, False),
    'a third of the points': (np.where(np.arange(68)[:, None] < 24, FACE, np.nan), False),
    'no points': (np.full((68, 2), np.nan), False),
}


@pytest.mark.parametrize('name', FACES)
def test_what_is_found_is_what_is_cut_out(name):
    points, expected = FACES[name]
    landmarks = Landmarks(
        np.stack([points, FACE]).astype(np.float32),
        np.stack([points, FACE]).astype(np.float32),
        np.ones(2, bool),
        np.zeros(2, bool),
    )
    frames = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 2
    sample = CropRegions(('face', 'fullbody'))(dict(imgs=frames, **landmarks.to_sample()))
    found = coverage_of(landmarks, (WIDTH, HEIGHT))
    assert found.face.tolist() == sample['face_found'].tolist() == [expected, True]
    assert found.box.tolist() == [expected, True]
    # A body needs no number of points.
    assert found.body.tolist() == sample['fullbody_found'].tolist()
    assert found.body[0] == (expected or name == 'a third of the points')


def test_the_summary_of_a_data_set_counts_what_is_cut_out(own):
    """All numbers of a file are there, and none of its faces can be cut out."""
    name = own.videos['train'][0]
    faces = np.stack([face_of(k) / SIZE for k in range(6)])
    write_openface(own.root / 'videos' / f'{name}_openface' / f'{name[:-4]}.csv', faces)
    outside = np.stack([body_of(k) + 3 for k in range(6)])
    text = ''.join(' '.join(map(str, joints.ravel())) + '\n' for joints in outside)
    (own.root / 'videos' / f'{name}_hol.txt').write_text(text)
    pipeline = [
        dict(type='SampleFrames', clip_len=1, num_clips=3, test_mode=True),
        dict(type='DecodeVideo'),
        dict(type='LoadLandmarks'),
        dict(type='CropRegions', regions=('face', 'fullbody')),
    ]
    data = dataset(own.root, pipeline=pipeline, required=('landmarks', 'keypoints'))
    assert not data[0]['face_found'].any() and not data[0]['fullbody_found'].any()
    assert 'no face in 6 frames of 1 clip' in data.summary()
    assert 'no body in 6 frames of 1 clip' in data.summary()


def test_a_body_crop_is_mostly_black_where_the_face_covers_more_than_half_of_it():
    """Frames of 100 x 100; boxes of faces and bodies, None where not found, are a tenth wider.

    The body of 20..70 becomes 15..75, an area of 3600.
    """
    faces = [
        (30, 30, 80, 80),  # 25..85: covers 50 x 50 = 2500
        (40, 40, 80, 80),  # 36..84: covers 39 x 39 = 1521
        None,
        (10, 10, 90, 90),  # 2..98: 9216 of the whole frame's 10000
        (10, 10, 60, 60),  # 5..65: 3600 of the whole frame's 10000
    ]
    bodies = [(20, 20, 70, 70)] * 3 + [None] * 2
    landmarks = Landmarks.none(5)._replace(body=np.full((5, 2, 2), np.nan))
    for k, (face, body) in enumerate(zip(faces, bodies, strict=True)):
        if face is not None:
            landmarks.face[k] = np.tile(np.reshape(face, (2, 2)), (34, 1))
        if body is not None:
            landmarks.body[k] = np.reshape(body, (2, 2))
    assert coverage_of(landmarks, (100, 100)).black.tolist() == [True, False, False, True, False]
