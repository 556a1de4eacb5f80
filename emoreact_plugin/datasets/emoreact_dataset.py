import logging
import os
import os.path as osp
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Union

import numpy as np
import torch
from mmengine.logging import print_log

from emoreact_plugin.resuming import seeded
from mmaction.datasets import BaseActionDataset
from mmaction.registry import DATASETS
from .annotations import EMOTIONS, read_annotations
from .clip_files import (FRAME_DIRS, MASKED_SUFFIX, ClipFiles,
                         default_cache_dir, expected_names, find_clip,
                         find_frame_dir, number, prepare_all)
from .landmarks import PreparedClip, load_prepared
from .mask_record import read_masks


@DATASETS.register_module()
class EmoReactDataset(BaseActionDataset):
    """Clips with multi-label emotions, face landmarks and body keypoints.

    The first time that a clip is seen, its landmark files are read and its
    frames counted, and the result is kept as one small file in ``cache_dir``;
    after that no CSV is read again, unless its size or time changes.

    A sample has ``video_id``, ``filename`` (videos) or ``frame_dir`` and
    ``filename_tmpl`` (frames), ``total_frames``, ``start_index``, ``label``
    (float32 tensor (C, ), multi-hot), ``valence`` (float, where the
    annotation file has it), ``landmarks_file`` and ``keypoints_file`` (the
    prepared file; None where the clip has no such file), and
    ``masked_beforehand`` (bool).

    Clips are taken as masked beforehand when their folder's name ends in
    ``_mask_frames_full``, or, for videos, when a ``masks.csv`` in the folder
    of videos lists them; ``tools/extract_frames.py --mask`` makes both. All
    clips have to be masked beforehand, or none.

    Args:
        ann_file (str): The annotation CSV, see
            :func:`~emoreact_plugin.datasets.annotations.read_annotations`.
        pipeline (list): Transforms.
        data_root (str): What relative paths start from. Defaults to ''.
        data_prefix (dict[str, str]): Folders: ``video``, or ``frames`` with
            one folder of images a clip; optionally ``landmarks`` and
            ``keypoints``. Without these two the files are looked for beside
            the clips, as OpenFace leaves them
            (``<video>_openface/<clip>.csv``, ``<video>_hol.txt``).
            Defaults to ``dict(video='videos')``.
        frame_dir_tmpl (str, optional): The folder of a clip's frames, with
            ``{clip}`` (name without ending) or ``{video}``. Defaults to None:
            the first that is there of ``{clip}``, ``{video}``,
            ``{clip}_mask_frames_full`` and ``{video}_mask_frames_full``. To
            train on masked frames where there are plain ones beside them,
            give ``'{clip}_mask_frames_full'``.
        filename_tmpl (str): The names of the frames in it. What number they
            start from is found out. Defaults to ``'{:06d}.jpg'``.
        cache_dir (str, optional): Folder of the prepared files. Defaults to
            ``$EMOREACT_CACHE_DIR``, else ``~/.cache/emoreact_plugin``.
        required (Sequence[str]): ``'landmarks'`` and/or ``'keypoints'``: the
            files that every clip has to have. (OpenFace writes one even where
            it finds no face at all.) Defaults to ``()``.
        allow_missing (bool): Use the whole frames of a clip whose required
            file is missing, and warn, instead of stopping. Without face
            landmarks the ``body`` region then shows the face. Defaults to
            False.
        check_landmarks (bool): Refuse a landmark file whose rows differ from
            the clip's frames by more than 10 % and 5: it belongs to another
            clip. Defaults to True.
        **kwargs: Of ``BaseActionDataset``: ``test_mode``, ``metainfo``
            (``dict(classes=(...))`` names other label columns), ...

    Raises:
        FileNotFoundError, ValueError: On building, for whatever is missing or
            wrong in the files, and for ``DrawFaceMask`` in the pipeline of
            clips that were masked beforehand; on reading, naming the clip.
    """

    METAINFO = dict(dataset_type='EmoReact', classes=EMOTIONS)

    def __init__(self,
                 ann_file: str,
                 pipeline: List[Union[dict, Callable]],
                 data_root: str = '',
                 data_prefix: Dict[str, str] = dict(video='videos'),
                 frame_dir_tmpl: Optional[str] = None,
                 filename_tmpl: str = '{:06d}.jpg',
                 cache_dir: Optional[str] = None,
                 required: Sequence[str] = (),
                 allow_missing: bool = False,
                 check_landmarks: bool = True,
                 **kwargs) -> None:
        if ('video' in data_prefix) == ('frames' in data_prefix):
            raise ValueError("data_prefix: expected either 'video' or "
                             f"'frames', found {', '.join(data_prefix)}")
        self.frame_dir_tmpl = frame_dir_tmpl
        self.filename_tmpl = filename_tmpl
        self.cache_dir = cache_dir or default_cache_dir()
        self.required = tuple(required)
        if not set(self.required) <= {'landmarks', 'keypoints'}:
            raise ValueError("required: expected 'landmarks' and 'keypoints', "
                             f'found {required!r}')
        self.allow_missing = allow_missing
        self.check_landmarks = check_landmarks
        # Shared memory: workers that live on see a change, too.
        self._draws = torch.full((2, ), -1, dtype=torch.int64).share_memory_()
        super().__init__(
            ann_file,
            pipeline,
            data_root=data_root,
            data_prefix=dict(data_prefix),
            **kwargs)

    @property
    def classes(self) -> tuple:
        """The C label names, in the order of the labels."""
        return tuple(self.metainfo['classes'])

    @property
    def labels(self) -> np.ndarray:
        """The labels of all clips, (N, C) float32."""
        return np.stack([
            self.get_data_info(i)['label'].numpy() for i in range(len(self))
        ])

    @property
    def video_ids(self) -> List[str]:
        """The names of all clips, without their endings."""
        return [self.get_data_info(i)['video_id'] for i in range(len(self))]

    def summary(self) -> str:
        """How many clips and frames there are, in how many of them the face
        or body was not found, and what becomes of these frames; one line."""
        self.full_init()
        return self._summary

    def set_epoch(self, epoch: int, seed: int) -> None:
        """From now on sample ``index`` draws from generators seeded with
        (seed, epoch, index), whatever worker loads it."""
        self._draws[0], self._draws[1] = seed, epoch

    def load_data_list(self) -> List[dict]:
        """Read the annotations, find and check every clip's files, prepare
        what is not prepared."""
        rows = read_annotations(self.ann_file, self.classes)
        clips = [self._find(row.video) for row in rows]
        lost = _lost_without(self.pipeline, self.required)
        self._check_there(clips, lost)
        masked = self._check_masks(clips)
        paths, start_index = prepare_all(clips, self.cache_dir,
                                         self.check_landmarks)
        prepared = [load_prepared(path) for path in paths]
        self._summary = _summarise(prepared, lost, masked)
        samples = []
        for row, files, path, clip in zip(rows, clips, paths, prepared):
            sample = dict(
                video_id=osp.splitext(row.video)[0],
                total_frames=clip.total_frames,
                first_frame=start_index.get(files.source, 0),
                label=torch.tensor(row.label, dtype=torch.float32),
                landmarks_file=path if files.landmarks else None,
                keypoints_file=path if files.keypoints else None,
                masked_beforehand=masked)
            if row.valence is not None:
                sample['valence'] = row.valence
            if files.filename_tmpl:
                sample.update(
                    frame_dir=files.source, filename_tmpl=files.filename_tmpl)
            else:
                sample['filename'] = files.source
            samples.append(sample)
        return samples

    def _find(self, video: str) -> ClipFiles:
        prefix = self.data_prefix
        if 'video' in prefix:
            beside, source = prefix['video'], osp.join(prefix['video'], video)
        else:
            beside = prefix['frames']
            source = find_frame_dir(video, beside, self.frame_dir_tmpl)
        return find_clip(video, source, prefix.get('landmarks', beside),
                         prefix.get('keypoints', beside),
                         self.filename_tmpl if 'frames' in prefix else None)

    def _check_there(self, clips: List[ClipFiles],
                     lost: Dict[str, List[str]]) -> None:
        exists = osp.isfile if 'video' in self.data_prefix else osp.isdir
        missing = [files.source for files in clips if not exists(files.source)]
        if missing:
            text = (f'{self.ann_file}: {len(missing)} of {len(clips)} clips '
                    f'are not there. The first: {missing[0]}')
            if 'frames' in self.data_prefix and self.frame_dir_tmpl is None:
                text += (', nor another folder of these names: '
                         f'{", ".join(FRAME_DIRS)}')
            raise FileNotFoundError(text)
        for kind in self.required:
            without = [f.video for f in clips if getattr(f, kind) is None]
            if not without:
                continue
            prefix = self.data_prefix
            folder = prefix.get(kind) or prefix.get('video',
                                                    prefix.get('frames'))
            text = (f'{self.ann_file}: {len(without)} of {len(clips)} clips '
                    f'have no {kind} in {folder}: '
                    f'{", ".join(without[:5])}{", …" * (len(without) > 5)}')
            if len(without) == len(clips) or not self.allow_missing:
                names = ' or '.join(expected_names(kind, without[0]))
                remedy = (
                    'This input cannot be used without any: face needs '
                    'landmarks, fullbody keypoints, body and fusion both; a '
                    'mask needs landmarks' if len(without) == len(clips) else
                    '--allow-missing takes them all the same'
                    f'{_then(lost[kind])}')
                raise FileNotFoundError(
                    f'{text}. For the first one expected {names}. {remedy}')
            print_log(f'{text}{_then(lost[kind])}', 'current',
                      logging.WARNING)

    def _check_masks(self, clips: List[ClipFiles]) -> bool:
        """Whether the clips were masked beforehand."""
        listed = (
            read_masks(self.data_prefix['video'])
            if 'video' in self.data_prefix else {})
        masked, plain = [], []
        for files in clips:
            name = osp.normpath(files.source)
            mask = (
                name.endswith(MASKED_SUFFIX) if files.filename_tmpl else
                osp.normpath(files.video).replace(os.sep, '/') in listed)
            (masked if mask else plain).append(files.source)
        if masked and plain:
            raise ValueError(
                f'{self.ann_file}: expected all clips masked beforehand, or '
                f'none, found {len(masked)} masked (the first: {masked[0]}) '
                f'and {len(plain)} not masked (the first: {plain[0]})')
        if masked and any(map(_draws_masks, _steps_of(self.pipeline))):
            raise ValueError(
                f'{self.ann_file}: DrawFaceMask expects frames without masks, '
                f'found {number(len(masked), "clip")} masked beforehand (the '
                f'first: {masked[0]}). Leave out --mask, or give clips '
                'without masks by data_prefix or frame_dir_tmpl')
        return bool(masked)

    def get_data_info(self, idx: int) -> dict:
        """The sample; frames of a folder count from their own number."""
        info = super().get_data_info(idx)
        info['start_index'] = info.pop('first_frame')
        return info

    def prepare_data(self, idx: int):
        """Run the pipeline; an error in it names the clip."""
        seed, epoch = self._draws.tolist()
        try:
            if seed < 0:
                return super().prepare_data(idx)
            with seeded((seed, epoch, idx)):
                return super().prepare_data(idx)
        except Exception as error:
            info = self.get_data_info(idx)
            place = info.get('filename') or info.get('frame_dir')
            raise RuntimeError(
                f"clip '{info['video_id']}' ({place}): "
                f'{type(error).__name__}: {error}') from error


