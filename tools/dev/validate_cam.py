"""Show on the sample data that maps lie where the cue is.

For every test clip that shows a cue that the stream can see, the mass of its maps in the cue's box
is compared with what the box would hold of an even map. The same is done for networks whose
parameters are drawn anew, which have nothing to show (the sanity check of Adebayo et al., 2018).
See docs/grad_cam.md.
"""

import argparse
import os.path as osp
from typing import NamedTuple

import numpy as np
from cam_check import (
    Mass,
    box_in_crop,
    ideal_map,
    mass_in_box,
    randomized,
    refit_statistics,
    total,
)
from scipy import stats

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_cli import add_config_arguments
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.engine.flags import load_config
from emoreact_plugin.evaluation import roc_auc
from emoreact_plugin.experiments import read_cues
from emoreact_plugin.experiments.sample_claims import READ
from emoreact_plugin.explanation.cam import EIGENCAM, METHODS
from emoreact_plugin.explanation.cam_clip import Explainer
from emoreact_plugin.explanation.cam_frames import sample_clip
from emoreact_plugin.explanation.cam_source import clips_of, open_clip
from emoreact_plugin.models import load_recognizer
from emoreact_plugin.recipes import datasets_of
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_text
from emoreact_plugin.utils.progress import progress_bar
from emoreact_plugin.weights.checkpoints import resolve_checkpoint


class Measured(NamedTuple):
    """Measurements of the maps of a clip, for one stream and emotion."""

    stream: str
    emotion: str
    shown: bool  # whether the clip shows the cue
    logit: float  # of the stream
    mass: Mass
    ideal: Mass
    maps: int
    empty: int


class Clip(NamedTuple):
    """A test clip, packed, and the boxes of its cues."""

    packed: object
    shown: tuple  # emotions
    boxes: dict  # stream, emotion -> a box in the input, or None, a frame


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_config_arguments(parser)
    add = parser.add_argument
    add('checkpoint', help='checkpoint file, or the folder of a training: its best one')
    add('--method', choices=METHODS, default='gradcam', help='(default: gradcam)')
    add('--layer', metavar='NAME', help='(default: the last block)')
    add('--seeds', type=int, default=20, metavar='N', help='networks drawn anew (default: 20)')
    add(
        '--random-clips',
        type=int,
        default=8,
        metavar='N',
        help='they are measured on the first N clips of each cue (default: 8)',
    )
    add('--out', metavar='FILE.md', help='(default: validate_cam_METHOD.md in the work dir)')
    return parser.parse_intermixed_args()


def visible(cues, model, streams):
    """Return for each stream the emotions whose cues a network of its kind can see."""
    kinds = {
        stream: 'TSM'
        if getattr(model.recognizer_of(stream).backbone, 'num_segments', None)
        else 'TSN'
        for stream in streams
    }
    return {
        stream: [
            name
            for name, about in cues['emotions'].items()
            if f'{stream}/{kind}' in about['seen_by']
        ]
        for stream, kind in kinds.items()
    }


def read_clips(cfg, explainer, cues, seen, cache_dir):
    """Read all test clips, one after the other."""
    rows = list(clips_of(cfg, 'test'))
    for dataset, row in progress_bar(rows, 'clips', unit='clip'):
        about = cues['clips'][row.video]
        source = open_clip(dataset, row, 'test', cache_dir, explainer.pipeline.max_gap)
        sampled = sample_clip(explainer, source.clip, source.video)
        landmarks = source.clip.landmarks.of(sampled.inds)
        crops = landmarks.boxes(explainer.pipeline.regions, source.clip.size)
        boxes = {}
        for stream, images in sampled.packed.images.items():
            size = images.shape[2:0:-1]
            for emotion in seen[stream]:
                # A whole frame stands in where the region was not found.
                boxes[stream, emotion] = [
                    crops[stream][p]
                    and box_in_crop(
                        about['boxes'][emotion][sampled.inds[p]], crops[stream][p], size
                    )
                    for p in sampled.packed.places[stream]
                ]
        shown = tuple(
            name for name, there in zip(cues['classes'], about['cues'], strict=True) if there
        )
        yield Clip(sampled.packed, shown, boxes)


