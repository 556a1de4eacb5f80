"""Turn a clip and its maps into the sheet and the frames of the video."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import ArrayLike

from emoreact_plugin.clips.landmarks import Boxes
from emoreact_plugin.clips.regions import Box
from emoreact_plugin.inference.scorers.base import Scores
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.progress import progress_bar

from .cam import EIGENCAM, Maps
from .cam_clip import Explainer
from .cam_frames import Sampled, every_frame, has_shifts, packed_in_order, sample_clip
from .cam_sheet import Column, Overlay, Row, draw_frame, draw_sheet, overlay, spread
from .cam_source import CamSource

TITLES = {
    'gradcam': 'Grad-CAM',
    'gradcam++': 'Grad-CAM++',
    'xgradcam': 'X-Grad-CAM',
    EIGENCAM: 'Eigen-CAM',
}
# Eigen-CAM knows no classes.
EVERY = 'all emotions'
USUAL_EMOTIONS = 3


@dataclass(frozen=True, eq=False)
class Explained:
    """A clip as it is sampled in testing, with its scores and maps.

    Attributes:
        source (CamSource): The clip.
        sampled (Sampled): Its n frames.
        maps (dict[str, Maps]): Stream -> maps of K classes.
        scores (Scores): Scores of the clip, (1, C).
        chosen (tuple[int, ...]): K classes.
    """

    source: CamSource
    sampled: Sampled
    maps: dict[str, Maps]
    scores: Scores
    chosen: tuple[int, ...]

    @property
    def streams(self) -> tuple[str, ...]:
        """Return the names of the streams."""
        return tuple(self.maps)


def choose_classes(text: str | None, classes: Sequence[str], scores: np.ndarray) -> tuple[int, ...]:
    """Choose the classes to explain, and return their numbers.

    Args:
        text (str, optional): Names separated by commas, in upper or lower case, or ``'all'``. None:
            the three with the highest scores.
        classes (Sequence[str]): C names.
        scores (np.ndarray): (C, ).

    Raises:
        InputError: For a name that is no class, and for no name.
    """
    if text is None:
        return tuple(np.argsort(-scores, kind='stable')[:USUAL_EMOTIONS])
    if text.strip().lower() == 'all':
        return tuple(range(len(classes)))
    numbers = {name.lower(): k for k, name in enumerate(classes)}
    chosen = []
    for name in filter(None, map(str.strip, text.split(','))):
        if name.lower() not in numbers:
            near = get_close_matches(name.lower(), numbers, 1)
            meant = f', {classes[numbers[near[0]]]} perhaps' if near else ''
            raise InputError(
                f'--emotion {name}: expected some of {", ".join(classes)}, or all{meant}'
            )
        chosen.append(numbers[name.lower()])
    if not chosen:
        raise InputError(f'--emotion: expected some of {", ".join(classes)}, or all, found none')
    return tuple(dict.fromkeys(chosen))


def explain_clip(explainer: Explainer, source: CamSource, emotions: str | None) -> Explained:
    """Score a clip and make the maps of its sampled frames.

    Raises:
        InputError: See :func:`choose_classes`, which takes ``emotions``, and :class:`Explainer`.
    """
    sampled = sample_clip(explainer, source.clip, source.video)
    scores = explainer.score(sampled.packed)
    chosen = choose_classes(emotions, explainer.classes, scores.logits[0])
    maps = explainer.explain(sampled.packed, chosen)
    return Explained(source, sampled, maps, scores, chosen)


def rows_of(explained: Explained, explainer: Explainer, greatest: bool = False) -> list[Row]:
    """Make a row for each emotion, with its probabilities and label.

    With ``greatest``, it also has the greatest value of each stream's maps. Eigen-CAM has one row
    for all emotions.
    """
    scales = scales_of(explained.maps)

    def values(i: int) -> tuple[str, ...]:
        return tuple(
            f'{stream} up to {scales[stream][i]:.2g}' for stream in explained.streams if greatest
        )

    if explainer.method == EIGENCAM:
        return [Row(EVERY, values(0))]
    rows, scores, label = [], explained.scores, explained.source.label
    for i, k in enumerate(explained.chosen):
        several = len(scores.streams) > 1
        score = explainer.probabilities(scores.logits)[0, k]
        lines = [f'{"fused" if several else "probability"} {score:.2f}']
        lines += [
            f'{stream} {explainer.probabilities(scores.streams[stream])[0, k]:.2f}'
            for stream in explained.streams
            if several
        ]
        if label is not None:
            lines.append(f'label {"yes" if label[k] else "no"}')
        rows.append(Row(explainer.classes[k], (*lines, *values(i))))
    return rows


def sampled_columns(explained: Explained, explainer: Explainer) -> list[Column]:
    """Make a column for each sampled frame, or for some of them if there are many."""
    sampled, scales = explained.sampled, scales_of(explained.maps)
    boxes = _boxes(explained, explainer, sampled.inds)
    columns = []
    for i in spread(len(sampled.inds)):
        cells = {}
        for stream, maps in explained.maps.items():
            at = np.flatnonzero(sampled.packed.places[stream] == i)
            if len(at):
                cells[stream] = _cells(
                    sampled.packed.images[stream][at[0]],
                    maps.maps[:, at[0]],
                    scales[stream],
                    'whole frame' if _lost(boxes, stream, i) else '',
                )
        columns.append(
            Column(f'frame {sampled.inds[i]}', sampled.frames[i], _drawn(boxes, i), cells)
        )
    return columns


def scales_of(maps: dict[str, Maps]) -> dict[str, np.ndarray]:
    """Return for each stream the greatest value (K, ) of each class's maps."""
    return {stream: each.maps.max((1, 2, 3)) for stream, each in maps.items()}


