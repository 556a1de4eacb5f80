"""Write files of face landmarks and body keypoints for videos."""

import os
import os.path as osp
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from emoreact_plugin.clips.cache_file import ENDING, CachedClip, load_cached, stamp_of, write_cached
from emoreact_plugin.clips.clip_files import expected_names, find_file
from emoreact_plugin.clips.coverage import coverage_of
from emoreact_plugin.clips.landmark_writers import write_keypoints_txt, write_openface_csv
from emoreact_plugin.clips.landmarks import Landmarks
from emoreact_plugin.utils.ahead import work_ahead
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.progress import count_cores
from emoreact_plugin.video.reading import frame_rate, iterate_frames, select_frames, video_info

from .jobs import Job, JobReport, OnFrame, plan, run_jobs
from .mediapipe.detector import FrameLandmarks, LandmarkDetector
from .mediapipe.people import ALL, CHOICES, STEP, Guide, People, check_choice
from .mediapipe.regions import Box

# The number of the first person.
FIRST = 1


@dataclass(frozen=True)
class FoundClip:
    """Number of faces and bodies found in a clip.

    Attributes:
        path (str): Its cache file, relative to the output folder.
        frames (int): Number of frames.
        faces (int): In how many of them there is a face.
        boxes (int): For how many of these faces only the box is known.
        bodies (int): In how many frames there is a body.
        people (dict): Who was followed, see ``Guide.to_dict``; empty if that is not known.
    """

    path: str
    frames: int
    faces: int
    boxes: int
    bodies: int
    people: dict


def extract_landmarks(
    sources: Sequence[str],
    out: str,
    openface: bool = False,
    keypoints: bool = False,
    workers: int | None = None,
    make_detector: Callable[[], LandmarkDetector] = LandmarkDetector,
    person: str = 'largest',
) -> JobReport[FoundClip]:
    """Find the landmarks of one person, or of each, in every frame of videos.

    A clip becomes the cache file ``<clip>.safetensors``, which ``EmoReactDataset`` reads with
    ``data_prefix=dict(landmarks=...)``; or a file ``<clip>_<number>.safetensors`` for each person,
    numbered from left to right, which it reads with a ``person`` column. A file is either complete
    or not there, and one that is there is not changed, so that the work can be stopped and resumed.

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
        person (str): Whom to follow, if there are several people: ``'largest'`` (over the whole
            clip), ``'central'``, ``'left'`` or ``'right'``, see ``People.guide``; or ``'all'``,
            each of them into files of their own. Defaults to ``'largest'``.

    Returns:
        JobReport[FoundClip]: With the errors of single clips, which do not stop the others.

    Raises:
        FileNotFoundError: If a source does not exist.
        MissingPackageError: If LiteRT or mediapipe's models are not installed.
        InputError: If there is nothing to do, or two clips would be written to one file.
    """
    check_choice(person, (*CHOICES, ALL))
    # The output folder may be that of the videos. The file of the first of all people is written
    # last: where it is, the others are, too.
    first = f'_{FIRST}{ENDING}' if person == ALL else ENDING
    jobs = plan(sources, out, first, skip_out=False)
    todo = sum(not osp.exists(osp.join(out, job.target)) for job in jobs)
    workers = workers or count_cores()
    detectors: SimpleQueue[LandmarkDetector] = SimpleQueue()

    def make(job: Job, target: str, on_frame: OnFrame) -> None:
        _refuse_others(job, target, out, person)
        detector = detectors.get()
        try:
            people = find_people(job.path, detector, on_frame)
            guides = people.guides() if person == ALL else [people.guide(person)]
            for guide in reversed(guides):
                found = detect_landmarks(job.path, detector, guide, on_frame)
                write_cached(_path_of(target, guide), found)
        finally:
            detectors.put(detector)

    def inspect(job: Job, target: str) -> list[FoundClip]:
        return _finish_all(job, target, out, person, openface, keypoints)

    with ExitStack() as stack:
        # Before the progress bar: loading models may print errors.
        for _ in range(min(workers, todo)):
            detectors.put(stack.enter_context(closing(make_detector())))
        os.makedirs(out, exist_ok=True)
        report = run_jobs(jobs, out, make, inspect, workers, 'finding landmarks')
    clips = [each for clip in report.clips for each in clip]
    return JobReport(clips, report.before, report.errors)


