"""Turn videos into folders of numbered frames, or into videos with masks."""

import os
import os.path as osp
from collections.abc import Iterator, Sequence

import numpy as np

from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.clips.clip_files import expected_names, find_clip
from emoreact_plugin.clips.landmark_cache import default_cache_dir
from emoreact_plugin.clips.landmarks import Landmarks, with_frames
from emoreact_plugin.clips.masks_csv import FILE_NAME, MaskedClip, read_masks, write_masks
from emoreact_plugin.transforms import DrawFaceMask
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import FolderLock, write_whole
from emoreact_plugin.video.folders import MASKED_SUFFIX, scan_frames
from emoreact_plugin.video.reading import frame_rate, iterate_frames
from emoreact_plugin.video.writing import FRAME_NAME, write_frames, write_video

from .jobs import Job, JobReport, OnFrame, plan, run_jobs


def extract(
    sources: Sequence[str],
    out: str,
    mask: DrawFaceMask | None = None,
    as_videos: bool = False,
    landmarks: str | None = None,
    cache_dir: str | None = None,
    allow_missing: bool = False,
    workers: int | None = None,
) -> JobReport[MaskedClip]:
    """Write the frames of videos, as ``EmoReactDataset`` reads them.

    A clip becomes the folder ``<clip>``, or ``<clip>_mask_frames_full`` with masks, of frames
    ``000001.jpg``, ``000002.jpg``, ... With ``as_videos``, it becomes the H.264 video
    ``<clip>.mp4``, which has the same number of frames, the mean frame rate and no sound. Frames
    keep their size, because landmarks are given in its pixels.

    A clip is either complete or not there, and one that is there is not changed, so that the work
    can be stopped and resumed, and several runs may write to an output folder at once. With masks,
    ``masks.csv`` in the output folder lists the clips, and in how many of their frames there was no
    face to draw a mask on.

    Args:
        sources (Sequence[str]): Video files, and folders that are searched for videos, including
            all folders within. Names relative to these are kept. What is hidden, or in the output
            folder, is left out.
        out (str): The output folder; created if it is missing.
        mask (DrawFaceMask, optional): Draws masks; it needs a seed. Defaults to None: no masks.
        as_videos (bool): Write videos instead of frames. Defaults to False.
        landmarks (str, optional): Folder of the landmark files. Defaults to None: next to the
            videos, as ``EmoReactDataset`` finds them.
        cache_dir (str, optional): Folder of the cache files, see ``EmoReactDataset``.
        allow_missing (bool): Leave clips without a landmark file unmasked. Otherwise they fail.
            Defaults to False.
        workers (int, optional): How many clips to process at a time. Defaults to None: as many as
            there are cores.

    Returns:
        JobReport[MaskedClip]: With the errors of single clips, which do not stop the others.
        Without masks, all frames count as unmasked.

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
    ending = '.mp4' if as_videos else '' if mask is None else MASKED_SUFFIX
    jobs = plan(sources, out, ending, unmasked=mask is not None)
    look = '' if mask is None else look_of(mask)
    records = {} if mask is None else read_masks(out)
    _check_looks(jobs, out, records, look)
    os.makedirs(out, exist_ok=True)
    required = () if allow_missing else ('landmarks',)

    def make(job: Job, target: str, on_frame: OnFrame) -> None:
        if mask is None:
            clip = Clip(job.path, use_landmarks=False)
        else:
            clip = open_clip(job, landmarks, None, cache_dir, required)
        unmasked = []

        def frames() -> Iterator[np.ndarray]:
            for sample in iterate_samples(job, clip, on_frame):
                if mask is not None:
                    sample = mask(sample)
                    unmasked.append(not sample['masked'][0])
                yield sample['imgs'][0]

        # The lock is held until the clip has its name, which is after it is listed, so that no clip
        # with masks goes unlisted.
        with FolderLock(out) as lock, write_whole(target, keep=True) as temporary:
            if as_videos:
                count = write_video(temporary, frames(), frame_rate(job.path))
            else:
                count = write_frames(temporary, frames())
            if mask is not None:
                lock.take()
                listed = read_masks(out)
                if not osp.lexists(target):
                    listed[job.target] = MaskedClip(job.target, look, count, sum(unmasked))
                    write_masks(out, listed)
                records.update(listed)

    def inspect(job: Job, target: str) -> MaskedClip:
        if mask is None:
            return _check_frames(job, target, None)
        if job.target not in records:  # another run may have made it
            records.update(read_masks(out))
        if job.target not in records:
            raise InputError(
                f'{target}: is there already, but {osp.join(out, FILE_NAME)} does not list it. '
                'Delete it, and it is made anew'
            )
        _check_looks([job], out, records, look)
        masked = records[job.target]
        return masked if as_videos else _check_frames(job, target, masked)

    return run_jobs(jobs, out, make, inspect, workers)


def look_of(mask: DrawFaceMask) -> str:
    """Describe the kind of a mask, and its colour if one was chosen, in words."""
    return ' '.join([mask.kind, *map(str, mask.color or ())])


def _check_looks(jobs: list[Job], out: str, records: dict[str, MaskedClip], look: str) -> None:
    for job in jobs:
        record = records.get(job.target)
        if record and record.mask != look and osp.lexists(osp.join(out, job.target)):
            raise InputError(
                f"{osp.join(out, FILE_NAME)}: expected clips with the mask '{look}', found "
                f"{job.target} with '{record.mask}'; delete them, or name another folder with --out"
            )


def _check_frames(job: Job, target: str, masked: MaskedClip | None) -> MaskedClip:
    """Return a folder of frames that is there, or refuse one of another number of frames."""
    found = scan_frames(target, FRAME_NAME).total_frames
    if masked is None:
        return MaskedClip(job.target, '', found, found)
    if found != masked.frames:
        raise InputError(
            f'{target}: expected {masked.frames} frames, found {found}. Delete it, and it is made '
            'anew'
        )
    return masked


def open_clip(
    job: Job,
    landmarks: str | None,
    keypoints: str | None,
    cache_dir: str | None,
    required: Sequence[str],
) -> Clip:
    """Open a video together with its landmarks and keypoints.

    Args:
        job (Job): Of the video.
        landmarks (str, optional): Folder of the landmark files; None for next to the video.
        keypoints (str, optional): Folder of the keypoint files; None for next to the video.
        cache_dir (str, optional): Folder of the cache files.
        required (Sequence[str]): ``'landmarks'`` and/or ``'keypoints'``: the kinds of files that
            the video must have.

    Returns:
        Clip: Without landmarks if there is no file of either kind.

    Raises:
        FileNotFoundError: If a required file does not exist.
        InputError: If a file is damaged, or belongs to other frames.
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
    return Clip.of_files(files, cache_dir or default_cache_dir())


