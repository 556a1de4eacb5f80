"""docs/other_data.md: the page's CSV file and config are what is run here."""

import json
import re

import numpy as np
import pytest

from tests.factories import (
    FRAMES,
    NO_WORKERS,
    ROOT,
    call_tool,
    face_of,
    write_openface,
    write_video,
)

pytestmark = pytest.mark.slow

PAGE = ROOT / 'docs' / 'other_data.md'
if not PAGE.is_file():
    pytest.skip('not a source tree', allow_module_level=True)

(CSV,) = re.findall(r'```csv\n(.*?)```', PAGE.read_text(), re.S)


@pytest.fixture(scope='module')
def talks(tmp_path_factory):
    """Where the user is, with the page's files, but for shorter clips."""
    folder = tmp_path_factory.mktemp('user')
    root = folder / 'talks'
    rng = np.random.default_rng(0)
    for name in ('interview/a', 'b'):
        ending = '.mov' if name == 'b' else '.mp4'
        write_video(
            root / 'clips' / f'{name}{ending}',
            rng.integers(0, 256, (FRAMES, 48, 64, 3)).astype(np.uint8),
        )
        write_openface(
            root / 'landmarks' / f'{name}.csv', np.stack([face_of(k) for k in range(FRAMES)])
        )
    for split in ('train', 'val', 'test'):
        (root / f'{split}.csv').write_text(CSV.replace('150', '2').replace('400', '5'))
    return folder


def run(tool, *arguments):
    code, out, errors = call_tool(tool, *arguments)
    assert code == 0, errors
    return out


@pytest.mark.parametrize('crops', [False, True])
def test_a_folder_of_videos_is_trained_on(talks, crops, monkeypatch):
    monkeypatch.chdir(talks)
    config = ROOT / 'docs' / 'examples' / 'other_data.py'
    code = [line for line in config.read_text().splitlines() if line and not line.startswith('#')]
    assert len(code) <= 14
    flags = []
    if crops:
        out = run(
            'extract_frames',
            'talks/clips',
            '--out',
            'talks/crops',
            '--as',
            'crops',
            '--regions',
            'face',
            '--landmarks',
            'talks/landmarks',
        )
        assert out.startswith(f'2 clips, {2 * FRAMES} crops of each of face')
        flags = ['--crops', 'crops']
    out = run(
        'train',
        config,
        *flags,
        '--num-segments',
        '1',
        '--arch',
        'resnet18',
        '--init',
        'scratch',
        '--work-dir',
        f'run{crops}',
        '--cfg-options',
        'train_cfg.max_epochs=1',
        *NO_WORKERS,
    )
    assert 'train: 3 clips, 11 frames' in out
    scores = json.loads((talks / f'run{crops}' / 'metrics.json').read_text())
    assert {'roc_auc/calm', 'roc_auc/angry', 'roc_auc/sad'} <= set(scores['results']['test'])