def measure(explainer, clip, seen):
    """Measure the maps of one clip against the boxes of its cues."""
    emotions = sorted({name for names in seen.values() for name in names})
    classes = [explainer.classes.index(name) for name in emotions]
    found = explainer.explain(clip.packed, classes)
    for stream, names in seen.items():
        size = clip.packed.images[stream].shape[2:0:-1]
        for name in names:
            row = 0 if explainer.method == EIGENCAM else emotions.index(name)
            pairs = [
                (values, box)
                for values, box in zip(
                    found[stream].maps[row], clip.boxes[stream, name], strict=True
                )
                if box is not None
            ]
            yield Measured(
                stream,
                name,
                name in clip.shown,
                float(found[stream].logits[explainer.classes.index(name)]),
                total([mass_in_box(values, box, size) for values, box in pairs]),
                total(
                    [
                        mass_in_box(ideal_map(box, size, values.shape), box, size)
                        for values, box in pairs
                    ]
                ),
                len(pairs),
                sum(not values.any() for values, _ in pairs),
            )


def ratio_of(measured):
    return total([each.mass for each in measured]).ratio


def ratios_of(measured, pairs):
    """Compute the ratio of each (stream, emotion), over the clips with the cue.

    Those whose maps are all empty have no ratio and are left out.
    """
    found = [
        ratio_of([each for each in measured if (each.stream, each.emotion) == pair and each.shown])
        for pair in pairs
    ]
    return [value for value in found if not np.isnan(value)]


def mean_of(values):
    """Average values without the NaN of empty maps."""
    there = [value for value in values if not np.isnan(value)]
    return np.mean(there) if there else np.nan


def mean_over_clips(measured, pairs):
    """Average the ratios over clips, each of which counts once for each cue that it shows.

    Clips whose maps are all empty are left out.
    """
    return mean_of(
        [
            each.mass.ratio
            for each in measured
            if (each.stream, each.emotion) in pairs and each.shown
        ]
    )


def cue_auc(measured, stream, emotion):
    """Measure how well the stream's score tells clips with the cue from others."""
    both = [each for each in measured if (each.stream, each.emotion) == (stream, emotion)]
    return roc_auc([[each.logit] for each in both], [[float(each.shown)] for each in both])[0]


def trained_table(measured, seen, cues):
    lines = [
        "| Stream | Emotion | ROC AUC of the cue | Clips with it | Ratio | Mean of clips' ratios "
        '| Empty maps | Best of so few places | Clips without | Ratio there |',
        '|---' * 10 + '|',
    ]
    for stream, emotions in seen.items():
        for name in emotions:
            both = [each for each in measured if (each.stream, each.emotion) == (stream, name)]
            on = [each for each in both if each.shown]
            off = [each for each in both if not each.shown]
            maps = max(sum(each.maps for each in on), 1)
            order = cues['emotions'][name]['only_in_order']
            cells = [
                stream,
                name + ' (order)' * order,
                f'{cue_auc(measured, stream, name):.2f}',
                str(len(on)),
                f'{ratio_of(on):.2f}',
                f'{mean_of([each.mass.ratio for each in on]):.2f}',
                f'{sum(each.empty for each in on) / maps:.0%}',
                f'{total([each.ideal for each in on]).ratio:.2f}',
                str(len(off)),
                f'{ratio_of(off):.2f}',
            ]
            lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)


