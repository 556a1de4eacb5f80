"""Folders of videos, and of the frames of a video."""

import os
import os.path as osp
import re
from itertools import pairwise
from typing import NamedTuple

import cv2

# What the original system calls a clip's folder of frames with masks on them.
MASKED_SUFFIX = '_mask_frames_full'


FRAME_DIRS = ('{clip}', '{video}', '{clip}' + MASKED_SUFFIX, '{video}' + MASKED_SUFFIX)


class FrameFolder(NamedTuple):
    """The numbered frames of a clip: ``start_index`` is the first number."""

    start_index: int
    total_frames: int
    width: int
    height: int


def find_frame_dir(video: str, folder: str, template: str | None = None) -> str:
    """The folder of a clip's frames.

    Args:
        video (str): Such as ``80sTOYS105_2.mp4``.
        folder (str): Where to look.
        template (str, optional): Its name, with ``{clip}`` or ``{video}``.
            Defaults to None: the first of :data:`FRAME_DIRS` that is there;
            where none is, the first of all.

    Returns:
        str: Its path, whether it is there or not.
    """
    clip = osp.splitext(video)[0]
    paths = [
        osp.join(folder, name.format(clip=clip, video=video))
        for name in (FRAME_DIRS if template is None else (template,))
    ]
    return next((path for path in paths if osp.isdir(path)), paths[0])


def scan_frames(folder: str, filename_tmpl: str) -> FrameFolder:
    """Count the frames of a folder.

    Args:
        folder (str): Of one clip.
        filename_tmpl (str): With one number, such as ``'{:06d}.jpg'``.

    Returns:
        FrameFolder

    Raises:
        FileNotFoundError: When there is no such folder.
        ValueError: When it has no frames, one is missing in between, or the
            first cannot be read as an image.
    """
    if not osp.isdir(folder):
        raise FileNotFoundError(f'{folder}: no such folder of frames')
    parts = re.split(r'\{[^{}]*\}', filename_tmpl)
    if len(parts) != 2:
        raise ValueError(
            f"filename_tmpl: expected one number, as in '{{:06d}}.jpg', found '{filename_tmpl}'"
        )
    before, after = parts
    pattern = re.compile(re.escape(before) + r'(\d+)' + re.escape(after))
    matches = (pattern.fullmatch(name) for name in os.listdir(folder))
    numbers = sorted({int(m[1]) for m in matches if m})
    if not numbers:
        raise ValueError(f'{folder}: expected frames named {filename_tmpl}, found none')
    first, count = numbers[0], len(numbers)
    if numbers[-1] - first + 1 != count:
        gap = next(a for a, b in pairwise(numbers) if b != a + 1) + 1
        raise ValueError(
            f'{folder}: frame {filename_tmpl.format(gap)} is missing between the others'
        )
    path = osp.join(folder, filename_tmpl.format(first))
    image = cv2.imread(path)
    if image is None:
        raise ValueError(f'{path}: cannot be read as an image')
    return FrameFolder(first, count, image.shape[1], image.shape[0])


VIDEO_ENDINGS = (
    '.3gp',
    '.avi',
    '.flv',
    '.m4v',
    '.mkv',
    '.mov',
    '.mp4',
    '.mpeg',
    '.mpg',
    '.webm',
    '.wmv',
)


def find_videos(folder: str, leave_out: str | None = None) -> list[str]:
    """The videos in a folder and in all folders within, by their ending.

    Args:
        folder (str): Where to look.
        leave_out (str, optional): A folder within that is not looked at.

    Returns:
        list[str]: Names relative to the folder, with ``/``, sorted.
    """
    leave_out, videos = leave_out and osp.realpath(leave_out), []
    for root, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith('.') and osp.realpath(osp.join(root, name)) != leave_out
        ]
        videos += [
            osp.relpath(osp.join(root, name), folder).replace(os.sep, '/')
            for name in files
            if not name.startswith('.') and osp.splitext(name)[1].lower() in VIDEO_ENDINGS
        ]
    return sorted(videos)
