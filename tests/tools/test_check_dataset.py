import json
import os
from pathlib import Path

import pytest
from mmengine.config import Config

from mmaction.registry import DATASETS
from tests.factories import make_tiny

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / 'configs' / 'sample' / 'fusion.py')


@pytest.fixture
def call(tmp_path, monkeypatch, calls):
    """Return a caller of the tool next to a dataset in `data`: (exit code, out, err)."""
    data = make_tiny(tmp_path / 'data', counts=(2, 2, 2))
    for k, path in enumerate(sorted(data.root.glob('videos/*.mp4'))):
        with open(path, 'ab') as file:  # none is a copy of another
            file.write(b'\0\0\0\x0cfree' + k.to_bytes(4, 'big'))
    monkeypatch.chdir(tmp_path)
    return calls('check_dataset')


def test_a_config(call):
    code, out, _ = call(CONFIG, '--data-root', 'data')
    assert code == 0 and 'ERRORS' not in out
    assert out.endswith(
        '6 clips: 0 errors, 0 warnings, 3 notes. All of them in work_dirs/check_fusion/: '
        'problems.csv, clips.csv, summary.json, dataset.png\n'
    )
    for name in ('problems.csv', 'clips.csv', 'summary.json', 'dataset.png'):
        assert Path('work_dirs/check_fusion', name).is_file()


def test_errors_set_the_exit_code(call):
    Path('data/videos/VAL100_2.mp4').write_bytes(b'no video')
    Path('data/videos/TEST100_2.mp4_hol.txt').unlink()
    code, out, _ = call('--config', CONFIG, '--data-root', 'data', '--out', 'x', '--workers', '1')
    assert code == 1 and ': 2 errors, ' in out
    assert out.startswith('ERRORS: clips that cannot be read (val 1)\n  val  ')
    kinds = [f['kind'] for f in json.loads(Path('x/summary.json').read_text())['problems']]
    assert kinds[:2] == ['unreadable clip', 'no keypoints']
    # The flags of a config have their effect.
    code, out, _ = call(CONFIG, '--data-root', 'data', '--input', 'face')
    assert code == 1 and ': 1 error, ' in out
    Path('data/videos/VAL100_2.mp4').unlink()
    os.link('data/videos/VAL101_2.mp4', 'data/videos/VAL100_2.mp4')
    code, out, _ = call(CONFIG, '--data-root', 'data', '--allow-missing')
    assert code == 0 and ': 0 errors, 2 warnings, ' in out


def test_a_folder(call):
    code, out, _ = call('data')
    assert code == 0 and 'work_dirs/check_data/' in out
    code, out, _ = call('data', '--classes', 'Fear', 'Surprise', '--out', 'x')
    assert json.loads(Path('x/summary.json').read_text())['classes'] == ['Fear', 'Surprise']


@pytest.mark.parametrize('what', ['config', 'folder'])
def test_training_takes_the_landmarks_that_it_prepares(call, what):
    flags = (CONFIG, '--data-root', 'data') if what == 'config' else ('data',)
    assert call(*flags, '--cache-dir', 'cache')[0] == 0
    prepared = {path: path.stat().st_mtime_ns for path in Path('cache').glob('*.safetensors')}
    assert len(prepared) == 6
    cfg = Config.fromfile(CONFIG)
    for split in ('train', 'val', 'test'):
        config = cfg[f'{split}_dataloader'].dataset
        config.update(data_root='data', cache_dir='cache')
        data = DATASETS.build(config)
        for i in range(len(data)):
            assert Path(data.get_data_info(i)['landmarks_file']) in prepared
    assert {path: path.stat().st_mtime_ns for path in Path('cache').glob('*')} == prepared


def test_it_can_be_stopped(call, monkeypatch):

    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(call.tool, 'check_all', stop)
    code, out, _ = call('data')
    assert code == 130 and out == 'stopped; the same command goes on\n'


@pytest.mark.parametrize(
    'flags, message',
    [
        (('data', '--input', 'face'), '--input: expected a config, found the fol'),
        (('data', '--data-root', 'x'), '--data-root: expected a config'),
        ((CONFIG, '--classes', 'Fear'), '--classes: expected a folder'),
        ((CONFIG, '--workers', '0'), '--workers: expected 1 or more, found 0'),
        ((), 'expected one config file'),
        (('nowhere',), 'nowhere: no such config file'),
        (('work_dirs',), 'work_dirs: expected train.csv, val.csv, test.csv'),
    ],
)
def test_flags_without_sense(call, flags, message):
    Path('work_dirs').mkdir()
    code, _, err = call(*flags)
    assert code == 1 and message in err and 'Traceback' not in err
    assert not list(Path('work_dirs').iterdir())
