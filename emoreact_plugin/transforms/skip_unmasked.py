"""Leave frames in which no mask can be drawn out of the sampling."""

import numpy as np
from mmcv.transforms import BaseTransform

from emoreact_plugin.clips.cache_file import load_cached
from emoreact_plugin.clips.coverage import coverage_of
from emoreact_plugin.clips.crops import read_record
from emoreact_plugin.clips.landmarks import Landmarks
from mmaction.registry import TRANSFORMS

from .loading import check_max_gap


@TRANSFORMS.register_module()
class SkipUnmasked(BaseTransform):
    """Replace the sampled frames by frames of the clip in which a mask can be drawn.

    ``DrawFaceMask`` leaves a frame as it is if no face was found in it, or only its box, so that
    the mouth shows. This transform comes after the one that samples frames. It takes the clip for
    one that has only the other frames: of T frames and M that can be masked, frame k becomes
    number ``k * M // T`` of those. So equal segments of the clip become equal segments of what can
    be masked. A clip in which no frame, or every frame, can be masked keeps its frames.

    Required Keys:

    - frame_inds (np.ndarray): (n, ) int.
    - start_index (int): The number of the clip's first frame.
    - total_frames (int): Number of frames of the clip.
    - first_frame (int, optional): For a clip that is a part of a video, its first frame, counted
      from the video's first.
    - landmarks_file (str | None): The clip's cache file; or crops_dir (str), the folder of prepared
      crops, whose record says which of them are masked.

    Modified Keys:

    - frame_inds

    Args:
        max_gap (int): That of ``LoadLandmarks``. Defaults to 0.
    """

    skips_unmasked = True
    samples_frames = True

    def __init__(self, max_gap: int = 0) -> None:
        self.max_gap = check_max_gap(max_gap)

    def transform(self, results: dict) -> dict:
        """Map the sampled frames to those that can be masked."""
        masked = self._find_masked(results)
        if masked is None:
            return results
        first, total = results.get('first_frame', 0), results['total_frames']
        usable = np.flatnonzero(masked[first : first + total])
        if 0 < len(usable) < total:
            start = results['start_index']
            inds = np.asarray(results['frame_inds'])
            results['frame_inds'] = (usable[(inds - start) * len(usable) // total] + start).astype(
                inds.dtype
            )
        return results

    def _find_masked(self, results: dict) -> np.ndarray | None:
        """Return in which frames of the video there can be a mask; None if nothing is known."""
        if 'crops_dir' in results:
            return read_record(results['crops_dir']).masked
        path = results['landmarks_file']
        if path is None:
            return None
        clip = load_cached(path)
        found = coverage_of(Landmarks.of_cached(clip).filled(self.max_gap), clip.frame_size)
        return found.face & ~found.box

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(max_gap={self.max_gap})'
