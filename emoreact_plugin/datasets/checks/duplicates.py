"""Find clips that occur twice, under one name or two."""

import hashlib
import os
import os.path as osp
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from emoreact_plugin.utils.progress import count_cores, progress_bar

from .problems import CheckedClip

CHUNK = 1 << 20
Pairs = list[tuple[CheckedClip, CheckedClip]]


def content_ids(sizes: dict[str, int], workers: int | None = None) -> dict[str, str]:
    """Give each clip an id that only clips of the same content share.

    A clip is read only if another one has the same size.

    Args:
        sizes (dict[str, int]): Path of each video or folder of images -> its
            size in bytes; 0 for one that is missing.
        workers (int, optional): Number of clips at a time. Defaults to None:
            as many as there are cores.

    Returns:
        dict[str, str]: Path -> SHA-256 of the content. For a clip whose size
        no other one has, or that cannot be read, it is the clip's real path.
    """
    by_size: dict[int, set[str]] = defaultdict(set)
    for path, size in sizes.items():
        by_size[size].add(osp.realpath(path))
    todo = sorted(
        path for size, paths in by_size.items() for path in paths if size and len(paths) > 1
    )
    with ThreadPoolExecutor(workers or count_cores()) as pool:
        hashes = dict(
            zip(
                todo,
                progress_bar(
                    pool.map(_hash, todo), 'comparing', len(todo), unit='clip', shown=bool(todo)
                ),
                strict=True,
            )
        )
    return {path: hashes.get(osp.realpath(path)) or osp.realpath(path) for path in sizes}


def _hash(path: str) -> str | None:
    """Hash the content of a file, or of all files in a folder in the order of their names.

    Returns:
        str | None: SHA-256; None if a file cannot be read.
    """
    paths = [path]
    if osp.isdir(path):
        paths = sorted(osp.join(root, name) for root, _, names in os.walk(path) for name in names)
    value = hashlib.sha256()
    try:
        for each in paths:
            with open(each, 'rb') as file:
                while chunk := file.read(CHUNK):
                    value.update(chunk)
    except OSError:
        return None
    return value.hexdigest()


def find_same_content(clips: Sequence[CheckedClip], ids: dict[str, str]) -> Pairs:
    """Find clips that show what an earlier clip shows.

    Parts of one video that do not overlap, and several people in it, are
    different clips.

    Args:
        clips (Sequence[CheckedClip]): The clips of all splits.
        ids (dict[str, str]): The result of :func:`content_ids`.

    Returns:
        list[tuple[CheckedClip, CheckedClip]]: The later clip, and the first earlier one that
        shows the same, of another split if there is one.
    """
    groups: dict[tuple, list[CheckedClip]] = defaultdict(list)
    found = []
    for clip in clips:
        group = groups[ids[clip.path], clip.person]
        same = [other for other in group if _overlap(clip, other)]
        if same:
            same.sort(key=lambda other: other.split == clip.split)
            found.append((clip, same[0]))
        group.append(clip)
    return found


def find_same_video(clips: Sequence[CheckedClip], ids: dict[str, str]) -> Pairs:
    """Find clips of a video that also has clips in an earlier split.

    Clips that show the same as a clip of that split are left out, see
    :func:`find_same_content`.

    Args:
        clips (Sequence[CheckedClip]): The clips of all splits.
        ids (dict[str, str]): The result of :func:`content_ids`.

    Returns:
        list[tuple[CheckedClip, CheckedClip]]: The later clip, and one of another split.
    """
    groups: dict[str, list[CheckedClip]] = defaultdict(list)
    found = []
    for clip in clips:
        group = groups[ids[clip.path]]
        others = [other for other in group if other.split != clip.split]
        if others and not any(
            other.person == clip.person and _overlap(clip, other) for other in others
        ):
            found.append((clip, others[0]))
        group.append(clip)
    return found


def _overlap(one: CheckedClip, other: CheckedClip) -> bool:
    ends = (float('inf') if each.end is None else each.end for each in (one, other))
    return max(one.start, other.start) < min(ends)


def find_same_name(clips: Sequence[CheckedClip], ids: dict[str, str]) -> Pairs:
    """Find clips that have the name of an earlier clip but other content.

    The names, in the same folder, may differ by case and ending.

    Args:
        clips (Sequence[CheckedClip]): The clips of all splits.
        ids (dict[str, str]): The result of :func:`content_ids`.

    Returns:
        list[tuple[CheckedClip, CheckedClip]]: The later clip, and the first of this name.
    """
    first: dict[str, CheckedClip] = {}
    found = []
    for clip in clips:
        path = osp.realpath(clip.path)
        # A folder's name has no ending.
        stem = path if osp.isdir(path) else osp.splitext(path)[0]
        other = first.setdefault(stem.casefold(), clip)
        if ids[other.path] != ids[clip.path]:
            found.append((clip, other))
    return found
