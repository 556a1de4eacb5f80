from .inferencer import EmotionInferencer
from .results import ClipResult, Results, WindowResult
from .streaming import StreamResult

__all__ = ['ClipResult', 'EmotionInferencer', 'Results', 'StreamResult', 'WindowResult']
