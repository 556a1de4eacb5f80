"""Find all that is wrong with a data set at once, before training."""

import logging
import os
import os.path as osp
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from mmengine.logging import MMLogger

from emoreact_plugin.clips.clip_files import expected_names
from emoreact_plugin.clips.landmark_cache import prepare_all
from emoreact_plugin.datasets.annotations import Annotation, frames_of
from emoreact_plugin.datasets.emoreact_dataset import SOFT_POSITIVE, EmoReactDataset
from emoreact_plugin.datasets.pipeline_facts import draws_masks, lost_without, steps_of
from emoreact_plugin.evaluation import prior_roc_auc_micro
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.progress import progress_bar
from emoreact_plugin.utils.text import number
from mmaction.registry import DATASETS

from .annotation_checks import label_columns
from .clip_checks import CheckedFiles, check_source
from .findings import CheckedClip, CheckReport, Finding, sort_findings
from .split_checks import duplicate_findings, label_findings, odd_findings

# The number of frames that most configurations draw.
FEW_FRAMES = 3


class Part(NamedTuple):
    """A data set of one split, and what its check looks at.

    Attributes:
        split (str): The split, such as ``'train'``.
        config (dict): Config of an ``EmoReactDataset``.
        dataset (EmoReactDataset): Built from it, not initialised.
        looks_at (tuple[str, ...]): ``'landmarks'`` and/or ``'keypoints'``:
            what the data set can use.
        min_frames (int): Clips with fewer frames repeat some.
        needs_any (bool): Without a single file of ``looks_at`` the data set
            cannot be used.
    """

    split: str
    config: dict
    dataset: EmoReactDataset
    looks_at: tuple[str, ...]
    min_frames: int
    needs_any: bool = False

    @property
    def key(self) -> tuple:
        """Return a key that is equal for data sets of the same clips."""
        return (osp.realpath(self.dataset.ann_file), *sorted(self.dataset.data_prefix.items()))


def make_part(split: str, config: dict, **changes) -> Part:
    """Prepare the check of a data set.

    Args:
        split (str): The split, such as ``'train'``.
        config (dict): Config of an ``EmoReactDataset``.
        **changes: Fields of the part that replace what the data set's
            pipeline says.

    Returns:
        Part: The part, with a data set that is built but not initialised.

    Raises:
        InputError: For another type of data set.
    """
    kind = DATASETS.get(config.get('type'))
    if kind is None or not issubclass(kind, EmoReactDataset):
        raise InputError(f'{split}: expected an EmoReactDataset, found {config.get("type")}')
    dataset = DATASETS.build(dict(config, lazy_init=True))
    looks_at = (
        ()
        if 'crops' in dataset.data_prefix
        else tuple(lost_without(dataset.pipeline, dataset.required, draws_masks(dataset.pipeline)))
    )
    return Part(split, dict(config), dataset, looks_at, _sampled_frames(dataset.pipeline))._replace(
        **changes
    )


def parts_of_folder(
    folder: str,
    splits: Sequence[str],
    classes: Sequence[str] | None = None,
    cache_dir: str | None = None,
) -> list[Part]:
    """Prepare the check of a folder that holds a data set.

    The folder has a ``<split>.csv`` for each split and a folder ``videos`` or
    ``frames``, laid out as ``EmoReactDataset`` reads it.

    Args:
        folder (str): The folder.
        splits (Sequence[str]): Names of the splits.
        classes (Sequence[str], optional): The label columns. Defaults to
            None: the columns that hold 0 and 1 only.
        cache_dir (str, optional): Folder of the prepared landmark files.

    Returns:
        list[Part]: One for each split, with or without a file.

    Raises:
        FileNotFoundError: If all of the files, or both folders, are missing.
        InputError: See
            :func:`~emoreact_plugin.datasets.checks.annotation_checks.label_columns`.
    """
    names = [f'{split}.csv' for split in splits]
    paths = [p for p in (osp.join(folder, n) for n in names) if osp.isfile(p)]
    if not paths:
        raise FileNotFoundError(f'{folder}: expected {", ".join(names)}, found none of them')
    sources = dict(video='videos', frames='frames')
    there = {kind: name for kind, name in sources.items() if osp.isdir(osp.join(folder, name))}
    if not there:
        raise FileNotFoundError(f'{folder}: expected a folder videos or frames, found neither')
    kind = next(iter(there))
    classes = tuple(classes or label_columns(paths))
    return [
        make_part(
            split,
            dict(
                type='EmoReactDataset',
                ann_file=name,
                data_root=folder,
                data_prefix={kind: there[kind]},
                pipeline=[],
                metainfo=dict(classes=classes),
                cache_dir=cache_dir,
                test_mode=True,
            ),
            # What the clips will be used for, nobody has said; but every
            # region is found by one of the two.
            looks_at=('landmarks', 'keypoints'),
            needs_any=True,
            min_frames=FEW_FRAMES,
        )
        for split, name in zip(splits, names, strict=True)
    ]


