"""Show what the network will see of some clips, after all augmentation.

It draws a contact sheet with one column per frame. The first row has the whole frame with the boxes
of the streams, the rows below have the inputs of each stream as the pipeline packs them. Flips and
crops are those of a training with the same --seed in the same --epoch.
"""

import argparse
import difflib
import os.path as osp

from emoreact_cli import SPLITS, add_config_arguments


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_config_arguments(parser)
    add = parser.add_argument
    add('--split', choices=SPLITS, default='train', help='of which the clips are (default: train)')
    add('--clips', nargs='+', metavar='NAME', help='these clips')
    add(
        '--number',
        type=int,
        default=8,
        metavar='N',
        help='without --clips: so many, drawn at random (default: 8)',
    )
    add('--seed', type=int, help='of the draws of clips and augmentation (default: 0)')
    add(
        '--epoch',
        type=int,
        default=0,
        help='whose augmentation is shown, counted from 0 (default: 0)',
    )
    add(
        '--out',
        metavar='DIR|FILE',
        help='folder, or .png or .jpg file; several sheets are numbered (default: '
        'browse_SPLIT.png in the work dir)',
    )
    add(
        '--cell',
        type=int,
        default=224,
        metavar='PIXELS',
        help='side of an image on the sheet (default: 224)',
    )
    add('--show', action='store_true', help='open a window, and write a file only with --out')
    return parser.parse_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import cv2
import numpy as np
from mmengine.registry import init_default_scope

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import check_display, clear_errors
from emoreact_plugin.engine.flags import load_config
from emoreact_plugin.plots.contact_sheet import draw_sheets
from emoreact_plugin.plots.pipeline_view import name_of, panel_of, view_sample
from emoreact_plugin.recipes import datasets_of
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import output_path, write_bytes
from emoreact_plugin.utils.progress import progress_bar
from emoreact_plugin.utils.text import number
from emoreact_plugin.video.writing import encode_image
from mmaction.registry import DATASETS

ENDINGS = ('.jpg', '.jpeg', '.png')


def check_args(args):
    for name, least in (('number', 1), ('seed', 0), ('epoch', 0)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise InputError(f'--{name}: expected {least} or more, found {value}')
    if args.show:
        check_display()


def build_datasets(cfg, split):
    """Build the data sets of a split, including those within wrappers."""
    if not cfg.get(f'{split}_dataloader'):
        raise InputError(f'the config has no {split}_dataloader')
    init_default_scope(cfg.get('default_scope') or 'mmaction')
    return [DATASETS.build(each) for each in datasets_of(cfg, [split])]


def choose(datasets, args):
    """Choose the clips to show, as pairs (data set, index)."""
    clips = [(dataset, i) for dataset in datasets for i in range(len(dataset))]
    if not args.clips:
        count = min(args.number, len(clips))
        chosen = np.random.default_rng(args.seed).choice(len(clips), count, replace=False)
        return [clips[i] for i in sorted(chosen)]
    by_name = {}
    for clip in clips:
        name = name_of(clip[0].get_data_info(clip[1]))
        for known in (name, osp.basename(name)):
            by_name.setdefault(osp.splitext(known)[0], clip)
    chosen = []
    for name in args.clips:
        # With the video's ending or without.
        key = name if name in by_name else osp.splitext(name)[0]
        if key not in by_name:
            near = difflib.get_close_matches(key, by_name, 3, 0) or ['none']
            raise InputError(
                f'--clips {name}: expected clips of the '
                f'{args.split} split, such as {", ".join(near)}'
            )
        chosen.append(by_name[key])
    return chosen


def write(sheets, out):
    """Write the sheets, and return their paths."""
    stem, ending = osp.splitext(out)
    paths = (
        [out] if len(sheets) == 1 else [f'{stem}_{i}{ending}' for i in range(1, len(sheets) + 1)]
    )
    for path, sheet in zip(paths, sheets, strict=True):
        write_bytes(path, encode_image(sheet, ending))
    return paths


def show(sheets):
    try:
        for i, sheet in enumerate(sheets, 1):
            cv2.imshow(f'sheet {i} of {len(sheets)}', sheet[..., ::-1])
        say('any key in a window ends this')
        cv2.waitKey(0)
        cv2.destroyAllWindows()
    except cv2.error as error:
        raise InputError(
            '--show: this OpenCV cannot open a window; leave '
            f'it out, and a file is written ({error})'
        ) from error


@clear_errors()
def main(args):
    check_args(args)
    cfg = load_config(args)
    args.seed = args.seed or 0  # only a given one is in the name of the work dir
    name = f'browse_{args.split}.png'
    out = output_path(args.out, name, *ENDINGS) if args.out else osp.join(cfg.work_dir, name)
    panels = []
    clips = choose(build_datasets(cfg, args.split), args)
    for dataset, index in progress_bar(clips, 'reading', unit='clip'):
        view, _ = view_sample(dataset, index, args.seed, args.epoch)
        panels.append(panel_of(view, dataset.metainfo.get('classes')))
    sheets = draw_sheets(panels, args.cell)
    if args.out or not args.show:
        paths = write(sheets, out)
        say(f'{number(len(panels), "clip")} of {args.split} in {", ".join(paths)}')
    if args.show:
        show(sheets)


if __name__ == '__main__':
    main(ARGS)
