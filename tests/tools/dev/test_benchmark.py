import json
import os

import pytest
import torch
from benchmarks import timing

from emoreact_plugin import InputError

pytestmark = pytest.mark.slow


@pytest.fixture
def call(calls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return calls('dev/benchmark')


def read(name='work_dirs/benchmark_quick'):
    with open(f'{name}.json', encoding='utf-8') as file:
        return json.load(file)


def test_quick_metric(call):
    code, out, err = call('--quick', '--only', 'metric')
    assert code == 0, err
    found = read()
    assert found['complete'] and list(found['parts']) == ['metric']
    assert found['data'] == '' and found['machine']['threads'] == 1
    rows = found['parts']['metric']
    assert [len(row['ms']) for row in rows] == [2] * 4
    with open('work_dirs/benchmark_quick.md', encoding='utf-8') as file:
        text = file.read()
    assert text in out and '| ours | scikit-learn |' in text
    assert ('written: work_dirs/benchmark_quick.md, work_dirs/benchmark_quick.json') in out
    assert sorted(os.listdir('work_dirs')) == ['benchmark_quick.json', 'benchmark_quick.md']


def test_data_of_a_config_and_of_a_folder(call, tiny, tmp_path):
    config = tmp_path / 'mine.py'
    config.write_text(
        '_base_ = []\nfrom emoreact_plugin.recipes import build\n'
        'globals().update(build(num_segments=1, image_size=32))\n'
    )
    few = ('--quick', '--repetitions', '1', '--data-root', str(tiny.root))
    code, _, err = call(
        str(config), *few, '--only', 'mask,loading', '--cache-dir', 'kept', '--out', 'a'
    )
    assert code == 0, err
    assert os.listdir('kept')
    found = read('a')
    # In the tool's order, whatever that of --only is.
    assert list(found['parts']) == ['loading', 'mask']
    assert '64x48' in found['data'] and '1 segment' in found['data']
    groups = {row['group'] for row in found['parts']['loading']}
    assert 'training sample from video, masks drawn' in groups
    code, _, err = call(*few, '--only', 'mask', '--out', 'b')
    assert code == 0, err
    assert '3 segments' in read('b')['data']


def test_drawn_data_is_made_where_none_is_given(call, monkeypatch):
    made = []

    def make(root, clips, frames):
        made.append((root, clips, frames))
        raise InputError('drawn')

    monkeypatch.setattr(call.tool, 'make_drawn_data', make)
    code, _, err = call('--quick', '--only', 'loading')
    assert code == 1 and 'drawn' in err
    ((root, clips, frames),) = made
    assert (clips, frames) == (1, 6) and not os.path.exists(root)


def test_a_stop_leaves_what_is_measured(call, monkeypatch):
    stock, calls = timing.measure, []

    def measure(*args, **kwargs):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return stock(*args, **kwargs)

    monkeypatch.setattr(timing, 'measure', measure)
    code, out, _ = call('--quick', '--only', 'metric')
    assert code == 130
    assert 'stopped; what had been measured is in them' in out
    found = read()
    assert not found['complete'] and len(found['parts']['metric']) == 2


@pytest.mark.parametrize(
    'arguments, message',
    [
        (
            ['--only', 'speed'],
            '--only: expected some of loading, training, metric, mask, start, found speed',
        ),
        (['--repetitions', '0'], '--repetitions: expected 1 or more, found 0'),
        (['--threads', '0'], '--threads: expected 1 or more, found 0'),
        (['--crops', 'cut'], '--crops: expected a config as well'),
        (['--cache-dir', 'x'], '--cache-dir: expected a config or --data-root'),
        (
            ['--data-root', 'nowhere', '--only', 'mask'],
            'nowhere: expected one or more of frames, videos, crops',
        ),
        (['nowhere.py', '--only', 'mask'], 'nowhere.py: no such config file'),
    ],
)
def test_errors(call, arguments, message):
    code, _, err = call('--quick', *arguments)
    assert code == 1 and message in err
    assert not os.path.exists('work_dirs')


def test_processor_time(call, monkeypatch):
    monkeypatch.setattr(call.tool.time, 'perf_counter', None)
    code, _, err = call('--quick', '--only', 'metric', '--processor-time')
    assert code == 0, err
    assert read()['machine']['clock'] == 'processor'
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0')
    code, _, err = call('--processor-time')
    assert code == 1 and '--processor-time: expected --device cpu' in err


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_no_gpu(call):
    code, _, err = call('--device', 'cuda')
    assert code == 1 and 'device: expected cpu (no CUDA device found)' in err
