"""Find all that is wrong with the files of one clip, not only the first problem."""

import os.path as osp
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emoreact_plugin.clips.cache_file import (
    ROW_TOLERANCE,
    ROW_TOLERANCE_RATIO,
    CachedClip,
    is_current,
    load_cached,
    read_landmark_files,
    write_cached,
)
from emoreact_plugin.clips.clip_files import ClipFiles
from emoreact_plugin.clips.coverage import Coverage, coverage_of
from emoreact_plugin.clips.crops import CROP_NAME
from emoreact_plugin.clips.landmark_cache import cached_path, check_given, sources_of
from emoreact_plugin.clips.landmark_readers import read_keypoints_txt, read_openface_csv
from emoreact_plugin.clips.landmarks import Landmarks
from emoreact_plugin.clips.regions import extent_boxes, has_face
from emoreact_plugin.datasets.annotations import Annotation
from emoreact_plugin.datasets.pipeline_facts import hides_face, max_gap_of, regions_of
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import number
from emoreact_plugin.video.folders import decode_image, scan_frames
from emoreact_plugin.video.reading import VideoInfo, frame_rate, probe_video, stated_frames

from .missing import crops_folder, find_missing_clip, read_crops_record
from .problems import Problem

if TYPE_CHECKING:
    from emoreact_plugin.datasets.emoreact_dataset import EmoReactDataset

# Role of a file that a cache file is made of -> kind of a problem with it.
FILE_KINDS = dict(landmarks_file='landmark file', keypoints_file='keypoint file')
JPEG_ENDINGS, JPEG_END = ('.jpg', '.jpeg'), b'\xff\xd9'


@dataclass(frozen=True)
class CheckedFiles:
    """The files of a clip, their properties, and the problems with them.

    Attributes:
        path (str): The video, or the folder of frames or crops.
        files (ClipFiles | None): All files of the clip; None for crops.
        info (VideoInfo | None): Number, size and rate of all its frames;
            ``fps`` is 0 if it is unknown. None if they cannot be read.
        coverage (Coverage | None): Where face and body were found; None if
            the landmarks cannot be read.
        num_bytes (int): Size of the clip's file, or of all files of its
            folder; 0 if it is missing.
        step (int): Crops are of every step-th frame; otherwise 1.
        black (np.ndarray | None): (T, ) bool, True where the ``body`` crop is
            mostly black; None if that is not known or does not matter.
        problems (list[Problem]): In no order.
    """

    path: str
    problems: list[Problem]
    files: ClipFiles | None = None
    info: VideoInfo | None = None
    coverage: Coverage | None = None
    num_bytes: int = 0
    step: int = 1
    black: np.ndarray | None = None

    def knows(self, kind: str) -> bool:
        """Return whether there are landmarks, or keypoints, for the clip."""
        return self.files is None or getattr(self.files, kind) is not None


def check_clip(dataset: 'EmoReactDataset', row: Annotation) -> CheckedFiles:
    """Open all files of a clip and read them to their end.

    A video whose cache file is up to date was decoded to its end when that
    file was made, and is not decoded again. Folders of images are read anew
    every time.

    Args:
        dataset (EmoReactDataset): The data set; it need not be initialised.
        row (Annotation): Which clip.

    Returns:
        CheckedFiles: What was found.
    """
    if 'crops' in dataset.data_prefix:
        return _check_crops(dataset, row)
    files = dataset.find(row)
    problems = find_missing_clip(dataset, files.source, row.clip_id)
    info, clip, num_bytes = None, None, 0
    if not problems:
        try:
            info, num_bytes = _open(files, dataset, problems)
        except (ValueError, OSError) as error:
            problems.append(Problem('error', 'unreadable clip', str(error)))
    if info is None:
        problems += _unreadable_texts(files)
    else:
        # Training takes a clip that has a cache file for whole.
        whole = all(problem.level != 'error' for problem in problems)
        clip, more = _landmarks_of(files, info, dataset, whole)
        problems += more
    coverage = black = None
    if clip is not None:
        landmarks = Landmarks.of_cached(clip).filled(max_gap_of(dataset.pipeline))
        coverage = coverage_of(landmarks, clip.frame_size)
        if files.landmarks is not None and _hides_the_face(dataset):
            black = coverage.black
    return CheckedFiles(files.source, problems, files, info, coverage, num_bytes, black=black)


def _hides_the_face(dataset: 'EmoReactDataset') -> bool:
    """Tell whether a data set blacks out the face in the body, or may do so."""
    # Without regions, nobody has said what the clips are for.
    return not regions_of(dataset.pipeline) or hides_face(dataset.pipeline)


def _open(
    files: ClipFiles, dataset: 'EmoReactDataset', problems: list[Problem]
) -> tuple[VideoInfo, int]:
    """Open all frames of a video or folder, and return their info and size in bytes."""
    if files.filename_tmpl is not None:
        return _read_frames(files, files.filename_tmpl, problems)
    path = cached_path(files, dataset.cache_dir)
    if path != files.landmarks and is_current(path, sources_of(files)):
        clip = load_cached(path)
        info = VideoInfo(clip.total_frames, *clip.frame_size, float(frame_rate(files.source) or 0))
    else:
        info = probe_video(files.source)
    stated = stated_frames(files.source)
    if stated - info.total_frames > max(ROW_TOLERANCE, ROW_TOLERANCE_RATIO * stated):
        problems.append(
            Problem(
                'warning',
                'cut off',
                f'{files.source}: states {stated} frames, but only '
                f'{info.total_frames} can be decoded',
            )
        )
    return info, osp.getsize(files.source)


