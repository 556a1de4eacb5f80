import json
import os
import signal
import subprocess
import sys

import pytest

from emoreact_plugin import InputError
from emoreact_plugin.engine.run_facts import data_facts, run_facts
from emoreact_plugin.engine.work_dir import leave_work_dir, read_facts, take_work_dir
from tests.factories import dataset, left_over, make_tiny

# Another process, with a child as data loaders have, that runs in a work dir until it is killed.
HOLD = """
import os, sys, time
from emoreact_plugin.engine.work_dir import take_work_dir
from emoreact_plugin.utils.files import write_json
take_work_dir(sys.argv[1], False)
write_json(os.path.join(sys.argv[1], 'run.json'), dict(host='here', pid=os.getpid(), ended=None))
if os.fork() == 0:
    time.sleep(20)
    os._exit(0)
print('held', flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path):
    yield tmp_path
    leave_work_dir(tmp_path)


@pytest.mark.slow
def test_a_work_dir_in_use_is_refused_and_one_of_a_dead_run_is_taken_over(folder, capsys):
    command = [sys.executable, '-c', HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as other:
        assert other.stdout.readline() == b'held\n'
        with pytest.raises(InputError, match=f'process {other.pid} on here'):
            take_work_dir(folder, True)
        half = folder / left_over('epoch_1.pth')
        half.write_text('half')
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        take_work_dir(folder, True)  # its child is still there
        os.killpg(other.pid, signal.SIGKILL)
    said = capsys.readouterr().out
    assert f'process {other.pid} on here' in said and half.name in said
    assert not half.exists()


def test_a_process_may_take_its_own_work_dir_twice(folder):
    take_work_dir(folder, False)
    take_work_dir(folder, False)
    leave_work_dir(folder)
    take_work_dir(folder, False)


def test_a_work_dir_with_checkpoints_is_kept_unless_it_is_to_be_overwritten(folder):
    ours = ['epoch_3.pth', 'best_roc_auc_micro_epoch_2.pth', 'last_checkpoint', 'metrics.json']
    ours += ['validated_epoch.txt', 'val.npz', 'val_epoch_1.npz']
    others = ['mine.pth', 'notes.txt', 'fusion.py', 'other.npz']
    for name in ours + others:
        (folder / name).write_text('')
    with pytest.raises(InputError, match=r'epoch_3\.pth.*--resume.*--overwrite'):
        take_work_dir(folder, False)
    take_work_dir(folder, True)
    leave_work_dir(folder)
    assert {path.name for path in folder.iterdir()} == {*ours, *others}
    take_work_dir(folder, False, overwrite=True)
    leave_work_dir(folder)
    assert {path.name for path in folder.iterdir()} == {*others}


def test_the_fingerprint_tells_labels_and_clips_that_changed(tmp_path):
    data = make_tiny(tmp_path, counts=(3, 2, 2))

    def facts():
        return data_facts({'train': dataset(tmp_path)})['train']

    first = facts()
    assert first['clips'] == 3 and facts() == first
    labels = (tmp_path / 'train.csv').read_bytes()
    (tmp_path / 'train.csv').write_bytes(labels + b'\n')
    other = facts()
    assert other['annotations'] != first['annotations'] and other['sizes'] == first['sizes']
    (tmp_path / 'train.csv').write_bytes(labels)
    with open(tmp_path / 'videos' / data.videos['train'][1], 'ab') as file:
        file.write(b'\0')
    other = facts()
    assert other['annotations'] == first['annotations'] and other['sizes'] != first['sizes']


def test_a_run_is_described():
    facts = json.loads(json.dumps(run_facts()))
    assert facts['command'] == sys.argv
    assert facts['versions']['python'] == '.'.join(map(str, sys.version_info[:3]))
    assert {'emoreact_plugin', 'torch', 'mmengine', 'mmaction2'} <= {*facts['versions']}


def test_a_checkpoint_of_another_folder_goes_on_only_where_no_others_are(folder):
    (folder / 'epoch_3.pth').write_text('')
    (folder / 'best_roc_auc_micro_epoch_2.pth').write_text('')
    with pytest.raises(InputError, match=r'elsewhere/epoch_2\.pth is of another folder'):
        take_work_dir(folder, True, source='elsewhere/epoch_2.pth')
    take_work_dir(folder, True, source=str(folder / '..' / folder.name / 'epoch_3.pth'))


def test_a_damaged_note_of_what_was_run_is_none(folder):
    for content in ('{', '[1]', '[' * 200_000, '\0'):
        (folder / 'run.json').write_text(content)
        assert read_facts(folder) == {}
