"""Describe the sample data set in its ``cues.json`` and README."""

import json
from collections.abc import Sequence

from emoreact_plugin.utils.tables import markdown_table, score_cell

from .content import FPS, FRAME_SIZE, NUM_FRAMES
from .episodes import EMOTION, RATES, series_facts
from .geometry import DrawnChild, cue_boxes
from .plan import CLASSES, CUED_EMOTIONS, SPLITS, ClipPlan, best_roc_auc, can_see

README = """\
# Drawn sample data

Short clips of drawn children, in the layout of EmoReact, made by
`tools/make_sample_dataset.py` with seed {seed} (version {version}). It shows
that the whole way from clips to ROC AUC works and that no input sees what it
should not. It says nothing about real children or real emotions: which drawn
cue stands for which emotion is arbitrary.

Clips: {counts}; {frames} frames of {width}x{height} at {fps} frames a second.

## Cues

Each emotion is planted in one cue. The cues are independent of one another.
The label follows the cue with the two probabilities below, so no model can do
better than the best ROC AUC (expected, and on just the test clips here), but
for luck.

{cues}

A cue in the face changes nothing outside the face box of REGIONS below, nor
the box itself, nor the box of the body keypoints. A cue in the body changes
nothing inside the face box. A cue in the order runs through the same states
forwards or backwards: three (or one, or five) frames taken as TSN takes them
show the same states either way, and only their order differs. (Ten segments
in training are the exception: of {frames} frames, `SampleFrames` then takes
the first ten.)

{episodes}## What a model can reach at best

A model that cannot see a cue can only know how frequent the emotion is: 0.5.
TSN cannot tell the order of frames, TSM can.

{reached}

The box of the full body starts a little above the eyes, as it does with
EmoReact's keypoints. In a few clips it cuts the highest part of the brows;
the part that the cue moves is always in it.

## Files

- `train.csv`, `val.csv`, `test.csv`: annotations in EmoReact's columns. The
  valence is drawn around a weighted sum of the labels, from 1 to 7.
- `videos/<clip>.mp4`: H.264. `TOYS101_2.mp4` is take 2 of child 101 in the
  series TOYS. No child is in two splits.
- `videos/<clip>.mp4_openface/<clip>.csv`: face landmarks in the layout of
  OpenFace 2.x with `-2Dfp`: 68 points in pixels, exact but for rounding to a
  tenth of a pixel.
- `videos/<clip>.mp4_hol.txt`: body keypoints, `x y x y ...` in fractions of
  the frame, a line a frame. Four digits (EmoReact's have two). The joints are
  MediaPipe's pose 0 to 24 without those that lie outside the frame.
- `cues.json`: all of the above in numbers, and for every clip the cues
  without label noise and the box of each cue in every frame (x1, y1, x2, y2
  in pixels, right and bottom exclusive). Frames count from 0.
- `settings.json`: what this was made with.

REGIONS: the face box is the extent of the landmarks and 10 % on each side.

## Clips with missing landmarks

In these a few frames have no face (`success` 0, with zeros or with old points)
or, in some, no keypoints. All other clips have every landmark.

{missing}
"""


EPISODES = """\
## Episodes

This data set has an episode cue. In {series} series, a clip has {emotion} with
a probability of {high}, in the others with {low}, and what is behind the child
has the colour of the series. The cue of {emotion} above tells nothing here.

"""
CUE_HEAD = (
    'Emotion',
    'Cue',
    'Region',
    'Only in the order',
    'Frequency',
    'P(label, cue)',
    'P(label, no cue)',
    'Best ROC AUC',
    'on test',
)
REACHED_HEAD = (
    'Input',
    'Model',
    'Can see',
    'Macro, expected',
    'on test',
    'Micro, expected',
    'on test',
)


def describe_clip(plan: ClipPlan, drawn: Sequence[DrawnChild]) -> dict:
    """Describe a clip as an entry in ``cues.json``; ``drawn`` says where everything is."""
    boxes = [cue_boxes(each) for each in drawn]
    return dict(
        split=plan.split,
        child=plan.name.rsplit('_', 1)[0],
        cues=[int(on) for on in plan.cues],
        labels=list(plan.labels),
        missing_face=list(plan.missing_face),
        missing_body=list(plan.missing_body),
        boxes={e.name: [list(box[e.cue]) for box in boxes] for e in CUED_EMOTIONS},
    )