def _read_frames(files: ClipFiles, template: str, problems: list[Problem]) -> tuple[VideoInfo, int]:
    folder = scan_frames(files.source, template)
    paths = [
        osp.join(files.source, template.format(folder.start_index + k))
        for k in range(folder.total_frames)
    ]
    sizes, num_bytes = _read_images(paths, 'frame', problems)
    usual = (folder.width, folder.height)
    other = [p for p, size in zip(paths, sizes, strict=True) if size not in (None, usual)]
    if other:
        problems.append(
            Problem(
                'error',
                'unreadable clip',
                f'{other[0]}: expected {usual[0]}x{usual[1]} pixels as in the '
                f'first frame, found another size in {_frames(other)}',
            )
        )
    return VideoInfo(folder.total_frames, *usual, 0.0), num_bytes


def _read_images(paths: list[str], noun: str, problems: list[Problem]) -> tuple:
    """Read images as training reads them: a file that ends much too early is no image.

    Returns:
        tuple: (width, height) of each image, None for one that cannot be read;
        and the bytes of all.
    """
    sizes, num_bytes, unread, cut = [], 0, [], []
    for path in paths:
        try:
            with open(path, 'rb') as file:
                data = file.read()
        except OSError:
            data = b''
        image = decode_image(data)
        num_bytes += len(data)
        sizes.append(None if image is None else image.shape[1::-1])
        if image is None:
            unread.append(path)
        elif path.lower().endswith(JPEG_ENDINGS) and JPEG_END not in data:
            cut.append(path)
    if unread:
        problems.append(
            Problem(
                'error',
                'unreadable clip',
                f'{unread[0]}: expected an image, found none in {_frames(unread, noun)}',
            )
        )
    if cut:
        # Decoders fill in what is missing, in grey.
        problems.append(
            Problem(
                'warning',
                'cut off',
                f'{cut[0]}: the image ends in its middle, as do {_frames(cut, noun)} in all'
                if len(cut) > 1
                else f'{cut[0]}: the image ends in its middle',
            )
        )
    return sizes, num_bytes


def _frames(paths: list[str], noun: str = 'frame') -> str:
    return number(len(paths), noun)


def _landmarks_of(
    files: ClipFiles, info: VideoInfo, dataset: 'EmoReactDataset', prepare: bool
) -> tuple[CachedClip | None, list[Problem]]:
    """Read what the landmark files hold, and prepare it on the way if asked for.

    Returns:
        tuple: The landmarks, None if they cannot be read, and what is wrong.
    """
    path = cached_path(files, dataset.cache_dir)
    errors: dict[str, Exception] = {}
    clip = None
    try:
        if path == files.landmarks:
            check_given(path, files, info)
        elif not is_current(path, sources_of(files)):
            read, errors = read_landmark_files(
                total_frames=info.total_frames,
                frame_size=(info.width, info.height),
                check=dataset.check_landmarks,
                **sources_of(files),
            )
            if not errors:
                clip = read
                if prepare:
                    write_cached(path, read)
        if not errors and clip is None:
            clip = load_cached(path)
    except (InputError, OSError) as error:
        errors = dict(landmarks_file=error)
    problems = [Problem('error', FILE_KINDS[role], str(error)) for role, error in errors.items()]
    if clip is not None and files.landmarks and _are_elsewhere(clip):
        problems.append(
            Problem(
                'warning',
                'landmark file',
                f'{files.landmarks}: expected faces within the '
                f'{info.width}x{info.height} pixels of {files.source}, found most '
                'of them outside, or with all points in one place: was it made from another '
                'size of the video, or are these not pixels?',
            )
        )
    return clip, problems


def _are_elsewhere(clip: CachedClip) -> bool:
    """Check whether most faces have their middle outside the frame, or hardly a size."""
    faces = clip.face_landmarks[has_face(clip.face_landmarks)]
    middles = np.nanmean(faces.astype(np.float64), axis=1)
    inside = ((middles >= 0) & (middles < clip.frame_size)).all(axis=1)
    inside &= extent_boxes(faces, clip.frame_size[::-1])[1]
    return len(faces) > 0 and inside.mean() < 0.5


def _unreadable_texts(files: ClipFiles) -> list[Problem]:
    """Check the landmark files of a clip whose frames cannot be read, as far as possible."""
    problems, frames = [], 0
    if files.landmarks is not None and files.landmarks.endswith('.csv'):
        try:
            frames = len(read_openface_csv(files.landmarks)[0])
        except (ValueError, OSError) as error:
            problems.append(Problem('error', 'landmark file', str(error)))
    if files.keypoints is not None and files.keypoints.endswith('.txt') and frames:
        try:
            read_keypoints_txt(files.keypoints, frames)
        except (ValueError, OSError) as error:
            problems.append(Problem('error', 'keypoint file', str(error)))
    return problems


def _check_crops(dataset: 'EmoReactDataset', row: Annotation) -> CheckedFiles:
    folder = crops_folder(dataset, row)
    problems = find_missing_clip(dataset, folder, row.clip_id)
    if problems:
        return CheckedFiles(folder, problems)
    try:
        record = read_crops_record(dataset, folder)
    except (InputError, OSError) as error:
        return CheckedFiles(folder, [Problem('error', 'unreadable clip', str(error))])
    regions = regions_of(dataset.pipeline) or set(record.boxes)
    paths = [
        osp.join(folder, region, CROP_NAME.format(k + 1))
        for region in sorted(regions)
        for k in range(record.total_frames)
    ]
    _, num_bytes = _read_images(paths, 'crop', problems)
    info = VideoInfo(record.source_frames, *record.frame_size, 0.0)
    black = record.coverage.black if _hides_the_face(dataset) else None
    return CheckedFiles(
        folder, problems, None, info, record.coverage, num_bytes, record.step, black
    )
