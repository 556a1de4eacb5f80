import os
import sys

import pytest

from emoreact_plugin.preparation.mediapipe import models
from emoreact_plugin.preparation.mediapipe.models import LandmarkModels
from emoreact_plugin.preparation.mediapipe.networks import FOLDER_VARIABLE, has_landmark_models


def test_without_litert(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ai_edge_litert', None)
    with pytest.raises(ImportError, match=r"ai-edge-litert.*pip install 'emoreact_plugin\[landmar"):
        LandmarkModels()
    assert not has_landmark_models()


def test_without_the_model_files(monkeypatch, tmp_path):
    pytest.importorskip('ai_edge_litert')
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(ImportError, match=r'mediapipe==0.10.14.*docs/landmarks.md') as error:
        LandmarkModels()
    assert str(tmp_path) in str(error.value)
    assert not has_landmark_models()


def test_chatter_is_kept_and_shown_on_failure(monkeypatch, capfd):
    fails = []

    def noisy(*args):
        os.write(2, b'W0000 chatter\n')
        if fails:
            raise RuntimeError('no such model')

    monkeypatch.setattr(models, 'require_models', lambda: 'models')
    for name in ('FaceMesh', '_Detector'):
        monkeypatch.setattr(models, name, noisy)
    LandmarkModels(body=False).close()
    assert capfd.readouterr().err == ''
    fails.append(True)
    with pytest.raises(RuntimeError, match='no such model'):
        LandmarkModels(body=False)
    assert 'chatter' in capfd.readouterr().err
    print('later errors', file=sys.stderr)
    assert capfd.readouterr().err == 'later errors\n'
