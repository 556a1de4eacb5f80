"""Draw the sample data set: clips, landmarks, keypoints and annotations.

EmoReact cannot be shipped. This tool draws a data set of the same layout, with emotions planted in
known cues, for trying everything out.
"""

import argparse


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('--out', default='data/sample', help='the folder')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--num-train', type=int, default=480)
    parser.add_argument('--num-val', type=int, default=120)
    parser.add_argument('--num-test', type=int, default=360)
    parser.add_argument('--workers', type=int, help='processes (None: one a core)')
    parser.add_argument(
        '--force',
        action='store_true',
        help='delete a sample data set that is there and draw it anew',
    )
    parser.add_argument(
        '--episode-cue',
        action='store_true',
        help='let the series of a clip tell a label, by the colour behind the child',
    )
    return parser.parse_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.sample_data import make_sample_dataset


@clear_errors(resumable=True)
def main(args):
    make_sample_dataset(
        args.out,
        args.seed,
        args.num_train,
        args.num_val,
        args.num_test,
        args.workers,
        args.force,
        episode_cue=args.episode_cue,
    )


if __name__ == '__main__':
    main(ARGS)
