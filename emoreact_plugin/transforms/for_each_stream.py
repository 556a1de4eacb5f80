from typing import List, Optional, Sequence

from mmcv.transforms import BaseTransform, Compose

from emoreact_plugin.resuming import get_random_state, set_random_state
from mmaction.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ForEachStream(BaseTransform):
    """Run stock transforms on every stream, with the same random draws.

    Each stream sees a sample whose ``imgs`` are its own and ``img_shape`` the
    size of its first frame; everything else is the sample's. Before each
    stream the random generators are put back to where they stood before the
    first: MMAction2's transforms draw from NumPy's global generator, and
    ``mmcv.transforms.TransformBroadcaster`` does not reach that.

    Crops of one stream differ in size from frame to frame, so the first
    transform should bring them to one size: ``Resize(keep_ratio=False)``.

    Required Keys:

    - <stream>_imgs (list[np.ndarray]): Frames (h, w, 3) uint8 of each stream.
    - what the inner transforms require.

    Modified Keys:

    - <stream>_imgs: what the inner transforms make of ``imgs``; (n, 3, H, W)
      uint8 after ``FormatShape('NCHW')``.

    Added Keys:

    - img_shape (tuple[int, int]): Of the last stream.
    - <stream>_transforms (dict): What the inner transforms recorded for this
      stream, for example ``flip`` and ``crop_bbox``.

    Args:
        streams (Sequence[str]): Names of the streams.
        transforms (list[dict]): Configs of the transforms.

    Raises:
        KeyError: At the first sample without ``<stream>_imgs``.
    """

    _recorded = ('flip', 'flip_direction', 'crop_bbox', 'crop_quadruple',
                 'scale_factor', 'img_shape')

    def __init__(self, streams: Sequence[str], transforms: List[dict]) -> None:
        if isinstance(streams, str):
            streams = (streams, )
        self.streams = tuple(streams)
        self.transforms = Compose(
            [TRANSFORMS.build(t) if isinstance(t, dict) else t
             for t in transforms])
        # Resize makes new images; others may work in place (Flip does), and
        # crops of several streams may be views of one frame.
        first = next(iter(self.transforms.transforms), None)
        self.copy = type(first).__name__ != 'Resize'

    def transform(self, results: dict) -> Optional[dict]:
        stream_keys = {f'{stream}_imgs' for stream in self.streams}
        shared = {
            key: value
            for key, value in results.items()
            if key not in stream_keys and key != 'imgs'
        }
        state = get_random_state()
        for stream in self.streams:
            key = f'{stream}_imgs'
            if key not in results:
                raise KeyError(
                    f"ForEachStream: the sample has no '{key}'; put "
                    f"CropRegions(regions=('{stream}', ...)) before it")
            set_random_state(state)
            imgs = [img.copy() if self.copy else img for img in results[key]]
            sample = dict(shared, imgs=imgs, img_shape=imgs[0].shape[:2])
            sample = self.transforms(sample)
            if sample is None:
                # A transform may give a sample up; the data set then draws
                # another one.
                return None
            results[key] = sample['imgs']
            results['img_shape'] = sample['img_shape']
            results[f'{stream}_transforms'] = {
                name: sample[name]
                for name in self._recorded if name in sample
            }
        return results

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(streams={self.streams}, '
                f'transforms={self.transforms})')
