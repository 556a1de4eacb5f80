import pytest
import torch


@pytest.fixture
def save(tmp_path):

    def save(content, name='weights.pth'):
        torch.save(content, tmp_path / name)
        return str(tmp_path / name)

    return save
