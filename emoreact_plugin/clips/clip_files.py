"""Find the files that belong to a clip."""

import os.path as osp
from typing import NamedTuple

from emoreact_plugin.utils.errors import InputError

from .cache_file import ENDING, OLD_ENDING, load_cached

# What OpenFace and the original system write, or a cache file among the
# landmarks, which holds both.
FILE_NAMES = dict(
    landmarks=(
        '{clip}' + ENDING,
        '{clip}' + OLD_ENDING,
        '{clip}.csv',
        '{video}_openface/{base}.csv',
    ),
    keypoints=('{video}_hol.txt', '{clip}_hol.txt'),
)


class ClipFiles(NamedTuple):
    """Paths of the files that belong to a clip.

    Attributes:
        video (str): The clip's name in the annotation file.
        source (str): Path of the video file or of the folder of frames.
        landmarks (str | None): OpenFace's CSV, or a cache file.
        keypoints (str | None): The ``_hol.txt``, or the same cache file.
        filename_tmpl (str | None): Template of the frames' names; None for a
            video.
        person (str | None): Which of several people the files are of.
    """

    video: str
    source: str
    landmarks: str | None
    keypoints: str | None
    filename_tmpl: str | None = None
    person: str | None = None


def find_clip(
    video: str,
    source: str,
    landmarks: str,
    keypoints: str,
    filename_tmpl: str | None = None,
    person: str | None = None,
) -> ClipFiles:
    """Find the files that belong to a clip.

    Args:
        video (str): The clip's name, such as ``80sTOYS105_2.mp4``.
        source (str): Path of the video file or of the folder of frames.
        landmarks (str): The folder with the landmark files.
        keypoints (str): The folder with the keypoint files.
        filename_tmpl (str, optional): Template of the frames' names; None for
            a video.
        person (str, optional): Which of several people the files are of, see
            :func:`expected_names`. Defaults to None.

    Returns:
        ClipFiles: The paths; None for landmarks or keypoints that are missing.
    """
    faces = find_file('landmarks', video, landmarks, person)
    if faces is not None and is_cache_file(faces):
        # One file for both, unless it was made of one of them only.
        try:
            holds_both = 'keypoints_file' in load_cached(faces).sources
        except InputError:  # told when the file is read
            holds_both = True
        bodies = faces if holds_both else None
    else:
        bodies = find_file('keypoints', video, keypoints, person)
    return ClipFiles(video, source, faces, bodies, filename_tmpl, person)


def find_file(kind: str, video: str, folder: str, person: str | None = None) -> str | None:
    """Find the file of a clip's face landmarks or body keypoints in a folder; None without one.

    Args:
        kind (str): ``'landmarks'`` or ``'keypoints'``.
        video (str): The clip's name, such as ``80sTOYS105_2.mp4``.
        folder (str): The folder to look in.
        person (str, optional): Which of several people it is of, see
            :func:`expected_names`. Defaults to None.
    """
    paths = (osp.join(folder, name) for name in expected_names(kind, video, person))
    return next((path for path in paths if osp.isfile(path)), None)


def expected_names(kind: str, video: str, person: str | None = None) -> list[str]:
    """List the names that a clip's file may have, in the order they are tried.

    Args:
        kind (str): ``'landmarks'`` or ``'keypoints'``.
        video (str): The clip's name, such as ``80sTOYS105_2.mp4``.
        person (str, optional): Which of several people the file is of. Then
            ``_<person>`` follows the names of clip and video, as in
            ``talk_2.csv``. Defaults to None.

    Returns:
        list[str]: Names relative to the folder.
    """
    clip = osp.splitext(video)[0]
    if person is not None:
        clip, video = f'{clip}_{person}', f'{video}_{person}'
    base = osp.basename(clip)
    return [name.format(video=video, clip=clip, base=base) for name in FILE_NAMES[kind]]


def is_cache_file(path: str) -> bool:
    """Tell by its ending whether a landmark file is a cache file, which holds face and body."""
    return path.endswith((ENDING, OLD_ENDING))
