"""docs/other_data.md: the page's CSV file and config are what is run here."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.factories import FRAMES, face_of, write_openface, write_video

ROOT = Path(__file__).parents[1]
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


def run(folder, *arguments):
    result = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=folder,
        env=dict(
            os.environ,
            OMP_NUM_THREADS='1',
            PYTHONPATH=os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')])),
        ),
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize('crops', [False, True])
def test_a_folder_of_videos_is_trained_on(talks, crops):
    config = ROOT / 'docs' / 'examples' / 'other_data.py'
    code = [line for line in config.read_text().splitlines() if line and not line.startswith('#')]
    assert len(code) <= 12
    flags = []
    if crops:
        out = run(
            talks,
            ROOT / 'tools' / 'extract_frames.py',
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
        talks,
        ROOT / 'tools' / 'train.py',
        config,
        *flags,
        '--arch',
        'resnet18',
        '--init',
        'scratch',
        '--work-dir',
        f'run{crops}',
        '--cfg-options',
        'train_cfg.max_epochs=1',
        *(
            f'{split}_dataloader.{option}'
            for split in ('train', 'val', 'test')
            for option in ('num_workers=0', 'persistent_workers=False')
        ),
    )
    assert 'train: 3 clips, 11 frames' in out
    scores = json.loads((talks / f'run{crops}' / 'metrics.json').read_text())
    assert {'roc_auc/calm', 'roc_auc/angry', 'roc_auc/sad'} <= set(scores['results']['test'])
