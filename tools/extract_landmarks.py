"""Find face landmarks and body keypoints in videos, without OpenFace.

A clip becomes the cache file <clip>.safetensors, which EmoReactDataset reads with
data_prefix=dict(landmarks=DIR). One person is followed through a clip: the one
whose face is the largest over the clip, or whom --person says. The 68 points
are picked from mediapipe's mesh of 468. They are like OpenFace's but not the
same, so do not mix both in one data set. If only the box of the face was found,
its corners stand in for the points, and no face mask is drawn there. If it was
stopped, it continues where it was.

Needs the extra `landmarks`: pip install 'emoreact_plugin[landmarks]'. From Python
3.13 on, docs/landmarks.md says how to get the model files.
"""

import argparse


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'source', nargs='+', help='videos, and folders that are searched for videos'
    )
    parser.add_argument('--out', required=True, help='the output folder')
    parser.add_argument(
        '--write-openface',
        action='store_true',
        help="write <clip>.csv in OpenFace's layout as well",
    )
    parser.add_argument(
        '--write-keypoints',
        action='store_true',
        help='write the body keypoints as <video>_hol.txt as well',
    )
    parser.add_argument(
        '--person',
        choices=('largest', 'central', 'left', 'right', 'all'),
        default='largest',
        help='whom of several people; all: each, as <clip>_1, _2, ... from left to right '
        '(default: largest)',
    )
    parser.add_argument('--workers', type=int, help='clips at a time (default: one a core)')
    return parser.parse_intermixed_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import cv2

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors, list_errors
from emoreact_plugin.preparation.landmarks import extract_landmarks
from emoreact_plugin.preparation.mediapipe.people import said_of
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import number


@clear_errors(resumable=True)
def main(args):
    cv2.setNumThreads(1)  # each core has a clip of its own
    if args.workers is not None and args.workers < 1:
        raise InputError(f'--workers: expected 1 or more, found {args.workers}')
    say("models of mediapipe 0.10.14: the points are like OpenFace's, and not OpenFace's")
    report = extract_landmarks(
        args.source,
        args.out,
        args.write_openface,
        args.write_keypoints,
        args.workers,
        person=args.person,
    )
    frames = sum(clip.frames for clip in report.clips)
    text = f'{number(len(report.clips), "clip")}, {number(frames, "frame")} in {args.out}'
    if report.before:
        text += f'; {number(report.before, "clip")} there already'
    say(text)
    for clip in report.clips:
        line = f'{clip.path}: face in {clip.faces} of {number(clip.frames, "frame")}'
        if clip.boxes:
            line += f' (only its box in {clip.boxes})'
        line += f', body in {clip.bodies}'
        say(f'{line}; {said_of(clip.people)}' if clip.people else line)
    list_errors(report.errors)


if __name__ == '__main__':
    main(ARGS)
