import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.factories import write_config

pytestmark = pytest.mark.slow


@pytest.fixture
def call(tiny, tmp_path, monkeypatch, calls):
    """Return a caller of the tool on a dataset: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    write_config(Path('config.py'))
    return calls('browse_dataset', 'config.py', '--data-root', str(tiny.root))


def named(call, monkeypatch):
    """Record the panels that the next calls draw."""
    drawn, draw = [], call.tool.draw_sheets

    def watch(panels, *args):
        drawn.extend(panels)
        return draw(panels, *args)

    monkeypatch.setattr(call.tool, 'draw_sheets', watch)
    return drawn


def test_the_sheet_has_the_inputs(call, monkeypatch):
    panels = named(call, monkeypatch)
    code, out, _ = call('--split', 'test', '--number', '2', '--out', 'x/sheet.png', '--cell', '32')
    assert code == 0 and '2 clips of test in x/sheet.png' in out
    sheet = cv2.imread('x/sheet.png')[..., ::-1]
    assert [p.name for p in Path('x').iterdir()] == ['sheet.png']
    assert sheet.shape[1] <= 1600 and len(panels) == 2
    for panel in panels:
        assert list(panel.rows) == ['frame', 'face', 'body']
        image = panel.rows['body'][0].image
        ys, xs = np.nonzero((sheet == image[-1, -1]).all(axis=2))
        assert any(
            np.array_equal(sheet[max(y - 31, 0) : y + 1, max(x - 31, 0) : x + 1], image)
            for y, x in zip(ys, xs, strict=True)
        )


def test_clips_by_name(call, monkeypatch):
    panels = named(call, monkeypatch)
    code, _, _ = call('--split', 'val', '--clips', 'VAL102_2.mp4', 'VAL100_2', '--out', 'a.jpg')
    assert code == 0 and [p.title for p in panels] == ['VAL102_2', 'VAL100_2']
    assert Path('a.jpg').read_bytes()[:2] == b'\xff\xd8'
    code, _, err = call('--split', 'val', '--clips', 'VAL10', '--out', 'b.jpg')
    assert code == 1 and '--clips VAL10: ' in err and 'VAL103_2' in err
    assert not Path('b.jpg').exists()


def test_the_choice_is_the_seeds(call, monkeypatch):
    panels = named(call, monkeypatch)
    chosen = []
    for seed in (0, 0, 1, 2, 3):
        panels.clear()
        call('--number', '3', '--seed', str(seed), '--out', 'a.png')
        chosen.append(tuple(p.title for p in panels))
    assert chosen[0] == chosen[1] and len(set(chosen)) > 1
    panels.clear()
    call('--split', 'val', '--out', 'a.png')  # 4 clips, fewer than 8
    assert [p.title for p in panels] == [f'VAL10{i}_2' for i in range(4)]


def test_flags_of_the_recipe(call, monkeypatch):
    panels = named(call, monkeypatch)
    call('--input', 'face+fullbody', '--num-segments', '5', '--number', '1', '--work-dir', 'w')
    assert list(panels[0].rows) == ['frame', 'face', 'fullbody']
    assert panels[0].columns == 5 and Path('w/browse_train.png').is_file()


def test_several_sheets(call):
    code, out, _ = call('--split', 'val', '--num-segments', '1', '--out', 'a.png', '--cell', '900')
    assert code == 0 and 'a_1.png, a_2.png' in out
    assert Path('a_4.png').is_file() and not Path('a.png').exists()


def test_a_window(call, monkeypatch):
    shown = []
    monkeypatch.setenv('DISPLAY', ':0')
    monkeypatch.setattr(cv2, 'imshow', lambda *args: shown.append(args))
    monkeypatch.setattr(cv2, 'waitKey', lambda delay: 0)
    monkeypatch.setattr(cv2, 'destroyAllWindows', lambda: None)
    code, _, _ = call('--number', '1', '--show', '--work-dir', 'w')
    assert code == 0 and len(shown) == 1 and not Path('w').exists()

    def refuse(*args):
        raise cv2.error('no GUI')

    monkeypatch.setattr(cv2, 'imshow', refuse)
    code, _, err = call('--number', '1', '--show')
    assert code == 1 and '--show: this OpenCV cannot open a window' in err


def test_without_a_display(call, monkeypatch):
    monkeypatch.setattr(sys, 'platform', 'linux')
    for name in ('DISPLAY', 'WAYLAND_DISPLAY'):
        monkeypatch.delenv(name, raising=False)
    code, _, err = call('--show')
    assert code == 1 and '--show: expected a display, found none' in err


@pytest.mark.parametrize(
    'flags, message',
    [
        (('--number', '0'), '--number: expected 1 or more, found 0'),
        (('--seed', '-1'), '--seed: expected 0 or more, found -1'),
        (('--epoch', '-1'), '--epoch: expected 0 or more, found -1'),
        (('--out', 'a.gif'), 'a.gif: expected a folder, or a file that ends in .jpg'),
        (('--cell', '5000', '--number', '1'), 'expected cells of 1 to'),
        (('--cfg-options', 'train_dataloader=None'), 'the config has no train_dataloader'),
    ],
)
def test_flags_without_sense(call, flags, message):
    code, _, err = call(*flags)
    assert code == 1 and message in err and 'Traceback' not in err
