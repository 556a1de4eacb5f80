from .crop_regions import CropRegions
from .for_each_stream import ForEachStream
from .loading import DecodeVideo, LoadLandmarks
from .regions import REGIONS

__all__ = [
    'CropRegions', 'DecodeVideo', 'ForEachStream', 'LoadLandmarks', 'REGIONS'
]
