import csv
import json
import sys
from base64 import b64decode
from types import ModuleType
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from emoreact_plugin.inference.results import (
    ClipResult,
    Results,
    WindowResult,
    labels_above,
    mean_of,
)
from tests.factories import write_video

HOSTILE = '<script>alert("x")</script>.mp4'


def window(start, p, **kwargs):
    return WindowResult(
        start,
        start + 2.0,
        dict(Joy=p, Fear=1 - p),
        ['Joy'],
        dict(face=dict(Joy=p, Fear=0.5)),
        dict(face=0.25),
        **kwargs,
    )


def clip(name='a.mp4', **kwargs):
    windows = [window(0.0, 0.2), window(2.0, 0.6, reliable=False)]
    return ClipResult(
        f'videos/{name}',
        name,
        dict(Joy=0.7, Fear=0.1),
        mean_of(windows),
        ['Joy'],
        dict(face=dict(Joy=0.8, Fear=0.2)),
        windows,
        100,
        4.0,
        'files',
        dict(face=75),
        ['face seldom found'],
        False,
        **kwargs,
    )


@pytest.fixture
def results():
    return Results(
        [clip(), ClipResult('videos/b.mp4', 'b.mp4', error='no video, "at all"')],
        dict(notice='only estimates', threshold=0.5, rate=float('nan')),
    )


def test_plain_values(results):
    assert repr(results) == 'Results(2 clips, 1 failed)'
    assert len(results) == 2 and results[1].error and results[-1:]
    first = results.to_dict()['clips'][0]
    assert first['probabilities'] == dict(Joy=0.7, Fear=0.1)
    assert first['mean_probabilities']['Joy'] == pytest.approx(0.4)
    assert first['streams'] == dict(face=dict(Joy=0.8, Fear=0.2))
    assert first['windows'][1]['start_s'] == 2
    assert first['frames_without'] == dict(face=75)
    assert labels_above(dict(Joy=0.5, Fear=0.4), dict(Joy=0.5, Fear=0.45)) == ['Joy']
    assert mean_of([]) == {}


@pytest.mark.parametrize(
    'joys, windows, what',
    [
        ((0.2, 0.20001), (), '2 clips'),
        ((0.2, 0.3), (), None),
        ((0.2,), (0.2, 0.20001), '2 windows'),
        ((0.2,), (0.2, 0.3), None),
        ((0.2,), (0.2,), None),
    ],
)
def test_what_scores_alike_is_named(joys, windows, what):
    clips = [
        ClipResult('', 'a', dict(Joy=p, Fear=0.1), windows=[window(0.0, p) for p in windows])
        for p in joys
    ]
    results = Results([*clips, ClipResult('c.mp4', 'c', error='no video')], {})
    found = results.to_dict()['collapsed']
    assert found == results.collapsed
    assert found is None if what is None else f'all {what} score alike in all 2 labels' in found


def test_one_label_alone_says_nothing_of_few_clips():
    clips = [ClipResult('', 'a', dict(Joy=p, Fear=0.1)) for p in (0.2, 0.3)]
    assert Results(clips, {}).collapsed is None


def test_json(results, tmp_path):
    path = tmp_path / 'new' / 'results.json'
    results.write_json(str(path))

    def refuse(name):
        raise AssertionError(name)

    read = json.loads(path.read_text(), parse_constant=refuse)
    assert read['rate'] is None and read['notice'] == 'only estimates'
    assert read['clips'][1]['error'] == 'no video, "at all"'
    assert read['clips'][0]['windows'][0]['found'] == dict(face=0.25)
    assert [p.name for p in path.parent.iterdir()] == ['results.json']


