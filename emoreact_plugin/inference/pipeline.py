"""The test pipeline of a configuration, for frames that are in memory."""

import os.path as osp
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from mmcv.transforms import Compose
from mmengine.config import Config

from emoreact_plugin.clips.landmarks import Landmarks
from emoreact_plugin.utils.random_state import seeded
from emoreact_plugin.video.folders import VIDEO_ENDINGS
from mmaction.registry import TRANSFORMS

# Steps that read frames and landmarks from files: their results are given.
LOADERS = ('LoadLandmarks',)
DECODER_ENDINGS = ('Init', 'Decode', 'DecodeVideo')
MASK, CROPS = 'DrawFaceMask', 'LoadCrops'


class ClipPipeline:
    """Samples the frames of a clip and makes them the model's input.

    It is the test pipeline of a configuration, ours or a stock one, without
    the steps that read files. Masks are drawn only when asked for, whatever
    the configuration says; crops are cut out of the frames also where the
    configuration reads prepared ones.

    Args:
        cfg (Config): The configuration.
        mask (str, optional): What ``DrawFaceMask`` is to draw on the frames,
            such as ``'surgical'``, in the colour and with the seed of the
            configuration's own, if it has them. Defaults to None: nothing.

    Attributes:
        face_mask (DrawFaceMask | None): What draws the masks.
        regions (tuple[str, ...]): What ``CropRegions`` cuts out; empty for a
            pipeline of whole frames.
        trained_mask (str | None): What the configuration draws.

    Raises:
        ValueError: For a configuration without a test pipeline, or one that
            samples no frames.
    """

    def __init__(self, cfg: Config, mask: str | None = None) -> None:
        steps = test_pipeline(cfg)
        types = [str(step['type']) for step in steps]
        self.trained_mask = trained_mask(steps)
        sampler = next((i for i, t in enumerate(types) if 'Sample' in t), None)
        if sampler is None:
            raise ValueError(
                f'test pipeline: expected a step that samples frames, found {", ".join(types)}'
            )
        self._sampler = TRANSFORMS.build(steps[sampler])
        self.face_mask = None if mask is None else TRANSFORMS.build(_mask_step(steps, mask))
        rest: list[Any] = []
        for step, kind in zip(steps, types, strict=True):
            if kind == CROPS:
                step = dict(type='CropRegions', regions=step['regions'])
            elif (
                kind in LOADERS
                or kind == MASK
                or kind.endswith(DECODER_ENDINGS)
                or step is steps[sampler]
            ):
                continue
            if step['type'] == 'CropRegions' and mask is not None:
                rest.append(self.face_mask)
            rest.append(TRANSFORMS.build(step))
        self.regions = next(
            (tuple(step['regions']) for step in steps if step['type'] in ('CropRegions', CROPS)), ()
        )
        if mask is not None and not self.regions:
            raise ValueError(
                'mask: expected a configuration that crops regions, which '
                'knows where the face is, found one of whole frames'
            )
        self._steps = Compose(rest)

    def sample(self, total_frames: int, name: str = 'clip') -> dict:
        """Choose the frames of a clip, as in testing.

        Args:
            total_frames (int): Of the clip, from 1 on.
            name (str): Of the video, with its ending or without; the look
                of the mask depends on it, as in the data set.

        Returns:
            dict: What :meth:`pack` needs. Its ``frame_inds`` (n, ) int count
            from the clip's first frame, 0; some are the same where the clip
            is short.
        """
        stem, ending = osp.splitext(name)
        sample = dict(
            video_id=stem if ending.lower() in VIDEO_ENDINGS else name,
            filename=name,
            total_frames=total_frames,
            start_index=0,
            modality='RGB',
        )
        with seeded((0,)):
            sample = self._sampler(sample)
        sample['frame_inds'] = np.ravel(sample['frame_inds'])
        return sample

    def pack(self, sample: dict, frames: Sequence[np.ndarray], landmarks: Landmarks) -> dict:
        """Make frames the input of the model.

        Args:
            sample (dict): Of :meth:`sample`.
            frames (Sequence[np.ndarray]): The n frames that it names, in its
                order: (H, W, 3) uint8, RGB. They are not changed.
            landmarks (Landmarks): Of these frames.

        Returns:
            dict: ``inputs``, a tensor or a dict of one a stream, and
            ``data_samples``, as of a data set.
        """
        shape = frames[0].shape[:2]
        results = dict(
            deepcopy(sample),
            imgs=list(frames) if self.regions else [f.copy() for f in frames],
            img_shape=shape,
            original_shape=shape,
            face_landmarks=landmarks.face,
            body_keypoints=landmarks.body,
            face_is_box=landmarks.face_is_box,
        )
        with seeded((0,)):
            return self._steps(results)


def test_pipeline(cfg: Config) -> list[dict]:
    """The steps of a configuration's test pipeline.

    Raises:
        ValueError: Where there are none.
    """
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    while 'dataset' in dataset:  # a wrapper
        dataset = dataset['dataset']
    if not dataset.get('pipeline'):
        raise ValueError(
            'expected a configuration with a pipeline in test_dataloader.dataset, found none'
        )
    return [dict(step) for step in dataset['pipeline']]


def trained_mask(steps: Sequence[dict]) -> str | None:
    """The kind of mask that a pipeline draws; None for none."""
    return next((step.get('kind', 'surgical') for step in steps if step['type'] == MASK), None)


def _mask_step(steps: Sequence[dict], kind: str) -> dict:
    """What draws masks of a kind on every clip, else as a pipeline's own."""
    own = next((step for step in steps if step['type'] == MASK), {})
    return dict(type=MASK, kind=kind, color=own.get('color'), seed=own.get('seed') or 0)


def regions_needed(pipeline: ClipPipeline) -> tuple[str, ...]:
    """The regions that a pipeline crops, and the face that it blacks out."""
    regions = pipeline.regions
    return ('face', *regions) if 'body' in regions and 'face' not in regions else regions
