import json

import numpy as np
import pytest
import torch

from emoreact_plugin.engine.run_check import check_folders, check_run, is_run
from emoreact_plugin.evaluation import Dump, write_dump
from emoreact_plugin.utils.files import sha256_of


@pytest.fixture
def run(tmp_path):
    """Make a work dir as a training leaves it."""
    folder = tmp_path / 'run'
    folder.mkdir()
    for name in ('epoch_1.pth', 'epoch_2.pth', 'best_roc_auc_micro_epoch_1.pth'):
        torch.save(dict(state_dict=dict(weights=torch.ones(1000))), folder / name)
    (folder / 'last_checkpoint').write_text('/elsewhere/epoch_2.pth')
    best = folder / 'best_roc_auc_micro_epoch_1.pth'
    (folder / 'metrics.json').write_text(json.dumps(dict(checkpoint=f'/elsewhere/{best.name}')))
    values = np.array([[0.5, 0.25], [0.125, 0.75]])
    labels = np.array([[1, 0], [0, 1]])
    for split in ('val', 'test'):
        dump = Dump(('a', 'b'), ('x', 'y'), labels, values, 'logits', run=sha256_of(str(best)))
        write_dump(folder / f'{split}.npz', dump)
    (folder / 'run.json').write_text(json.dumps(dict(host='h', pid=1, ended='2024')))
    return folder


def test_nothing_is_wrong_with_a_run_that_ended(run, capsys):
    assert is_run(run) and check_run(run) == []
    assert check_folders([str(run)], '') == 0
    assert 'all is whole' in capsys.readouterr().out


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def nan(path):
    torch.save(dict(state_dict=dict(weights=torch.full((3,), float('nan')))), path)


@pytest.mark.parametrize(
    'name, damage, facts',
    [
        ('epoch_1.pth', truncate, ['epoch_1.pth', 'cannot be read']),
        ('epoch_2.pth', flip, ['epoch_2.pth', 'checksum']),
        ('epoch_2.pth', nan, ['epoch_2.pth', '3 of 3 values of weights']),
        ('last_checkpoint', lambda p: p.write_text('epoch_9.pth'), ['epoch_9.pth', 'not there']),
        ('metrics.json', truncate, ['metrics.json', 'damaged']),
        ('test.npz', truncate, ['test.npz']),
        ('run.json', lambda p: p.write_text('{"pid": 7, "host": "h"}'), ['process 7 on h']),
        ('.epoch_3.pth.part', lambda p: p.write_text(''), ['.epoch_3.pth.part']),
    ],
)
def test_what_is_wrong_is_one_line(run, name, damage, facts, capsys):
    damage(run / name)
    (problem,) = check_run(run)
    assert all(fact in problem for fact in facts), problem
    assert check_folders([str(run)], '') == 1


def test_scores_of_another_checkpoint_are_told(run):
    torch.save(dict(state_dict=dict(a=torch.ones(2))), run / 'best_roc_auc_micro_epoch_1.pth')
    assert [line.split(':')[0] for line in check_run(run)] == [
        str(run / 'val.npz'),
        str(run / 'test.npz'),
    ]
