"""Read when each frame of a plain video file is shown, without decoding it."""

from typing import NamedTuple

import av
from av.container import InputContainer

# The shortcuts rest on two things. The container knows the presentation time
# of every picture (an AVI file knows the order of decoding only) and a packet
# of the codec is a picture (VP9 hides some, MPEG-4 part 2 may pack two).
SHORTCUT_FORMATS = ('mov', 'mp4', 'matroska')
SHORTCUT_CODECS = ('h264', 'hevc')


class FrameTable(NamedTuple):
    """Presentation times of a plain file, in units of its time base."""

    shown: list[int]  # of every frame, ascending: frame k is shown[k]
    keys: list[int]  # of the frames that decoding can start at, ascending


def read_frame_table(container: InputContainer, stream: av.VideoStream) -> FrameTable | None:
    """Read the time at which each frame is shown, without decoding.

    Returns:
        FrameTable | None: None if the file is not plain enough for this, or cannot be read to its
        end.
    """
    formats = container.format.name.split(',')
    if stream.codec_context.name not in SHORTCUT_CODECS or not set(SHORTCUT_FORMATS).intersection(
        formats
    ):
        return None
    try:
        packets = [packet for packet in container.demux(stream) if packet.size]
    except av.error.FFmpegError:
        return None
    times = [packet.pts for packet in packets if packet.pts is not None]
    if (
        not packets
        or len(times) < len(packets)
        or len(set(times)) < len(times)
        or stream.frames not in (0, len(times))
        or any(packet.is_corrupt for packet in packets)
    ):
        return None
    # an edit list makes the decoder drop the frames before the cut, but they
    # are decoded and may be the key frame of those after it
    timed = list(zip(times, packets, strict=True))
    shown = sorted(time for time, packet in timed if not packet.is_discard)
    keys = sorted(
        time for time, packet in timed if packet.is_keyframe and _starts_afresh(packet, stream)
    )
    if not shown or not keys or keys[0] > shown[0]:
        return None
    return FrameTable(shown, keys)


def _starts_afresh(packet: 'av.Packet[av.VideoStream]', stream: av.VideoStream) -> bool:
    """Check that no frame shown after this one needs anything before it.

    The container's mark alone does not say so: a stream with periodic intra
    refresh marks pictures from which the image heals only step by step.
    This looks at the type of the first coded picture part (NAL unit): H.264
    table 7-1 (5 is IDR, 1 to 5 are pictures), H.265 table 7-1 (16 to 21 are
    IRAP, below 32 are pictures).
    """
    head = bytes(stream.codec_context.extradata or b'')
    is_h264 = stream.codec_context.name == 'h264'
    at = 4 if is_h264 else 21  # where avcC and hvcC keep the length's size
    if len(head) <= at or head[0] != 1:
        return False
    size = (head[at] & 3) + 1
    data = bytes(packet)
    start = 0
    while start + size < len(data):
        first = data[start + size]
        kind = first & 31 if is_h264 else first >> 1 & 63
        if is_h264 and 1 <= kind <= 5:
            return kind == 5
        if not is_h264 and kind < 32:
            return 16 <= kind <= 21
        start += size + int.from_bytes(data[start : start + size], 'big')
    return False
