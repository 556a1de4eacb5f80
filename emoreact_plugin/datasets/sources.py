"""Read what a data set has to know of the files of its clips."""

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, eq=False)
class ClipSource:
    """A video, a folder of frames or prepared crops, of which a clip is a part or the whole.

    Attributes:
        total_frames (int): Number of frames of the video.
        step (int): Only every ``step``-th of them is there.
        sample (dict[str, Any]): What the samples of all its clips have in common; ``start_index``
            is the number of its first frame.
        coverage (Coverage): Of the frames that are there.
    """

    total_frames: int
    step: int
    sample: dict[str, Any]
    coverage: Coverage


def read_landmarks(
    dataset: 'EmoReactDataset', clips: Sequence[ClipFiles]
) -> tuple[list[ClipSource], bool]:
    """Prepare the landmarks of clips, videos or folders of frames, and read them.

    Several clips may be parts of one video, which is read once.

    Args:
        dataset (EmoReactDataset): The data set; it need not be initialised.
        clips (Sequence[ClipFiles]): The files of each clip.

    Returns:
        tuple[list[ClipSource], bool]: What each clip is a part of, and whether all were masked
        beforehand.

    Raises:
        FileNotFoundError, InputError: As :func:`fill_cache` and :func:`check_masks` do.
    """
    masked = check_masks(dataset, clips_with_masks(dataset, clips))
    paths, start_index = fill_cache(clips, dataset.cache_dir, dataset.check_landmarks)
    known: dict[ClipFiles, ClipSource] = {}
    gap = max_gap_of(dataset.pipeline)
    for files, path in dict(zip(clips, paths, strict=True)).items():
        clip = load_cached(path)
        sample: dict[str, Any] = dict(
            masked_beforehand=masked,
            source_frames=clip.total_frames,
            start_index=start_index.get(files.source, 0),
            landmarks_file=path if files.landmarks else None,
            keypoints_file=path if files.keypoints else None,
        )
        if files.filename_tmpl:
            sample.update(frame_dir=files.source, filename_tmpl=files.filename_tmpl)
        else:
            sample['filename'] = files.source
        coverage = coverage_of(Landmarks.of_cached(clip).filled(gap), clip.frame_size)
        known[files] = ClipSource(clip.total_frames, 1, sample, coverage)
    return [known[files] for files in clips], masked


def read_crops(dataset: 'EmoReactDataset', folders: Sequence[str]) -> tuple[list[ClipSource], bool]:
    """Read the records of clips of prepared crops.

    Args:
        dataset (EmoReactDataset): The data set; it need not be initialised.
        folders (Sequence[str]): The folder of each clip's crops.

    Returns:
        tuple[list[ClipSource], bool]: What each clip is a part of, and whether all were masked
        beforehand.

    Raises:
        FileNotFoundError, InputError: As :func:`read_crops_record` and :func:`check_masks` do.
    """
    records = {folder: read_crops_record(dataset, folder) for folder in dict.fromkeys(folders)}
    masked = check_masks(dataset, {path: bool(record.mask) for path, record in records.items()})
    known = {}
    for folder, record in records.items():
        sample = dict(
            masked_beforehand=masked,
            source_frames=record.total_frames,
            start_index=0,
            crops_dir=folder,
        )
        known[folder] = ClipSource(record.source_frames, record.step, sample, record.coverage)
    return [known[folder] for folder in folders], masked
