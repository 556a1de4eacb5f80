"""Load, sample, mask and crop the frames of a clip for every stream."""

from emoreact_plugin.clips.regions import REGIONS

from .crop_regions import CropRegions
from .draw_face_mask import DrawFaceMask
from .for_each_stream import ForEachStream
from .loading import DecodeVideo, LoadCrops, LoadLandmarks
from .published import PublishedFrameCount, PublishedResize
from .sample_stream_frames import SampleStreamFrames
from .skip_unmasked import SkipUnmasked

__all__ = [
    'CropRegions',
    'DecodeVideo',
    'DrawFaceMask',
    'ForEachStream',
    'LoadCrops',
    'LoadLandmarks',
    'PublishedFrameCount',
    'PublishedResize',
    'REGIONS',
    'SampleStreamFrames',
    'SkipUnmasked',
]
