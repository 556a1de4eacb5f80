"""Write annotated videos of clips that were scored."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from emoreact_plugin.clips.landmarks import with_frames
from emoreact_plugin.plots.video_overlay import Curve, VideoOverlay
from emoreact_plugin.utils.ahead import work_ahead
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_whole
from emoreact_plugin.utils.progress import ProgressBar
from emoreact_plugin.video.writing import write_timed_video

from .clip_job import ClipJob
from .results import ClipResult
from .warning_texts import ENOUGH, SAMPLE_DATA, never_sought

if TYPE_CHECKING:
    from .inferencer import EmotionInferencer


def write_annotated(target: str, job: ClipJob, bar: ProgressBar, full_size: bool) -> None:
    """Write the annotated video of a clip as mp4, either complete or not at all.

    It has the frame times and the sound of the clip.

    Args:
        target (str): Path of the annotated video.
        job (ClipJob): The clip, after it was scored.
        bar (ProgressBar): Progress bar, which is updated at every hundredth frame.
        full_size (bool): See ``VideoOverlay``.

    Raises:
        InputError: When a frame cannot be decoded, and for a clip that has failed.
    """
    clip, mask = job.clip, job.inferencer.pipeline.face_mask
    if clip is None:
        raise InputError(f'{job.source.path}: expected a clip that was scored')
    overlay = overlay_of(job.result, clip.size, job.inferencer, full_size)

    def frames() -> Iterator[np.ndarray]:
        for k, frame in enumerate(clip.frames()):
            if k % 100 == 0:
                bar.set_postfix_str(f'drawing {job.result.name}, {k / clip.total_frames:.0%}')
            if mask is not None:
                sample = dict(video_id=job.video_id)
                frame = mask(with_frames(sample, [frame], clip.landmarks.of([k])))['imgs'][0]
            boxes = {region: each[k] for region, each in job.boxes.items()}
            yield overlay.draw(frame, job.times[k], boxes)

    sound = None if clip.filename_tmpl else clip.path
    with write_whole(target) as temporary:
        write_timed_video(temporary, work_ahead(frames()), job.times.tolist(), sound)


def overlay_of(
    result: ClipResult,
    size: tuple[int, int],
    inferencer: 'EmotionInferencer',
    full_size: bool = False,
) -> VideoOverlay:
    """Make the overlay that draws the frames of a scored clip.

    Args:
        result (ClipResult): Result of the clip.
        size (tuple[int, int]): Width and height of the frames, pixels.
        inferencer (EmotionInferencer): The inferencer that scored the clip.
        full_size (bool): See ``VideoOverlay``. Defaults to False.
    """
    windows = result.windows
    curve = Curve(
        inferencer.classes,
        np.array([each.center_s for each in windows]),
        np.array([[each.probabilities[name] for name in inferencer.classes] for each in windows]),
        [(each.start_s, each.end_s) for each in windows],
        [mark_of(each.found, result.not_sought) for each in windows],
        result.duration_s,
        np.array([inferencer.thresholds[name] for name in inferencer.classes]),
    )
    banner, notes = split_warnings(result)
    if inferencer.calibration is None:
        notes.append('probabilities not calibrated')
    return VideoOverlay(
        size, curve, result.name, inferencer.regions, banner, notes, result.not_sought, full_size
    )


def split_warnings(result: ClipResult) -> tuple[list[str], list[str]]:
    """Split the warnings into grave ones, which are shortened, and others.

    A warning is grave if it says that the scores mean nothing.
    """
    gravest = (SAMPLE_DATA, *map(never_sought, result.not_sought))
    grave = [each for each in result.warnings if each in gravest or each.startswith('no landmarks')]
    return (
        [each.split(';')[0] for each in grave],
        [each for each in result.warnings if each not in grave],
    )


def mark_of(found: Mapping[str, float], not_sought: Sequence[str] = ()) -> str:
    """Name the regions that were found in too few frames of a window, with their shares.

    The result is ``''`` if there are none, and all were looked for.
    """
    marks = [f'{region} not sought' for region in not_sought]
    marks += [f'{region} {share:.0%}' for region, share in found.items() if share < ENOUGH]
    return ', '.join(marks)
