"""Find all that is wrong with a data set at once, before training."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from mmengine.logging import MMLogger

from emoreact_plugin.clips.landmark_cache import fill_cache
from emoreact_plugin.datasets.annotations import (
    SOFT_POSITIVE,
    Annotation,
    frames_of,
    labeled_clips,
    rows_within,
)
from emoreact_plugin.datasets.checks.all_clips import (
    find_duplicates,
    find_odd_sizes,
    find_unlabeled,
)
from emoreact_plugin.datasets.checks.missing import find_missing_files
from emoreact_plugin.datasets.checks.one_clip import CheckedFiles, check_clip
from emoreact_plugin.datasets.checks.problems import (
    CheckedClip,
    CheckReport,
    Problem,
    sort_problems,
)
from emoreact_plugin.datasets.checks.shared_groups import find_shared_groups, score_splits
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.progress import count_cores, progress_bar
from emoreact_plugin.utils.text import number
from mmaction.registry import DATASETS

from .split_check import SplitCheck


def check_all(checks: Sequence[SplitCheck], workers: int | None = None) -> CheckReport:
    """Open every clip of a data set and list all that is wrong.

    This can be stopped and started again: the cache files of the
    clips that are done are kept, and a video that has one is not decoded
    again while neither changes. Folders of images are read anew.

    Args:
        checks (Sequence[SplitCheck]): At least one; several of one split are
            taken together.
        workers (int, optional): Number of clips at a time. Defaults to None:
            as many as there are cores.

    Raises:
        InputError: For splits of different classes, or a folder of prepared
            landmark files that cannot be written to.
    """
    classes = checks[0].dataset.classes
    problems, clips, rows = [], [], []
    labels: dict[str, list] = {}
    annotated: dict[str, list[Annotation]] = {}
    seen: dict[tuple, str] = {}
    for check in checks:
        if check.dataset.classes != classes:
            raise InputError(
                f'{check.split}: expected the classes of {checks[0].split}, {", ".join(classes)}, '
                f'found {", ".join(check.dataset.classes)}'
            )
        errors: list[InputError] = []
        try:
            each = check.dataset.read_annotations(errors)
            if not errors:  # otherwise the positions of rows are not known
                indices = check.config.get('indices')
                each = rows_within(each, indices, check.dataset.ann_file)
        except (InputError, OSError) as error:
            each = []
            errors.append(InputError(str(error)))
        rows.append(each)
        problems += [Problem('error', 'annotations', str(error), check.split) for error in errors]
    opened = _open_all(checks, rows, workers)
    for check, each, sources in zip(checks, rows, opened, strict=True):
        labels.setdefault(check.split, []).extend(_multi_hot(r) for r in each)
        annotated.setdefault(check.split, []).extend(each)
        own = [_clip_of(check, row, sources[_key_of(row)]) for row in each]
        if check.key in seen:
            other = seen[check.key]
            text = f'{check.dataset.ann_file}: is the annotation file of {other} as well'
            problems.append(Problem('warning', 'duplicate', text, check.split))
        else:
            clips += own
            problems += _clip_problems(check, each, own, sources)
        seen.setdefault(check.key, check.split)
        problems += _try_it(check, each, sources)
    arrays = {
        split: np.array(each, int).reshape(-1, len(classes)) for split, each in labels.items()
    }
    splits = {split: labeled_clips(each) for split, each in annotated.items() if each}
    priors = score_splits(splits)
    problems += find_shared_groups(splits, priors)
    problems += find_duplicates(clips, workers)
    problems += find_odd_sizes(clips) + find_unlabeled(arrays, classes, clips)
    return CheckReport(classes, clips, arrays, priors, sort_problems(problems))


def _key_of(row: Annotation) -> tuple:
    """Return a key that is equal for rows of the same files."""
    return row.video, row.person


def _multi_hot(row: Annotation) -> tuple:
    return tuple(int(value >= SOFT_POSITIVE) for value in row.label)


def _open_all(
    checks: Sequence[SplitCheck], rows: Sequence[list[Annotation]], workers: int | None
) -> list[dict[tuple, CheckedFiles]]:
    """Open the files of all checks, several clips at a time.

    Returns:
        list[dict[tuple, CheckedFiles]]: For each check, the sources of its rows by
        :func:`_key_of`.
    """
    for cache_dir in {p.dataset.cache_dir for p in checks if 'crops' not in p.dataset.data_prefix}:
        fill_cache([], cache_dir, True)  # whether it can be written to
    jobs = list(
        {(k, *_key_of(row)): (k, row) for k, each in enumerate(rows) for row in each}.values()
    )

    def work(job: tuple) -> CheckedFiles:
        return check_clip(checks[job[0]].dataset, job[1])

    found: list[dict[tuple, CheckedFiles]] = [{} for _ in checks]
    # Threads do: decoding leaves Python's lock alone.
    with ThreadPoolExecutor(workers or count_cores()) as pool:
        results = progress_bar(pool.map(work, jobs), 'opening', len(jobs), unit='clip')
        for (k, row), source in zip(jobs, results, strict=True):
            found[k][_key_of(row)] = source
    return found


def _clip_of(check: SplitCheck, row: Annotation, source: CheckedFiles) -> CheckedClip:
    info, frames, no_face, no_body, black = source.info, None, None, None, None
    if info is not None:
        try:
            inside = frames_of(row, info.total_frames, source.step, '')
            frames = inside.stop - inside.start
        except InputError:  # told by _frames_error
            frames = 0
    if frames and source.coverage:
        face, body, *_ = source.coverage.part(inside)
        no_face = 1 - float(face.mean()) if source.knows('landmarks') else None
        no_body = 1 - float(body.mean()) if source.knows('keypoints') else None
        black = None if source.black is None else float(source.black[inside].mean())
    return CheckedClip(
        check.split,
        row.clip_id,
        row.video,
        source.path,
        _multi_hot(row),
        row.start,
        row.end,
        row.person,
        frames,
        None if info is None else info.width,
        None if info is None else info.height,
        None if info is None else info.fps or None,
        no_face,
        no_body,
        black,
        source.num_bytes,
    )


def _clip_problems(
    check: SplitCheck,
    rows: list[Annotation],
    clips: list[CheckedClip],
    sources: dict[tuple, CheckedFiles],
) -> list[Problem]:
    """Find what is wrong with the clips of a check, one by one."""
    found, told = [], set()

    def add(row: Annotation, level: str, kind: str, text: str) -> None:
        found.append(Problem(level, kind, text, check.split, row.clip_id))

    for row, clip in zip(rows, clips, strict=True):
        source = sources[_key_of(row)]
        # Several rows may be of the same files.
        if _key_of(row) not in told:
            told.add(_key_of(row))
            for problem in source.problems:
                add(row, problem.level, problem.kind, problem.text)
        error = _frames_error(check, row, source)
        if error:
            add(row, 'error', 'annotations', error)
        elif clip.frames is not None and clip.frames < check.min_frames:
            add(
                row,
                'warning',
                'short',
                f'{clip.place}: expected at least {check.min_frames} frames, '
                f'found {clip.frames}; some are used more than once',
            )
        for used, share, kind, what in (
            ('landmarks' in check.looks_at, clip.no_face, 'no face', 'no face'),
            ('keypoints' in check.looks_at, clip.no_body, 'no body', 'no body'),
            (True, clip.black_body, 'black body', 'the face covers most of the body crop'),
        ):
            if used and share is not None and share > 0.5:
                add(
                    row,
                    'warning',
                    kind,
                    f'{clip.place}: {what} in {share:.0%} of {number(clip.frames or 0, "frame")}',
                )
    for kind in check.looks_at:
        found += _without_file(check, kind, rows, sources)
    return found


def _frames_error(check: SplitCheck, row: Annotation, source: CheckedFiles) -> str | None:
    """Say which frames of a clip are not in its video; None if all are."""
    try:
        if source.info is not None:
            frames_of(row, source.info.total_frames, source.step, check.dataset.ann_file)
    except InputError as error:
        return str(error)
    return None


def _without_file(
    check: SplitCheck, kind: str, rows: list[Annotation], sources: dict[tuple, CheckedFiles]
) -> list[Problem]:
    """Find the clips that have no landmark file, or no keypoint file."""
    needed = (
        kind in check.dataset.required
        or check.needs_any
        and not any(each.knows('landmarks') or each.knows('keypoints') for each in sources.values())
    )
    files = [(row, sources[_key_of(row)].files) for row in rows]
    clips = [(row, each) for row, each in files if each is not None]
    problems = find_missing_files(check.dataset, kind, clips, needed)
    return [replace(problem, split=check.split) for problem in problems]


def _try_it(
    check: SplitCheck, rows: list[Annotation], sources: dict[tuple, CheckedFiles]
) -> list[Problem]:
    """Build the data set of the clips without an error, and load the first one.

    This finds whatever else would stop training.
    """
    dataset = check.dataset

    def is_good(row: Annotation) -> bool:
        source = sources[_key_of(row)]
        return (
            _frames_error(check, row, source) is None
            and all(source.knows(kind) for kind in dataset.required)
            and all(problem.level != 'error' for problem in source.problems)
        )

    good = list(filter(is_good, rows))
    if not good:
        return []
    with _quiet():
        try:
            # Only workers need the samples serialised. The rows are chosen already.
            lazy = dict(lazy_init=True, serialize_data=False, indices=None)
            tried = DATASETS.build({**check.config, **lazy})
            tried.keep_rows(good)
            tried.full_init()
            tried[0]
        except Exception as error:  # of anyone's own transform, too
            text = str(error) or type(error).__name__
            return [Problem('error', 'data set', text, check.split)]
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
