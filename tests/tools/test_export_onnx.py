import os
import re
import sys
from pathlib import Path

import pytest
import torch

import emoreact_plugin  # noqa: F401
from mmaction.registry import MODELS
from tests.factories import small_config


@pytest.fixture
def checkpoint(tmp_path):
    cfg = small_config()
    path = tmp_path / 'epoch_1.pth'
    torch.save(
        dict(
            meta=dict(cfg=cfg.pretty_text, dataset_meta=dict(masked=False)),
            state_dict=MODELS.build(cfg.model).state_dict(),
        ),
        path,
    )
    return str(path)


def test_it_exports_and_says_how_near(calls, checkpoint, tiny, monkeypatch):
    call = calls('export_onnx')
    made = []

    def export(scorer, clips, path):
        assert scorer.calibration is None  # of a checkpoint that has none
        made.append((len(clips), set(clips[0]['inputs']), path, scorer.dataset_meta))
        return 2e-6

    monkeypatch.setattr(call.tool, 'export_onnx', export)
    videos = [str(tiny.root / 'videos' / name) for name in tiny.videos['test'][:2]]
    code, out, _ = call(checkpoint, *videos)
    assert code == 0
    path = checkpoint[: -len('.pth')] + '.onnx'
    assert made == [(2, {'face_imgs', 'body_imgs'}, path, dict(masked=False))]
    assert f'{path}: the logits of 2 clips differ by 2.0e-06 at most' in out


def test_the_best_checkpoint_of_a_folder(calls, checkpoint, tiny, monkeypatch):
    call = calls('export_onnx')
    monkeypatch.setattr(call.tool, 'export_onnx', lambda *arguments: 0.0)
    folder = Path(checkpoint).parent
    os.rename(checkpoint, folder / 'best_epoch_1.pth')
    videos = [str(tiny.root / 'videos' / name) for name in tiny.videos['test'][:2]]
    code, out, err = call(str(folder), *videos)
    assert code == 0, err
    assert f'{folder / "best_epoch_1.onnx"}: the logits of 2 clips' in out
    (folder / 'best_epoch_1.pth').unlink()
    code, _, err = call(str(folder), *videos)
    assert code == 1 and f'error: {folder}: expected a folder with a' in err


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['a.mp4'], 'two videos or more.*found 1'),
        (['a.mp4', 'b.mp4', '--out', 'x.pth'], 'ends in .onnx'),
        (['no_a.mp4', 'no_b.mp4'], 'no_a.mp4'),
    ],
)
def test_errors(calls, checkpoint, arguments, message):
    code, _, err = calls('export_onnx')(checkpoint, *arguments)
    assert code == 1
    assert re.search(message, err), err


def test_without_the_packages(calls, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxscript', None)
    code, out, err = calls('export_onnx')('no.pth', 'a.mp4', 'b.mp4')
    assert code == 1 and out == ''
    assert "pip install 'emoreact_plugin[onnx]'" in err
