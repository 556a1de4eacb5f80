"""Recognise emotions: score each stream with a network, and fuse the scores."""

from emoreact_plugin.weights.load_weights import load_start_weights, load_weights

from .late_fusion_recognizer import LateFusionRecognizer
from .load_recognizer import check_names, load_recognizer
from .score_fusion import ScoreFusion
from .stock_head import check_stock_head
from .stream_preprocessor import StreamDataPreprocessor
from .stream_scores import score_stream
from .testing_views import check_batch_sizes
from .unpadded_pool_resnet import UnpaddedPoolResNet

__all__ = [
    'LateFusionRecognizer',
    'ScoreFusion',
    'StreamDataPreprocessor',
    'UnpaddedPoolResNet',
    'check_batch_sizes',
    'check_names',
    'check_stock_head',
    'load_recognizer',
    'load_start_weights',
    'load_weights',
    'score_stream',
]
