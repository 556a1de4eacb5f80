from emoreact_plugin.clips.boxes import boxes_of
from emoreact_plugin.clips.landmarks import Landmarks
from tests.explanation.color_cues import SIZE, ColorClip


def test_boxes():
    clip = ColorClip(2)
    boxes = boxes_of(clip.landmarks, ('face', 'body'), (2 * SIZE, SIZE))
    assert boxes['face'] == [(0, 0, SIZE, SIZE)] * 2
    assert boxes['body'] == [(SIZE, 0, 2 * SIZE, SIZE)] * 2
    assert boxes_of(Landmarks.none(1), ('face',), (8, 8)) == dict(face=[None])
