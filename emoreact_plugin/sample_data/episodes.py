"""Let the series of a clip tell a label: by the colour of what is behind the child.

It is the trap of EmoReact, drawn: who knows the episode knows a label, without a look at the
person. With it, the sample data show what priors, the ROC AUC within groups and folds that share
no series are for.
"""

import colorsys
from dataclasses import replace

import numpy as np

from .plan import CLASSES, CLIPS_PER_CHILD, SPLITS, ClipPlan

SERIES = tuple(f'SERIES{letter}' for letter in 'ABCDEFGHIJKLMNOPQRSTUVWX')
# Its own cue, the order in which the mouth opens, tells nothing then.
EMOTION = 'Uncertainty'
# Share of positives in the series that go with the label, and in the others.
RATES = (0.85, 0.15)
_EPISODES = 5  # beside the numbers in plan.py


def series_facts(seed: int) -> dict[str, tuple[bool, tuple[int, int, int]]]:
    """Draw for each series whether it goes with the label, and its colour.

    Half of the series go with the label. Neighbouring hues are no more alike in this than others,
    so that the colour of a series that a model has not seen tells it nothing.

    Returns:
        dict[str, tuple[bool, tuple[int, int, int]]]: Series -> whether it does, and its R, G, B.
    """
    rng = np.random.default_rng([seed, _EPISODES])
    goes = rng.permutation(np.arange(len(SERIES)) % 2 == 0)
    hues = rng.permutation(len(SERIES)) / len(SERIES)
    found = {}
    for name, positive, hue in zip(SERIES, goes.tolist(), hues.tolist(), strict=True):
        red, green, blue = (round(255 * x) for x in colorsys.hsv_to_rgb(hue, 0.7, 0.8))
        found[name] = (positive, (red, green, blue))
    return found


def with_episodes(plans: list[ClipPlan], seed: int) -> list[ClipPlan]:
    """Give clips other series, their colours, and labels of :data:`EMOTION` that go with them.

    Every series is in all splits that have enough children; no child is in two splits.

    Args:
        plans (list[ClipPlan]): From ``plan_clips``.
        seed (int): Seed of the draws.

    Returns:
        list[ClipPlan]: The clips in the same order.
    """
    facts, place = series_facts(seed), CLASSES.index(EMOTION)
    out = []
    for plan in plans:
        child = 101 + plan.child + 1000 * SPLITS.index(plan.split)
        series = SERIES[plan.child % len(SERIES)]
        goes, color = facts[series]
        rng = np.random.default_rng([seed, _EPISODES, SPLITS.index(plan.split), plan.index])
        labels = list(plan.labels)
        labels[place] = int(rng.random() < RATES[0 if goes else 1])
        take = plan.index % CLIPS_PER_CHILD + 1
        name = f'{series}{child}_{take}.mp4'
        out.append(replace(plan, name=name, labels=tuple(labels), backdrop=color))
    return out
