"""Show where a recognizer's scores of a clip come from.

For each stream, it makes maps with Grad-CAM or one of its relatives: a sheet of the frames that
testing takes, and a video of all frames. See docs/grad_cam.md.
"""

import argparse
import os.path as osp

from emoreact_cli import add_config_arguments


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_config_arguments(parser)
    add = parser.add_argument
    add('checkpoint', help='checkpoint file, or the folder of a training: its best one')
    add(
        'clip',
        metavar='VIDEO_OR_CLIP',
        help='a video, a folder of frames, or the name of a clip of the data set',
    )
    add(
        '--emotion',
        metavar='NAME,NAME|all',
        help='which to explain (default: the three of the highest probability)',
    )
    add(
        '--method',
        choices=('gradcam', 'gradcam++', 'xgradcam', 'eigencam'),
        default='gradcam',
        help='(default: gradcam)',
    )
    add('--layer', metavar='NAME', help='of every network (default: the last block)')
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        '--landmarks',
        metavar='DIR',
        default='auto',
        help='folder of the landmark files of a video (default: beside it; '
        'without any they are found now, if mediapipe is installed)',
    )
    source.add_argument(
        '--extract',
        dest='landmarks',
        action='store_const',
        const='extract',
        help='find the landmarks of a video now',
    )
    source.add_argument(
        '--no-landmarks',
        dest='landmarks',
        action='store_const',
        const='none',
        help='use whole frames',
    )
    add(
        '--person',
        metavar='WHOM',
        help='whom of several people in a video: largest (over the video, the default), central, '
        'left or right; or the name that landmark files have',
    )
    add('--out', metavar='DIR', help='(default: cam/CLIP in the work dir)')
    add('--no-video', action='store_true', help='write the sheet only')
    return parser.parse_intermixed_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.engine.flags import load_config
from emoreact_plugin.explanation.cam import EIGENCAM
from emoreact_plugin.explanation.cam_clip import Explainer
from emoreact_plugin.explanation.cam_frames import has_shifts
from emoreact_plugin.explanation.cam_source import open_source
from emoreact_plugin.explanation.cam_views import (
    EVERY,
    TITLES,
    empty_of,
    explain_clip,
    scales_of,
    sheet_of,
    video_frames,
    without_box,
)
from emoreact_plugin.inference.warning_texts import is_sample_video
from emoreact_plugin.models import load_recognizer
from emoreact_plugin.recipes import DEFAULTS, datasets_of
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_bytes, write_whole
from emoreact_plugin.video.reading import frame_rate
from emoreact_plugin.video.writing import encode_image, write_video
from emoreact_plugin.weights.checkpoints import read_checkpoint, resolve_checkpoint

COARSE = 4  # places a side: maps of fewer are warned of


def configure(args, checkpoint):
    """Load the configuration, and the model with its weights."""
    if args.config is not None or args.config_flag is not None:
        cfg, model = load_recognizer(checkpoint, load_config(args))
        cfg.work_dir = args.work_dir or osp.dirname(checkpoint.path) or '.'
        return cfg, model
    given = [name for name in DEFAULTS if getattr(args, name) is not None]
    if given or args.cfg_options:
        raise InputError(
            f'--{(given or ["cfg-options"])[0].replace("_", "-")}: changes a '
            'config, expected the config file before the checkpoint'
        )
    cfg, model = load_recognizer(checkpoint)
    for dataset in datasets_of(cfg) if args.data_root else ():
        dataset['data_root'] = args.data_root
    cfg.work_dir = args.work_dir or osp.dirname(checkpoint.path) or '.'
    return cfg, model


def warning_of(checkpoint, source):
    """Return the warning for a network that has seen only drawn children, else ``''``.

    There is none for a clip of the drawn sample data.
    """
    drawn = checkpoint.dataset_meta.get('drawn_sample_data')
    return (
        ''
        if not drawn or is_sample_video(source.clip.path)
        else 'trained on drawn sample data: means nothing here'
    )


