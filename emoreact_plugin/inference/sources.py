"""Find the videos to score among files and folders."""

import os
import os.path as osp
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import PathLike
from emoreact_plugin.video.folders import VIDEO_ENDINGS, find_videos

NOT_THERE = '{}: no such video or folder'


class Source(NamedTuple):
    """A video to score, or a path at which there is none.

    Attributes:
        path (str): Path of the video.
        name (str): Path relative to the folder that was given, with ``/``, or the file name of a
            video that was given itself.
    """

    path: str
    name: str


def find_sources(videos: PathLike | Sequence[PathLike], out: str | None = None) -> list[Source]:
    """Find the videos at some paths.

    Args:
        videos (PathLike | Sequence[PathLike]): Video files, and folders that are searched for
            videos, including all folders within.
        out (str, optional): A folder of results, whose videos are left out.

    Returns:
        list[Source]: The videos, of which at least one exists. A path that does not exist is among
        them, to be reported as a video that cannot be read.

    Raises:
        FileNotFoundError: When there is no video, and at least one of the paths does not exist.
        InputError: When there is no video, or a video that was given itself lies in ``out``.
    """
    if isinstance(videos, (str, os.PathLike)):
        videos = [videos]
    found, lost = [], []
    paths = [str(os.fspath(path)) for path in videos]
    for path in paths:
        if osp.isdir(path):
            found += [Source(osp.join(path, name), name) for name in find_videos(path, out)]
        elif osp.isfile(path):
            if out is not None and Path(osp.realpath(path)).is_relative_to(osp.realpath(out)):
                raise InputError(
                    f'{path}: expected videos that lie outside of the folder of results, {out}'
                )
            found.append(Source(path, osp.basename(path)))
        else:
            lost.append(path)
            found.append(Source(path, osp.basename(osp.normpath(path))))
    if lost and len(lost) == len(found):
        raise FileNotFoundError(NOT_THERE.format(', '.join(lost)))
    if not found:
        raise InputError(
            f'{", ".join(paths) or "no paths"}: expected '
            f'videos (of the endings {" ".join(VIDEO_ENDINGS)}), found none'
        )
    return found
