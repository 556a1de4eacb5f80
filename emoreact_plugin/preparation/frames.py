"""Turn videos into folders of numbered frames, or into videos with masks."""

import os
import os.path as osp
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from threading import Lock
from typing import NamedTuple

import numpy as np

from emoreact_plugin.clips.clip_files import expected_names, find_clip
from emoreact_plugin.clips.fill_cache import default_cache_dir, prepare_video
from emoreact_plugin.clips.landmark_cache import PreparedClip, load_prepared
from emoreact_plugin.clips.mask_record import FILE_NAME, MaskedClip, read_masks, write_masks
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_whole
from emoreact_plugin.utils.progress import progress_bar
from emoreact_plugin.video.folders import MASKED_SUFFIX, VIDEO_ENDINGS, find_videos, scan_frames
from emoreact_plugin.video.reading import frame_rate, iterate_frames
from emoreact_plugin.video.writing import FRAME_NAME, write_frames, write_video


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


class Report(NamedTuple):
    """Result of :func:`extract`.

    Attributes:
        clips (list[MaskedClip]): The clips that are complete now, in the order of their names.
            Without masks, all frames count as unmasked.
        before (int): How many of them were there already.
        errors (list[tuple[str, Exception]]): Path of each video that failed, and why.
    """

    clips: list[MaskedClip]
    before: int
    errors: list[tuple[str, Exception]]


def extract(
    sources: Sequence[str],
    out: str,
    mask: Callable | None = None,
    as_videos: bool = False,
    landmarks: str | None = None,
    cache_dir: str | None = None,
    allow_missing: bool = False,
    workers: int | None = None,
) -> Report:
    """Write the frames of videos, as ``EmoReactDataset`` reads them.

    A clip becomes the folder ``<clip>``, or ``<clip>_mask_frames_full`` with masks, of frames
    ``000001.jpg``, ``000002.jpg``, ... With ``as_videos``, it becomes the H.264 video
    ``<clip>.mp4``, which has the same number of frames, the mean frame rate and no sound. Frames
    keep their size, because landmarks are given in its pixels.

    A clip is either complete or not there, and one that is there is not changed, so that the work
    can be stopped and resumed. Only one run at a time may write to an output folder. With masks,
    ``masks.csv`` in the output folder lists the clips, and in how many of their frames there was no
    face to draw a mask on.

    Args:
        sources (Sequence[str]): Video files, and folders that are searched for videos, including
            all folders within. Names relative to these are kept. What is hidden, or in the output
            folder, is left out.
        out (str): The output folder; created if it is missing.
        mask (Callable, optional): A ``DrawFaceMask`` with a seed. Defaults to None: no masks.
        as_videos (bool): Write videos instead of frames. Defaults to False.
        landmarks (str, optional): Folder of the landmark files. Defaults to None: next to the
            videos, as ``EmoReactDataset`` finds them.
        cache_dir (str, optional): Folder of the prepared landmark files, see ``EmoReactDataset``.
        allow_missing (bool): Leave clips without a landmark file unmasked. Otherwise they fail.
            Defaults to False.
        workers (int, optional): How many clips to process at a time. Defaults to None: as many as
            there are cores.

    Returns:
        Report: With the errors of single clips, which do not stop the others.

    Raises:
        FileNotFoundError: If a source or the landmark folder does not exist.
        InputError: If videos are to be written without a mask; if there is nothing to do, if two
            clips would be written to one place or one over itself, if some have masks already, or
            if the output folder has some of them with another mask.
    """
    if as_videos and mask is None:
        raise InputError('expected a mask to draw on the videos (--mask)')
    if landmarks is not None and not osp.isdir(landmarks):
        raise FileNotFoundError(f'{landmarks}: no such folder of landmarks')
    jobs = plan(sources, out, mask is not None, as_videos)
    look = '' if mask is None else look_of(mask)
    records = {} if mask is None else read_masks(out)
    _check_looks(jobs, out, records, look)
    os.makedirs(out, exist_ok=True)
    clips, before, lock = [], [], Lock()

    def work(job: Job) -> None:
        target = osp.join(out, job.target)
        if osp.lexists(target):
            clip = _check_done(job, out, mask and records, as_videos)
            before.append(clip)
            clips.append(clip)
            return
        faces = (
            None
            if mask is None
            else prepared_of(
                job, landmarks, None, cache_dir, () if allow_missing else ('landmarks',)
            )
        )
        frames, masked = iterate_frames(job.path), []
        if faces is not None:
            frames = _masked_frames(frames, faces, mask, job, masked)
        with write_whole(target) as part:
            count = (
                write_video(part, frames, frame_rate(job.path))
                if as_videos
                else write_frames(part, frames)
            )
            clip = MaskedClip(job.target, look, count, count - sum(masked))
            with lock:
                if mask is not None:
                    # First, so that no clip with masks goes unlisted.
                    records[job.target] = clip
                    write_masks(out, records)
        clips.append(clip)

    errors = run_jobs(jobs, work, workers)
    return Report(sorted(clips), len(before), errors)


