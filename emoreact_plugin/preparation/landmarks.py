"""Write files of face landmarks and body keypoints for videos."""

import os
import os.path as osp
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from importlib.util import find_spec
from queue import SimpleQueue

import numpy as np

from emoreact_plugin.clips.cache_file import (
    ENDING,
    CachedClip,
    load_cached,
    stamp_of,
    write_cached,
)
from emoreact_plugin.clips.clip_files import expected_names, find_keypoints, find_landmarks
from emoreact_plugin.clips.coverage import coverage_of
from emoreact_plugin.clips.landmark_writers import write_keypoints_txt, write_openface_csv
from emoreact_plugin.clips.landmarks import Landmarks
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.progress import count_cores
from emoreact_plugin.video.reading import frame_rate, iterate_frames

from .jobs import Job, JobReport, OnFrame, plan, run_jobs
from .mediapipe.detector import FrameLandmarks, LandmarkDetector


@dataclass(frozen=True)
class FoundClip:
    """Number of faces and bodies found in a clip.

    Attributes:
        path (str): Its cache file, relative to the output folder.
        frames (int): Number of frames.
        faces (int): In how many of them there is a face.
        boxes (int): For how many of these faces only the box is known.
        bodies (int): In how many frames there is a body.
    """

    path: str
    frames: int
    faces: int
    boxes: int
    bodies: int


def extract_landmarks(
    sources: Sequence[str],
    out: str,
    openface: bool = False,
    keypoints: bool = False,
    workers: int | None = None,
    make_detector: Callable[[], LandmarkDetector] = LandmarkDetector,
) -> JobReport[FoundClip]:
    """Find the landmarks of one person in every frame of videos.

    A clip becomes the cache file ``<clip>.safetensors``, which ``EmoReactDataset`` reads with
    ``data_prefix=dict(landmarks=...)``. The file is either complete or not there, and one that is
    there is not changed, so that the work can be stopped and resumed.

    Args:
        sources (Sequence[str]): Video files, and folders that are searched for videos, including
            all folders within. Names relative to these are kept.
        out (str): The output folder; created if it is missing. It may be the folder of the videos.
        openface (bool): Write ``<clip>.csv`` in OpenFace's layout as well. Defaults to False.
        keypoints (bool): Write ``<video>_hol.txt`` as well. Defaults to False.
        workers (int, optional): How many clips to process at a time. Defaults to None: as many as
            there are cores.
        make_detector (Callable): Called without arguments; it returns an object that is used like a
            :class:`LandmarkDetector`. Defaults to that class.

    Returns:
        JobReport[FoundClip]: With the errors of single clips, which do not stop the others.

    Raises:
        FileNotFoundError: If a source does not exist.
        MissingPackageError: If mediapipe is not installed.
        InputError: If there is nothing to do, or two clips would be written to one file.
    """
    # The output folder may be that of the videos.
    jobs = plan(sources, out, ENDING, skip_out=False)
    os.makedirs(out, exist_ok=True)
    todo = sum(not osp.exists(osp.join(out, job.target)) for job in jobs)
    workers = workers or count_cores()
    detectors: SimpleQueue[LandmarkDetector] = SimpleQueue()

    def make(job: Job, target: str, on_frame: OnFrame) -> None:
        _refuse_others(job, target, out)
        detector = detectors.get()
        try:
            found = detect_landmarks(job.path, detector, on_frame)
        finally:
            detectors.put(detector)
        write_cached(target, found)

    def inspect(job: Job, target: str) -> FoundClip:
        return _finish(job, target, out, openface, keypoints)

    with ExitStack() as stack:
        # Before the progress bar: loading models may print errors.
        for _ in range(min(workers, todo)):
            detectors.put(stack.enter_context(closing(make_detector())))
        return run_jobs(jobs, out, make, inspect, workers, 'finding landmarks')


def has_mediapipe() -> bool:
    """Return whether mediapipe is installed."""
    return find_spec('mediapipe') is not None


def detect_landmarks(
    video: str, detector: LandmarkDetector, on_frame: OnFrame = lambda: None
) -> CachedClip:
    """Find the landmarks of one video.

    Args:
        video (str): Its path.
        detector (LandmarkDetector): It is reset first, so that it forgets what
            it saw before.
        on_frame (Callable, optional): Called before each frame is searched; an error that it raises
            stops the work.

    Returns:
        CachedClip: Face confidences are 1 where there are landmarks, else 0; a box alone has 0.

    Raises:
        FileNotFoundError, InputError: If the video cannot be read.
    """
    stamp = stamp_of(video)
    detector.reset()
    found: list[FrameLandmarks] = []
    size = (0, 0)
    for frame in iterate_frames(video):
        on_frame()
        if not found:
            size = (frame.shape[1], frame.shape[0])
        elif frame.shape[1::-1] != size:
            raise InputError(
                f'{video}: frame {len(found)} has {frame.shape[1]}x{frame.shape[0]} pixels, but '
                f'those before it have {size[0]}x{size[1]}'
            )
        found.append(detector(frame))
    faces = np.stack([each.face for each in found]).astype(np.float32)
    is_box = np.array([each.face_is_box for each in found], bool)
    bodies = np.stack([each.body for each in found]).astype(np.float32)
    sure = np.isfinite(faces).all(axis=(1, 2)) & ~is_box
    # All made of the video: then one file holds face and body.
    sources = dict.fromkeys(('source', 'landmarks_file', 'keypoints_file'), stamp)
    return CachedClip(
        faces,
        sure.astype(np.float32),
        bodies / np.array(size, np.float32),
        len(found),
        size,
        sources,
        is_box,
    )


def _refuse_others(job: Job, target: str, out: str) -> None:
    """Refuse a clip that has other landmark or keypoint files in the output folder.

    A cache file has priority over these, so nobody would read them any more.
    """
    for other in (find_landmarks(job.video, out), find_keypoints(job.video, out)):
        # The target may have come to be since it was looked for.
        if other is not None and osp.normpath(other) != osp.normpath(target):
            raise InputError(
                f'{other}: is there already, and would not be read any more; '
                'delete it, or name another folder with --out'
            )


def _finish(job: Job, path: str, out: str, openface: bool, keypoints: bool) -> FoundClip:
    """Check a cache file, and write the other requested files from it."""
    clip, size = load_cached(path), osp.getsize(job.path)
    made_of = clip.sources.get('source', {}).get('size')
    if made_of != size:
        raise InputError(
            f'{path}: was made from a video of {made_of} bytes, but {job.path} has {size}. Delete '
            'it, and it is made anew'
        )
    csv = osp.splitext(path)[0] + '.csv'
    if openface and not osp.exists(csv):
        write_openface_csv(csv, clip.face_landmarks, clip.face_is_box, frame_rate(job.path))
    text = osp.join(out, expected_names('keypoints', job.video)[0])
    if keypoints and not osp.exists(text):
        write_keypoints_txt(text, clip.body_keypoints)
    coverage = coverage_of(Landmarks.of_cached(clip), clip.frame_size)
    faces, bodies, boxes = (int(found.sum()) for found in coverage)
    return FoundClip(job.target, clip.total_frames, faces, boxes, bodies)
