"""Score the emotions in videos, cameras and frames with a trained recognizer."""

from .inferencer import EmotionInferencer
from .live.stream_result import StreamResult
from .results import ClipResult, Results, WindowResult

__all__ = ['ClipResult', 'EmotionInferencer', 'Results', 'StreamResult', 'WindowResult']
