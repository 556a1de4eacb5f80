import numpy as np
import pytest

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.explanation import cam_views
from emoreact_plugin.explanation.cam_clip import Explainer
from emoreact_plugin.explanation.cam_sheet import overlay
from emoreact_plugin.explanation.cam_source import CamSource
from emoreact_plugin.explanation.cam_views import (
    choose_classes,
    empty_of,
    explain_clip,
    rows_of,
    sampled_columns,
    scales_of,
    sheet_of,
    video_frames,
    without_box,
)
from mmaction.registry import MODELS
from tests.explanation.color_cues import FEWER_BODIES, SIZE, ColorClip, color_model
from tests.factories import EMOTIONS, small_config

pytestmark = pytest.mark.slow

CLASSES = ('Calm', 'Angry', 'Sad', 'Glad')


def test_the_emotions_that_are_asked_for():
    scores = np.array([0.1, 0.9, 0.3, 0.5])
    assert choose_classes(None, CLASSES, scores) == (1, 3, 2)
    assert choose_classes('all', CLASSES, scores) == (0, 1, 2, 3)
    assert choose_classes('sad, ANGRY,Sad', CLASSES, scores) == (2, 1)
    with pytest.raises(
        InputError, match='--emotion Anger: .*Calm, Angry, Sad, Glad, .*Angry perhaps'
    ):
        choose_classes('Anger', CLASSES, scores)
    with pytest.raises(InputError, match='or all, found none'):
        choose_classes(' ,', CLASSES, scores)


def calibrated(temperature):
    return dict(temperature=temperature, thresholds=dict.fromkeys(EMOTIONS, 0.5), clips=9)


def explained(method='gradcam', total=9, label=None, calibration=None, **options):
    cfg, model = color_model(**options)
    explainer = Explainer(cfg, model, method, calibration=calibration)
    source = CamSource(ColorClip(total), 'color_model', 'color_model', label)
    return explain_clip(explainer, source, 'curiosity,Excitement'), explainer


@pytest.mark.parametrize('temperature', [None, 0.01])
def test_rows_say_probabilities_and_label(temperature):
    label = (False,) * 2 + (True,) * 6
    found, explainer = explained(label=label, calibration=temperature and calibrated(temperature))
    logit = 0.8 / 36 / (temperature or 1)
    score = f'{1 / (1 + np.exp(-logit)):.2f}'
    rows = rows_of(found, explainer)
    assert [row.name for row in rows] == ['Curiosity', 'Excitement']
    assert rows[0].lines == (f'fused {score}', f'face {score}', f'body {score}', 'label no')
    assert rows[1].lines[-1] == 'label yes'
    assert len(rows_of(*explained())[0].lines) == 3


def test_eigencam_has_one_row():
    found, explainer = explained('eigencam')
    assert rows_of(found, explainer) == [cam_views.Row('all emotions')]
    assert len(sampled_columns(found, explainer)[0].cells['face']) == 1


def test_columns_have_the_maps_of_their_frames():
    found, explainer = explained()
    columns = sampled_columns(found, explainer)
    assert [column.title for column in columns] == ['frame 1', 'frame 4', 'frame 7']
    clip = found.source.clip
    for i, (column, frame) in enumerate(zip(columns, (1, 4, 7), strict=True)):
        np.testing.assert_array_equal(column.frame, clip.images[frame])
        assert column.boxes['body'] == (SIZE, 0, 2 * SIZE, SIZE)
        for stream, half in (('face', slice(SIZE)), ('body', slice(SIZE, None))):
            image = clip.images[frame][:, half]
            for row in (0, 1):
                maps = found.maps[stream].maps[row]
                np.testing.assert_array_equal(
                    column.cells[stream][row].image, overlay(image, maps[i], maps.max())
                )


def test_one_scale_for_all_frames():
    found, _ = explained(shift=True)
    # No red comes into the last segment.
    red = found.maps['face'].maps[0]
    assert scales_of(found.maps)['face'][0] == red.max() > 0
    assert empty_of(found.maps)['face'].tolist() == [1, 0]


def test_empty_maps_and_whole_frames_are_said():
    found, explainer = explained(shift=True)
    clip = found.source.clip
    clip.landmarks.face[7] = np.nan
    columns = sampled_columns(found, explainer)
    assert [c.cells['face'][0].note for c in columns] == ['', '', 'whole frame, empty']
    assert columns[2].cells['body'][1].note == ''
    assert 'face' not in columns[2].boxes
    assert without_box(found, explainer) == dict(face=1, body=0)


def test_many_frames_are_thinned_out():
    frames = dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=12)
    found, explainer = explained(total=24, sampling=dict(face=frames, body=dict(share='face')))
    assert len(sampled_columns(found, explainer)) == 10
    assert sheet_of(found, explainer).ndim == 3


@pytest.mark.parametrize('method', ['gradcam++', 'eigencam'])
@pytest.mark.parametrize('total', [1, 8])
def test_the_video_has_every_frame(total, method, tmp_path, monkeypatch):
    found, explainer = explained(method, total)
    drawn = []
    monkeypatch.setattr(
        cam_views, 'draw_frame', lambda title, rows, column, streams: drawn.append(column)
    )
    assert len(list(video_frames(found, explainer, str(tmp_path)))) == total
    assert not list(tmp_path.iterdir())
    clip = found.source.clip
    for k, column in enumerate(drawn):
        assert column.title == f'frame {k} of {total}'
        np.testing.assert_array_equal(column.frame, clip.images[k])
        if method == 'eigencam':
            continue
        row, place = clip.places['face'][k, 0]
        colors = column.cells['face'][0].image.astype(int)
        bright = np.unravel_index(colors.sum(-1).argmax(), (SIZE, SIZE))
        assert (bright[0] // 8, bright[1] // 8) == (row, place)


def test_the_nearest_map_where_a_frame_has_none(tmp_path, monkeypatch):
    cfg = small_config(input='fusion', sampling=FEWER_BODIES)
    explainer = Explainer(cfg, MODELS.build(cfg.model).eval())
    found = explain_clip(explainer, CamSource(ColorClip(8), 'color_model', 'color_model'), None)
    columns = sampled_columns(found, explainer)
    assert [list(c.cells) for c in columns] == [
        ['face'],
        ['face', 'body'],
        ['face'],
        ['face', 'body'],
    ]
    drawn = []
    monkeypatch.setattr(
        cam_views, 'draw_frame', lambda title, rows, column, streams: drawn.append(column)
    )
    list(video_frames(found, explainer, str(tmp_path)))
    assert len(drawn) == 8
    notes = [column.cells['body'][0].note for column in drawn]
    assert notes == ['frame 3'] * 6 + ['frame 7'] * 2
    assert drawn[0].cells['face'][0].note == 'frame 1'
    assert 'the nearest frame that was scored' in drawn[0].title
