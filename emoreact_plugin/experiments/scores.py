"""Read the predictions of several runs of one row."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from emoreact_plugin.evaluation import Dump, read_dump
from emoreact_plugin.utils.errors import InputError


@dataclass(frozen=True, eq=False)
class Scores:
    """Predictions of one row.

    Attributes:
        logits (np.ndarray): (S, N, C), of S runs.
        labels (np.ndarray): (N, C), 0 or 1.
        video_ids (tuple[str, ...]): N names of clips.
        classes (tuple[str, ...]): C names.
    """

    logits: np.ndarray
    labels: np.ndarray
    video_ids: tuple[str, ...]
    classes: tuple[str, ...]

    def only(self, clips: Collection[str]) -> 'Scores':
        """Select some of the clips, in the order that they have here."""
        keep = [i for i, name in enumerate(self.video_ids) if name in clips]
        return replace(
            self,
            logits=self.logits[:, keep],
            labels=self.labels[keep],
            video_ids=tuple(self.video_ids[i] for i in keep),
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
    runs = [[read_dump(path) for path in each] for each in files]
    first = runs[0][0]
    names = sorted(first.video_ids)

    labels = np.asarray(first.labels)[np.argsort(first.video_ids)]

    def scores(dump: Dump, path: str) -> np.ndarray:
        order = np.argsort(dump.video_ids)
        for what, same in (
            ('scale', dump.scale == first.scale),
            ('classes', dump.classes == first.classes),
            ('video_ids', sorted(dump.video_ids) == names),
            ('labels', np.array_equal(dump.labels[order], labels)),
        ):
            if not same:
                raise InputError(f'{path}: other {what} than those of {files[0][0]}')
        return dump.scores[order]

    return Scores(
        logits=np.stack(
            [
                np.mean([scores(*pair) for pair in zip(each, paths, strict=True)], axis=0)
                for each, paths in zip(runs, files, strict=True)
            ]
        ),
        labels=labels,
        video_ids=tuple(names),
        classes=tuple(first.classes),
    )
