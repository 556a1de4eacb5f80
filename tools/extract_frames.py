"""Turn videos into folders of numbered frames, with face masks if wanted.

A clip becomes the folder <clip> (with masks <clip>_mask_frames_full) of
000001.jpg, 000002.jpg, ..., which EmoReactDataset reads with
data_prefix=dict(frames=...); or, with --as videos, the video <clip>.mp4 with
masks. They are the masks that DrawFaceMask(seed=0) draws on val and test
clips. Frames without a face stay as they are and are counted, clip by clip in
masks.csv. Takes up again where it was stopped.
"""
import argparse
import sys

import cv2

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.command_line import clear_errors
from emoreact_plugin.console import say
from emoreact_plugin.datasets.clip_files import number
from emoreact_plugin.datasets.frame_extraction import extract
from emoreact_plugin.transforms import DrawFaceMask
from emoreact_plugin.transforms.face_mask_shapes import COLORS, KINDS


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        'source', nargs='+',
        help='videos, and folders that are searched for videos')
    parser.add_argument('--out', required=True, help='the output folder')
    parser.add_argument(
        '--mask', nargs='?', const='surgical', choices=[*KINDS, 'random'],
        help='draw a face mask of this kind (surgical)')
    parser.add_argument(
        '--mask-color', type=color, metavar='COLOR|R,G,B',
        help=f'{", ".join(COLORS)}, or 0..255 of red, green and blue '
        '(default: usual ones of the kind)')
    parser.add_argument(
        '--as', dest='form', choices=['frames', 'videos'], default='frames',
        help='what to write (default: frames); videos only with --mask')
    parser.add_argument(
        '--landmarks', metavar='DIR',
        help='folder of the landmark files (default: beside the videos)')
    parser.add_argument(
        '--allow-missing', action='store_true',
        help='leave clips without a landmark file unmasked')
    parser.add_argument(
        '--cache-dir', help='folder for the prepared landmark files')
    parser.add_argument(
        '--workers', type=int, help='clips at a time (default: one a core)')
    return parser.parse_intermixed_args()


def color(text):
    """A name, or the numbers of R,G,B; DrawFaceMask checks either."""
    parts = text.split(',')
    return [int(part) for part in parts] if len(parts) > 1 else text


def check(args):
    """Refuse flags that would have no effect."""
    for name in ('mask_color', 'landmarks', 'allow_missing'):
        if getattr(args, name) and args.mask is None:
            raise ValueError(f'--{name.replace("_", "-")}: expected --mask '
                             'as well')
    if args.workers is not None and args.workers < 1:
        raise ValueError('--workers: expected 1 or more, found '
                         f'{args.workers}')


def main():
    args = parse_args()
    cv2.setNumThreads(1)  # each core has a clip of its own
    with clear_errors():
        check(args)
        mask = None if args.mask is None else DrawFaceMask(
            args.mask, args.mask_color, seed=0)
        try:
            report = extract(args.source, args.out, mask,
                             args.form == 'videos', args.landmarks,
                             args.cache_dir, args.allow_missing, args.workers)
        except KeyboardInterrupt:
            say('stopped; the same command goes on')
            sys.exit(130)
    text = (f'{number(len(report.clips), "clip")}, '
            f'{number(sum(c.frames for c in report.clips), "frame")} in '
            f'{args.out}')
    if report.before:
        text += f'; {number(report.before, "clip")} there already'
    counts = [c.unmasked_frames for c in report.clips if c.unmasked_frames]
    if mask is not None and counts:
        text += (f'; {number(sum(counts), "frame")} of '
                 f'{number(len(counts), "clip")} without a mask: no face '
                 'found')
    say(text)
    if report.errors:
        for video, error in report.errors:
            message = str(error)
            print(f'error: {message}' if video in message else
                  f'error: {video}: {message or type(error).__name__}',
                  file=sys.stderr)
        sys.exit(f'{number(len(report.errors), "clip")} failed')


if __name__ == '__main__':
    main()
