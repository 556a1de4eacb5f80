import numpy as np

from emoreact_plugin.clips.boxes import boxes_of, mostly_black
from emoreact_plugin.clips.landmarks import Landmarks
from tests.explanation.colour_cues import SIZE, ColourClip


def test_boxes():
    clip = ColourClip(2)
    boxes = boxes_of(clip.landmarks, ('face', 'body'), (2 * SIZE, SIZE))
    assert boxes['face'] == [(0, 0, SIZE, SIZE)] * 2
    assert boxes['body'] == [(SIZE, 0, 2 * SIZE, SIZE)] * 2
    assert boxes_of(Landmarks.none(1), ('face',), (8, 8)) == dict(face=[None])


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
    assert mostly_black(landmarks, (100, 100)).tolist() == [True, False, False, True, False]
