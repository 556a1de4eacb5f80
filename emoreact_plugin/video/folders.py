"""Find videos in a folder, and the folder that holds the frames of a video."""

import io
import os
import os.path as osp
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.progress import write_above
from emoreact_plugin.utils.text import first_few, number

# The original system adds these to the name of a folder of frames, without and with masks on them.
PLAIN_SUFFIX = '_frames_full'
MASKED_SUFFIX = '_mask_frames_full'

FRAME_DIRS = tuple(
    name + suffix for suffix in ('', PLAIN_SUFFIX, MASKED_SUFFIX) for name in ('{clip}', '{video}')
)


@dataclass(frozen=True)
class FrameFolder:
    """Numbers and size of the frames in a clip's folder.

    ``start_index`` is the number of the first frame. Width and height are in
    pixels.
    """

    start_index: int
    total_frames: int
    width: int
    height: int


def find_frame_dir(video: str, folder: str, template: str | None = None) -> str:
    """Find the folder of a clip's frames.

    Args:
        video (str): The clip's name, such as ``80sTOYS105_2.mp4``.
        folder (str): The folder to look in.
        template (str, optional): The name to look for, with ``{clip}`` or
            ``{video}``. Defaults to None: the first of :data:`FRAME_DIRS` that
            exists, or the first of all if none does.

    Returns:
        str: Path of the folder, whether it exists or not.
    """
    clip = osp.splitext(video)[0]
    paths = [
        osp.join(folder, name.format(clip=clip, video=video))
        for name in (FRAME_DIRS if template is None else (template,))
    ]
    return next((path for path in paths if osp.isdir(path)), paths[0])


def scan_frames(folder: str, filename_tmpl: str) -> FrameFolder:
    """Count the frames in a folder.

    Args:
        folder (str): The folder of one clip.
        filename_tmpl (str): The frames' names with one number, such as
            ``'{:06d}.jpg'``.

    Returns:
        FrameFolder: Numbers of the frames, and the size of the first one.

    Raises:
        FileNotFoundError: If there is no such folder.
        InputError: If it has no frames, one is missing in between, or the
            first cannot be read as an image; or for a template without exactly
            one number.
    """
    if not osp.isdir(folder):
        raise FileNotFoundError(f'{folder}: no such folder of frames')
    parts = re.split(r'\{[^{}]*\}', filename_tmpl)
    if len(parts) != 2:
        raise InputError(
            f"filename_tmpl: expected one number, as in '{{:06d}}.jpg', found '{filename_tmpl}'"
        )
    before, after = parts
    pattern = re.compile(re.escape(before) + r'(\d+)' + re.escape(after))
    matches = (pattern.fullmatch(name) for name in os.listdir(folder))
    numbers = sorted({int(m[1]) for m in matches if m})
    if not numbers:
        raise InputError(f'{folder}: expected frames named {filename_tmpl}, found none')
    first, count = numbers[0], len(numbers)
    if numbers[-1] - first + 1 != count:
        gap = next(a for a, b in pairwise(numbers) if b != a + 1) + 1
        raise InputError(
            f'{folder}: frame {filename_tmpl.format(gap)} is missing between the others'
        )
    height, width = read_image(osp.join(folder, filename_tmpl.format(first))).shape[:2]
    return FrameFolder(first, count, width, height)


# OpenCV converts while it decodes, at no cost, from 4.11 on.
_READS_RGB = hasattr(cv2, 'IMREAD_COLOR_RGB')
_FLAG = cv2.IMREAD_COLOR_RGB if _READS_RGB else cv2.IMREAD_COLOR
# Of a frame: more than 16K video has. A small file can say that it has more, and fill the memory.
_MAX_PIXELS = 2**27


def decode_image(data: bytes) -> np.ndarray | None:
    """Decode the content of an image file.

    Args:
        data (bytes): Of a JPEG, a PNG or another format of OpenCV.

    Returns:
        np.ndarray | None: (H, W, 3) uint8, RGB; None if it is no image, ends too early, or says
        that it has more than 2**27 pixels.
    """
    with suppress(ValueError, MemoryError):  # no JPEG, or damaged: left to OpenCV
        height, width, colors, _ = simplejpeg.decode_jpeg_header(data)
        # EXIF, at the start, may say that the image is turned.
        plain = colors == 'YCbCr' and data.find(b'Exif\0', 0, 2**16) < 0
        if plain and height * width <= _MAX_PIXELS:
            # The same pixels as OpenCV's in less time.
            return simplejpeg.decode_jpeg(data)
    if not data or _is_immense(data):
        return None
    try:
        # Not imread, which fills in grey what a file that was cut off lacks.
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAG)
    except cv2.error:  # too many pixels
        return None
    if image is not None and not _READS_RGB:
        cv2.cvtColor(image, cv2.COLOR_BGR2RGB, image)
    return image


