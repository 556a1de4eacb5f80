import json

import cv2
import numpy as np
import pytest
import torch
from benchmarks import Report, Row, machine_facts, to_json, to_markdown

pytestmark = pytest.mark.slow

MACHINE = dict(
    python='3.12.1',
    system='Linux x86_64',
    cpus=2,
    threads=1,
    device='CPU',
    clock='wall',
    packages=dict(torch='2.6'),
)
ROWS = dict(
    loading=[
        Row('sample', 'face', 'decode', np.array([4.0, 3, 15]), np.array([1.0, 3, 5]), 8.0),
        Row('sample', 'body', 'decode', np.array([200.0, 1, 1]), np.array([1.0, 100, 1])),
    ],
    metric=[Row('bootstrap', 'ours', 'sklearn', np.array([0.02]), np.array([10.0]))],
)


def test_machine():
    facts = machine_facts(3, 'cpu')
    assert facts['threads'] == 3 and facts['cpus'] >= 1
    assert facts['device'] == 'CPU' and facts['clock'] == 'wall'
    assert machine_facts(1, 'cpu', True)['clock'] == 'processor'
    assert facts['packages']['torch'] == torch.__version__
    assert facts['packages']['cv2'] == cv2.__version__
    assert {'mmcv', 'mmaction', 'sklearn', 'emoreact_plugin'} <= set(facts['packages'])


def test_markdown():
    text = to_markdown(Report(ROWS, MACHINE, 'two clips', True))
    lines = text.splitlines()
    assert lines[0] == (
        '2 CPUs, 1 thread, training on: CPU; Linux x86_64, Python 3.12.1, torch 2.6.'
    )
    assert lines[2] == 'Data: two clips.'
    assert '| sample | face | decode | 3.00 (1.00 to 4.00) | 4.00 | 3.00 | 8.00 |' in lines
    assert '|  | body | decode | 1.00 (0.01 to 200) | 1.00 | 1.00 |  |' in lines
    # No column of published numbers where there are none.
    assert '| bootstrap | ours | sklearn | 0.002 (0.002 to 0.002) | 0.02 | 10.0 |' in lines
    assert 'of this machine, by the wall clock.' in text
    assert 'Stopped' not in text
    short = to_markdown(Report({}, dict(MACHINE, threads=2), '', False))
    assert '2 threads' in short and 'Stopped before its end.' in short
    assert 'Data' not in short


def test_json():
    found = json.loads(to_json(Report(ROWS, MACHINE, 'two clips', False)))
    assert found['machine'] == MACHINE and found['data'] == 'two clips'
    assert found['complete'] is False
    assert list(found['parts']) == ['loading', 'metric']
    assert found['parts']['loading'][0] == dict(
        group='sample',
        name='face',
        against='decode',
        ratio=dict(median=3, min=1, max=4),
        ms=[4, 3, 15],
        against_ms=[1, 3, 5],
        published=8,
    )
    assert found['parts']['metric'][0]['published'] is None