def test_csv(results, tmp_path):
    results.write_csv(str(tmp_path))
    with open(tmp_path / 'clips.csv', newline='') as file:
        first, second = csv.DictReader(file)
    assert list(first)[:4] == ['video', 'error', 'Joy', 'Fear']
    assert (first['Joy'], first['face/Joy'], first['mean/Joy']) == ('0.7', '0.8', '0.4')
    assert (first['face_share'], first['reliable']) == ('0.25', 'False')
    assert second['error'] == 'no video, "at all"' and second['Joy'] == ''
    with open(tmp_path / 'windows.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['start_s'] for row in rows] == ['0.0', '2.0']
    assert [row['end_s'] for row in rows] == ['2.0', '4.0']
    assert rows[1]['Joy'] == '0.6' and rows[1]['face/Fear'] == '0.5'
    assert rows[1]['face_share'] == '0.25' and rows[1]['reliable'] == 'False'
    # those of the clip stand in each window
    assert rows[0]['reliable'] == 'True' and rows[0]['clip_reliable'] == 'False'
    assert rows[0]['warnings'] == 'face seldom found'


def test_what_was_left_out(results):
    assert results.to_dict()['stopped'] is None
    clips = list(results)
    some = Results(clips, results.about, 'no more disk', ['z/y.mp4', 'x.mp4'])
    found = some.to_dict()
    assert found['stopped'] == 'no more disk'
    assert found['left_out'] == ['z/y.mp4', 'x.mp4']
    assert found['clips_done'] == len(found['clips']) == len(clips)
    assert found['clips_in_all'] == len(clips) + 2
    assert some.rows()[-2:] == [
        dict(video='z/y.mp4', error='left out: no more disk'),
        dict(video='x.mp4', error='left out: no more disk'),
    ]
    assert len(some) == len(clips) and some.errors == results.errors


def test_csv_of_nothing_but_failures(tmp_path):
    Results([ClipResult('b.mp4', 'b.mp4', error='x')], {}).write_csv(str(tmp_path))
    assert (tmp_path / 'clips.csv').read_text().splitlines()[1].startswith('b.mp4,x')
    assert (tmp_path / 'windows.csv').read_text() == 'video\n'


def test_a_notebook_shows_bars_and_lines():
    html = clip()._repr_html_()
    assert html.count('<rect') == 4  # two emotions, fused and of the face
    assert html.count('<polyline') == 2
    assert 'face seldom found' in html
    assert html.index('seldom') < html.index('<svg')  # warnings come first
    for picture in html.split('<svg')[1:]:
        ElementTree.fromstring('<svg' + picture.split('</svg>')[0] + '</svg>')
    line = html.split('points="')[1].split('"')[0].split()
    heights = [float(each.split(',')[1]) for each in line]
    assert heights[0] > heights[1]  # .2, then .6, and up is less
    # one window has no course
    short = clip()
    short.windows = short.windows[:1]
    assert '<polyline' not in short._repr_html_()


def test_a_notebook_shows_the_frame_in_the_middle(tmp_path):
    frames = np.zeros((9, 90, 120, 3), np.uint8)
    frames[4] = (250, 10, 10)
    shown = clip()
    shown.video, shown.total_frames = str(tmp_path / 'a.mp4'), len(frames)
    write_video(tmp_path / 'a.mp4', frames)
    html = shown._repr_html_()
    data = html.split('base64,')[1].split('"')[0]
    image = cv2.imdecode(np.frombuffer(b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (180, 240, 3)
    np.testing.assert_allclose(image.mean(axis=(0, 1))[::-1], (250, 10, 10), atol=12)
    assert '<img' not in clip()._repr_html_()  # its video is not there


def test_short_representations(results):
    assert repr(clip()) == (
        "ClipResult('a.mp4': Joy (Joy 0.70, Fear 0.10), 4.0 s, 2 windows, not reliable)"
    )
    assert repr(results[1]) == 'ClipResult(\'b.mp4\': no video, "at all")'
    assert repr(clip().windows[0]) == 'WindowResult(0.0 to 2.0 s: Fear 0.80, Joy 0.20)'


def test_to_pandas(results, monkeypatch):
    tables = ModuleType('pandas')
    tables.DataFrame = lambda rows: rows
    monkeypatch.setitem(sys.modules, 'pandas', tables)
    assert results.to_pandas() == results.rows()
    assert results.to_pandas(windows=True) == results.window_rows()
    monkeypatch.setitem(sys.modules, 'pandas', None)
    with pytest.raises(ImportError, match='pip install pandas'):
        results.to_pandas()


def test_a_clip_that_could_not_be_drawn_has_scores():
    failed = clip(error='drawing it failed: no room')
    html = failed._repr_html_()
    assert html.index('drawing it failed') < html.index('<svg')
    assert html.count('<rect') == 4 and 'face seldom found' in html
    assert failed.row()['Joy'] == 0.7 and failed.row()['reliable'] is False
    nothing = ClipResult('b.mp4', 'b.mp4', error='no video')
    assert '<svg' not in nothing._repr_html_()
    assert nothing.row()['reliable'] is None


def test_a_notebook_runs_no_names(results):
    evil = clip(HOSTILE)
    evil.probabilities = {HOSTILE: 0.5}
    evil.streams, evil.labels, evil.warnings = {}, [HOSTILE], [HOSTILE]
    failed = ClipResult(HOSTILE, HOSTILE, error=HOSTILE)
    html = Results([evil, failed], dict(notice=HOSTILE))._repr_html_()
    assert '<script' not in html and html.count('&lt;script') >= 5
    many = Results([clip()] * 25, {})._repr_html_()
    assert many.count('<h4>') == 20 and 'and 5 more clips' in many
