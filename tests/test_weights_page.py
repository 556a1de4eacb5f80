"""docs/weights.md: its config is run, and its links are those of the wheels."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config

import emoreact_plugin  # noqa: F401
from mmaction.registry import MODELS

PAGE = Path(__file__).parents[1] / 'docs' / 'weights.md'


def test_the_config(tmp_path):
    text = PAGE.read_text(encoding='utf-8')
    block = re.search(r'```python\n(_base_ .*?)```', text, re.S)[1]
    (tmp_path / 'mine.py').write_text(block)
    cfg = Config.fromfile(str(tmp_path / 'mine.py'), lazy_import=False)
    assert cfg.model.start_weights == dict(face='affectnet.pth', body='imagenet')
    model = MODELS.build(cfg.model)
    with pytest.raises(FileNotFoundError, match='affectnet.pth: no such'):
        model.init_weights()


def test_the_links():
    import torchvision.models as models

    links = re.findall(r'\]\((https://download\S+?)\)', PAGE.read_text(encoding='utf-8'))
    for weights in (models.ResNet50_Weights, models.MobileNet_V2_Weights):
        assert weights.IMAGENET1K_V1.url in links
    import mmaction

    folder = Path(mmaction.__file__).parent / '.mim' / 'configs'
    known = ''.join(p.read_text() for p in folder.rglob('metafile.yml'))
    for link in links:
        assert 'pytorch.org' in link or f'Weights: {link}' in known
