"""Open a video file and decode it from its start, in the order of presentation.

Decoding uses one thread a call: data loader workers and thread pools run
beside each other, and frame threads cost more CPU time in all.
"""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import PathLike


@contextlib.contextmanager
def open_video(path: PathLike) -> Iterator[tuple[InputContainer, av.VideoStream]]:
    """Yield the container and its video stream, and close the file at the end.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: The file is not a video, has no video stream, or one that
            nothing decodes.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path}: there is no such video file')
    try:
        # tags in an unknown encoding are no reason to refuse the frames
        container = av.open(path, metadata_errors='ignore')
    except av.error.FFmpegError as error:
        size = os.path.getsize(path)
        raise InputError(
            f'{path}: expected a video, found a file of {size} bytes that cannot be read as one '
            f'({error.strerror})'
        ) from error
    with container:
        stream = container.streams.best('video')
        if not isinstance(stream, av.VideoStream):
            raise InputError(f'{path}: has no video stream')
        if stream.codec_context is None:
            raise InputError(f'{path}: there is no decoder for its codec')
        stream.codec_context.thread_count = 1
        yield container, stream


def frames_in_order(
    path: PathLike, container: InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame]:
    """Yield every decodable frame from the start of the file.

    A packet that does not decode is forgiven when no later packet gives a
    frame, which is how a file that was cut off ends.

    Args:
        path (str | PathLike): The file, for messages.
        container (InputContainer): What :func:`open_video` yields.
        stream (VideoStream): The same.

    Yields:
        av.VideoFrame: As decoded, neither turned upright nor converted.

    Raises:
        InputError: A frame in the middle does not decode.
    """
    count = 0
    failed: tuple[int, av.error.FFmpegError] | None = None
    for packet in _packets(container, stream):
        try:
            frames = stream.decode(packet)
        except av.error.FFmpegError as error:
            failed = failed or (count, error)
            continue
        if frames and packet and packet.size and failed is not None:
            place, reason = failed
            raise InputError(
                f'{path}: the video is damaged near frame {place} ({reason.strerror})'
            ) from reason
        for frame in frames:
            yield frame
            count += 1


def _packets(
    container: InputContainer, stream: av.VideoStream
) -> 'Iterator[av.Packet[av.VideoStream] | None]':
    """Yield the packets of a stream up to where the file breaks off.

    The last one, empty or None, drains the decoder.
    """
    try:
        yield from container.demux(stream)
    except av.error.FFmpegError:
        yield None


def rate_of(stream: av.VideoStream) -> Fraction | None:
    """Return the frames a second that a stream states; None if it states none."""
    return stream.average_rate or stream.guessed_rate


def quarter_turns(frame: av.VideoFrame) -> int:
    """Return the counterclockwise quarter turns that bring a frame upright, 0 to 3.

    Phones store portrait videos lying on their side and say so. An angle that
    is not a multiple of 90 degrees is ignored, as in OpenCV.
    """
    turns, rest = divmod(round(frame.rotation), 90)
    return turns % 4 if rest == 0 else 0


def to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """Return a frame upright: (H, W, 3) uint8, RGB."""
    # By default PyAV starts threads for every frame, which takes longer than
    # the conversion itself.
    image = frame.to_ndarray(format='rgb24', threads=1)
    turns = quarter_turns(frame)
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image
