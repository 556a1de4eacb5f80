"""Score clips with a checkpoint or an ONNX file."""

from .base import Scorer, Scores
from .loading import check_device, load_scorer
from .torch_scorer import TorchScorer

__all__ = ['Scorer', 'Scores', 'TorchScorer', 'check_device', 'load_scorer']
