"""Turn EmoReact, as its authors give it out, into a folder to train from.

The folder gets train.csv, val.csv and test.csv, and videos/ with a link to each video and to the
landmarks and keypoints beside it. The other tools take the folder as --data-root. Nothing is
written into the release. The tool can be run again.
"""

import argparse
import os.path as osp


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        'release',
        metavar='RELEASE',
        help='folder with Labels and Data, or with train.csv, val.csv, test.csv and AllVideos',
    )
    parser.add_argument('--out', required=True, help='the output folder')
    parser.add_argument('--copy', action='store_true', help='copy the files, do not link them')
    return parser.parse_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.preparation.emoreact_release import COUNTS, prepare_release
from emoreact_plugin.utils.text import number


@clear_errors(resumable=True)
def main(args):
    report = prepare_release(args.release, args.out, args.copy)
    for split, usual in COUNTS.items():
        found = report.counts[split]
        if found != usual:
            say(f'WARNING: {split}: found {number(found, "clip")}, the whole release has {usual}')
    if report.not_linked:
        say(
            f'WARNING: links cannot be made in {args.out} '
            f'({report.not_linked}), the files were copied'
        )
    clips = ', '.join(f'{split} {count}' for split, count in report.counts.items())
    text = (
        f'{number(sum(report.counts.values()), "clip")} ({clips}) and '
        f'{number(report.files, "file")} of landmarks and keypoints in {args.out}'
    )
    if report.before:
        text += f'; {number(report.before, "file")} there already'
    say(text)
    if not report.files:
        videos = osp.join(args.out, 'videos')
        say(
            'Landmarks are needed as well: python tools/extract_landmarks.py '
            f'{videos} --out {videos}'
        )
    say(f'No video was opened: python tools/check_dataset.py {args.out} finds damaged ones')
    say(f'To train on it: --data-root {args.out}')


if __name__ == '__main__':
    main(ARGS)