def _steps_of(step: Callable) -> Iterator[Callable]:
    """A transform, and those within it: of a pipeline, a wrapper."""
    yield step
    inner = getattr(step, 'transforms', ())
    if isinstance(inner, dict):
        inner = inner.values()
    for each in [inner] if callable(inner) else inner:
        yield from _steps_of(each)


def _draws_masks(step: Callable) -> bool:
    # Not at the top: the transforms import the readers of this package.
    from emoreact_plugin.transforms import DrawFaceMask
    return isinstance(step, DrawFaceMask)


def _lost_without(pipeline: Callable,
                  required: Sequence[str]) -> Dict[str, List[str]]:
    """What becomes of a frame without landmarks or keypoints, for those of
    the two that are required or that the pipeline looks at."""
    from emoreact_plugin.transforms import CropRegions
    steps = list(_steps_of(pipeline))
    crops = [step for step in steps if isinstance(step, CropRegions)]
    regions = {name for step in crops for name in step.regions}
    # What a region of one's own looks at, only `required` can tell.
    own = {
        kind for kind in required if regions - {'face', 'body', 'fullbody'}
    }
    lost = {kind: [] for kind in required}
    for kind, text, happens in (
        ('landmarks', 'whole frame used', 'face' in regions
         or 'landmarks' in own),
        ('landmarks', 'face not blacked out',
         any('face' in step.blackout.values() for step in crops)),
        ('landmarks', 'no mask drawn', any(map(_draws_masks, steps))),
        ('keypoints', 'whole frame used', regions & {'body', 'fullbody'}
         or 'keypoints' in own)):
        if happens:
            lost.setdefault(kind, []).append(text)
    return lost


