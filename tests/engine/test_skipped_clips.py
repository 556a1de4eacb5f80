import json

import pytest

from emoreact_plugin.datasets import EmoReactDataset
from emoreact_plugin.evaluation import read_dump
from tests.factories import NO_WORKERS, call_tool, make_tiny, write_config

SHORT = ['--cfg-options', 'train_cfg.max_epochs=1', *NO_WORKERS]


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    return write_config(tmp_path_factory.mktemp('config') / 'small.py', input='face')


@pytest.fixture
def losing(tmp_path, monkeypatch):
    """Return a data set whose second clip of each split goes as soon as it was prepared."""
    data = make_tiny(tmp_path / 'data')
    stock = EmoReactDataset.full_init

    def full_init(self):
        stock(self)
        (data.root / 'videos' / f'{self.video_ids[1]}.mp4').unlink(missing_ok=True)

    monkeypatch.setattr(EmoReactDataset, 'full_init', full_init)
    return data


def names_of(data):
    return {split: names[1][:-4] for split, names in data.videos.items()}


@pytest.mark.slow
def test_a_training_goes_on_without_bad_clips_and_lists_them(losing, config, tmp_path):
    arguments = [config, '--data-root', losing.root, '--work-dir', tmp_path / 'run']
    code, out, errors = call_tool('train', *arguments, '--skip-bad-clips', '0.5', *SHORT)
    assert code == 0, out + errors
    content = json.loads((tmp_path / 'run' / 'metrics.json').read_text())
    for split, name in names_of(losing).items():
        total = len(losing.videos[split])
        assert f'{split}: 1 of {total} clips was skipped: {name}\n' in out
        if split != 'train':
            dump = read_dump(tmp_path / 'run' / f'{split}.npz')
            assert dump.skipped == (name,) and len(dump.video_ids) == total - 1
            assert content['results'][split]['clips/scored'] == total - 1
    (line,) = (each for each in out.splitlines() if each.startswith('Clips scored'))
    assert f'{len(losing.videos["test"]) - 1} of {len(losing.videos["test"])}' in line


@pytest.mark.slow
@pytest.mark.parametrize(
    'flags, start', [([], "error: clip '"), (['--skip-bad-clips', '0.1'], 'error: 1 of 8 clips ')]
)
def test_a_bad_clip_ends_it_with_one_line(flags, start, losing, config, tmp_path):
    code, _, errors = call_tool(
        *('train', config, '--data-root', losing.root, '--work-dir', tmp_path / 'run'),
        *(*flags, *SHORT),
    )
    assert code == 1 and 'Traceback' not in errors
    line = errors.splitlines()[-2]
    name = names_of(losing)['train']
    assert line.startswith(start) and f"clip '{name}' (" in line and f'{name}.mp4' in line


@pytest.mark.parametrize(
    'tool, more, fact',
    [
        ('train', ['--skip-bad-clips', '2'], 'expected a share in 0..1'),
        (
            'train',
            ['--skip-bad-clips', '.1', '--cfg-options', 'val_evaluator.type=AccMetric'],
            'AccMetric',
        ),
        ('test', ['best.pth', '--dump', 'x.pkl', '--skip-bad-clips', '0.1'], 'DumpResults'),
        (
            'train',
            [
                '--skip-bad-clips',
                '.1',
                '--cfg-options',
                'train_dataloader.dataset.type=VideoDataset',
            ],
            'VideoDataset',
        ),
    ],
)
def test_what_would_count_skipped_clips_is_refused(tool, more, fact, config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'best.pth').write_bytes(b'')
    code, _, errors = call_tool(tool, config, *more)
    assert code == 1 and fact in errors.splitlines()[0]
