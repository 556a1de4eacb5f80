"""Find groups of clips, such as series or children, that are in several splits."""

from collections.abc import Mapping

import numpy as np

from emoreact_plugin.evaluation import LabeledClips, Priors, macro, roc_auc, roc_auc_micro
from emoreact_plugin.utils.text import first_few

from .problems import Problem

PriorScores = dict[str, dict[str, dict[str, float | None]]]


def score_splits(splits: Mapping[str, LabeledClips]) -> PriorScores:
    """Score each split by the labels of the training split alone.

    Args:
        splits (Mapping[str, LabeledClips]): Split -> labels and groups of its clips.

    Returns:
        PriorScores: Split -> name of a prior -> ``micro`` and ``macro`` ROC AUC, None if undefined;
        no prior if there is no training split.
    """
    found: PriorScores = {split: {} for split in splits}
    train = splits.get('train')
    if train is None:
        return found
    priors = Priors(train, splits.get('val'))
    for split, clips in splits.items():
        if split == 'train':
            continue
        for name, scores in priors.scores(clips).items():
            values = dict(
                micro=roc_auc_micro(scores, clips.labels),
                macro=float(macro(roc_auc(scores, clips.labels))),
            )
            found[split][name] = {k: None if np.isnan(v) else v for k, v in values.items()}
    return found


def find_shared_groups(splits: Mapping[str, LabeledClips], priors: PriorScores) -> list[Problem]:
    """Warn of val and test splits that have groups of the training split.

    Args:
        splits (Mapping[str, LabeledClips]): Split -> labels and groups of its clips.
        priors (PriorScores): From :func:`score_splits`.

    Returns:
        list[Problem]: One for each kind of groups and split.
    """
    problems = []
    train = splits['train'].groups if 'train' in splits else {}
    for split, clips in splits.items():
        for kind in train if split != 'train' else ():
            own = dict.fromkeys(clips.groups.get(kind, ()))
            shared = [group for group in own if group in set(train[kind])]
            if not shared:
                continue
            text = (
                f'{len(shared)} of the {len(own)} groups ({kind}) of {split} are in train too: '
                f'{first_few(shared)}'
            )
            for name, scores in priors.get(split, {}).items():
                if name.endswith(f' of the {kind}'):
                    reached = ', '.join(
                        f'{average} {value:.3f}' for average, value in scores.items() if value
                    )
                    text += f'. The {name} reach a ROC AUC of {reached} without a look at a clip'
            problems.append(Problem('warning', 'shared groups', text, split))
    return problems
