import csv
import json
from dataclasses import replace

import numpy as np

from emoreact_plugin.datasets.checks.problems import (
    CheckedClip,
    CheckReport,
    Problem,
    sort_problems,
)
from emoreact_plugin.preparation.check_report import (
    cooccurrence,
    count_levels,
    format_report,
    write_report,
)


def clip(split, name, label, frames, fps=25.0, no_face=0.0, black=0.0):
    return CheckedClip(
        split,
        name,
        f'{name}.mp4',
        f'videos/{name}.mp4',
        label,
        0,
        None,
        None,
        frames,
        frames and 64,
        frames and 48,
        frames and fps,
        frames and no_face,
        None,
        frames and black,
        99,
    )


CLIPS = [
    clip('train', 'a', (1, 1), 50, no_face=0.5),
    clip('train', 'b', (0, 0), 150, black=0.2),
    clip('val', 'c', (1, 0), None),
]
PROBLEMS = sort_problems(
    [Problem('note', 'unlabeled', 'b: has no positive label', 'train', 'b')]
    + [Problem('warning', 'short', f's{k}', 'val', f'{k}') for k in range(12)]
    + [
        Problem('error', 'missing clip', 'c\x1b[2J: is not there', 'val', 'c'),
        Problem('error', 'annotations', 'x.csv, line 7: ü', 'train'),
    ]
)
PRIORS = dict(train={}, val={'label frequencies': dict(micro=0.75, macro=0.5)})
REPORT = CheckReport(
    ('Joy', 'Fear'),
    CLIPS,
    dict(train=np.array([[1, 1], [0, 0]]), val=np.array([[1, 0]])),
    PRIORS,
    PROBLEMS,
)


def test_errors_come_first_and_few_of_each():
    lines = format_report(REPORT).split('\n')
    assert lines[0] == 'ERRORS: wrong lines of annotation files (train 1)'
    assert lines[1] == '  train  x.csv, line 7: ü'
    # what is in a name does not control the terminal
    assert lines[4] == r'  val  c\x1b[2J: is not there'
    place = lines.index('WARNINGS: too short (val 12)')
    assert lines[place + 1 : place + 12] == [f'  val  s{k}' for k in range(10)] + ['  and 2 more']
    assert lines.index('NOTES: without a positive label (train 1)') > place


def test_tables():
    lines = format_report(REPORT).split('\n')
    rows = {tuple(line.split()) for line in lines}
    # 30 of 200 frames have a body crop that is mostly black
    train = ('train', '2', '200', '4.0', 's', '(2.0-6.0)', '64x48', '12.5%', '-', '15.0%', '1', '-')
    assert train in rows
    assert ('val', '1', '0', '-', '-', '-', '-', '-', '0', '0.750') in rows
    assert ('Joy', '1', '(50%)', '1', '(100%)') in rows
    assert ('Fear', '1', '1') in rows  # with Joy, and at all
    assert cooccurrence(REPORT).tolist() == [[2, 1], [1, 1]]
    assert count_levels(REPORT) == dict(error=2, warning=12, note=1)


def test_lengths_in_frames_where_the_rate_is_unknown():
    clips = [replace(each, fps=None) for each in CLIPS]
    assert '100 (50-150)' in format_report(replace(REPORT, clips=clips))


def test_the_place_of_a_clip():
    whole = CLIPS[0]
    assert whole.place == 'videos/a.mp4'
    assert replace(whole, end=9).place == 'videos/a.mp4, frames 0 to 9'
    assert replace(whole, start=5).place == ('videos/a.mp4, frames 5 to the end')
    assert replace(whole, person='Ann').place == 'videos/a.mp4, person Ann'


def test_files(tmp_path):
    out = tmp_path / 'a' / 'b'
    names = write_report(REPORT, str(out))
    assert sorted(p.name for p in out.iterdir()) == sorted(names)
    with open(out / 'problems.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15 and rows[0]['text'] == 'x.csv, line 7: ü'
    with open(out / 'clips.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['label'] for row in rows] == ['Joy Fear', '', 'Joy']
    assert rows[0]['no_face'] == '0.5' and rows[2]['frames'] == ''
    summary = json.loads((out / 'summary.json').read_text())
    assert summary['splits']['val'] == dict(
        clips=1, unlabeled=0, positives=[1, 0], priors=PRIORS['val']
    )
    assert summary['counts']['warning'] == 12
    assert len(summary['problems']) == 15
