"""Sample the frames of every stream of a clip."""

import numpy as np
from mmcv.transforms import BaseTransform

from emoreact_plugin.utils.errors import InputError
from mmaction.registry import TRANSFORMS


def evenly_spread(inds: np.ndarray, num_frames: int) -> np.ndarray:
    """Take the frames in the middle of ``num_frames`` equal parts.

    Args:
        inds (np.ndarray): (m, ) int, in any order; repeated ones count once.
        num_frames (int): Number of frames to take.

    Returns:
        np.ndarray: (num_frames, ) of ``inds``, in time order; some are repeated
        if there are fewer different ones.
    """
    inds = np.unique(inds)
    middles = (np.arange(num_frames) + 0.5) * len(inds) / num_frames
    return inds[middles.astype(int)]


@TRANSFORMS.register_module()
class SampleStreamFrames(BaseTransform):
    """Sample the frames of each stream, in a clip layout of its own.

    A stream has a stock sampler, or shares the frames that another stream
    draws: all of them in the same layout, or ``num_frames`` of them, evenly
    spread, as the segments of a 2D recognizer::

        dict(type='SampleStreamFrames',
             streams=dict(
                 face=dict(type='SampleFrames', clip_len=8, frame_interval=4,
                           num_clips=1),
                 body=dict(share='face', num_frames=3)))

    The frames of all streams are joined, so that each is decoded, masked and
    cropped once. :class:`ForEachStream` gives each stream its own frames again.

    If the other stream has several views, ``num_frames`` are taken from all of
    its frames in time order, not from each view. If the clip is so short that
    it has fewer different frames, some are repeated, as the stock samplers do.

    Required Keys:

    - what the samplers require: total_frames, start_index.

    Added Keys:

    - frame_inds (np.ndarray): (n, ) int32, the frames of all streams in time
      order, each once.
    - clip_len (int): 1.
    - frame_interval (None): They are not evenly spaced.
    - num_clips (int): n.
    - stream_frames (dict[str, dict]): Stream -> its ``inds`` (m, ) int64,
      positions in ``frame_inds``, and its ``clip_len``, ``frame_interval``
      and ``num_clips``.

    Args:
        streams (dict[str, dict]): Stream -> config of a sampler, or
            ``dict(share=<stream with a sampler>, num_frames=<int>)``;
            without ``num_frames`` all of its frames.

    Raises:
        InputError: On building, for a stream that has both ``type`` and
            ``share`` or neither, shares with a stream that has no sampler, or
            wants more frames than that one draws.
        InputError: At the first sample, for a sampler that samples nothing.
    """

    # A data set asks its transforms, see `check_order`.
    samples_frames = True

    def __init__(self, streams: dict[str, dict]) -> None:
        if not isinstance(streams, dict) or not streams:
            raise InputError(
                'SampleStreamFrames: streams: expected a dict stream -> sampler, with at least '
                f'one, found {streams!r}'
            )
        self.streams = {name: dict(each) for name, each in streams.items()}
        for name, each in self.streams.items():
            if ('type' in each) == ('share' in each):
                raise InputError(
                    f"SampleStreamFrames: stream '{name}': expected either `type` of a sampler or "
                    f'`share`, a stream whose frames it takes, found {each}'
                )
        self.samplers = {
            name: TRANSFORMS.build(each) for name, each in self.streams.items() if 'type' in each
        }
        for name, each in self.streams.items():
            if 'share' in each:
                self._check_share(name, **each)

    def _check_share(
        self, name: str, share: str, num_frames: int | None = None, **unknown: object
    ) -> None:
        where = f"SampleStreamFrames: stream '{name}'"
        if unknown:
            raise InputError(
                f'{where}: expected share and num_frames, found {", ".join(unknown)} as well'
            )
        if share not in self.samplers:
            raise InputError(
                f'{where}: share: expected a stream with a sampler of its own '
                f'({", ".join(self.samplers) or "there is none"}), found {share!r}'
            )
        if num_frames is None:
            return
        if type(num_frames) is not int or num_frames < 1:
            raise InputError(
                f'{where}: num_frames: expected a whole number from 1 on, found {num_frames!r}'
            )
        sampler = self.samplers[share]
        drawn = getattr(sampler, 'clip_len', np.inf) * getattr(sampler, 'num_clips', np.inf)
        if num_frames > drawn:
            raise InputError(
                f"{where}: num_frames: expected at most the {drawn} frames that '{share}' draws, "
                f'found {num_frames}'
            )

    def transform(self, results: dict) -> dict:
        """Draw the frames of every stream, and join them."""
        drawn = {
            name: self._draw(name, sampler, results) for name, sampler in self.samplers.items()
        }
        layouts = {}
        for name, each in self.streams.items():
            layout = dict(drawn[each.get('share', name)])
            if each.get('num_frames') is not None:
                inds = evenly_spread(layout['inds'], each['num_frames'])
                layout = dict(inds=inds, clip_len=1, frame_interval=None, num_clips=len(inds))
            layouts[name] = layout
        joined = np.unique(np.concatenate([each['inds'] for each in layouts.values()]))
        for layout in layouts.values():
            layout['inds'] = np.searchsorted(joined, layout['inds'])
        results.update(
            frame_inds=joined.astype(np.int32),
            clip_len=1,
            frame_interval=None,
            num_clips=len(joined),
            stream_frames=layouts,
        )
        return results

    @staticmethod
    def _draw(name: str, sampler: BaseTransform, results: dict) -> dict:
        # What another stream's sampler has set is none of this one's.
        keys = ('frame_inds', 'clip_len', 'frame_interval', 'num_clips')
        sample = sampler({k: v for k, v in results.items() if k not in keys})
        missing = [key for key in keys if key not in sample]
        if missing:
            raise InputError(
                f"SampleStreamFrames: stream '{name}': expected a sampler "
                f'that sets {", ".join(keys)}, but {type(sampler).__name__} '
                f'did not set {", ".join(missing)}'
            )
        return dict(
            inds=np.ravel(sample['frame_inds']),
            clip_len=sample['clip_len'],
            frame_interval=sample['frame_interval'],
            num_clips=sample['num_clips'],
        )

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(streams={self.streams})'
