import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from emoreact_plugin.recipes import build
from mmaction.registry import MODELS

from ..conftest import EMOTIONS, FRAMES, make_tiny
from .test_visualize_cam import OPTIONS, write_config


@pytest.fixture
def call(tmp_path, monkeypatch, calls):
    """Calls the tool on tiny clips with cues: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    data = make_tiny(tmp_path / 'data', counts=(2, 2, 3))
    cues = dict(
        classes=list(EMOTIONS),
        emotions=dict(
            Curiosity=dict(seen_by=['body/TSM'], only_in_order=True),
            Happiness=dict(seen_by=['face/TSN'], only_in_order=False),
            Surprise=dict(seen_by=['body/TSN'], only_in_order=False)),
        clips={
            name: dict(
                cues=[i % 2] * 8,
                boxes=dict(
                    Happiness=[[0, 0, 64, 48]] * FRAMES,
                    Surprise=[[8, 12, 20, 24]] * FRAMES))
            for i, name in enumerate(data.videos['test'])
        })
    (data.root / 'cues.json').write_text(json.dumps(cues))
    torch.manual_seed(0)
    cfg = Config(build(**OPTIONS))
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), 'x.pth')
    write_config(Path('config.py'))
    return calls('validate_cam', 'config.py', 'x.pth', '--data-root', 'data')


def table_of(text, title):
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if title in line)
    rows = [[cell.strip() for cell in line.strip('|').split('|')]
            for line in lines[start + 2:] if line.startswith('|')]
    return rows


def test_the_tables(call):
    code, out, err = call('--seeds', '2', '--out', 'report.md')
    assert code == 0, err
    assert Path('report.md').read_text() == out.rstrip('\n') + '\n'
    assert 'gradcam of backbone, test clips' in out
    assert '2 networks drawn anew, measured on 1 clips' in out
    emotions = table_of(out, '| Stream | Emotion |')
    # Streams see what they can: not the cue in the order.
    assert [[*row[:2], row[3]] for row in emotions] == [
        ['face', 'Happiness', '1'], ['body', 'Surprise', '1']]
    assert [row[8] for row in emotions] == ['2', '2']
    summary = table_of(out, '| Stream | Trained |')[:2]
    assert [row[0] for row in summary] == ['face', 'body']
    # A box that is all of the crops holds all of every map.
    assert {emotions[0][i] for i in (4, 5, 7, 9)} == {'1.00'}
    # Two clips of three look the same: the scores tie.
    assert {row[2] for row in emotions} == {'0.50'}
    assert summary[0][1:] == ['1.00', 'nan', '1.00', '1.00 to 1.00',
                              '1.00 to 1.00']
    # A corner of four places: all of the best map lies around it.
    assert float(emotions[1][7]) > 1.5 and ' to ' in summary[1][4]


def test_other_data(call):
    Path('data/cues.json').unlink()
    code, _, err = call()
    assert code == 1 and 'data: expected the drawn sample data' in err
