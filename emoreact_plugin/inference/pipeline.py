"""Run the test pipeline of a configuration on frames that are in memory."""

import os.path as osp
from collections.abc import Sequence
from copy import deepcopy

import numpy as np
from mmcv.transforms import BaseTransform, Compose
from mmengine.config import Config

from emoreact_plugin.clips.landmarks import Landmarks, with_frames
from emoreact_plugin.datasets.pipeline_facts import check_order, hides_face
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import is_a, type_name
from emoreact_plugin.utils.random_state import seeded
from emoreact_plugin.video.folders import VIDEO_ENDINGS
from mmaction.registry import TRANSFORMS

# Steps that read frames and landmarks from files: their results are given.
LOADERS = ('LoadLandmarks',)
DECODER_ENDINGS = ('Init', 'Decode', 'DecodeVideo')
MASK, CROPS = 'DrawFaceMask', 'LoadCrops'


class ClipPipeline:
    """Sample the frames of a clip and turn them into the input of the model.

    This is the test pipeline of a configuration, ours or a stock one, without the steps that read
    files. Masks are drawn only when asked for, whatever the configuration says. Crops are cut out
    of the frames even where the configuration reads prepared ones.

    Args:
        cfg (Config): The configuration.
        mask (str, optional): The kind of mask that ``DrawFaceMask`` draws on the frames, such as
            ``'surgical'``. Its colour and seed are those of the configuration's own mask, if it has
            one. Defaults to None: no mask.

    Attributes:
        face_mask (DrawFaceMask | None): The transform that draws the masks.
        regions (tuple[str, ...]): The regions that ``CropRegions`` cuts out; empty for a pipeline
            of whole frames.
        trained_mask (str | None): The kind of mask that the configuration draws.
        hides_face (bool): Whether the face is blacked out in the body.
        max_gap (int): The longest gap, in frames, in which the configuration interpolates the
            face. This is for whoever loads the landmarks of the clip: :meth:`pack` gets those of
            single frames.

    Raises:
        InputError: For a configuration without a test pipeline, one that samples no frames, or one
            of whole frames together with a mask.
    """

    def __init__(self, cfg: Config, mask: str | None = None) -> None:
        steps = test_pipeline(cfg)
        types = [type_name(step) for step in steps]
        self.trained_mask, self.max_gap = mask_kind_of(steps), max_gap_of(steps)
        sampler = next((i for i, t in enumerate(types) if 'Sample' in t), None)
        if sampler is None:
            raise InputError(
                f'test pipeline: expected a step that samples frames, found {", ".join(types)}'
            )
        self._sampler = _build(steps[sampler])
        self.face_mask = None if mask is None else _build(_mask_step(steps, mask))
        rest: list[BaseTransform] = []
        for step, kind in zip(steps, types, strict=True):
            if is_a(step, CROPS, registry=TRANSFORMS):
                step = dict(type='CropRegions', regions=step['regions'])
            elif (
                is_a(step, *LOADERS, MASK, 'SkipUnmasked', registry=TRANSFORMS)
                or kind.endswith(DECODER_ENDINGS)
                or step is steps[sampler]
            ):
                continue
            if is_a(step, 'CropRegions', registry=TRANSFORMS) and mask is not None:
                rest.append(self.face_mask)
            rest.append(_build(step))
        self.regions = tuple(_first(steps, 'CropRegions', CROPS).get('regions', ()))
        if mask is not None and not self.regions:
            raise InputError(
                'mask: expected a configuration that crops regions, which '
                'knows where the face is, found one of whole frames'
            )
        self._steps = Compose(rest)
        self.hides_face = hides_face(self._steps)
        check_order(self._steps)

    def sample(self, total_frames: int, name: str = 'clip') -> dict:
        """Choose the frames of a clip, as in testing.

        Args:
            total_frames (int): Number of frames of the clip, 1 or more.
            name (str): Name of the video, with or without its ending. The look of the mask depends
                on it, as in the data set.

        Returns:
            dict: The sample that :meth:`pack` needs. Its ``frame_inds`` (n, ) int count from 0, the
            first frame of the clip. Some are repeated if the clip is short.
        """
        stem, ending = osp.splitext(name)
        video_id = stem if ending.lower() in VIDEO_ENDINGS else name
        sample = dict(
            video_id=video_id,
            total_frames=total_frames,
            start_index=0,
            filename=name,
            modality='RGB',
        )
        with seeded((0,)):
            sample = self._sampler(sample)
        sample['frame_inds'] = np.ravel(sample['frame_inds'])
        return sample

    def pack(self, sample: dict, frames: Sequence[np.ndarray], landmarks: Landmarks) -> dict:
        """Turn frames into the input of the model.

        Args:
            sample (dict): A sample from :meth:`sample`.
            frames (Sequence[np.ndarray]): The n frames that the sample names, in its order: (H, W,
                3) uint8, RGB. They are not changed.
            landmarks (Landmarks): The landmarks of these frames.

        Returns:
            dict: ``inputs``, a tensor or a dict of one per stream, and ``data_samples``, as a data
            set gives them.
        """
        frames = list(frames) if self.regions else [frame.copy() for frame in frames]
        results = with_frames(deepcopy(sample), frames, landmarks)
        with seeded((0,)):
            return self._steps(results)


def _build(step: dict) -> BaseTransform:
    try:
        return TRANSFORMS.build(step)
    except Exception as error:  # a part may raise any for a wrong value
        raise InputError(
            f'test pipeline: its step {type_name(step)} cannot be built: '
            f'{type(error).__name__}: {error}'
        ) from error


def test_dataset(cfg: Config) -> dict:
    """Return the data set of a configuration's tests, without wrappers; empty if it has none."""
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    return dataset


def test_pipeline(cfg: Config) -> list[dict]:
    """Return the steps of a configuration's test pipeline.

    Raises:
        InputError: When there are none.
    """
    dataset = test_dataset(cfg)
    if not dataset.get('pipeline'):
        raise InputError(
            'expected a configuration with a pipeline in test_dataloader.dataset, found none'
        )
    return [dict(step) for step in dataset['pipeline']]


def _first(steps: Sequence[dict], *kinds: str) -> dict:
    """Return the first step of these kinds; empty if there is none."""
    return next((step for step in steps if is_a(step, *kinds, registry=TRANSFORMS)), {})


def mask_kind_of(steps: Sequence[dict]) -> str | None:
    """Return the kind of mask that a pipeline draws, or None if it draws none."""
    step = _first(steps, MASK)
    return step.get('kind', 'surgical') if step else None


def max_gap_of(steps: Sequence[dict]) -> int:
    """Return the longest gap, in frames, in which a pipeline interpolates the face."""
    return _first(steps, *LOADERS, CROPS).get('max_gap', 0)


def _mask_step(steps: Sequence[dict], kind: str) -> dict:
    """Make a step that draws masks of a kind on every clip.

    Its colour and seed are those of the pipeline's own step, if there is one.
    """
    own = _first(steps, MASK)
    return dict(type=MASK, kind=kind, color=own.get('color'), seed=own.get('seed') or 0)


def regions_needed(pipeline: ClipPipeline) -> tuple[str, ...]:
    """Return the regions that a pipeline crops, and the face if a crop blacks it out."""
    regions = pipeline.regions
    return ('face', *regions) if 'body' in regions and 'face' not in regions else regions