def find_people(video: str, detector: LandmarkDetector, on_frame: OnFrame = lambda: None) -> People:
    """Find out who is seen in a video, from every fifth of its frames, or all of a short one.

    Args:
        video (str): Its path.
        detector (LandmarkDetector): It looks for the faces.
        on_frame (Callable, optional): Called before each frame is searched.

    Raises:
        FileNotFoundError, InputError: If the video cannot be read.
    """
    info = video_info(video)
    step = STEP if info.total_frames >= 12 * STEP else 1

    def looks() -> Iterator[tuple[int, list[Box]]]:
        frames = select_frames(video, range(0, info.total_frames, step))
        for k, frame in work_ahead(frames):
            on_frame()
            yield k, detector.look(frame)

    return People(looks(), (info.width, info.height))


def detect_landmarks(
    video: str, detector: LandmarkDetector, guide: Guide, on_frame: OnFrame = lambda: None
) -> CachedClip:
    """Find the landmarks of one person in a video.

    Args:
        video (str): Its path.
        detector (LandmarkDetector): It is reset first, so that it forgets what
            it saw before.
        guide (Guide): Whom to follow, from :func:`find_people`. Where that found nobody, it is whom
            the detector chooses in the first frame with a face.
        on_frame (Callable, optional): Called before each frame is searched; an error that it raises
            stops the work.

    Returns:
        CachedClip: Face confidences are 1 where there are landmarks, else 0; a box alone has 0.

    Raises:
        FileNotFoundError, InputError: If the video cannot be read.
    """
    stamp = stamp_of(video)
    detector.reset(guide if guide.persons else None)
    found: list[FrameLandmarks] = []
    size = (0, 0)
    for frame in work_ahead(iterate_frames(video)):
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
        guide.to_dict(),
    )


def _path_of(target: str, guide: Guide) -> str:
    """Return the path of the file of whom a guide leads to, given the first one's."""
    if guide.choice != ALL or not guide.taken:
        return target
    return target.removesuffix(f'{FIRST}{ENDING}') + f'{guide.taken[0]}{ENDING}'


def _refuse_others(job: Job, target: str, out: str, person: str) -> None:
    """Refuse a clip that has other landmark or keypoint files in the output folder.

    A cache file has priority over these, so nobody would read them any more.
    """
    own = str(FIRST) if person == ALL else None
    for kind in ('landmarks', 'keypoints'):
        other = find_file(kind, job.video, out, own)
        # The target may have come to be since it was looked for.
        if other is not None and osp.normpath(other) != osp.normpath(target):
            raise InputError(
                f'{other}: is there already, and would not be read any more; '
                'delete it, or name another folder with --out'
            )


def _finish_all(
    job: Job, target: str, out: str, person: str, openface: bool, keypoints: bool
) -> list[FoundClip]:
    """Check the cache files of a clip, of one person or of each, see :func:`_finish`."""
    people = load_cached(target).people or {}
    # Files of versions that did not record it are of one person, chosen in their first frames.
    if people.get('choice', 'largest') != person:
        raise InputError(
            f'{target}: was made with --person {people.get("choice", "largest")}, expected '
            f'{person}. Delete it, and it is made anew, or name another folder with --out'
        )
    if person != ALL:
        return [_finish(job, target, out, None, openface, keypoints)]
    stem = target.removesuffix(f'{FIRST}{ENDING}')
    return [
        _finish(job, f'{stem}{k}{ENDING}', out, str(k), openface, keypoints)
        for k in range(FIRST, max(people['seen'], FIRST) + 1)
    ]


def _finish(
    job: Job, path: str, out: str, person: str | None, openface: bool, keypoints: bool
) -> FoundClip:
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
    text = osp.join(out, expected_names('keypoints', job.video, person)[0])
    if keypoints and not osp.exists(text):
        write_keypoints_txt(text, clip.body_keypoints)
    coverage = coverage_of(Landmarks.of_cached(clip), clip.frame_size)
    faces, bodies, boxes, _ = (int(found.sum()) for found in coverage)
    name = osp.relpath(path, out).replace(os.sep, '/')
    return FoundClip(name, clip.total_frames, faces, boxes, bodies, clip.people or {})
