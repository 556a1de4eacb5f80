"""Load the clips of EmoReact, or of a data set with the same layout, as samples."""

import logging
import os.path as osp
import pickle
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import Compose
from mmengine.logging import print_log

from emoreact_plugin.clips.clip_files import ClipFiles, find_clip
from emoreact_plugin.clips.landmark_cache import default_cache_dir
from emoreact_plugin.sample_data.dataset import is_sample_data
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.memory import without_gc
from emoreact_plugin.utils.random_state import seeded
from emoreact_plugin.utils.text import number
from emoreact_plugin.video.folders import find_frame_dir
from mmaction.datasets import BaseActionDataset
from mmaction.registry import DATASETS

from . import pipeline_facts as facts
from .annotations import (
    EMOTIONS,
    SOFT_POSITIVE,
    Annotation,
    forget_annotations,
    frames_of,
    read_annotations,
)
from .bad_clips import BadClips, check_share, named_error
from .checks.missing import crops_folder, require_clips, require_files
from .sources import read_crops, read_landmarks
from .summary import count_frames, summarize, then_text

# What a clip may be read from.
SOURCES = ('video', 'frames', 'crops')


@DATASETS.register_module()
class EmoReactDataset(BaseActionDataset):
    """Load clips with multi-label emotions, face landmarks and body keypoints.

    The first time that a clip is seen, its landmark files are read and its frames counted, and the
    result is kept as one small file in ``cache_dir``. After that no CSV is read again, unless its
    size or time changes.

    A sample has these keys:

    - video_id (str)
    - filename (str) of a video, frame_dir and filename_tmpl (str) of a folder of frames, or
      crops_dir (str) of prepared crops
    - total_frames, start_index (int)
    - first_frame, source_frames (int): For a clip that is a part of a video, where it starts in the
      video and how many frames the video has.
    - label (Tensor): (C, ) float32, multi-hot.
    - valence (float): Only if the annotation file has it.
    - groups (dict[str, str]): Kind -> name of the clip's series, child or other group, if known.
    - landmarks_file, keypoints_file (str | None): The cache file; None if the clip has no such
      file. Not for crops.
    - masked_beforehand (bool)

    Clips count as masked beforehand if the name of their folder ends in ``_mask_frames_full``, or,
    for videos, if a ``masks.csv`` in the folder of videos lists them, or, for crops, if their
    record says so. ``tools/extract_frames.py --mask`` makes all of these. Either all clips have to
    be masked beforehand, or none.

    Args:
        ann_file (str): The annotation CSV, see
            :func:`~emoreact_plugin.datasets.annotations.read_annotations`.
        pipeline (list): Transforms.
        data_root (str): The folder that relative paths start from. If it is relative, it starts
            from the working directory. Defaults to ''.
        data_prefix (dict[str, str]): Folders: ``video``, or ``frames`` with one folder of images
            for each clip, or ``crops`` with prepared crops as ``tools/extract_frames.py --as
            crops`` makes them. The first two can be given together with ``landmarks`` and
            ``keypoints``. Without these the files are looked for beside the clips, as OpenFace
            leaves them (``<video>_openface/<clip>.csv``, ``<video>_hol.txt``). Defaults to
            ``dict(video='videos')``.
        frame_dir_tmpl (str, optional): The folder of a clip's frames, with ``{clip}`` (name without
            ending) or ``{video}``. Defaults to None: the first that exists of ``{clip}`` and
            ``{video}``, alone, with ``_frames_full`` and with ``_mask_frames_full``. To train on
            masked frames that have plain ones beside them, give ``'{clip}_mask_frames_full'``.
        filename_tmpl (str): The names of the frames in that folder. The number that they start from
            is found out. Defaults to ``'{:06d}.jpg'``.
        cache_dir (str, optional): Folder of the cache files. Defaults to ``$EMOREACT_CACHE_DIR``,
            else ``~/.cache/emoreact_plugin``.
        required (Sequence[str]): ``'landmarks'`` and/or ``'keypoints'``: the files that every clip
            has to have. (OpenFace writes one even if it finds no face at all.) Defaults to ``()``.
        allow_missing (bool): Use the whole frames of a clip whose required file is missing, and
            warn, instead of stopping. Without face landmarks the ``body`` region then shows the
            face. Defaults to False.
        check_landmarks (bool): Refuse a landmark file whose rows differ from the clip's frames by
            more than 10 % and 5, because it belongs to another clip. Defaults to True.
        columns (dict, optional): What columns of the annotation file are for -> their names, see
            :func:`~emoreact_plugin.datasets.annotations.read_annotations`: a single-label column,
            parts of videos, people, groups of clips that are alike. Defaults to None.
        group_names (str, optional): A regular expression with named groups that finds the groups
            of a clip in its name, see ``read_annotations``. Defaults to None.
        soft_labels (bool): Labels may be anything from 0 to 1. The loss takes them as they are.
            With ``test_mode`` they are 1 from 0.5 on, since ROC AUC needs two classes. Defaults to
            False.
        skip_bad_clips (float): The share of clips, 0..1, that may fail to load after this data set
            was built, see :class:`~emoreact_plugin.datasets.bad_clips.BadClips`. Defaults to 0: the
            first is an error.
        **kwargs: Arguments of ``BaseActionDataset``: ``test_mode``, ``metainfo``
            (``dict(classes=(...))`` names other label columns), ...

    Raises:
        FileNotFoundError, InputError: When the data set is built, for whatever is missing or wrong
            in the files, for ``DrawFaceMask`` in the pipeline of clips that were masked beforehand,
            and for transforms in an order that makes wrong inputs.
        InputError, RuntimeError: When a clip is loaded; the message names the clip and its file.
    """

    METAINFO = dict(dataset_type='EmoReact', classes=EMOTIONS)

    def __init__(
        self,
        ann_file: str,
        pipeline: list[dict | Callable],
        data_root: str = '',
        data_prefix: dict[str, str] | None = None,
        frame_dir_tmpl: str | None = None,
        filename_tmpl: str = '{:06d}.jpg',
        cache_dir: str | None = None,
        required: Sequence[str] = (),
        allow_missing: bool = False,
        check_landmarks: bool = True,
        columns: dict[str, str | Sequence[str]] | None = None,
        group_names: str | None = None,
        soft_labels: bool = False,
        skip_bad_clips: float = 0,
        **kwargs: Any,
    ) -> None:
        data_prefix = dict(video='videos') if data_prefix is None else dict(data_prefix)
        if sum(name in data_prefix for name in SOURCES) != 1:
            raise InputError(
                f'data_prefix: expected one of {", ".join(SOURCES)}, found '
                f'{", ".join(data_prefix) or "none"}'
            )
        self.frame_dir_tmpl = frame_dir_tmpl
        self.filename_tmpl = filename_tmpl
        self.cache_dir = cache_dir or default_cache_dir()
        self.required = tuple(required)
        if not set(self.required) <= {'landmarks', 'keypoints'}:
            raise InputError(f"required: expected 'landmarks' and 'keypoints', found {required!r}")
        self.allow_missing = allow_missing
        self.check_landmarks = check_landmarks
        self.columns = columns
        self.group_names = group_names
        self.soft_labels = soft_labels
        self.skip_bad_clips = check_share(skip_bad_clips)
        self.bad_clips: BadClips | None = None
        self._rows: list[Annotation] | None = None
        self._collected: tuple[Any, list[str], np.ndarray] | None = None
        # Shared memory: workers that live on see a change, too.
        self._draws = torch.full((2,), -1, dtype=torch.int64).share_memory_()
        # Before anything is prepared.
        steps = Compose(pipeline)
        facts.check_order(steps)
        pipeline = steps.transforms
        super().__init__(ann_file, pipeline, data_root=data_root, data_prefix=data_prefix, **kwargs)

    @property
    def classes(self) -> tuple:
        """Return the C label names, in the order of the labels."""
        return tuple(self.metainfo['classes'])

    @property
    def labels(self) -> np.ndarray:
        """Return the labels of all clips, (N, C) float32."""
        return self._collect()[1].copy()

    @property
    def video_ids(self) -> list[str]:
        """Return the ids of all clips, which are their names without endings.

        See :attr:`.annotations.Annotation.clip_id` for parts of a video and one of several people.
        """
        return list(self._collect()[0])

    @without_gc()
    def _collect(self) -> tuple[list[str], np.ndarray]:
        """Return the ids and labels of all clips, collected once for what MMEngine holds."""
        if not self._fully_initialized:
            self.full_init()
        held = self.data_address if self.serialize_data else self.data_list
        if self._collected is None or self._collected[0] is not held:
            infos = map(super(BaseActionDataset, self).get_data_info, range(len(self)))
            self._collected = held, *_ids_and_labels(infos)
        return self._collected[1:]

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        """Pickle the samples as MMEngine does, and collect their ids and labels on the way.

        MMEngine looks for reference cycles as well, which takes longer than pickling. Samples have
        none.
        """
        ids_and_labels = _ids_and_labels(self.data_list)
        pickled = [pickle.dumps(sample, protocol=4) for sample in self.data_list]
        self.data_list.clear()
        ends = np.cumsum([len(each) for each in pickled])
        self._collected = ends, *ids_and_labels
        return np.frombuffer(bytearray().join(pickled), np.uint8), ends

    def summary(self) -> str:
        """Say in a line how many clips and frames there are, and what many of them lack."""
        video_ids, (names, counts) = self.video_ids, self._counted
        at = {name: k for k, name in enumerate(names)}
        return summarize(counts[[at[name] for name in video_ids]], *self._fate)

    def set_epoch(self, epoch: int, seed: int) -> None:
        """Make the random draws of every sample depend on the epoch and the seed.

        Sample ``index`` then draws from generators seeded with (seed, epoch, index), whichever
        worker loads it.
        """
        self._draws[0], self._draws[1] = seed, epoch

    def load_data_list(self) -> list[dict]:
        """Read the annotations, find and check the files of every clip, and prepare new ones.

        Returns:
            list[dict]: What a sample starts from, for each row of the annotations.
        """
        rows = self.read_annotations()
        if 'crops' in self.data_prefix:
            sources, masked = read_crops(self, self._find_crops(rows))
        else:
            sources, masked = read_landmarks(self, self._find_all(rows))
        samples, parts = [], []
        for row, source in zip(rows, sources, strict=True):
            frames = frames_of(row, source.total_frames, source.step, self.ann_file)
            samples.append(self._sample(row, frames, source.sample))
            parts.append((source.coverage, frames))
        lost = facts.lost_without(
            self.pipeline, self.required, masked or facts.draws_masks(self.pipeline)
        )
        # Of all clips: MMEngine leaves some out later.
        self._counted = [sample['video_id'] for sample in samples], count_frames(parts)
        self._fate = lost, masked, facts.hides_face(self.pipeline)
        # MMEngine keeps these in the checkpoint: inference asks for them.
        self._metainfo.update(
            masked=masked or facts.draws_masks(self.pipeline),
            drawn_sample_data=is_sample_data(osp.dirname(self.ann_file)),
        )
        self._rows = None
        forget_annotations(self.ann_file)
        return samples

    def read_annotations(self, errors: list[InputError] | None = None) -> list[Annotation]:
        """Read the annotation file, once; see :func:`~.annotations.read_annotations`."""
        if self._rows is None:
            self._rows = read_annotations(
                self.ann_file,
                self.classes,
                self.columns,
                self.soft_labels,
                errors,
                self.group_names,
            )
        return self._rows

    def keep_rows(self, rows: list[Annotation]) -> None:
        """Leave out all other rows of the annotation file; before initialisation."""
        self._rows = rows

    @without_gc()
    def check_files(self) -> None:
        """Read the annotations and check quickly that every clip's files are there.

        This takes seconds: clips are not opened, except for a few that lack a required file.

        Raises:
            FileNotFoundError, InputError: For missing files and wrong annotations.
        """
        rows = self.read_annotations()
        if 'crops' in self.data_prefix:
            self._find_crops(rows)
        else:
            self._find_all(rows)

    def _find_crops(self, rows: list[Annotation]) -> list[str]:
        """Return the folder of each clip's prepared crops; refuse clips that are missing."""
        folders = [crops_folder(self, row) for row in rows]
        require_clips(self, folders, rows)
        return folders

    def _find_all(self, rows: list[Annotation]) -> list[ClipFiles]:
        """Find the files of each clip; refuse a data set that lacks some it requires."""
        facts.check_parts(self.pipeline, self.ann_file, rows)
        # Several clips may be parts of one video.
        of_one = {(row.video, row.person): row for row in rows}
        found = {key: self.find(row) for key, row in of_one.items()}
        clips = [found[row.video, row.person] for row in rows]
        require_clips(self, [files.source for files in clips], rows)
        lost = facts.lost_without(self.pipeline, self.required, facts.draws_masks(self.pipeline))
        for kind in self.required:
            if all(getattr(files, kind) for files in found.values()):
                continue
            without = require_files(self, kind, list(zip(rows, clips, strict=True)), lost[kind])
            if without:
                print_log(
                    f'{self.ann_file}: {len(without)} of {number(len(rows), "clip")} have no '
                    f'{kind}{then_text(lost[kind])}. The first: {without[0].text}',
                    'current',
                    logging.WARNING,
                )
        return clips

    def _sample(self, row: Annotation, frames: slice, source: dict) -> dict:
        """Return what a sample starts from."""
        # Not a tensor or an array, which take many times longer to pickle.
        label = row.label
        if self.soft_labels and self.test_mode:
            label = tuple(float(value >= SOFT_POSITIVE) for value in label)
        sample = dict(
            source,
            video_id=row.clip_id,
            total_frames=frames.stop - frames.start,
            start_index=source['start_index'] + frames.start,
            first_frame=frames.start,
            label=label,
        )
        if row.valence is not None:
            sample['valence'] = row.valence
        if row.groups:
            sample['groups'] = dict(row.groups)
        return sample

    def find(self, row: Annotation) -> ClipFiles:
        """Find the files of a clip, a video or a folder of frames, whose path is always given.

        Raises:
            InputError: For a damaged cache file among the landmarks.
        """
        video, prefix = row.video, self.data_prefix
        if 'video' in prefix:
            beside, source = prefix['video'], osp.join(prefix['video'], video)
        else:
            beside = prefix['frames']
            source = find_frame_dir(video, beside, self.frame_dir_tmpl)
        return find_clip(
            video,
            source,
            prefix.get('landmarks', beside),
            prefix.get('keypoints', beside),
            self.filename_tmpl if 'frames' in prefix else None,
            row.person,
        )

    def get_cat_ids(self, idx: int) -> list[int]:
        """Return the numbers of the labels that sample ``idx`` has, for ``ClassBalancedDataset``.

        A soft label counts from 0.5 on.
        """
        return torch.nonzero(self.get_data_info(idx)['label'] >= SOFT_POSITIVE).flatten().tolist()

    def get_data_info(self, idx: int) -> dict:
        """Return what sample ``idx`` starts from.

        ``start_index`` is the number of the clip's first frame, in its name in a folder of frames.
        """
        # BaseActionDataset would give all clips the same one.
        info = super(BaseActionDataset, self).get_data_info(idx)
        return dict(info, modality=self.modality, label=torch.tensor(info['label']))

    @without_gc()
    def full_init(self) -> None:
        """Load the data, and prepare to skip bad clips."""
        super().full_init()
        if self.skip_bad_clips and self.bad_clips is None:
            self.bad_clips = BadClips(self.video_ids, self.skip_bad_clips)

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline on sample ``idx``, or on the clip that stands in for a bad one."""
        return self.bad_clips.load(idx, self._load) if self.bad_clips else self._load(idx)

    def _load(self, idx: int) -> Any:
        seed, epoch = self._draws.tolist()
        try:
            if seed < 0:
                return super().prepare_data(idx)
            with seeded((seed, epoch, idx)):
                return super().prepare_data(idx)
        except Exception as error:
            raise named_error(error, self.get_data_info(idx)) from error


def _ids_and_labels(samples: Iterable[dict]) -> tuple[list[str], np.ndarray]:
    ids, labels = [], []
    for sample in samples:
        ids.append(sample['video_id'])
        labels.append(sample['label'])
    return ids, np.array(labels, np.float32)
