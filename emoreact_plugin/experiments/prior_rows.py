"""Make rows of a table from label frequencies."""

from collections.abc import Sequence

import numpy as np

from emoreact_plugin.datasets.annotations import Annotation, labelled_clips
from emoreact_plugin.evaluation import LabelledClips, Priors

from .scores import Scores


def prior_rows(
    tested: Scores, train: Sequence[Annotation] | None, val: Sequence[Annotation] | None = None
) -> dict[str, Scores]:
    """Score the tested clips by the label frequencies of the training split.

    Args:
        tested (Scores): Scores of a row, which say what the tested clips are.
        train (Sequence[Annotation], optional): The annotations of the training split. There are no
            rows without them.
        val (Sequence[Annotation], optional): Those of the validation split, on which the strength
            of the prior of groups is chosen.

    Returns:
        dict[str, Scores]: Name of the prior -> scores, see
        :class:`~emoreact_plugin.evaluation.priors.Priors`; those of groups last.
    """
    if not train:
        return {}
    priors = Priors(labelled_clips(train), labelled_clips(val) if val else None)
    found = priors.scores(LabelledClips(tested.labels, tested.groups))
    return {
        name: Scores(
            logits=scores[np.newaxis],
            labels=tested.labels,
            video_ids=tested.video_ids,
            classes=tested.classes,
            groups=tested.groups,
            scale='probabilities',
            fixed=True,
        )
        for name, scores in found.items()
    }
