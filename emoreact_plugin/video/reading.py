"""Read exact frames of a video file with PyAV.

A frame's index is its place in the order of presentation, counted from 0,
among the frames that really decode. This is what reading the file from its
start gives. The metadata of the container alone is never trusted for it.

The shortcuts of :func:`read_frames` (seeking to a key frame, leaving out
frames that no other frame refers to) are taken only if the file is plain
enough for them to give the very same frames. Otherwise the file is decoded
from its start.
"""

import operator
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Literal

import av
import numpy as np
from av.container import InputContainer

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import PathLike

from .decoding import frames_in_order, open_video, rate_of, to_rgb, upright_size
from .frame_table import FrameTable, read_frame_table

# The frame rate of a video that states none.
USUAL_RATE = Fraction(25)


@dataclass(frozen=True)
class VideoInfo:
    """Number of frames, size and frame rate of a video.

    Attributes:
        total_frames (int): Number of frames that decode.
        width (int): Width of the upright frame in pixels.
        height (int): Height of the upright frame in pixels.
        fps (float): Frames a second as the file states them, 0.0 if it states
            none.
    """

    total_frames: int
    width: int
    height: int
    fps: float


def probe_video(path: PathLike) -> VideoInfo:
    """Decode a whole video file and count its frames.

    The frame count in a file's metadata may promise more frames than decode
    (98 where 95 do). This count is the one that :func:`read_frames` serves.

    Args:
        path (str | PathLike): The video file.

    Returns:
        VideoInfo: True frame count, upright size in pixels, frames a second.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: The file is not a video, has no video stream or no frame
            that decodes, or a frame in its middle does not decode without
            errors (the index of every later frame would be unknown) or has
            another size than the first (landmarks are of one size). A file cut
            off at its end is valid and counts the frames that are left. The
            message names the file, and the frame.
    """
    count, size = 0, (0, 0)
    with open_video(path) as (container, stream):
        # What only pixels need is left out: nobody looks at these.
        stream.codec_context.options = dict(skip_loop_filter='all', skip_idct='all')
        rate = rate_of(stream)
        for frame in frames_in_order(path, container, stream):
            if count == 0:
                size = upright_size(frame)
            count += 1
    if count == 0:
        raise InputError(f'{path}: no frame of this video can be decoded')
    return VideoInfo(count, *size, float(rate) if rate else 0.0)


def video_info(path: PathLike) -> VideoInfo:
    """Count the frames of a video, without decoding it if that is safe.

    Args:
        path (str | PathLike): The video file.

    Returns:
        VideoInfo: The same as from :func:`probe_video`. For a file that is
        plain enough for the shortcuts of :func:`read_frames`, the count is the
        one that its container gives. A damaged frame in such a file is found
        only when it is read.

    Raises:
        FileNotFoundError, InputError: See :func:`probe_video`.
    """
    with open_video(path) as (container, stream):
        rate = rate_of(stream)
        table = read_frame_table(container, stream)
    if table is None:
        return probe_video(path)
    height, width = next(iterate_frames(path)).shape[:2]
    return VideoInfo(len(table.shown), width, height, float(rate) if rate else 0.0)


def read_frames(
    path: PathLike, inds: Iterable[int], total_frames: int | None = None
) -> list[np.ndarray]:
    """Read exactly the frames that are asked for.

    Args:
        path (str | PathLike): The video file.
        inds (Iterable[int]): Frame indices in the order of presentation,
            counted from 0. Any order, duplicates allowed.
        total_frames (int, optional): The count of :func:`probe_video`, if it
            is known. A file that seems to hold another number of frames is
            then decoded from its start. Defaults to None.

    Returns:
        list[np.ndarray]: One uint8 RGB array of shape (H, W, 3) for each
        index, in the order of ``inds``, all of one size. A repeated index gets
        its own copy. Frames are upright: rotations by quarter turns and
        mirroring that the file states are carried out.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: An index is not an integer, is negative or past the last
            frame, the file is not a video, or a frame on the way cannot be
            decoded. The message names the file and the frame.
    """
    inds = _as_indices(path, inds)
    wanted = sorted(set(inds))
    frames = _read_with_shortcuts(path, wanted, total_frames)
    if frames is None:
        frames = dict(select_frames(path, wanted))
    sizes = {frame.shape[1::-1] for frame in frames.values()}
    if len(sizes) > 1:
        raise InputError(
            f'{path}: expected frames of one size, found '
            f'{" and ".join(f"{w}x{h}" for w, h in sorted(sizes))} pixels'
        )
    given = set()
    images = []
    for index in inds:
        images.append(frames[index].copy() if index in given else frames[index])
        given.add(index)
    return images


def iterate_frames(path: PathLike) -> Iterator[np.ndarray]:
    """Yield every frame of a video, from the first to the last that decodes.

    Args:
        path (str | PathLike): The video file.

    Yields:
        np.ndarray: (H, W, 3) uint8, RGB, upright; the same frames that
        :func:`read_frames` gives for 0, 1, 2, ...

    Raises:
        FileNotFoundError, InputError: See :func:`probe_video`.
    """
    empty = True
    with open_video(path) as (container, stream):
        for frame in frames_in_order(path, container, stream):
            empty = False
            yield to_rgb(frame)
    if empty:
        raise InputError(f'{path}: no frame of this video can be decoded')