def run_jobs(
    jobs: Sequence[Job], work: Callable[[Job], None], workers: int | None
) -> list[tuple[str, Exception]]:
    """Process several clips at a time and show the progress; one failure does not stop the others.

    Args:
        jobs (Sequence[Job]): What to do.
        work (Callable): Does one job.
        workers (int, optional): How many at a time; None for as many as there are cores.

    Returns:
        list[tuple[str, Exception]]: Path of each video that failed, and why.
    """
    errors = []

    def try_to(job: Job) -> None:
        try:
            work(job)
        except Exception as error:
            errors.append((job.path, error))

    # Threads do: decoding, drawing and encoding leave Python's lock alone.
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for _ in progress_bar(pool.map(try_to, jobs), 'extracting', len(jobs), unit='clip'):
            pass
    return sorted(errors, key=lambda each: each[0])


def plan(sources: Sequence[str], out: str, masked: bool, as_videos: bool) -> list[Job]:
    """Plan what to make from which video; see :func:`extract`.

    Returns:
        list[Job]: At least one.

    Raises:
        FileNotFoundError, InputError: See :func:`extract`.
    """
    jobs = []
    ending = '.mp4' if as_videos else MASKED_SUFFIX if masked else ''
    for source in sources:
        if osp.isdir(source):
            folder, videos = source, find_videos(source, out)
        elif osp.isfile(source):
            folder, name = osp.split(source)
            videos = [name]
        else:
            raise FileNotFoundError(f'{source}: no such video or folder')
        listed = read_masks(folder) if masked else {}
        for video in videos:
            if video in listed:
                raise InputError(
                    f'{osp.join(folder, video)}: expected videos without '
                    f'masks, but {osp.join(folder, FILE_NAME)} lists it'
                )
            jobs.append(Job(folder, video, osp.splitext(video)[0] + ending))
    if not jobs:
        raise InputError(
            f'{", ".join(sources)}: expected videos (of the endings '
            f'{" ".join(VIDEO_ENDINGS)}), found none'
        )
    _check_targets(jobs, out)
    return jobs


def _check_targets(jobs: list[Job], out: str) -> None:
    """Refuse two clips in one place, a clip in the folder of another, or one over itself."""
    by_target = {}
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
            other = by_target.get(str(parent))
            if other:
                raise InputError(
                    f'{job.path} would be written into the folder of '
                    f'{other.path}, {osp.join(out, other.target)}; rename one'
                )


def look_of(mask: Callable) -> str:
    """Describe the kind of a mask, and its colour if one was chosen, in words."""
    return ' '.join([mask.kind, *map(str, mask.color or ())])


def _check_looks(jobs: list[Job], out: str, records: dict[str, MaskedClip], look: str) -> None:
    for job in jobs:
        record = records.get(job.target)
        if record and record.mask != look and osp.lexists(osp.join(out, job.target)):
            raise InputError(
                f'{osp.join(out, FILE_NAME)}: expected clips with the mask '
                f"'{look}', found {job.target} with '{record.mask}'; delete "
                'them, or name another folder with --out'
            )


