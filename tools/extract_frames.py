"""Turn videos into folders of numbered frames, or of prepared crops.

Frames: a clip becomes the folder <clip> (with masks <clip>_mask_frames_full) of 000001.jpg,
000002.jpg, ..., which EmoReactDataset reads with data_prefix=dict(frames=...); or, with --as
videos, the video <clip>.mp4 with masks. Masks are those that DrawFaceMask(seed=0) draws on val and
test clips. Frames without a face stay as they are and are counted for each clip in masks.csv.

Crops: with --as crops, the folder <clip> has a folder of 256x256 JPEGs for each region, which
training reads with --crops DIR instead of decoding videos.

If it was stopped, it continues where it was.
"""

import argparse

from emoreact_cli import MASK_KINDS


def color(text):
    """Parse a colour: a name, or the numbers of R,G,B; DrawFaceMask checks either."""
    parts = text.split(',')
    return [int(part) for part in parts] if len(parts) > 1 else text


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        'source', nargs='+', help='videos, and folders that are searched for videos'
    )
    parser.add_argument('--out', required=True, help='the output folder')
    parser.add_argument('--mask', action='store_true', help='draw a mask on every face')
    parser.add_argument('--mask-kind', choices=MASK_KINDS, help='what to draw (default: surgical)')
    parser.add_argument(
        '--mask-color',
        type=color,
        metavar='COLOR|R,G,B',
        help='lightblue, white, pink, ..., or 0..255 of red, green and blue '
        '(default: usual ones of the kind)',
    )
    parser.add_argument(
        '--as',
        dest='form',
        choices=['frames', 'videos', 'crops'],
        default='frames',
        help='what to write (default: frames); videos only with --mask',
    )
    parser.add_argument(
        '--regions',
        metavar='REGION,...',
        help='write crops of these regions, joined by , or + (default: face,body,fullbody)',
    )
    parser.add_argument(
        '--every', type=int, metavar='N', help='crops of every N-th frame only (default: 1)'
    )
    parser.add_argument(
        '--max-gap',
        type=int,
        metavar='N',
        help='interpolate the face in gaps of up to N frames, as LoadLandmarks(max_gap=N) does '
        '(default: 0)',
    )
    parser.add_argument('--size', type=int, help='side of the crops (default: 256)')
    parser.add_argument(
        '--landmarks',
        metavar='DIR',
        help='folder of the landmark files (default: beside the videos)',
    )
    parser.add_argument(
        '--keypoints',
        metavar='DIR',
        help='folder of the keypoint files (default: beside the videos)',
    )
    parser.add_argument(
        '--allow-missing',
        action='store_true',
        help='go on without landmarks where a clip has no file: no mask, whole frames as crops',
    )
    parser.add_argument('--cache-dir', help='folder for the cache files')
    parser.add_argument('--workers', type=int, help='clips at a time (default: one a core)')
    return parser.parse_intermixed_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import cv2
import numpy as np

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors, list_errors
from emoreact_plugin.preparation.crops import CROP_SIZE, extract_crops
from emoreact_plugin.preparation.frames import extract
from emoreact_plugin.recipes import needs_of
from emoreact_plugin.transforms import CropRegions, DrawFaceMask
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import number


def check_args(args):
    """Refuse flags that would have no effect, and numbers below 1."""
    crops = args.form == 'crops'
    for name, needed, there in (
        ('mask_kind', '--mask', args.mask),
        ('mask_color', '--mask', args.mask),
        ('landmarks', '--mask or --as crops', args.mask or crops),
        ('allow_missing', '--mask or --as crops', args.mask or crops),
        ('keypoints', '--as crops', crops),
        ('regions', '--as crops', crops),
        ('every', '--as crops', crops),
        ('max_gap', '--as crops', crops),
        ('size', '--as crops', crops),
    ):
        if getattr(args, name) and not there:
            raise InputError(f'--{name.replace("_", "-")}: expected {needed} as well')
    for name in ('workers', 'every', 'size'):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise InputError(f'--{name}: expected 1 or more, found {value}')


def write_crops(args, mask):
    """Write crops; return what to say about them, and the report with the errors."""
    cropper = CropRegions((args.regions or 'face,body,fullbody').replace('+', ',').split(','))
    required = () if args.allow_missing else needs_of(cropper.regions, mask is not None)
    report = extract_crops(
        args.source,
        args.out,
        cropper,
        mask,
        args.every or 1,
        args.size or CROP_SIZE,
        args.landmarks,
        args.keypoints,
        required,
        args.cache_dir,
        args.workers,
        args.max_gap or 0,
    )
    clips = report.clips
    text = (
        f'{number(len(clips), "clip")}, {number(sum(c.total_frames for c in clips), "crop")} of '
        f'each of {", ".join(cropper.regions)} in {args.out}'
    )
    parts = {
        f'{region} not found, whole frame used': [
            np.count_nonzero(~clip.found[region]) for clip in clips
        ]
        for region in cropper.regions
    }
    if cropper.blackout.get('body') == 'face':
        parts['the face covers most of the body crop, mostly black'] = [
            np.count_nonzero(clip.coverage.black) for clip in clips
        ]
    if mask is not None:
        parts['no mask: no face found'] = [np.count_nonzero(~clip.masked) for clip in clips]
    for what, counts in parts.items():
        if any(counts):
            text += (
                f'; {number(sum(counts), "frame")} of '
                f'{number(np.count_nonzero(counts), "clip")}: {what}'
            )
    return text, report


def write_frames(args, mask):
    """Write frames or videos; return what to say about them, and the report with the errors."""
    report = extract(
        args.source,
        args.out,
        mask,
        args.form == 'videos',
        args.landmarks,
        args.cache_dir,
        args.allow_missing,
        args.workers,
    )
    text = (
        f'{number(len(report.clips), "clip")}, '
        f'{number(sum(c.frames for c in report.clips), "frame")} in {args.out}'
    )
    counts = [c.unmasked_frames for c in report.clips if c.unmasked_frames]
    if mask is not None and counts:
        text += (
            f'; {number(sum(counts), "frame")} of {number(len(counts), "clip")} without a mask: no '
            'face found'
        )
    return text, report


@clear_errors(resumable=True)
def main(args):
    cv2.setNumThreads(1)  # each core has a clip of its own
    check_args(args)
    kind = args.mask_kind or 'surgical'
    mask = DrawFaceMask(kind, args.mask_color, seed=0) if args.mask else None
    write = write_crops if args.form == 'crops' else write_frames
    text, report = write(args, mask)
    if report.before:
        text += f'; {number(report.before, "clip")} there already'
    say(text)
    list_errors(report.errors)


if __name__ == '__main__':
    main(ARGS)