def _summarise(clips: List[PreparedClip], lost: Dict[str, List[str]],
               masked: bool) -> str:
    frames = sum(clip.total_frames for clip in clips)
    text = f'{number(len(clips), "clip")}, {number(frames, "frame")}'
    if masked:
        text += ', masked beforehand'
    for kind, part, found in (('landmarks', 'face', face_found),
                              ('keypoints', 'body', body_found)):
        if kind in lost:
            counts = [int((~found(clip)).sum()) for clip in clips]
            if any(counts):
                text += (f'; no {part} in {number(sum(counts), "frame")} of '
                         f'{number(np.count_nonzero(counts), "clip")}'
                         f'{_then(lost[kind])}')
    return text


def _then(happens: List[str]) -> str:
    return f': {", ".join(happens)}' if happens else ''


def face_found(clip: PreparedClip) -> np.ndarray:
    """In which frames of a clip the face was found, (F, ) bool."""
    points = np.isfinite(clip.face_landmarks).all(axis=2).sum(axis=1)
    return 2 * points >= clip.face_landmarks.shape[1]


def body_found(clip: PreparedClip) -> np.ndarray:
    """In which frames of a clip any body keypoint was found, (F, ) bool."""
    return np.isfinite(clip.body_keypoints).all(axis=2).any(axis=1)
