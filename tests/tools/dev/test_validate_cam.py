import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.explanation.color_cues import CELL, SIZE, color_model, frame_of, recognizer
from tests.factories import EMOTIONS, FRAMES, write_annotations, write_openface

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
CLIPS = 4  # the first two show the cues
# Of one place of 6x6, enlarged by bilinear interpolation, three quarters of
# each axis lie in the place: what an even map holds there is 1/36.
ONE = 0.75**2 * 36
# Of the second clip's Excitement the box is two places wide: the eighth that
# lies beyond the place is in it too.
TWO = 0.75 * 0.875 * 36 / 2
# The sum over both clips: the wide box expects twice as much.
BOTH = (0.75**2 + 0.75 * 0.875) * 36 / 3
RATIO = f'{ONE:.2f}'


def places_of(clip, frame):
    """Return row and column of red, green and blue in a frame.

    None of them is in one place in two consecutive frames, and none is at the border.
    """
    return [(1 + (frame + c) % 4, 1 + clip) for c in range(3)]


def cell_of(place, left=0, down=0, wide=1):
    """Return the box of a place in the frame, moved down by some rows of the inner four."""
    row, column = place
    row = 1 + (row - 1 + down) % 4
    x, y = left + column * CELL, row * CELL
    return [x, y, x + wide * CELL, y + CELL]


def write_clip(folder, clip):
    """Frames: the face is the left half, the body the right one."""
    (folder / f'{clip}').mkdir(parents=True)
    strength = (255,) * 3 if clip < 2 else (120,) * 3
    for k in range(FRAMES):
        half = frame_of(places_of(clip, k), strength)
        cv2.imwrite(
            str(folder / f'{clip}' / f'{k + 1:06d}.png'), np.concatenate([half, half], 1)[..., ::-1]
        )
    # A region is a tenth wider on each side than its points.
    face = np.tile([[4, 4], [SIZE - 4, SIZE - 4]], (34, 1))
    write_openface(folder / f'{clip}.csv', np.stack([face] * FRAMES))
    body = np.array([[SIZE + 4, 4], [2 * SIZE - 4, SIZE - 4]])
    row = ' '.join(f'{v:.3f}' for v in (body / (2 * SIZE, SIZE)).ravel())
    (folder / f'{clip}_hol.txt').write_text(f'{row}\n' * FRAMES)


def cues_of(clip):
    down = 0 if clip < 2 else 2
    places = [places_of(clip, k) for k in range(FRAMES)]
    return dict(
        cues=[int(clip < 2)] * 8,
        boxes=dict(
            Curiosity=[cell_of(each[0], 0, down) for each in places],
            Excitement=[cell_of(each[2], SIZE, down, 1 + (clip == 1)) for each in places],
        ),
    )


@pytest.fixture
def call(tmp_path, monkeypatch, calls):
    """Return a caller of the tool on a network and clips whose maps are known.

    A call returns (exit code, stdout, stderr).
    """
    monkeypatch.chdir(tmp_path)
    names = [f'{clip}.mp4' for clip in range(CLIPS)]
    for clip in range(CLIPS):
        write_clip(Path('data/frames'), clip)
    write_annotations(Path('data/test.csv'), names, np.zeros((CLIPS, 8), int))
    Path('data/cues.json').write_text(
        json.dumps(
            dict(
                classes=EMOTIONS,
                emotions=dict(
                    Curiosity=dict(seen_by=['face/TSN'], only_in_order=False),
                    Uncertainty=dict(seen_by=['body/TSM'], only_in_order=True),
                    Excitement=dict(seen_by=['body/TSN'], only_in_order=False),
                ),
                clips={name: cues_of(clip) for clip, name in enumerate(names)},
            )
        )
    )
    torch.save(dict(state_dict=color_model()[1].state_dict()), 'x.pth')
    Path('config.py').write_text(f"""
_base_ = [{str(ROOT / 'configs' / '_base_' / 'default_runtime.py')!r}]
from emoreact_plugin.recipes import build
__recipe = build(input='fusion', arch='resnet18', init='scratch',
                 image_size={SIZE}, data_prefix=dict(frames='frames'),
                 dataset=dict(filename_tmpl='{{:06d}}.png'))
__recipe['model']['recognizer'] = {recognizer()!r}
globals().update(__recipe)
""")
    return calls('dev/validate_cam', 'config.py', 'x.pth', '--data-root', 'data')


def table_of(text, title):
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if title in line)
    rows = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in lines[start + 2 :]
        if line.startswith('|')
    ]
    return rows


def test_the_tables(call):
    code, out, err = call('--seeds', '2', '--random-clips', '1', '--out', 'report.md')
    assert code == 0, err
    # Before it, the log says what is prepared.
    assert out.rstrip('\n').endswith(Path('report.md').read_text().rstrip('\n'))
    assert 'gradcam of backbone of x.pth, test clips' in out
    assert '2 networks drawn anew, measured on 1 clips' in out
    # Streams see what they can: not the cue in the order. The boxes move, and
    # those of the clips without the cue lie where nothing is.
    both, mean = f'{BOTH:.2f}', f'{(ONE + TWO) / 2:.2f}'
    assert table_of(out, '| Stream | Emotion |') == [
        ['face', 'Curiosity', '1.00', '2', RATIO, RATIO, '0%', RATIO, '2', '0.00'],
        ['body', 'Excitement', '1.00', '2', both, mean, '0%', both, '2', '0.00'],
    ]
    summary = table_of(out, '| Stream | Trained,')[:3]
    over = f'{(ONE + BOTH) / 2:.2f}'
    assert [row[:4] for row in summary] == [
        ['face', RATIO, RATIO, RATIO],
        ['body', mean, both, both],
        ['all', f'{(3 * ONE + TWO) / 4:.2f}', over, over],
    ]
    # Networks drawn anew mix the colours.
    assert all(float(row[4]) < BOTH - 1 for row in summary)
    assert all(' to ' in cell for row in summary for cell in row[5:])


def test_ctrl_c(call, monkeypatch):
    seeds = []

    def stop(model, seed, draw=call.tool.randomized):
        seeds.append(seed)
        if len(seeds) > 2:
            raise KeyboardInterrupt
        return draw(model, seed)

    monkeypatch.setattr(call.tool, 'randomized', stop)
    code, out, err = call('--seeds', '5', '--random-clips', '1')
    assert code == 0 and 'stopped after 2 of 5 networks' in out, err
    assert '2 networks drawn anew' in out and '| face | Curiosity |' in out

    def at_once(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(call.tool, 'mass_in_box', at_once)
    code, out, _ = call('--seeds', '1')
    assert code == 130 and 'stopped before all clips' in out


def test_other_data(call):
    Path('data/cues.json').unlink()
    code, _, err = call()
    assert code == 1 and 'data: expected the drawn sample data' in err