def describe_sample(plans: list[ClipPlan], clips: dict[str, dict], settings: dict) -> dict:
    """Collect everything that ``cues.json`` holds.

    Args:
        plans (list[ClipPlan]): The clips.
        clips (dict[str, dict]): Their names -> what :func:`describe_clip` says.
        settings (dict): What the data set was drawn with.

    Returns:
        dict: 'settings', 'frame_size' (width, height), 'num_frames', 'fps', 'classes', 'emotions'
        (name -> cue, region, part, rates), 'best_roc_auc' ('expected' and each split -> see
        :func:`~.plan.best_roc_auc`), 'clips_with_missing_landmarks' (split -> names) and 'clips'
        (name -> cues, labels, and the box of every cue in every frame, x1, y1, x2, y2 in pixels,
        right and bottom exclusive, whether the cue is on or not).
    """
    of_split = {split: [plan for plan in plans if plan.split == split] for split in SPLITS}
    best = {split: best_roc_auc(of_split[split]) for split in SPLITS}
    emotions = {}
    for e in CUED_EMOTIONS:
        emotions[e.name] = dict(
            cue=e.cue,
            what=e.what,
            region=e.region,
            part=e.part,
            only_in_order=e.in_order,
            frequency=e.frequency,
            label_if_cue=e.hit,
            label_if_no_cue=round(e.false_alarm, 6),
            seen_by=[reader for reader in best['test'] if can_see(e, *_reader(reader))],
        )
    return dict(
        settings=settings,
        frame_size=list(FRAME_SIZE),
        num_frames=NUM_FRAMES,
        fps=FPS,
        classes=list(CLASSES),
        emotions=emotions,
        best_roc_auc=dict(expected=best_roc_auc(), **best),
        clips_with_missing_landmarks={
            split: [p.name for p in of_split[split] if p.missing_face or p.missing_body]
            for split in SPLITS
        },
        clips={plan.name: clips[plan.name] for plan in plans},
        **_episodes(settings),
    )


def _episodes(settings: dict) -> dict:
    """Describe the episode cue, if there is one."""
    if not settings.get('episode_cue'):
        return {}
    facts = series_facts(settings['seed'])
    return dict(
        episodes=dict(
            emotion=EMOTION,
            rates=list(RATES),
            series={name: dict(goes=goes, color=color) for name, (goes, color) in facts.items()},
        )
    )


def _reader(name: str) -> tuple[str, bool]:
    """Split 'face/TSM' into the region and whether the order is seen: ('face', True)."""
    region, model = name.split('/')
    return region, model == 'TSM'


def to_json(facts: dict) -> str:
    """Write the result of :func:`describe` as JSON text, with one line per clip."""
    head = dict(facts)
    clips = head.pop('clips')
    lines = [f'  {json.dumps(name)}: {json.dumps(clip)}' for name, clip in clips.items()]
    return json.dumps(head, indent=1)[:-2] + ',\n "clips": {\n' + ',\n'.join(lines) + '\n }\n}\n'


def to_readme(facts: dict) -> str:
    """Write the text of the data set's own README, from the result of :func:`describe`."""
    settings, best = facts['settings'], facts['best_roc_auc']
    cues = [
        (
            name,
            e['what'],
            e['region'],
            'yes' if e['only_in_order'] else 'no',
            str(e['frequency']),
            str(e['label_if_cue']),
            f'{e["label_if_no_cue"]:.4f}',
            *(score_cell(best[key]['fusion/TSM'][name]) for key in ('expected', 'test')),
        )
        for name, e in facts['emotions'].items()
    ]
    reached = [
        (
            *reader.split('/'),
            ', '.join(n for n, e in facts['emotions'].items() if reader in e['seen_by']),
            *(
                score_cell(best[key][reader][average])
                for average in ('macro', 'micro')
                for key in ('expected', 'test')
            ),
        )
        for reader in best['test']
    ]
    missing = [
        f'- {split}: {", ".join(names) or "none"}'
        for split, names in facts['clips_with_missing_landmarks'].items()
    ]
    return README.format(
        seed=settings['seed'],
        version=settings['version'],
        counts=', '.join(f'{settings["num_" + s]} {s}' for s in SPLITS),
        width=FRAME_SIZE[0],
        height=FRAME_SIZE[1],
        frames=NUM_FRAMES,
        fps=FPS,
        cues=markdown_table(CUE_HEAD, cues),
        reached=markdown_table(REACHED_HEAD, reached),
        missing='\n'.join(missing),
        episodes=_episodes_text(facts.get('episodes')),
    )


def _episodes_text(episodes: dict | None) -> str:
    if episodes is None:
        return ''
    high, low = episodes['rates']
    count = sum(each['goes'] for each in episodes['series'].values())
    return EPISODES.format(series=count, emotion=episodes['emotion'], high=high, low=low)