def _sampled_frames(pipeline) -> int:
    """Return how many frames of a clip a pipeline draws, 1 if nothing tells."""
    counts = [1]
    for step in steps_of(pipeline):
        for sampler in (step, *getattr(step, 'samplers', {}).values()):
            layout = [getattr(sampler, name, None) for name in ('clip_len', 'num_clips')]
            if all(isinstance(each, int) for each in layout):
                counts.append(layout[0] * layout[1])
    return max(counts)


def check(parts: Sequence[Part], workers: int | None = None) -> CheckReport:
    """Open every clip of a data set and list all that is wrong.

    This can be stopped and started again: the prepared landmark files of the
    clips that are done are kept, and a video that has one is not decoded
    again while neither changes. Folders of images are read anew.

    Args:
        parts (Sequence[Part]): At least one; several parts of one split are
            taken together.
        workers (int, optional): Number of clips at a time. Defaults to None:
            as many as there are cores.

    Returns:
        CheckReport: All clips and findings.

    Raises:
        InputError: For parts of different classes, or a folder of prepared
            landmark files that cannot be written to.
    """
    classes = parts[0].dataset.classes
    findings, clips, labels, seen = [], [], {}, {}
    rows = []
    for part in parts:
        if part.dataset.classes != classes:
            raise InputError(
                f'{part.split}: expected the classes of {parts[0].split}, {", ".join(classes)}, '
                f'found {", ".join(part.dataset.classes)}'
            )
        errors = []
        try:
            each = part.dataset.read_annotations(errors)
        except (InputError, OSError) as error:
            each = []
            errors.append(error)
        rows.append(each)
        findings += [
            Finding('error', 'annotations', part.split, '', str(error)) for error in errors
        ]
    opened = _open_all(parts, rows, workers)
    for part, each, sources in zip(parts, rows, opened, strict=True):
        labels.setdefault(part.split, []).extend(_multi_hot(r) for r in each)
        own = [_clip_of(part, row, sources[_key_of(row)]) for row in each]
        if part.key in seen:
            findings.append(
                Finding(
                    'warning',
                    'duplicate',
                    part.split,
                    '',
                    f'{part.dataset.ann_file}: is the annotation file of {seen[part.key]} as well',
                )
            )
        else:
            clips += own
            findings += _clip_findings(part, each, own, sources)
        seen.setdefault(part.key, part.split)
        findings += _try_it(part, each, sources)
    labels = {
        split: np.array(each, int).reshape(-1, len(classes)) for split, each in labels.items()
    }
    findings += duplicate_findings(clips, workers)
    findings += odd_findings(clips) + label_findings(labels, classes, clips)
    return CheckReport(classes, clips, labels, _prior(labels), sort_findings(findings))


def _key_of(row: Annotation) -> tuple:
    """Return a key that is equal for rows of the same files."""
    return row.video, row.person


def _multi_hot(row: Annotation) -> tuple:
    return tuple(int(value >= SOFT_POSITIVE) for value in row.label)


def _open_all(
    parts: Sequence[Part], rows: Sequence[list[Annotation]], workers: int | None
) -> list[dict[tuple, CheckedFiles]]:
    """Open the files of all parts, several clips at a time.

    Returns:
        list[dict[tuple, CheckedFiles]]: For each part, the sources of its rows by
        :func:`_key_of`.
    """
    for cache_dir in {p.dataset.cache_dir for p in parts if 'crops' not in p.dataset.data_prefix}:
        prepare_all([], cache_dir, True)  # whether it can be written to
    jobs = list(
        {(k, *_key_of(row)): (k, row) for k, each in enumerate(rows) for row in each}.values()
    )

    def work(job: tuple) -> CheckedFiles:
        return check_source(parts[job[0]].dataset, job[1])

    found = [{} for _ in parts]
    # Threads do: decoding leaves Python's lock alone.
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        results = progress_bar(pool.map(work, jobs), 'opening', len(jobs), unit='clip')
        for (k, row), source in zip(jobs, results, strict=True):
            found[k][_key_of(row)] = source
    return found


def _clip_of(part: Part, row: Annotation, source: CheckedFiles) -> CheckedClip:
    info, frames, no_face, no_body = source.info, None, None, None
    if info is not None:
        try:
            inside = frames_of(row, info.total_frames, source.step, '')
            frames = inside.stop - inside.start
        except InputError:  # told by _part_error
            frames = 0
    if frames and source.coverage:
        face, body, _ = source.coverage.part(inside)
        no_face = 1 - float(face.mean()) if source.landmarks else None
        no_body = 1 - float(body.mean()) if source.keypoints else None
    return CheckedClip(
        part.split,
        row.clip_id,
        row.video,
        source.path,
        _multi_hot(row),
        row.start,
        row.end,
        row.person,
        frames,
        info and info.width,
        info and info.height,
        info and info.fps or None,
        no_face,
        no_body,
        source.num_bytes,
    )