def _check_done(
    job: Job, out: str, records: dict[str, MaskedClip] | None, as_videos: bool
) -> MaskedClip:
    """Return a clip that is there already, or raise an error that says what is wrong with it."""
    target = osp.join(out, job.target)
    if records is not None and job.target not in records:
        raise InputError(
            f'{target}: is there already, but '
            f'{osp.join(out, FILE_NAME)} does not list it. '
            'Delete it, and it is made anew'
        )
    if as_videos:
        return records[job.target]
    found = scan_frames(target, FRAME_NAME).total_frames
    if records is None:
        return MaskedClip(job.target, '', found, found)
    if found != records[job.target].frames:
        raise InputError(
            f'{target}: expected {records[job.target].frames} frames, found '
            f'{found}. Delete it, and it is made anew'
        )
    return records[job.target]


def prepared_of(
    job: Job,
    landmarks: str | None,
    keypoints: str | None,
    cache_dir: str | None,
    required: Sequence[str],
) -> PreparedClip | None:
    """Prepare and load the landmarks and keypoints of a video.

    Args:
        job (Job): Of the video.
        landmarks (str, optional): Folder of the landmark files; None for next to the video.
        keypoints (str, optional): Folder of the keypoint files; None for next to the video.
        cache_dir (str, optional): Folder of the prepared files.
        required (Sequence[str]): ``'landmarks'`` and/or ``'keypoints'``: the kinds of files that
            the video must have.

    Returns:
        PreparedClip | None: None if it has no file of either kind.

    Raises:
        FileNotFoundError: If a required file does not exist.
        InputError: If a file is damaged.
    """
    folders = dict(landmarks=landmarks or job.folder, keypoints=keypoints or job.folder)
    files = find_clip(job.video, job.path, *folders.values())
    for kind in required:
        if getattr(files, kind) is None:
            names = ' or '.join(expected_names(kind, job.video))
            raise FileNotFoundError(
                f'{job.path}: no {kind} in {folders[kind] or "."}, expected '
                f'{names}. --allow-missing goes on without'
            )
    if files.landmarks is None and files.keypoints is None:
        return None
    path = prepare_video(files, cache_dir or default_cache_dir())
    return load_prepared(path)


def _masked_frames(
    frames: Iterable[np.ndarray], faces: PreparedClip, mask: Callable, job: Job, masked: list[bool]
) -> Iterator[np.ndarray]:
    """Iterate over frames with masks, and add to ``masked`` whether each has one."""
    clip = osp.splitext(job.video)[0]
    for count, frame in enumerate(fitting_frames(frames, faces, job.path)):
        sample = mask(
            dict(
                imgs=[frame],
                face_landmarks=faces.face_landmarks[count : count + 1],
                face_is_box=faces.face_is_box[count : count + 1],
                video_id=clip,
            )
        )
        masked.append(bool(sample['masked'][0]))
        yield sample['imgs'][0]


def fitting_frames(
    frames: Iterable[np.ndarray], clip: PreparedClip, path: str
) -> Iterator[np.ndarray]:
    """Iterate over the frames of a video, and check that its landmarks fit them.

    Args:
        frames (Iterable[np.ndarray]): (H, W, 3) uint8.
        clip (PreparedClip): The landmarks of this video.
        path (str): Of the video, for the error.

    Yields:
        np.ndarray: The frames, unchanged.

    Raises:
        InputError: If a frame has another size than the landmarks' frames, or the video has more or
            fewer frames.
    """
    size, count = tuple(clip.frame_size), 0
    for frame in frames:
        if frame.shape[1::-1] != size or count == clip.total_frames:
            break
        yield frame
        count += 1
    else:
        if count == clip.total_frames:
            return
    raise InputError(
        f'{path}: the landmarks are of {clip.total_frames} frames of '
        f'{size[0]}x{size[1]} pixels; at frame {count} the video has another '
        'size or number. Prepare them anew'
    )
