"""Read the predictions of several runs of one row, or make them from label frequencies."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from emoreact_plugin.datasets.annotations import Annotation, labeled_clips
from emoreact_plugin.evaluation import Dump, LabeledClips, Priors, sigmoid
from emoreact_plugin.evaluation.fuse import read_dumps, take_clips
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import number


@dataclass(frozen=True, eq=False)
class Scores:
    """Predictions of one row.

    Attributes:
        logits (np.ndarray): (S, N, C), of S runs; probabilities if the runs have no logits.
        labels (np.ndarray): (N, C), 0 or 1.
        video_ids (tuple[str, ...]): N names of clips.
        classes (tuple[str, ...]): C names.
        groups (Mapping[str, tuple[str, ...]]): Kind, such as ``'series'`` -> N groups.
        scale (str): ``'logits'`` or ``'probabilities'``.
        fixed (bool): Whether the scores are no trainings but one table of frequencies.
        all_found (np.ndarray | None): (N, ) bool, True for clips in which every stream of every run
            found its region in all frames that were tested; None if a dump does not say so.
        folds (np.ndarray | None): (N,) int, the fold in which each clip was tested; None without
            folds.
    """

    logits: np.ndarray
    labels: np.ndarray
    video_ids: tuple[str, ...]
    classes: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scale: str = 'logits'
    fixed: bool = False
    all_found: np.ndarray | None = None
    folds: np.ndarray | None = None

    @property
    def probabilities(self) -> np.ndarray:
        """Return the probabilities, (S, N, C) in 0..1."""
        return sigmoid(self.logits) if self.scale == 'logits' else self.logits

    def only(self, clips: Collection[str]) -> 'Scores':
        """Select some of the clips, in the order that they have here."""
        keep = [i for i, name in enumerate(self.video_ids) if name in clips]
        return replace(
            self,
            logits=self.logits[:, keep],
            labels=self.labels[keep],
            video_ids=tuple(self.video_ids[i] for i in keep),
            groups={kind: tuple(names[i] for i in keep) for kind, names in self.groups.items()},
            folds=None if self.folds is None else self.folds[keep],
            all_found=None if self.all_found is None else self.all_found[keep],
        )


def found_clips(rows: Mapping[str, Scores]) -> tuple[set[str], str]:
    """Find the clips in which every stream of every row found its region in all frames.

    Args:
        rows (Mapping[str, Scores]): Row -> scores, all of the same clips.

    Returns:
        tuple[set[str], str]: Names of the clips, and a sentence that says how many they are.

    Raises:
        InputError: If the dumps of a row do not say where regions were found, or there are no such
            clips.
    """
    clips = set(next(iter(rows.values())).video_ids)
    keep = set(clips)
    for name, each in rows.items():
        if each.all_found is None:
            raise InputError(
                f'{name}: expected dumps that say in how many frames each region was found '
                '(<stream>_found), found some that do not. tools/test.py writes it if meta_keys of '
                'PackActionInputs has these keys'
            )
        keep &= {clip for clip, found in zip(each.video_ids, each.all_found, strict=True) if found}
    if not keep:
        raise InputError(
            f'expected clips whose regions were found in all tested frames, found none among '
            f'{number(len(clips), "clip")}'
        )
    return keep, (
        f'Only {len(keep)} of {number(len(clips), "clip")} are counted: those in which every '
        'region was found in all tested frames.'
    )


def read_scores(files: Sequence[Sequence[str]]) -> Scores:
    """Read the dumps of some runs.

    Args:
        files (Sequence[Sequence[str]]): The dumps of each run: one, or several whose scores are
            averaged.

    Returns:
        Scores: The clips are in the order of their names.

    Raises:
        FileNotFoundError, InputError: For a dump that cannot be read, or one whose scale, clips,
            classes or labels differ from the first.
    """
    paths = [path for each in files for path in each]
    dumps = read_dumps(paths)
    first = dumps[0]
    for path, dump in zip(paths, dumps, strict=True):
        if dump.scale != first.scale:
            raise InputError(
                f'{path}: expected the scale of {paths[0]}, {first.scale}, found {dump.scale}'
            )
    order = np.argsort(first.video_ids).tolist()
    dumps = [take_clips(dump, order) for dump in dumps]
    first, scores = dumps[0], iter([dump.scores for dump in dumps])
    found = [shares for shares in map(_all_found, dumps) if shares is not None]
    return Scores(
        logits=np.stack([np.mean([next(scores) for _ in each], axis=0) for each in files]),
        labels=first.labels,
        video_ids=first.video_ids,
        classes=tuple(first.classes),
        groups=first.groups,
        scale=first.scale,
        all_found=np.all(found, axis=0) if len(found) == len(dumps) else None,
    )


def _all_found(dump: Dump) -> np.ndarray | None:
    """Tell in which clips every stream found its region in all frames; None if it is not known."""
    if not dump.stream_logits or dump.found.keys() < dump.stream_logits.keys():
        return None
    return np.all([share == 1 for share in dump.found.values()], axis=0)


def pool(parts: Sequence[Scores]) -> Scores:
    """Put the test clips of several folds together.

    Args:
        parts (Sequence[Scores]): The scores of each fold, of equally many runs, classes and kinds
            of groups, and of different clips.

    Returns:
        Scores: All clips, in the order of the folds.

    Raises:
        InputError: If a clip is in two folds, or the classes or the number of runs differ.
    """
    first = parts[0]
    names = [name for each in parts for name in each.video_ids]
    for each in parts:
        if each.classes != first.classes or len(each.logits) != len(first.logits):
            raise InputError(
                f'expected folds of {len(first.logits)} runs and the classes '
                f'{", ".join(first.classes)}, found {len(each.logits)} runs and '
                f'{", ".join(each.classes)}'
            )
    found = [each.all_found for each in parts if each.all_found is not None]
    for name, times in Counter(names).items():
        if times > 1:
            raise InputError(f'{name}: expected in the test split of one fold, found in {times}')
    return replace(
        first,
        logits=np.concatenate([each.logits for each in parts], axis=1),
        labels=np.concatenate([each.labels for each in parts]),
        folds=np.repeat(np.arange(len(parts)), [len(each.labels) for each in parts]),
        video_ids=tuple(names),
        groups={
            kind: tuple(name for each in parts for name in each.groups[kind])
            for kind in first.groups
            if all(kind in each.groups for each in parts)
        },
        all_found=None if len(found) < len(parts) else np.concatenate(found),
    )


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
    priors = Priors(labeled_clips(train), labeled_clips(val) if val else None)
    found = priors.scores(LabeledClips(tested.labels, tested.groups))
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
