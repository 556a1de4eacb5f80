"""Open a video file and decode it from its start, in the order of presentation.

Decoding uses one thread a call: data loader workers and thread pools run
beside each other, and frame threads cost more CPU time in all.
"""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import PathLike

# What is opened: containers and streams of video. FFmpeg also makes a "video" of text, pictures,
# sound, playlists and lists of other files.
VIDEO_FORMATS = (
    'mov,mp4,m4a,3gp,3g2,mj2',
    'matroska,webm',
    *('avi', 'flv', 'live_flv', 'asf', 'ogg', 'rm', 'nut', 'wtv', 'gxf', 'mxf', 'dv', 'dhav'),
    *('mpeg', 'mpegts', 'mpegvideo', 'm4v', 'h261', 'h263', 'h264', 'hevc', 'vvc', 'vc1', 'dirac'),
    *('ivf', 'obu', 'yuv4mpegpipe'),
)
# The tangent of the angle, one degree, by which a display matrix may be off a quarter turn.
SLANT = 0.0175
# How many reading errors in a row mean that nothing more comes: a file that was cut off gives one
# for each packet that its index still lists.
MAX_LOST = 1000


def open_container(path: PathLike) -> InputContainer:
    """Open a video file, and no other file or address that its content may name.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: The file is not a video.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path}: there is no such video file')
    try:
        return av.open(
            # A relative path such as "concat:a" would be an address.
            os.path.abspath(path),
            # tags in an unknown encoding are no reason to refuse the frames
            metadata_errors='ignore',
            container_options=dict(
                format_whitelist=','.join(VIDEO_FORMATS), protocol_whitelist='file'
            ),
        )
    except av.error.FFmpegError as error:
        size = os.path.getsize(path)
        reason = error.strerror
        if isinstance(error, av.error.ArgumentError):
            reason = 'text, pictures, playlists and sound are no videos'
        raise InputError(
            f'{path}: expected a video, found a file of {size} bytes that cannot be read as one '
            f'({reason})'
        ) from error


@contextlib.contextmanager
def open_video(path: PathLike) -> Iterator[tuple[InputContainer, av.VideoStream]]:
    """Yield the container and its video stream, and close the file at the end.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: The file is not a video, has no video stream, or one that
            nothing decodes.
    """
    with open_container(path) as container:
        streams = [
            stream
            for stream in container.streams.video
            if not stream.disposition & Disposition.attached_pic
        ]
        best = container.streams.best('video')
        stream = next((each for each in streams if each is best), streams[0] if streams else None)
        if stream is None:
            cover = ', only a cover picture' if container.streams.video else ''
            raise InputError(f'{path}: has no video stream{cover}')
        if stream.codec_context is None:
            raise InputError(f'{path}: there is no decoder for its codec')
        stream.codec_context.thread_count = 1
        yield container, stream


def frames_in_order(
    path: PathLike, container: InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame]:
    """Yield every decodable frame from the start of the file.

    What cannot be read or decoded, or only in part, is forgiven when no later
    packet gives a frame, which is how a file that was cut off ends.

    Args:
        path (str | PathLike): The file, for messages.
        container (InputContainer): What :func:`open_video` yields.
        stream (VideoStream): The same.

    Yields:
        av.VideoFrame: As decoded, neither turned upright nor converted.

    Raises:
        InputError: A frame in the middle does not decode without errors, the
            file cannot be read on, or a frame has another size than the first.
    """
    count, size = 0, None
    failed: tuple[int, str] | None = None
    for packet, error in _packets(path, container, stream):
        frames: list[av.VideoFrame] = []
        if packet is not None and packet.size and packet.is_corrupt:
            error = 'a part of it is missing'
        if error is None:
            try:
                frames = stream.decode(packet)
            except av.error.FFmpegError as reason:
                error = reason.strerror
        if error is not None:
            failed = failed or (count, error)
        for frame in frames:
            if failed is not None and packet and packet.size:
                raise InputError(
                    f'{path}: the video is damaged near frame {failed[0]} ({failed[1]})'
                )
            if frame.is_corrupt:
                if not (packet and packet.size):
                    return
                failed = (count, 'it decodes with errors')
                continue
            width, height = upright_size(frame)
            size = size or (width, height)
            if (width, height) != size:
                raise InputError(
                    f'{path}: expected frames of one size, but frame {count} has '
                    f'{width}x{height} and those before it {size[0]}x{size[1]} pixels. '
                    '"ffmpeg -i OLD NEW" makes a video of one size'
                )
            yield frame
            count += 1


def _packets(
    path: PathLike, container: InputContainer, stream: av.VideoStream
) -> 'Iterator[tuple[av.Packet[av.VideoStream] | None, str | None]]':
    """Yield the packets of a stream, or why one of them could not be read.

    The last one, empty or None, drains the decoder.
    """
    lost = 0
    while lost < MAX_LOST:
        try:
            for packet in container.demux(stream):
                lost = 0
                yield packet, None
            return
        except av.error.InvalidDataError as error:
            lost += 1
            yield None, error.strerror
        except av.error.FFmpegError as error:
            raise InputError(f'{path}: cannot be read to its end ({error.strerror})') from error
    yield None, None


def rate_of(stream: av.VideoStream) -> Fraction | None:
    """Return the frames a second that a stream states; None if it states none."""
    return stream.average_rate or stream.guessed_rate


def upright_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Return width and height of a frame when it is upright, in pixels."""
    turned = _orientation(frame)[0]
    return (frame.height, frame.width) if turned else (frame.width, frame.height)


def _orientation(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """Return how a frame is brought upright: transposed, then mirrored left-right, then top-bottom.

    Phones store portrait videos lying on their side, and selfies mirrored, and
    say so in a display matrix (ISO/IEC 14496-12, 6.2.2). An angle that is not a
    multiple of 90 degrees is ignored, as in OpenCV.
    """
    data: Any = frame.side_data.get('DISPLAYMATRIX')
    if data is None:
        return False, False, False
    # A pixel (x, y) is shown at (a x + c y, b x + d y).
    a, b, _, c, d = np.frombuffer(data, np.int32)[:5].tolist()
    if abs(b) + abs(c) < SLANT * (abs(a) + abs(d)):
        return False, a < 0, d < 0
    if abs(a) + abs(d) < SLANT * (abs(b) + abs(c)):
        return True, c < 0, b < 0
    return False, False, False


def to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """Return a frame upright: (H, W, 3) uint8, RGB."""
    # By default PyAV starts threads for every frame, which takes longer than
    # the conversion itself.
    image = frame.to_ndarray(format='rgb24', threads=1)
    transposed, left_right, top_bottom = _orientation(frame)
    if transposed:
        image = image.transpose(1, 0, 2)
    if left_right:
        image = image[:, ::-1]
    if top_bottom:
        image = image[::-1]
    return np.ascontiguousarray(image)
