"""Open the clip to explain: a path, or the name of a clip of a data set."""

import os.path as osp
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches

from mmengine.config import Config

from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.datasets.annotations import SOFT_POSITIVE, Annotation
from emoreact_plugin.datasets.emoreact_dataset import EmoReactDataset
from emoreact_plugin.engine.console import say
from emoreact_plugin.inference.opening import ClipOpener, check_whom
from emoreact_plugin.inference.pipeline import (
    ClipPipeline,
    max_gap_of,
    regions_needed,
    test_pipeline,
)
from emoreact_plugin.inference.sources import Source
from emoreact_plugin.preparation.mediapipe.people import ALL, said_of
from emoreact_plugin.recipes import SPLITS, datasets_of
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import is_a
from mmaction.registry import DATASETS


@dataclass(frozen=True)
class CamSource:
    """A clip, and what is known about it.

    Attributes:
        clip (Clip): The clip, or the part of one that belongs to the data set.
        name (str): Name for titles and files.
        video (str): Name of its video; the look of a mask depends on it.
        label (tuple[bool, ...] | None): C values, if it belongs to a data set.
        split (str | None): Split of the data set.
    """

    clip: Clip
    name: str
    video: str
    label: tuple[bool, ...] | None = None
    split: str | None = None


def open_source(
    cfg: Config,
    given: str,
    landmarks: str = 'auto',
    cache_dir: str | None = None,
    person: str | None = None,
) -> CamSource:
    """Open a path or, if there is no such path, a clip of the data set by its name.

    Of a data set, only the annotation files and the clip's own files are read. Short gaps of the
    face are filled as the test pipeline says.

    Args:
        cfg (Config): The configuration that has the data set.
        given (str): Path of a video or a folder of frames, or name of a clip, with or without the
            video's ending.
        landmarks (str): For a path, ``'auto'``, ``'extract'``, ``'none'`` or a folder, see
            ``EmotionInferencer``. Defaults to ``'auto'``.
        cache_dir (str, optional): Cache folder of the cache files.
        person (str, optional): For a path, whom of several people to take, see
            ``EmotionInferencer``; not ``'all'``.

    Raises:
        FileNotFoundError: When it is neither.
        InputError: When its files cannot be read, or there is nobody to choose.
    """
    if osp.exists(given):
        return _open_path(cfg, given, landmarks, cache_dir, person)
    known: dict[str, tuple[EmoReactDataset, Annotation, str]] = {}
    problems = []
    # Of a name that is in several splits the first counts: the test's.
    for split in reversed(SPLITS):
        try:
            for dataset, row in clips_of(cfg, split):
                for name in (row.clip_id, osp.basename(row.clip_id)):
                    known.setdefault(name, (dataset, row, split))
        except FileNotFoundError as error:
            problems.append(str(error))
    found = known.get(given) or known.get(osp.splitext(given)[0])
    if found is None:
        near = get_close_matches(given, known, 3, 0)
        reason = (
            f'such as {", ".join(near)}'
            if near
            else f'found none ({"; ".join(problems)})'
            if problems
            else 'but the config has no EmoReactDataset'
        )
        raise FileNotFoundError(
            f'{given}: no such file or folder; expected one, or a clip of the data set, {reason}'
        )
    if person is not None:
        raise InputError(f"person='{person}': expected a video, found a clip of the data set")
    dataset, row, split = found
    return open_clip(dataset, row, split, cache_dir, max_gap_of(test_pipeline(cfg)))


def _open_path(
    cfg: Config, path: str, landmarks: str, cache_dir: str | None, person: str | None
) -> CamSource:
    check_whom(landmarks, person)
    if person == ALL:
        raise InputError(f"person='{ALL}': expected one person, whose maps are drawn")
    source = Source(path, osp.basename(osp.normpath(path)))
    pipeline = ClipPipeline(cfg)
    regions = regions_needed(pipeline)
    with closing(ClipOpener(regions, landmarks, person, cache_dir, say)) as opener:
        opened = opener.open(source)
    if opened.people is not None and opened.people['seen'] > 1:
        say(f'{source.name}: {said_of(opened.people)}')
    clip = opened.clip.filled(pipeline.max_gap)
    return CamSource(clip, osp.splitext(clip.name)[0], clip.name)


def clips_of(cfg: Config, split: str) -> Iterator[tuple[EmoReactDataset, Annotation]]:
    """Yield the clips of a split, reading only its annotation files.

    Args:
        cfg (Config): The configuration.
        split (str): ``'train'``, ``'val'`` or ``'test'``.

    Yields:
        tuple[EmoReactDataset, Annotation]: A data set of the split, which has no pipeline and has
        read nothing, and a row of its annotation file.

    Raises:
        FileNotFoundError, InputError: When an annotation file cannot be read.
    """
    for options in datasets_of(cfg, [split]):
        if not is_a(options, 'EmoReactDataset', registry=DATASETS):
            continue
        options = dict(options, lazy_init=True, pipeline=[])
        if 'crops' in (options.get('data_prefix') or {}):
            # They are cut out of the videos.
            options['data_prefix'] = dict(video='videos')
        dataset = DATASETS.build(options)
        for row in dataset.read_annotations():
            yield dataset, row


def open_clip(
    dataset: EmoReactDataset, row: Annotation, split: str, cache_dir: str | None, max_gap: int
) -> CamSource:
    """Open one clip of :func:`clips_of`, and fill gaps of the face up to ``max_gap`` frames.

    Raises:
        FileNotFoundError, InputError: When its files do not exist or cannot be read.
    """
    files = dataset.find(row)
    if not osp.exists(files.source):
        raise FileNotFoundError(
            f'{files.source}: no such file or folder, expected that of the '
            f'clip {row.clip_id}; if it lies elsewhere, give its path'
        )
    whole = Clip.of_files(files, cache_dir or dataset.cache_dir).filled(max_gap)
    return CamSource(
        whole.part(row.start, row.end),
        row.clip_id.replace('/', '_'),
        row.clip_id,
        tuple(value >= SOFT_POSITIVE for value in row.label),
        split,
    )
