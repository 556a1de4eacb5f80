import json

import gpu_check
import pytest
import torch


def test_the_share_of_waiting_leaves_out_the_start(tmp_path):
    lines = [
        dict(data_time=9.0, time=10.0, loss=1.0),  # the workers start
        dict(data_time=0.1, time=1.0, loss=1.0),
        {'roc_auc/micro': 0.5, 'data_time/val': 3.0},
        dict(data_time=0.2, time=2.0, loss=1.0),
    ]
    log = tmp_path / '20261128_101010' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('\n'.join(map(json.dumps, lines)))
    assert gpu_check.waiting_share(tmp_path) == pytest.approx(0.3 / 3)


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_a_gpu_is_needed(calls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = calls('dev/gpu_check')()
    assert code == 1 and 'expected a GPU that PyTorch can use, found none' in err
    assert not list(tmp_path.iterdir())