def _is_immense(data: bytes) -> bool:
    """Tell whether an image says that it has too many pixels."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.width * image.height > _MAX_PIXELS
    except Image.DecompressionBombError:
        return True
    except Exception:  # none that Pillow knows
        return False


def read_image(path: str, size: tuple[int, int] | None = None) -> np.ndarray:
    """Read a frame or crop from an image file.

    Args:
        path (str): The file.
        size (tuple[int, int], optional): The width and height that it must have, which are those of
            the clip's first frame. Defaults to None: any.

    Returns:
        np.ndarray: (H, W, 3) uint8, RGB.

    Raises:
        InputError: If it cannot be read as an image, ends too early, or has another size.
    """
    try:
        with open(path, 'rb', buffering=0) as file:
            image = decode_image(file.read())
    except OSError:
        image = None
    if image is None:
        raise InputError(f'{path}: cannot be read as an image')
    height, width = image.shape[:2]
    if size not in (None, (width, height)):
        raise InputError(
            f'{path}: expected {"x".join(map(str, size or ()))} pixels as in the first frame, '
            f'found {width}x{height}'
        )
    return image


def read_frame_files(folder: str, filename_tmpl: str, inds: Iterable[int]) -> list[np.ndarray]:
    """Read some frames of a folder.

    Args:
        folder (str): The folder of one clip.
        filename_tmpl (str): The frames' names, see :func:`scan_frames`.
        inds (Iterable[int]): The numbers in their names, in any order.

    Returns:
        list[np.ndarray]: (H, W, 3) uint8, RGB. A repeated number gets its own copy.

    Raises:
        InputError: See :func:`read_image`.
    """
    frames: dict[int, np.ndarray] = {}
    images = []
    for index in map(int, inds):
        if index in frames:
            images.append(frames[index].copy())
        else:
            frames[index] = read_image(osp.join(folder, filename_tmpl.format(index)))
            images.append(frames[index])
    return images


def check_frames(folder: str, filename_tmpl: str, frames: FrameFolder) -> None:
    """Read all frames of a folder, and refuse one that is no image or of another size.

    Args:
        folder (str): The folder of one clip.
        filename_tmpl (str): The frames' names, see :func:`scan_frames`.
        frames (FrameFolder): What :func:`scan_frames` found.

    Raises:
        InputError: See :func:`read_image`.
    """
    for k in range(frames.start_index, frames.start_index + frames.total_frames):
        read_image(osp.join(folder, filename_tmpl.format(k)), (frames.width, frames.height))


_VIDEO = (
    '3g2 3gp asf avi divx dv f4v flv m1v m2t m2ts m2v m4v mkv mod mov mp4 mpe mpeg mpg mts mxf '
    'ogm ogv qt rm rmvb tod ts vob webm wmv'
)
# What lies beside videos: files of data sets and of this package, pictures, sound and texts.
_OTHER = (
    'csv tsv txt npz npy json jsonl yaml yml xml toml md rst html pdf log py sh pth onnx '
    'safetensors hog jpg jpeg png bmp gif tif tiff webp svg wav mp3 m4a aac flac ogg srt vtt zip '
    'gz tar xlsx'
)
VIDEO_ENDINGS = tuple(f'.{ending}' for ending in _VIDEO.split())
OTHER_ENDINGS = tuple(f'.{ending}' for ending in _OTHER.split())


def find_videos(folder: str, leave_out: str | None = None) -> list[str]:
    """List the videos in a folder and in all folders within it.

    Videos are told by the endings of their names. Links to folders are
    followed, but no folder is listed twice. Files and folders whose names start
    with a dot are left out. Other files are left out too; a warning
    counts and names those whose endings are not in ``OTHER_ENDINGS`` either.

    Args:
        folder (str): The folder to look in.
        leave_out (str, optional): A folder within it that is left out.
            Defaults to None.

    Returns:
        list[str]: Names relative to the folder, with ``/``, sorted.
    """
    seen = {osp.realpath(leave_out)} if leave_out else set()
    videos: list[str] = []
    unknown: list[str] = []
    seen.add(osp.realpath(folder))
    for root, folders, files in os.walk(folder, followlinks=True):
        inner = []
        # Folders come before the links to them, whichever name is first.
        for name in sorted(folders, key=lambda each: (osp.islink(osp.join(root, each)), each)):
            path = osp.realpath(osp.join(root, name))
            if not name.startswith('.') and path not in seen:
                seen.add(path)
                inner.append(name)
        folders[:] = inner
        for name in files:
            ending = osp.splitext(name)[1].lower()
            if name.startswith('.') or ending in OTHER_ENDINGS:
                continue
            path = osp.relpath(osp.join(root, name), folder).replace(os.sep, '/')
            (videos if ending in VIDEO_ENDINGS else unknown).append(path)
    if unknown:
        write_above(
            f'WARNING: {folder}: {number(len(unknown), "file")} left out, whose names do not end '
            f'as those of videos do: {first_few(sorted(unknown))}'
        )
    return sorted(videos)