def without_box(explained: Explained, explainer: Explainer) -> dict[str, int]:
    """Count for each stream the sampled frames in which its region was not found.

    The whole frame stands in for the region in these.
    """
    boxes = _boxes(explained, explainer, explained.sampled.inds)
    return {
        stream: sum(boxes[stream][i] is None for i in set(places.tolist()))
        for stream, places in explained.sampled.packed.places.items()
        if stream in boxes
    }


def empty_of(maps: dict[str, Maps]) -> dict[str, np.ndarray]:
    """Count for each stream and class the maps that have nothing above 0."""
    return {stream: (each.maps.max((2, 3)) <= 0).sum(1) for stream, each in maps.items()}


def sheet_of(explained: Explained, explainer: Explainer, warning: str = '') -> np.ndarray:
    """Draw the contact sheet of a clip, (H, W, 3) uint8, RGB, with ``warning`` at its top."""
    count, columns = len(explained.sampled.inds), sampled_columns(explained, explainer)
    text = f'{TITLES[explainer.method]} of {layers_text(explainer)}'
    if warning:
        text = f'{warning.upper()}; {text}'
    if len(columns) < count:
        text += f'; {len(columns)} of {count} sampled frames'
    if explainer.mask:
        text += f'; {explainer.mask} mask drawn on what the network sees'
    return draw_sheet(
        explained.source.name, text, rows_of(explained, explainer, True), columns, explained.streams
    )


def layers_text(explainer: Explainer) -> str:
    """Name the layers, or one for all streams if they have the same."""
    layers = explainer.layers
    if len(set(layers.values())) == 1:
        return next(iter(layers.values()))
    return ', '.join(f'{layer} ({stream})' for stream, layer in layers.items())


def video_frames(explained: Explained, explainer: Explainer, folder: str) -> Iterator[np.ndarray]:
    """Yield every frame of a clip beside its maps.

    If each stream has one image of each segment, every frame has maps of its own, see
    :func:`~.cam_frames.every_frame`. Otherwise only the sampled frames have maps, and those of the
    nearest one are shown.

    Files as large as all maps are written to the folder, and deleted at the end.

    Yields:
        np.ndarray: (H, W, 3) uint8, RGB, all of one size.
    """
    total = explained.source.clip.total_frames
    every = has_shifts(explained.sampled, total)
    columns = _every_column if every else _nearest_columns
    rows = rows_of(explained, explainer)
    title = f'{explained.source.name}: {TITLES[explainer.method]} of {layers_text(explainer)}'
    with tempfile.TemporaryDirectory(
        dir=folder, prefix='.maps-', ignore_cleanup_errors=True
    ) as maps:
        for column in progress_bar(
            columns(explained, explainer, maps), 'video', total, unit='frame'
        ):
            yield draw_frame(title, rows, column, explained.streams)


def _every_column(explained: Explained, explainer: Explainer, folder: str) -> Iterator[Column]:
    clip, total = explained.source.clip, explained.source.clip.total_frames
    maps, scales = every_frame(
        explainer, clip, explained.sampled, explained.maps, explained.chosen, folder
    )
    views = packed_in_order(explainer, clip, explained.sampled)
    for k, (frame, images) in enumerate(views):
        boxes = _boxes(explained, explainer, [k])
        cells = {
            stream: _cells(
                image,
                maps[stream][k],
                scales[stream],
                'whole frame' if _lost(boxes, stream, 0) else '',
            )
            for stream, image in images.items()
        }
        yield Column(f'frame {k} of {total}', frame, _drawn(boxes, 0), cells)


def _nearest_columns(explained: Explained, explainer: Explainer, folder: str) -> Iterator[Column]:
    clip, sampled = explained.source.clip, explained.sampled
    scales = scales_of(explained.maps)
    for k, frame in enumerate(clip.frames()):
        cells = {}
        for stream, maps in explained.maps.items():
            inds = sampled.inds[sampled.packed.places[stream]]
            at = int(np.abs(inds - k).argmin())
            cells[stream] = _cells(
                sampled.packed.images[stream][at],
                maps.maps[:, at],
                scales[stream],
                f'frame {inds[at]}',
            )
        yield Column(
            f'frame {k} of {clip.total_frames}; beside it the nearest frame that was scored',
            frame,
            _drawn(_boxes(explained, explainer, [k]), 0),
            cells,
        )


def _cells(image: np.ndarray, maps: np.ndarray, scales: np.ndarray, note: str) -> list[Overlay]:
    """Make an overlay for each class, from maps (K, h, w) and scales (K, )."""
    return [
        Overlay(
            overlay(image, each, scale),
            ', '.join(filter(None, (note, '' if each.any() else 'empty'))),
        )
        for each, scale in zip(maps, scales, strict=True)
    ]


def _boxes(explained: Explained, explainer: Explainer, inds: ArrayLike) -> Boxes:
    clip = explained.source.clip
    regions = [region for region in explainer.pipeline.regions if region in explained.maps]
    return clip.landmarks.of(np.asarray(inds)).boxes(regions, clip.size)


def _lost(boxes: Boxes, stream: str, i: int) -> bool:
    return stream in boxes and boxes[stream][i] is None


def _drawn(boxes: Boxes, i: int) -> dict[str, Box]:
    return {stream: box for stream, each in boxes.items() if (box := each[i]) is not None}
