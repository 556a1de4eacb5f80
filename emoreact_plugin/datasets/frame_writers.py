"""Frames written to files: numbered JPEGs, or a video."""
import os
import os.path as osp
import shutil
from contextlib import contextmanager
from fractions import Fraction
from typing import Iterable, Iterator, Optional

import av
import cv2
import numpy as np

FRAME_NAME = '{:06d}.jpg'
JPEG_QUALITY = 95
# x264's constant rate factor: its loss can hardly be seen.
VIDEO_QUALITY = 16
# Of a video that states no frame rate.
USUAL_RATE = Fraction(25)


@contextmanager
def part_of(target: str) -> Iterator[str]:
    """The name to write something to before it gets its own; whatever is left
    under that name, by this run or one that was broken off, is deleted.

    Args:
        target (str): Its own name.

    Yields:
        str: Beside it, hidden.
    """
    folder, name = osp.split(target)
    part = osp.join(folder, f'.{name}.part')
    os.makedirs(folder or '.', exist_ok=True)
    _delete(part)
    try:
        yield part
    finally:
        _delete(part)


def _delete(path: str) -> None:
    if osp.isdir(path):
        shutil.rmtree(path)
    elif osp.lexists(path):
        os.remove(path)


def write_frames(folder: str, frames: Iterable[np.ndarray]) -> int:
    """Write frames as JPEG files that count from 1.

    Args:
        folder (str): It must not be there yet.
        frames (Iterable[np.ndarray]): (H, W, 3) uint8, RGB.

    Returns:
        int: How many there were.
    """
    os.mkdir(folder)
    count = 0
    for count, frame in enumerate(frames, 1):
        data = cv2.imencode('.jpg', cv2.cvtColor(frame, cv2.COLOR_RGB2BGR),
                            (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))[1]
        with open(osp.join(folder, FRAME_NAME.format(count)), 'xb') as file:
            file.write(data)
    return count


def write_video(path: str, frames: Iterable[np.ndarray],
                rate: Optional[Fraction]) -> int:
    """Write frames as an H.264 video in mp4.

    Args:
        path (str): The file.
        frames (Iterable[np.ndarray]): (H, W, 3) uint8, RGB, all of one size.
        rate (Fraction, optional): Frames a second; 25 for None.

    Returns:
        int: How many frames there were.
    """
    count, stream = 0, None
    with av.open(path, 'w', format='mp4') as container:
        for count, frame in enumerate(frames, 1):
            if stream is None:
                stream = container.add_stream(
                    'libx264', rate or USUAL_RATE,
                    options=dict(crf=str(VIDEO_QUALITY), preset='veryfast'))
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
