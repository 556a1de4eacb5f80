"""Plan which video becomes what, and process several clips at a time."""

import itertools
import os
import os.path as osp
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import PurePosixPath
from threading import Event
from typing import Generic, NamedTuple, TypeVar

from emoreact_plugin.clips.masks_csv import FILE_NAME, read_masks
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import sweep
from emoreact_plugin.utils.progress import count_cores, progress_bar
from emoreact_plugin.video.folders import VIDEO_ENDINGS, find_videos

Clip = TypeVar('Clip')
OnFrame = Callable[[], None]


class Job(NamedTuple):
    """Task for one clip.

    Attributes:
        folder (str): Folder of the video and, unless another one is given, of its landmarks.
        video (str): Its name in this folder, with ``/``.
        target (str): The output, such as the folder of frames or the video to write, relative to
            the output folder, with ``/``.
    """

    folder: str
    video: str
    target: str

    @property
    def path(self) -> str:
        """Return the path of the video."""
        return osp.join(self.folder, self.video)


@dataclass
class JobReport(Generic[Clip]):
    """Result of :func:`run_jobs`.

    Attributes:
        clips (list): The clips that are complete now, in the order of their names.
        before (int): How many of them were there already.
        errors (list[tuple[str, Exception]]): Path of each video that failed, and why, sorted.
    """

    clips: list[Clip]
    before: int
    errors: list[tuple[str, Exception]]


def plan(
    sources: Sequence[str], out: str, ending: str, unmasked: bool = False, skip_out: bool = True
) -> list[Job]:
    """Plan what to make from which video.

    Args:
        sources (Sequence[str]): Video files, and folders that are searched for videos, including
            all folders within. Names relative to these are kept. What is hidden is left out.
        out (str): The output folder.
        ending (str): What the name of the output has in place of the video's ending.
        unmasked (bool): Refuse videos that have masks already. Defaults to False.
        skip_out (bool): Leave out the videos in the output folder. Defaults to True.

    Returns:
        list[Job]: At least one.

    Raises:
        FileNotFoundError: If a source does not exist.
        InputError: If there is nothing to do, if two clips would be written to one place, one into
            the folder of another or over itself, or if some have masks already.
    """
    jobs = []
    for source in sources:
        if osp.isdir(source):
            folder, videos = source, find_videos(source, out if skip_out else None)
        elif osp.isfile(source):
            folder, name = osp.split(source)
            videos = [name]
        else:
            raise FileNotFoundError(f'{source}: no such video or folder')
        listed = read_masks(folder) if unmasked else {}
        masked = next((video for video in videos if video in listed), None)
        if masked:
            raise InputError(
                f'{osp.join(folder, masked)}: expected videos without '
                f'masks, but {osp.join(folder, FILE_NAME)} lists it'
            )
        jobs += [Job(folder, video, osp.splitext(video)[0] + ending) for video in videos]
    if not jobs:
        raise InputError(
            f'{", ".join(sources)}: expected videos (of the endings '
            f'{" ".join(VIDEO_ENDINGS)}), found none'
        )
    check_targets(jobs, out)
    return jobs


def check_targets(jobs: list[Job], out: str) -> None:
    """Refuse two clips in one place, a clip in the folder of another, or one over itself."""
    by_target: dict[str, Job] = {}
    for job in jobs:
        target = osp.join(out, job.target)
        if osp.exists(target) and osp.samefile(target, job.path):
            raise InputError(
                f'{job.path}: would be written over itself; name another folder with --out'
            )
        other = by_target.setdefault(job.target, job)
        if other is not job:
            raise InputError(
                f'{other.path} and {job.path} would both be written to {target}; rename one'
            )
    for job in jobs:
        for parent in PurePosixPath(job.target).parents:
            outer = by_target.get(str(parent))
            if outer:
                raise InputError(
                    f'{job.path} would be written into the folder of '
                    f'{outer.path}, {osp.join(out, outer.target)}; rename one'
                )


def _existing_folder(path: str) -> str:
    """Return the nearest folder above a path that is there."""
    folder = osp.dirname(osp.abspath(path))
    while not osp.isdir(folder):
        folder = osp.dirname(folder)
    return folder


class _StopError(Exception):
    """Signal that the work is to stop where it is."""


def run_jobs(
    jobs: Sequence[Job],
    out: str,
    make: Callable[[Job, str, OnFrame], None],
    inspect: Callable[[Job, str], Clip],
    workers: int | None = None,
    title: str = 'extracting',
) -> JobReport[Clip]:
    """Process several clips at a time and show the progress; one failure does not stop the others.

    An interrupt stops all of them at their next frame. What killed runs have left unfinished in the
    output folder is deleted.

    Args:
        jobs (Sequence[Job]): What to do.
        out (str): The output folder.
        make (Callable): Called with a job, the path of its output and a function to call before
            each frame. It makes the output, completely or not at all, unless it is there.
        inspect (Callable): Called with a job and the path of its output. It describes the clip, or
            raises an error that says what is wrong with it.
        workers (int, optional): How many clips at a time. Defaults to None: as many as there are
            cores.
        title (str): Of the progress bar.

    Returns:
        JobReport: With what ``inspect`` returned for each clip.

    Raises:
        InputError: At once, if something is to be written into a folder that cannot be written to.
    """
    missing = [path for job in jobs if not osp.exists(path := osp.join(out, job.target))]
    for folder in sorted({_existing_folder(path) for path in missing}):
        if not os.access(folder, os.W_OK):
            raise InputError(f'{folder}: cannot be written to; name another folder')
    for folder in {osp.dirname(osp.join(out, job.target)) for job in jobs}:
        if osp.isdir(folder):
            sweep(folder)
    done, errors, before = {}, [], 0
    stop, counts = Event(), itertools.count(1)

    def on_frame() -> None:
        if stop.is_set():
            raise _StopError
        count = next(counts)
        if count % 50 == 0:
            bar.set_postfix_str(f'{count} frames')

    def work(job: Job) -> tuple[Clip, bool]:
        path = osp.join(out, job.target)
        is_there = osp.exists(path)
        if not is_there:
            make(job, path, on_frame)
        return inspect(job, path), is_there

    # Threads do: mediapipe, decoding, drawing and encoding leave Python's lock alone.
    with (
        progress_bar(total=len(jobs), desc=title, unit='clip') as bar,
        ThreadPoolExecutor(workers or count_cores()) as pool,
    ):
        try:
            futures = {pool.submit(work, job): job for job in jobs}
            for future in as_completed(futures):
                job = futures[future]
                bar.update()
                try:
                    done[job.target], is_there = future.result()
                    before += is_there
                except Exception as error:  # the other clips go on
                    errors.append((job.path, error))
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    clips = [done[target] for target in sorted(done)]
    return JobReport(clips, before, sorted(errors, key=lambda each: each[0]))