def select_frames(path: PathLike, inds: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield some frames of a video while it is decoded from its start.

    Args:
        path (str | PathLike): The video file.
        inds (Iterable[int]): Frame indices, counted from 0, in any order.

    Yields:
        tuple[int, np.ndarray]: Each index once, ascending, and its frame:
        (H, W, 3) uint8, RGB, upright.

    Raises:
        FileNotFoundError, InputError: See :func:`read_frames`.
    """
    remaining, count = set(_as_indices(path, inds)), 0
    if not remaining:
        return
    with open_video(path) as (container, stream):
        for index, frame in enumerate(frames_in_order(path, container, stream)):
            count = index + 1
            if index in remaining:
                yield index, to_rgb(frame)
                remaining.remove(index)
                if not remaining:
                    return
    raise InputError(
        f'{path}: frame {max(remaining)} was asked for, but only '
        f'{count} frames can be decoded (counted from 0)'
    )


def frame_times(path: PathLike) -> np.ndarray:
    """Return the time at which each frame of a video is shown.

    Phones record at a frame rate that varies, so ``index / fps`` is wrong for
    their videos.

    Args:
        path (str | PathLike): The video file.

    Returns:
        np.ndarray: (T, ) float64, seconds from the first frame on, ascending.
        It is ``index / fps`` if the file does not say when its frames are
        shown, at 25 frames a second if it does not state a rate either.

    Raises:
        FileNotFoundError, InputError: See :func:`probe_video`.
    """
    with open_video(path) as (container, stream):
        rate, base = rate_of(stream) or USUAL_RATE, stream.time_base
        table = read_frame_table(container, stream)
    if table is not None:
        shown: list[int | None] = [*table.shown]
    else:
        with open_video(path) as (container, stream):
            shown = [frame.pts for frame in frames_in_order(path, container, stream)]
        if not shown:
            raise InputError(f'{path}: no frame of this video can be decoded')
    times = [each * base for each in shown if each is not None and base is not None]
    if len(times) < len(shown) or any(b <= a for a, b in pairwise(times)):
        return np.arange(len(shown)) / float(rate)
    return np.array([float(time - times[0]) for time in times])


def frame_rate(path: PathLike) -> Fraction | None:
    """Return the frame rate that a video file states, without decoding it.

    Args:
        path (str | PathLike): The video file.

    Returns:
        Fraction | None: Frames a second; None if the file states none.

    Raises:
        FileNotFoundError, InputError: There is no such file, or it is not a
            video.
    """
    with open_video(path) as (_, stream):
        return rate_of(stream)


def stated_frames(path: PathLike) -> int:
    """Return the number of frames that a video file states, without decoding it.

    Args:
        path (str | PathLike): The video file.

    Returns:
        int: 0 if the file does not say.

    Raises:
        FileNotFoundError, InputError: There is no such file, or it is not a
            video.
    """
    with open_video(path) as (_, stream):
        return stream.frames


def _as_indices(path: PathLike, inds: Iterable[int]) -> list[int]:
    indices = []
    for index in inds:
        try:
            indices.append(operator.index(index))
        except TypeError:
            raise InputError(
                f'{path}: expected whole numbers as frame indices, found {index!r}'
            ) from None
        if indices[-1] < 0:
            raise InputError(f'{path}: frame indices count from 0, found {index}')
    return indices


def _read_with_shortcuts(
    path: PathLike, wanted: Sequence[int], total_frames: int | None
) -> dict[int, np.ndarray] | None:
    """Read frames without decoding the file from its start, if it is plain enough.

    Each of the ``wanted`` indices is mapped to its frame. The result is None if
    anything about the file is not plain.
    """
    with open_video(path) as (container, stream):
        try:
            table = read_frame_table(container, stream)
            if table is None or not wanted:
                return None
            count = len(table.shown)
            if wanted[-1] >= count or total_frames not in (None, count):
                return None
            return _read_by_seeking(container, stream, table, wanted)
        except av.error.FFmpegError:
            # reading from the start tells which frame it is
            return None


def _read_by_seeking(
    container: InputContainer, stream: av.VideoStream, table: FrameTable, wanted: Sequence[int]
) -> dict[int, np.ndarray] | None:
    """Decode from the key frame before each wanted frame.

    The result is None if a frame does not turn up.
    """
    # A frame that no H.264 picture refers to can be left out. (In H.265 a
    # higher temporal layer may still refer to it.)
    unwanted: Literal['NONREF', 'DEFAULT'] = (
        'NONREF' if stream.codec_context.name == 'h264' else 'DEFAULT'
    )

    def key_of(index: int) -> int:
        return table.keys[bisect_right(table.keys, table.shown[index]) - 1]

    found = {}
    for key, group in groupby(wanted, key_of):
        remaining = {table.shown[index]: index for index in group}
        times = set(remaining)
        container.seek(key, stream=stream, backward=True)
        started = False
        for packet in container.demux(stream):
            # the demuxer may land earlier: at a mark that is not in `keys`
            started = started or packet.pts == key
            if not started:
                continue
            stream.codec_context.skip_frame = 'DEFAULT' if packet.pts in times else unwanted
            for frame in packet.decode():
                if frame.is_corrupt:
                    return None
                if frame.pts in remaining:
                    found[remaining.pop(frame.pts)] = to_rgb(frame)
            if not remaining:
                break
        if remaining:
            return None
    return found