def summary_table(measured, drawn, seen):
    """Make a table of the mean over clips and over emotions, of each stream and of all streams.

    For networks drawn anew, it has the mean over the seeds, its interval and the range.
    """
    lines = [
        '| Stream | Trained, mean over clips | Mean over emotions | Only of cues with ROC AUC '
        f'above {READ} | Drawn anew, mean | 95 % interval of the mean | Of a seed |',
        '|---' * 7 + '|',
    ]
    groups = {stream: [(stream, name) for name in names] for stream, names in seen.items()}
    if len(groups) > 1:
        groups['all'] = [pair for pairs in groups.values() for pair in pairs]
    for group, pairs in groups.items():
        read = [pair for pair in pairs if cue_auc(measured, *pair) > READ]
        cells = [
            group,
            f'{mean_over_clips(measured, pairs):.2f}',
            mean_text(measured, pairs),
            mean_text(measured, read),
        ]
        seeds = [mean_of(ratios_of(each, pairs)) for each in drawn]
        seeds = np.array([value for value in seeds if not np.isnan(value)])
        if len(seeds) > 1:
            mean = seeds.mean()
            half = stats.t.ppf(0.975, len(seeds) - 1) * stats.sem(seeds)
            cells += [
                f'{mean:.2f}',
                f'{mean - half:.2f} to {mean + half:.2f}',
                f'{seeds.min():.2f} to {seeds.max():.2f}',
            ]
        else:
            cells += ['', '', '']
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)


def mean_text(measured, pairs):
    """Format the mean ratio, and the number of emotions that it covers if some have none."""
    there = ratios_of(measured, pairs)
    text = f'{mean_of(there):.2f}'
    if len(there) < len(pairs):
        text += f' ({len(there)} of {len(pairs)} emotions; the others empty)'
    return text


def measure_trained(cfg, explainer, cues, args, seen):
    """Measure all clips; return the measurements, and the first clips of each cue."""
    measured, kept = [], []
    left = {name: args.random_clips for names in seen.values() for name in names}
    for clip in read_clips(cfg, explainer, cues, seen, args.cache_dir):
        measured += measure(explainer, clip, seen)
        if any(left.get(name, 0) > 0 for name in clip.shown):
            kept.append(clip)
            left.update({name: left[name] - 1 for name in clip.shown if name in left})
    return measured, kept


def measure_drawn(cfg, model, args, clips, seen):
    """Measure each network drawn anew; Ctrl-C leaves those that are finished."""
    drawn = []
    try:
        for seed in progress_bar(range(args.seeds), 'drawn anew', unit='network'):
            drawn.append(measure_seed(cfg, model, args, clips, seen, seed))
    except KeyboardInterrupt:
        say(f'\nstopped after {len(drawn)} of {args.seeds} networks')
    return drawn


def measure_seed(cfg, model, args, clips, seen, seed):
    """Measure one network drawn anew."""
    other = randomized(model, seed)
    for stream in seen:
        refit_statistics(
            other.recognizer_of(stream), [clip.packed.inputs[stream] for clip in clips]
        )
    explainer = Explainer(cfg, other, args.method, args.layer)
    return [each for clip in clips for each in measure(explainer, clip, seen)]


@clear_errors()
def main():
    args = parse_args()
    cfg = load_config(args)
    data_root = datasets_of(cfg)[-1].get('data_root', '')
    cues = read_cues(data_root)
    if cues is None:
        raise InputError(f'{data_root}: expected the drawn sample data with its cues.json')
    checkpoint = resolve_checkpoint(args.checkpoint)
    cfg, model = load_recognizer(checkpoint, cfg)
    if not hasattr(model, 'recognizer_of'):
        raise InputError(f'expected a LateFusionRecognizer, found {type(model).__name__}')
    explainer = Explainer(cfg, model, args.method, args.layer)
    seen = visible(cues, model, model.streams)
    try:
        measured, kept = measure_trained(cfg, explainer, cues, args, seen)
    except KeyboardInterrupt:
        say('\nstopped before all clips were measured; nothing is written')
        raise SystemExit(130) from None
    drawn = measure_drawn(cfg, model, args, kept, seen)
    text = (
        '\n\n'.join(
            [
                f'{args.method} of {", ".join(sorted(set(explainer.layers.values())))}'
                f' of {osp.basename(checkpoint)}, test clips of the drawn sample data; '
                f'{len(drawn)} networks drawn anew, measured on {len(kept)} clips.',
                summary_table(measured, drawn, seen),
                trained_table(measured, seen, cues),
            ]
        )
        + '\n'
    )
    out = args.out or osp.join(cfg.work_dir, f'validate_cam_{args.method}.md')
    write_text(out, text)
    say(text)


if __name__ == '__main__':
    main()