def iterate_samples(job: Job, clip: Clip, on_frame: OnFrame) -> Iterator[dict]:
    """Iterate over the frames of a video, each as a sample as a pipeline would see it.

    Args:
        job (Job): Of the video.
        clip (Clip): The opened video.
        on_frame (Callable): Called before each frame.

    Yields:
        dict: Sample of one frame, which is not masked.

    Raises:
        InputError: If the video has landmarks, and a frame has another size than the first, or
            there are more or fewer frames than counted.
    """
    sample = dict(video_id=osp.splitext(job.video)[0], masked=[False])
    has_any, count = clip.has_landmarks or clip.has_keypoints, 0
    landmarks = Landmarks.none(1)
    for count, frame in enumerate(iterate_frames(job.path), 1):
        on_frame()
        if has_any:
            if count > clip.total_frames or frame.shape[1::-1] != clip.size:
                break
            landmarks = clip.landmarks.of([count - 1])
        yield with_frames(sample, [frame], landmarks)
    else:
        if not has_any or count == clip.total_frames:
            return
    raise InputError(
        f'{job.path}: the landmarks are of {clip.total_frames} frames of {clip.size[0]}x'
        f'{clip.size[1]} pixels; at frame {count} the video has another size or number. '
        'Prepare them anew'
    )
