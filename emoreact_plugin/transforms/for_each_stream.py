"""Run transforms on every stream of a sample."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform, Compose

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.random_state import get_random_state, set_random_state
from mmaction.datasets.transforms import (
    CenterCrop,
    ColorJitter,
    Flip,
    FormatShape,
    MultiScaleCrop,
    RandomCrop,
    RandomResizedCrop,
    Resize,
)
from mmaction.registry import TRANSFORMS

# What they draw is for all frames, and they change each frame alone.
FRAME_BY_FRAME = (
    Resize,
    Flip,
    RandomCrop,
    CenterCrop,
    RandomResizedCrop,
    MultiScaleCrop,
    ColorJitter,
    FormatShape,
)


@TRANSFORMS.register_module()
class ForEachStream(BaseTransform):
    """Run stock transforms on every stream, with the same random draws.

    Each stream sees a sample whose ``imgs`` are its own frames and whose
    ``img_shape`` is the size of its first frame; everything else is the
    sample's. Before each stream, the random generators are put back to the state
    that they had before the first one: MMAction2's transforms draw from NumPy's
    global generator, which ``mmcv.transforms.TransformBroadcaster`` does not
    reach. What a transform draws when it is built is the same as well.

    Crops of one stream differ in size from frame to frame, so the first
    transform should bring them to one size: ``Resize(keep_ratio=False)``. If it
    does, and all streams have the same transforms, of those that change each
    frame alone, then the frames of all streams go through them in one call, which
    is faster and gives the same.

    Streams may have transforms of their own: a 3D recognizer wants
    ``FormatShape('NCTHW')``, a 2D one ``'NCHW'``. Their draws are the same as
    far as their lists begin with the same random transforms.

    After :class:`SampleStreamFrames` a stream sees only its own frames, in
    its own order and clip layout.

    Required Keys:

    - <stream>_imgs (list[np.ndarray]): Frames (h, w, 3) uint8 of each stream.
    - stream_frames (dict, optional): See :class:`SampleStreamFrames`.
    - own_crops (bool, optional): Whether nothing else holds these frames, as
      ``LoadCrops`` says. Those that have the size are not resized then.
    - what the inner transforms require.

    Modified Keys:

    - <stream>_imgs: what the inner transforms make of ``imgs``; (n, 3, H, W)
      uint8 after ``FormatShape('NCHW')``, (views, 3, clip_len, H, W) after
      ``FormatShape('NCTHW')``.
    - <stream>_boxes, <stream>_found (np.ndarray, optional): The values of the
      stream's own frames, if there are ``stream_frames``.

    Added Keys:

    - img_shape (tuple[int, int]): Frame size of the last stream.
    - <stream>_transforms (dict): What the inner transforms recorded for this
      stream, for example ``flip`` and ``crop_bbox``.

    Args:
        streams (Sequence[str], optional): Names of the streams. Not needed if
            ``transforms`` names them.
        transforms (list[dict] | dict[str, list[dict]]): Configs of the
            transforms: one list for all streams, or stream -> its own.

    Raises:
        InputError: On building, for transforms that do not fit the streams;
            for a second ``ForEachStream`` after ``SampleStreamFrames``.
        InputError: At the first sample without ``<stream>_imgs``, or whose
            ``stream_frames`` lack the stream.
    """

    _recorded = (
        'flip',
        'flip_direction',
        'crop_bbox',
        'crop_quadruple',
        'img_shape',
    )

    def __init__(
        self,
        streams: Sequence[str] | None = None,
        transforms: list[dict] | dict[str, list[dict]] | None = None,
    ) -> None:
        if isinstance(streams, str):
            streams = (streams,)
        if isinstance(transforms, dict):
            streams = tuple(transforms) if streams is None else streams
        if streams is None or transforms is None:
            raise InputError(
                'ForEachStream: expected streams and their '
                'transforms, or transforms=dict(stream=[...])'
            )
        if not isinstance(transforms, dict):
            transforms = dict.fromkeys(streams, transforms)
        if set(streams) != set(transforms):
            raise InputError(
                'ForEachStream: transforms: expected a list for each of '
                f'{", ".join(streams)}, found {", ".join(transforms)}'
            )
        self.streams = tuple(streams)
        # ColorJitter draws the order of its changes when it is built.
        state, self.transforms = get_random_state(), {}
        for stream in self.streams:
            set_random_state(state)
            self.transforms[stream] = Compose(
                [TRANSFORMS.build(t) if isinstance(t, dict) else t for t in transforms[stream]]
            )
        first, *others = self.streams or ('',)
        if (
            others
            and _go_frame_by_frame(self.transforms[first].transforms)
            and all(transforms[stream] == transforms[first] for stream in others)
        ):
            self.transforms = dict.fromkeys(self.streams, self.transforms[first])

    def transform(self, results: dict) -> dict | None:
        """Run the transforms of every stream on a sample.

        Returns:
            dict | None: The sample; None if an inner transform gives it up.
        """
        for stream in self.streams:
            if f'{stream}_imgs' not in results:
                raise InputError(
                    f"ForEachStream: the sample has no '{stream}_imgs'; put "
                    f"CropRegions(regions=('{stream}', ...)) before it"
                )
        stream_keys = {f'{stream}_imgs' for stream in self.streams}
        shared = {
            key: value for key, value in results.items() if key not in stream_keys and key != 'imgs'
        }
        # One call for the frames of all streams takes less time than one for each stream.
        counts = {len(results[key]) for key in stream_keys}
        at_once = (
            len(counts) == 1
            and 'stream_frames' not in results
            and results.get('modality') != 'Flow'  # frames are pairs then
            and len(set(map(id, self.transforms.values()))) == 1
            and _go_frame_by_frame(self.transforms[self.streams[0]].transforms)
        )
        groups = [self.streams] if at_once else [(stream,) for stream in self.streams]
        # Saving and restoring take longer than a flip: only for a second call.
        state = get_random_state() if len(groups) > 1 else ()
        for group in groups:
            if group != groups[0]:
                set_random_state(state)
            own = own_frames(group[0], results)
            imgs = [
                img for each in group for img in own.pop(f'{each}_imgs', results[f'{each}_imgs'])
            ]
            results.update({k: v for k, v in own.items() if k.endswith(('_boxes', '_found'))})
            sample = {**shared, **own}
            sample.update(imgs=self._writable(group[0], imgs), img_shape=imgs[0].shape[:2])
            transforms = self.transforms[group[0]]
            if at_once and results.get('own_crops') and _fit(imgs, transforms.transforms[0]):
                transforms = Compose(transforms.transforms[1:])
            sample = transforms(sample)
            if sample is None:
                # A transform may give a sample up; the data set then draws
                # another one.
                return None
            results['img_shape'] = sample['img_shape']
            count = len(sample['imgs']) // len(group)
            for k, stream in enumerate(group):
                results[f'{stream}_imgs'] = sample['imgs'][k * count : (k + 1) * count]
                results[f'{stream}_transforms'] = {
                    name: sample[name] for name in self._recorded if name in sample
                }
        return results

    def _writable(self, stream: str, imgs: list[np.ndarray]) -> list[np.ndarray]:
        # Resize makes new images; others may work in place (Flip does), and
        # crops of several streams may be views of one frame.
        first = next(iter(self.transforms[stream].transforms), None)
        if type(first).__name__ == 'Resize':
            return list(imgs)
        return [img.copy() for img in imgs]

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(streams={self.streams}, transforms={self.transforms})'


def _go_frame_by_frame(transforms: list) -> bool:
    """Tell whether transforms make the same of a frame, whatever frames are beside it.

    The first has to bring all frames to one size.
    """
    known = bool(transforms) and all(type(each) in FRAME_BY_FRAME for each in transforms)
    if not known or type(transforms[0]) is not Resize:
        return False
    return not any(
        getattr(each, 'keep_ratio', False)
        or getattr(each, 'lazy', False)
        or (type(each) is FormatShape and (each.input_format != 'NCHW' or each.collapse))
        for each in transforms
    )


def _fit(imgs: list[np.ndarray], resize: Resize) -> bool:
    """Tell whether frames have the size already, each in memory of its own."""
    alone = len(set(map(id, imgs))) == len(imgs)
    return alone and all(img.shape[1::-1] == resize.scale for img in imgs)


def own_frames(stream: str, results: dict) -> dict:
    """Select what a stream sees of its own frames in a sample.

    Args:
        stream (str): Its name.
        results (dict): A sample.

    Returns:
        dict: The stream's clip layout, and the values of the stream's frames,
        in its order, for all keys that have a value for each frame. Empty
        without ``stream_frames``: then all frames are its own.

    Raises:
        InputError: If ``stream_frames`` lack the stream.
        InputError: If the stream has got its frames already.
    """
    if 'stream_frames' not in results:
        return {}
    if stream not in results['stream_frames']:
        raise InputError(
            f"ForEachStream: no frames were sampled for stream '{stream}', "
            'expected it in SampleStreamFrames(streams=dict(...)), found '
            f'{", ".join(results["stream_frames"])}'
        )
    if f'{stream}_transforms' in results:
        raise InputError(
            f"ForEachStream: stream '{stream}' has got its frames already; "
            'expected one ForEachStream after SampleStreamFrames, found two'
        )
    own = dict(results['stream_frames'][stream])
    inds = own.pop('inds')
    own[f'{stream}_imgs'] = [results[f'{stream}_imgs'][i] for i in inds]
    for key in (
        f'{stream}_boxes',
        f'{stream}_found',
        'frame_inds',
        'face_landmarks',
        'body_keypoints',
    ):
        if key in results:
            own[key] = results[key][inds]
    return own
