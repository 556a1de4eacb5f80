"""Read what a data set has to know of the files of its clips."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from emoreact_plugin.clips.cache_file import load_cached
from emoreact_plugin.clips.clip_files import ClipFiles
from emoreact_plugin.clips.coverage import Coverage, coverage_of
from emoreact_plugin.clips.landmark_cache import fill_cache
from emoreact_plugin.clips.landmarks import Landmarks

from .checks.masks import check_masks, clips_with_masks
from .checks.missing import read_crops_record
from .pipeline_facts import max_gap_of

if TYPE_CHECKING:
    from .emoreact_dataset import EmoReactDataset

# What a sample has of each clip's files; each clip's coverage; whether all were masked beforehand.
Sources = tuple[list[dict[str, Any]], list[Coverage], bool]


def read_landmarks(dataset: 'EmoReactDataset', clips: Sequence[ClipFiles]) -> Sources:
    """Prepare the landmarks of clips, videos or folders of frames, and read them.

    Several clips may be parts of one video, which is read once.

    Args:
        dataset (EmoReactDataset): The data set; it need not be initialised.
        clips (Sequence[ClipFiles]): The files of each clip.

    Returns:
        tuple: See ``Sources``.

    Raises:
        FileNotFoundError, InputError: As :func:`fill_cache` and :func:`check_masks` do.
    """
    masked = check_masks(dataset, clips_with_masks(dataset, clips))
    paths, start_index = fill_cache(clips, dataset.cache_dir, dataset.check_landmarks)
    known: dict[ClipFiles, tuple[dict[str, Any], Coverage]] = {}
    gap = max_gap_of(dataset.pipeline)
    for files, path in dict(zip(clips, paths, strict=True)).items():
        clip = load_cached(path)
        source: dict[str, Any] = dict(
            source_frames=clip.total_frames,
            start_index=start_index.get(files.source, 0),
            landmarks_file=path if files.landmarks else None,
            keypoints_file=path if files.keypoints else None,
        )
        if files.filename_tmpl:
            source.update(frame_dir=files.source, filename_tmpl=files.filename_tmpl)
        else:
            source['filename'] = files.source
        coverage = coverage_of(Landmarks.of_cached(clip).filled(gap), clip.frame_size)
        known[files] = source, coverage
    each = [known[files] for files in clips]
    return [source for source, _ in each], [coverage for _, coverage in each], masked


def read_crops(dataset: 'EmoReactDataset', folders: Sequence[str]) -> Sources:
    """Read the records of clips of prepared crops.

    Args:
        dataset (EmoReactDataset): The data set; it need not be initialised.
        folders (Sequence[str]): The folder of each clip's crops.

    Returns:
        tuple: See ``Sources``.

    Raises:
        FileNotFoundError, InputError: As :func:`read_crops_record` and :func:`check_masks` do.
    """
    records = {folder: read_crops_record(dataset, folder) for folder in dict.fromkeys(folders)}
    masked = check_masks(dataset, {path: bool(record.mask) for path, record in records.items()})
    sources = {
        folder: dict(source_frames=record.source_frames, step=record.step, crops_dir=folder)
        for folder, record in records.items()
    }
    return (
        [sources[folder] for folder in folders],
        [records[folder].coverage for folder in folders],
        masked,
    )
