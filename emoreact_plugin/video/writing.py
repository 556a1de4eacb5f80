"""Write frames to files: numbered JPEG images, or a video."""

import os
import os.path as osp
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
from av.container import OutputContainer

from .decoding import open_container
from .reading import USUAL_RATE

FRAME_NAME = '{:06d}.jpg'
# x264's constant rate factor: its loss can hardly be seen.
VIDEO_QUALITY = 16
# The same, for a video that is only looked at.
SHOWN_QUALITY = 21
# The unit of MPEG's times.
CLOCK = Fraction(1, 90000)
# Sound that a decoder needs before it can be heard, seconds.
PRIMING = 0.2
# Sound that an mp4 file can hold.
SOUND_CODECS = ('aac', 'mp3', 'mp3float', 'ac3', 'alac')


def encode_image(image: np.ndarray, ending: str = '.jpg') -> bytes:
    """Encode an image as the content of a file.

    Args:
        image (np.ndarray): (H, W, 3) uint8, RGB.
        ending (str): Ending of the file. Defaults to ``'.jpg'``, as OpenCV writes it: of quality
            95, with colours of half the resolution.
    """
    return cv2.imencode(ending, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def write_frames(folder: str, frames: Iterable[np.ndarray]) -> int:
    """Write frames as JPEG files that are numbered from 1.

    Args:
        folder (str): The folder to make; it must not exist yet.
        frames (Iterable[np.ndarray]): (H, W, 3) uint8, RGB.

    Returns:
        int: Number of frames written.
    """
    os.mkdir(folder)
    count = 0
    for count, frame in enumerate(frames, 1):
        with open(osp.join(folder, FRAME_NAME.format(count)), 'xb') as file:
            file.write(encode_image(frame))
    return count


def write_video(path: str, frames: Iterable[np.ndarray], rate: Fraction | None) -> int:
    """Write frames as an H.264 video in mp4.

    Args:
        path (str): The file.
        frames (Iterable[np.ndarray]): (H, W, 3) uint8, RGB, all of one size.
        rate (Fraction, optional): Frames a second; 25 for None.

    Returns:
        int: Number of frames written.
    """
    count, stream = 0, None
    with av.open(path, 'w', format='mp4') as container:
        for count, frame in enumerate(frames, 1):  # noqa: B007  counted
            if stream is None:
                stream = container.add_stream(
                    'libx264',
                    rate or USUAL_RATE,
                    options=dict(crf=str(VIDEO_QUALITY), preset='veryfast'),
                )
                stream.height, stream.width = frame.shape[:2]
                # Halved colours need an even size.
                odd = stream.height % 2 or stream.width % 2
                stream.pix_fmt = 'yuv444p' if odd else 'yuv420p'
                stream.codec_context.thread_count = 1
            image = av.VideoFrame.from_ndarray(frame, format='rgb24')
            container.mux(stream.encode(image))
        if stream is not None:
            container.mux(stream.encode())
    return count


def write_timed_video(
    path: str, frames: Iterable[np.ndarray], times: Sequence[float], sound: str | None
) -> None:
    """Write frames as an H.264 video in mp4, each at its own time.

    Args:
        path (str): The file.
        frames (Iterable[np.ndarray]): (H, W, 3) uint8, RGB, all of one even
            size.
        times (Sequence[float]): The time at which each frame is shown, in
            seconds, ascending from 0.
        sound (str, optional): A video whose sound is copied, as far as mp4
            can hold it; None for no sound.
    """
    stream = None
    gap = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    rate = Fraction(1 / gap).limit_denominator(1001) if gap else USUAL_RATE
    with av.open(path, 'w', format='mp4') as container, _Sound(sound, container) as track:
        for frame, time in zip(frames, times, strict=False):
            if stream is None:
                stream = container.add_stream(
                    'libx264', rate, options=dict(crf=str(SHOWN_QUALITY), preset='veryfast')
                )
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = 'yuv420p'
                stream.codec_context.time_base = CLOCK
                # More would cost half as much again, while the frames are drawn beside it.
                stream.codec_context.thread_count = 1
            # OpenCV's conversion takes half as long as PyAV's.
            planes: np.ndarray = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
            image = av.VideoFrame.from_ndarray(planes, format='yuv420p')
            image.pts, image.time_base = round(time / CLOCK), CLOCK
            container.mux(stream.encode(image))
            track.copy_until(time)
        if stream is not None:
            container.mux(stream.encode())
        track.copy_until(float('inf'))


class _Sound:
    """Copy the sound of a video to another container.

    Its packets are copied only if they are of a kind that an mp4 file can hold.
    """

    def __init__(self, path: str | None, target: OutputContainer) -> None:
        self._source = None if path is None else open_container(path)
        self._target = target
        self._packets: Iterator[av.Packet[av.AudioStream]] = iter(())
        self._next: av.Packet[av.AudioStream] | None = None
        self._begin = 0.0
        if self._source is None:
            return
        tracks = self._source.streams
        if not tracks.audio or tracks.audio[0].codec_context.name not in SOUND_CODECS:
            return
        self._track = target.add_stream_from_template(tracks.audio[0])
        pictures = tracks.best('video')
        if pictures is not None and pictures.start_time and pictures.time_base:
            self._begin = float(pictures.start_time * pictures.time_base)
        self._packets = self._source.demux(tracks.audio[0])

    def copy_until(self, time: float) -> None:
        """Write the packets up to a time in seconds."""
        while True:
            packet = self._next or next(self._packets, None)
            self._next = None
            if packet is None:
                return
            if packet.dts is None or packet.pts is None:  # the end
                continue
            shift = round(self._begin / packet.time_base)
            start = float((packet.pts - shift) * packet.time_base)
            if start < -PRIMING:  # before the first frame
                continue
            if start > time:
                self._next = packet
                return
            packet.pts -= shift
            packet.dts -= shift
            packet.stream = self._track
            self._target.mux(packet)

    def __enter__(self) -> '_Sound':
        return self

    def __exit__(self, *error: object) -> None:
        if self._source is not None:
            self._source.close()
