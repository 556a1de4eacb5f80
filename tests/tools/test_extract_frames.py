import os
from pathlib import Path

import numpy as np
import pytest

from emoreact_plugin.clips.crops import read_record
from tests.factories import FRAMES, HEIGHT, WIDTH, make_tiny, write_openface
from tests.transforms.masks.faces import face


@pytest.fixture
def call(tmp_path, monkeypatch, calls):
    """Return a caller of the tool on a dataset: (exit code, stdout, stderr)."""
    data = make_tiny(tmp_path, counts=(2, 2, 2))
    for path in data.root.glob('videos/*/*.csv'):
        write_openface(path, np.stack([face(scale=0.2, center=(30, 24))] * FRAMES))
    monkeypatch.chdir(data.root)
    return calls('extract_frames')


def test_frames(call):
    code, out, _ = call('videos', '--out', 'frames')
    assert code == 0 and out == '6 clips, 36 frames in frames\n'
    assert len(os.listdir('frames/TRAIN100_2')) == FRAMES
    code, out, _ = call('videos', '--out', 'frames', '--workers', '1')
    assert out == '6 clips, 36 frames in frames; 6 clips there already\n'


def test_masks(call):
    path = Path('videos/TRAIN100_2.mp4_openface/TRAIN100_2.csv')
    write_openface(path, np.full((FRAMES, 68, 2), np.nan))
    code, out, _ = call('videos', '--mask', '--out', 'masked')
    assert code == 0 and out == (
        '6 clips, 36 frames in masked; 6 frames of 1 clip without a mask: no face found\n'
    )
    rows = Path('masked/masks.csv').read_text().splitlines()
    assert 'TRAIN100_2_mask_frames_full,surgical,6,6' in rows
    assert 'VAL100_2_mask_frames_full,surgical,6,0' in rows
    code, out, _ = call(
        '--mask',
        '--mask-kind',
        'kn95',
        '--mask-color',
        '1,2,3',
        '--as',
        'videos',
        '--out',
        'x',
        'videos/VAL100_2.mp4',
    )
    assert code == 0 and out == '1 clip, 6 frames in x\n'
    assert Path('x/VAL100_2.mp4').is_file()
    assert 'VAL100_2.mp4,kn95 1 2 3,6,0' in Path('x/masks.csv').read_text()


def test_close_ups_are_counted(call):
    faces = np.tile([(2, 2), (WIDTH - 2, HEIGHT - 2)], (FRAMES, 34, 1))
    write_openface(Path('videos/TRAIN100_2.mp4_openface/TRAIN100_2.csv'), faces)
    for regions, said in (('body', True), ('face,fullbody', False), ('face+fullbody', False)):
        flags = ('--as', 'crops', '--regions', regions)
        code, out, _ = call('videos', '--out', regions, *flags)
        assert code == 0
        text = '; 6 frames of 1 clip: the face covers most of the body crop, mostly black'
        assert out.endswith(f' in {regions}{text * said}\n')
    assert read_record('body/TRAIN100_2').coverage.black.all()


def test_crops(call):
    path = Path('videos/TRAIN100_2.mp4_openface/TRAIN100_2.csv')
    write_openface(path, np.full((FRAMES, 68, 2), np.nan))
    arguments = ('videos', '--out', 'crops', '--as', 'crops', '--mask')
    arguments += ('--every', '4', '--size', '32')
    code, out, _ = call(*arguments)
    text = (
        '6 clips, 12 crops of each of face, body, fullbody in crops; 2 frames of 1 clip: face not '
        'found, whole frame used; 2 frames of 1 clip: no mask: no face found'
    )
    assert code == 0 and out == f'{text}\n'
    crops = read_record('crops/VAL100_2')
    assert (crops.size, crops.step, crops.mask) == (32, 4, 'surgical')
    code, out, _ = call(*arguments)
    assert code == 0 and out == f'{text}; 6 clips there already\n'
    code, out, _ = call('videos/VAL100_2.mp4', '--as', 'crops', '--regions', 'face', '--out', 'x')
    assert code == 0 and out == '1 clip, 6 crops of each of face in x\n'


@pytest.mark.parametrize(
    'flags, missing',
    [
        (('--as', 'crops', '--regions', 'fullbody'), 'keypoints'),
        (('--as', 'crops', '--regions', 'face'), 'landmarks'),
        (('--as', 'crops', '--regions', 'fullbody', '--mask'), 'landmarks'),
    ],
)
def test_crops_need_the_files_of_their_regions(call, flags, missing):
    if missing == 'keypoints':
        Path('videos/VAL100_2.mp4_hol.txt').unlink()
    else:
        Path('videos/VAL100_2.mp4_openface/VAL100_2.csv').unlink()
    code, out, err = call('videos', '--out', 'x', *flags)
    assert code == 1 and f'VAL100_2.mp4: no {missing} in videos' in err
    assert out.startswith('5 clips, 30 crops')
    code, out, _ = call('videos', '--out', 'x', *flags, '--allow-missing')
    assert code == 0 and out.startswith('6 clips, 36 crops')


def test_it_can_be_stopped(call, monkeypatch):

    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(call.tool, 'extract', stop)
    code, out, _ = call('videos', '--out', 'x')
    assert code == 130 and out == 'stopped; the same command goes on\n'


def test_failed_clips_are_listed(call):
    Path('videos/TEST100_2.mp4').write_bytes(b'no video')
    Path('videos/VAL100_2.mp4_openface/VAL100_2.csv').unlink()
    code, out, err = call('videos', '--out', 'masked', '--mask')
    assert code == 1 and out == '4 clips, 24 frames in masked\n'
    lines = [line for line in err.splitlines() if 'error' in line]
    assert len(lines) == 2 and err.endswith('2 clips failed\n')
    assert 'TEST100_2.mp4: expected a video' in lines[0]
    assert 'VAL100_2.mp4: no landmarks' in lines[1]


@pytest.mark.parametrize(
    'flags, message',
    [
        (('--mask-color', 'red'), '--mask-color: expected --mask'),
        (('--landmarks', 'x'), '--landmarks: expected --mask'),
        (('--allow-missing',), '--allow-missing: expected --mask'),
        (('--as', 'videos'), '--mask'),
        (('--regions', 'face'), '--regions: expected --as crops'),
        (('--mask-kind', 'n95'), '--mask-kind: expected --mask'),
        (('--every', '2'), '--every: expected --as crops'),
        (('--size', '64'), '--size: expected --as crops'),
        (('--max-gap', '2', '--mask'), '--max-gap: expected --as crops'),
        (('--as', 'crops', '--max-gap', '-1'), 'max_gap: expected a number of frames'),
        (('--keypoints', 'x', '--mask'), '--keypoints: expected --as crops'),
        (('--as', 'crops', '--every', '0'), '--every: expected 1 or more, found 0'),
        (
            ('--as', 'crops', '--regions', 'face,feet'),
            "unknown region 'feet', expected one of",
        ),
        (('--workers', '0'), '--workers: expected 1 or more, found 0'),
        (('--mask', '--mask-color', 'mauve'), "unknown colour 'mauve'"),
        (('--mask', '--mask-color', '1,2'), r'numbers from 0 to 255'),
    ],
)
def test_flags_without_sense(call, flags, message):
    code, _, err = call('videos', '--out', 'x', *flags)
    assert code == 1 and message in err and 'Traceback' not in err
    assert not Path('x').exists()