def _clip_findings(
    part: Part, rows: list[Annotation], clips: list[CheckedClip], sources: dict[tuple, CheckedFiles]
) -> list[Finding]:
    """Find what is wrong with the clips of a part, one by one."""
    found, told = [], set()

    def add(row: Annotation, level: str, kind: str, text: str) -> None:
        found.append(Finding(level, kind, part.split, row.clip_id, text))

    for row, clip in zip(rows, clips, strict=True):
        source = sources[_key_of(row)]
        # Several rows may be of the same files.
        if _key_of(row) not in told:
            told.add(_key_of(row))
            for problem in source.problems:
                add(row, *problem)
        error = _part_error(part, row, source)
        if error:
            add(row, 'error', 'annotations', error)
        elif clip.frames is not None and clip.frames < part.min_frames:
            add(
                row,
                'warning',
                'short',
                f'{clip.place}: expected at least {part.min_frames} frames, '
                f'found {clip.frames}; some are used more than once',
            )
        for kind, share, thing in (
            ('landmarks', clip.no_face, 'face'),
            ('keypoints', clip.no_body, 'body'),
        ):
            if kind in part.looks_at and share is not None and share > 0.5:
                add(
                    row,
                    'warning',
                    f'no {thing}',
                    f'{clip.place}: no {thing} in {share:.0%} of {number(clip.frames, "frame")}',
                )
    for kind in part.looks_at:
        found += _without_file(part, kind, rows, sources)
    return found


def _part_error(part: Part, row: Annotation, source: CheckedFiles) -> str | None:
    """Say which frames of a clip are not in its video; None if all are."""
    try:
        if source.info is not None:
            frames_of(row, source.info.total_frames, source.step, part.dataset.ann_file)
    except InputError as error:
        return str(error)


def _without_file(
    part: Part, kind: str, rows: list[Annotation], sources: dict[tuple, CheckedFiles]
) -> list[Finding]:
    """Find the clips that have no landmark file, or no keypoint file."""
    dataset = part.dataset
    folder = dataset.data_prefix.get(kind) or dataset.data_prefix.get(
        'video', dataset.data_prefix.get('frames')
    )
    without = [row for row in rows if getattr(sources[_key_of(row)], kind) is None]
    required = (
        kind in dataset.required
        or part.needs_any
        and not any(source.landmarks or source.keypoints for source in sources.values())
    )

    def finding(level: str, row: Annotation, clip: str, start: str, end: str = '') -> Finding:
        names = ' or '.join(expected_names(kind, row.video, row.person))
        return Finding(
            level, f'no {kind}', part.split, clip, f'{start}{folder}: expected {names}{end}'
        )

    if without and len(without) == len(rows):
        return [
            finding(
                'error' if required else 'warning',
                rows[0],
                '',
                f'none of {number(len(rows), "clip")} has {kind} in ',
                '. tools/extract_landmarks.py makes them',
            )
        ]
    level = 'error' if required and not dataset.allow_missing else 'warning'
    return [finding(level, row, row.clip_id, '') for row in without]


def _try_it(
    part: Part, rows: list[Annotation], sources: dict[tuple, CheckedFiles]
) -> list[Finding]:
    """Build the data set of the clips without an error, and load the first one.

    This finds whatever else would stop training.
    """
    dataset = part.dataset

    def is_good(row: Annotation) -> bool:
        source = sources[_key_of(row)]
        return (
            _part_error(part, row, source) is None
            and all(getattr(source, kind) for kind in dataset.required)
            and all(problem.level != 'error' for problem in source.problems)
        )

    good = list(filter(is_good, rows))
    if not good:
        return []
    with _quiet():
        try:
            # Only workers need the samples serialized.
            tried = DATASETS.build(dict(part.config, lazy_init=True, serialize_data=False))
            tried.keep_rows(good)
            tried.full_init()
            tried[0]
        except Exception as error:  # of anyone's own transform, too
            text = str(error) or type(error).__name__
            return [Finding('error', 'data set', part.split, '', text)]
    return []


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the log's warnings, which the report has anyway."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _prior(labels: dict[str, np.ndarray]) -> dict[str, float | None]:
    prior = dict.fromkeys(labels)
    for split in set(labels) - {'train'}:
        if len(labels.get('train', ())) and len(labels[split]):
            value = prior_roc_auc_micro(labels['train'], labels[split])
            prior[split] = None if np.isnan(value) else value
    return prior