def report(explained, explainer):
    """Print what there is to know about the maps, before they are drawn."""
    clip, sampled = explained.source.clip, explained.sampled
    width, height = clip.size
    where = f' ({explained.source.split})' if explained.source.split else ''
    say(
        f'clip: {explained.source.name}{where}, {clip.total_frames} frames of {width}x{height}; '
        f'scored: {", ".join(map(str, sampled.inds.tolist()))}'
    )
    regions = explainer.pipeline.regions
    if regions and not (clip.has_landmarks or clip.has_keypoints):
        say(
            'WARNING: no landmarks: whole frames are used, which the network '
            'was not trained for; tools/extract_landmarks.py finds them'
        )
    say(f'mask: {explainer.mask or "none"}, as in the config')
    lost = without_box(explained, explainer)
    for stream, maps in explained.maps.items():
        high, wide = maps.maps.shape[2:]
        say(
            f'{stream}: {TITLES[explainer.method]} of '
            f'{explainer.layers[stream]}, maps of {high}x{wide}'
            + (
                f'; no {stream} in {lost[stream]} of {maps.maps.shape[1]} scored '
                'frames: whole frame'
                if lost.get(stream)
                else ''
            )
        )
        if min(high, wide) < COARSE:
            say(
                f'WARNING: {stream}: maps of so few places hardly show '
                'where; larger images or an earlier --layer give more'
            )
        if maps.negative:
            say(
                f'WARNING: {stream}: {maps.negative:.0%} of the activations of this layer are '
                'below 0; the methods are made for layers after a ReLU, such as the default'
            )
    say('\n' + table(explained, explainer) + '\n')


def table(explained, explainer):
    """List probabilities, labels, greatest values and empty maps."""
    scales, empty = scales_of(explained.maps), empty_of(explained.maps)
    scores = explained.scores
    lines = []
    for i, k in enumerate(explained.chosen):
        name, line = explainer.classes[k], []
        line.append(f'probability {explainer.probabilities(scores.logits)[0, k]:.2f}')
        line += [
            f'{stream} {explainer.probabilities(logits)[0, k]:.2f}'
            for stream, logits in scores.streams.items()
        ]
        if explained.source.label is not None:
            label = explained.source.label[k]
            line.append(f'label {"yes" if label else "no"}')
        if explainer.method != EIGENCAM:
            line += values(scales, empty, explained, i)
        lines.append(f'{name:<12} {", ".join(line)}')
    if explainer.method == EIGENCAM:
        lines.append(
            f'{EVERY}: '
            + ', '.join(values(scales, empty, explained, 0))
            + ' (Eigen-CAM tells none apart)'
        )
    return '\n'.join(lines)


def values(scales, empty, explained, i):
    return [
        f'{stream} greatest {scales[stream][i]:.3g}'
        + (f' ({empty[stream][i]} of {maps.maps.shape[1]} maps empty)' if empty[stream][i] else '')
        for stream, maps in explained.maps.items()
    ]


@clear_errors()
def main(args):
    checkpoint = read_checkpoint(resolve_checkpoint(args.checkpoint))
    cfg, model = configure(args, checkpoint)
    source = open_source(cfg, args.clip, args.landmarks, args.cache_dir, args.person)
    warning = warning_of(checkpoint, source)
    if warning:
        say(f'WARNING: {warning}')
    explainer = Explainer(cfg, model, args.method, args.layer, checkpoint.calibration)
    explained = explain_clip(explainer, source, args.emotion)
    report(explained, explainer)
    out = args.out or osp.join(cfg.work_dir, 'cam', source.name)
    stem = osp.join(out, f'{source.name}_{args.method}')
    sheet = sheet_of(explained, explainer, warning)
    write_bytes(f'{stem}.png', encode_image(sheet, '.png'))
    say(f'sheet: {stem}.png')
    if args.no_video:
        return
    if not has_shifts(explained.sampled, source.clip.total_frames):
        say("Only the scored frames have maps: in the video the nearest one's are shown.")
    path = source.clip.path
    rate = frame_rate(path) if osp.isfile(path) else None
    with write_whole(f'{stem}.mp4') as temporary:
        write_video(temporary, video_frames(explained, explainer, out), rate)
    say(f'video: {stem}.mp4')


if __name__ == '__main__':
    main(ARGS)
