"""With tools that only write down how they were called."""

import json
import os

import pytest
from mmengine.config import Config

from emoreact_plugin.experiments import Runs, Training, score, train
from emoreact_plugin.utils.errors import InputError

TOOL = """
import json, os, sys
folder = sys.argv[sys.argv.index('--work-dir') + 1]
with open({log!r}, 'a') as file:
    print(json.dumps([os.path.basename(sys.argv[0])] + sys.argv[1:]),
          file=file)
if os.path.exists({stop!r}):
    sys.exit(3)
os.makedirs(folder, exist_ok=True)
if 'train.py' in sys.argv[0]:
    with open(folder + '/metrics.json', 'w') as file:
        json.dump(dict(checkpoint='elsewhere/best.pth'), file)
else:
    open(sys.argv[sys.argv.index('--dump') + 1], 'w').close()
"""
TRAINING = Training('tsn-face', 'base.py', ('--input', 'face'))
CFG = Config(dict(lr=1, train_dataloader=dict(num_workers=2)))


@pytest.fixture
def runs(tmp_path):
    for name in ('train.py', 'test.py'):
        (tmp_path / name).write_text(
            TOOL.format(log=str(tmp_path / 'log'), stop=str(tmp_path / 'stop'))
        )
    return Runs(str(tmp_path / 'table'), str(tmp_path), ('--data-root', 'here'), ('a=1',))


def calls(runs):
    with open(runs.tools + '/log') as file:
        return [json.loads(line) for line in file]


def test_how_the_tools_are_called(runs):
    folder = runs.folder(TRAINING, 4)
    checkpoint = train(runs, TRAINING, 4, CFG)
    # by its name: the work dir may have been moved since
    assert checkpoint == folder + '/best.pth'
    dump = score(runs, TRAINING, 4, checkpoint, mask=True)
    assert dump == folder + '/test_masked.npz'
    assert calls(runs) == [
        [
            'train.py',
            'base.py',
            '--data-root',
            'here',
            '--input',
            'face',
            '--work-dir',
            folder,
            '--seed',
            '4',
            '--resume',
            '--cfg-options',
            'a=1',
        ],
        [
            'test.py',
            'base.py',
            '--data-root',
            'here',
            '--input',
            'face',
            checkpoint,
            '--work-dir',
            folder + '/test_masked',
            '--dump',
            dump,
            '--mask',
            '--cfg-options',
            'a=1',
        ],
    ]


def test_what_is_done_is_not_done_again(runs):
    for _ in range(2):
        checkpoint = train(runs, TRAINING, 0, CFG)
        score(runs, TRAINING, 0, checkpoint)
    assert [call[0] for call in calls(runs)] == ['train.py', 'test.py']
    score(runs, TRAINING, 0, checkpoint, mask=True)
    train(runs, TRAINING, 1, CFG)
    assert [call[0] for call in calls(runs)][2:] == ['test.py', 'train.py']


def test_a_dump_of_an_older_checkpoint_is_made_anew(runs):
    checkpoint = train(runs, TRAINING, 0, CFG)
    dump = score(runs, TRAINING, 0, checkpoint)
    for time, count in ((1, 2), (10**10, 3)):
        with open(checkpoint, 'w'):
            pass
        os.utime(checkpoint, (time, time))
        os.utime(dump, (5, 5))
        score(runs, TRAINING, 0, checkpoint)
        assert len(calls(runs)) == count


def test_other_annotations_are_other_settings(runs, tmp_path):
    (tmp_path / 'train.csv').write_text('a')
    cfg = Config(
        dict(train_dataloader=dict(dataset=dict(data_root=str(tmp_path), ann_file='train.csv')))
    )
    train(runs, TRAINING, 0, cfg)
    train(runs, TRAINING, 0, cfg)
    (tmp_path / 'train.csv').write_text('b')
    with pytest.raises(
        InputError,
        match='train_dataloader.dataset.ann_file .SHA-256',
    ):
        train(runs, TRAINING, 0, cfg)


def test_a_training_that_was_stopped_goes_on(runs, tmp_path):
    (tmp_path / 'stop').write_text('')
    with pytest.raises(InputError, match='train.py failed for tsn-face'):
        train(runs, TRAINING, 0, CFG)
    (tmp_path / 'stop').unlink()
    train(runs, TRAINING, 0, CFG)
    assert all('--resume' in call for call in calls(runs))
    assert len(calls(runs)) == 2


def test_a_run_of_other_settings_is_not_taken_for_this_one(runs):
    train(runs, TRAINING, 0, CFG)
    # How it is loaded and where it lies changes nothing.
    same = Config(dict(lr=1, train_dataloader=dict(num_workers=0), work_dir='there'))
    train(runs, TRAINING, 0, same)
    other = Config(dict(lr=2, train_dataloader=dict(num_workers=2)))
    with pytest.raises(
        InputError,
        match=r'seed0: holds a run of other '
        r'settings: lr 1 \(found\), 2 \(expected\)',
    ):
        train(runs, TRAINING, 0, other)


def test_of_a_training_the_epochs_and_the_result_are_shown(runs, capsys):
    path = runs.tools + '/train.py'
    with open(path) as file:
        tool = file.read()
    said = "print('log: here\\nepoch 1/2  loss 0.5\\nWARNING: odd\\na table')\n"
    scores = "'results': {'test': {'roc_auc/micro': 0.75, 'roc_auc/macro': 0.5}}"
    with open(path, 'w') as file:
        file.write(said + tool.replace('dict(checkpoint', f'dict(**{{{scores}}}, checkpoint'))
    train(runs, TRAINING, 0, CFG)
    folder = runs.folder(TRAINING, 0)
    assert capsys.readouterr().out.splitlines() == [
        'epoch 1/2  loss 0.5',
        'WARNING: odd',
        f'test ROC AUC  micro 0.750  macro 0.500  {folder}',
    ]


def test_of_a_failed_training_all_is_shown(runs, tmp_path, capsys):
    (tmp_path / 'train.py').write_text("import sys; print('epoch 1/2\\nlog: here'); sys.exit(2)")
    with pytest.raises(InputError):
        train(runs, TRAINING, 0, CFG)
    assert capsys.readouterr().out.splitlines() == ['epoch 1/2', 'log: here']
