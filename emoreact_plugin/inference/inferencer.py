"""Score the emotions in videos with a trained recognizer."""

import os.path as osp
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from mmengine.config import Config

from emoreact_plugin.evaluation.calibration import probabilities_of
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import fit_name, sha256_of
from emoreact_plugin.utils.progress import ProgressBar, progress_bar, write_above
from emoreact_plugin.version import __version__
from emoreact_plugin.weights.checkpoints import resolve_checkpoint

from .annotate import write_annotated
from .clip_job import ClipJob
from .live.streaming import EmotionStream, Frame
from .opening import ClipOpener, OpenedClip, Whom, check_whom
from .pipeline import ClipPipeline, regions_needed
from .results import ClipResult, Probabilities, Results
from .scorers.loading import load_scorer
from .sources import PathLike, Source, find_sources
from .warning_texts import (
    NOTICE,
    SAMPLE_DATA,
    STREAM_GAPS,
    about_masks,
    is_sample_video,
    no_landmarks,
)
from .windows import check_window

# The end of the name of an annotated video, after the whole name of the video.
ANNOTATED = '_annotated.mp4'


class EmotionInferencer:
    """Score the emotions in videos with a trained recognizer.

    Args:
        checkpoint (str): Path of a checkpoint, of the work dir of a training, whose best checkpoint
            is taken, or of an ONNX file from ``tools/export_onnx.py``.
        config (str | Config, optional): Config file, which is executed, or a configuration.
            Defaults to None: the one in the checkpoint.
        device (str, optional): Device, such as ``'cpu'``. Defaults to None: a GPU if there is one.
            ONNX files run on the CPU.
        mask (str, optional): Draw masks of this kind on the faces, see ``DrawFaceMask``. Defaults
            to None: no masks, whatever was drawn in training.
        threshold (float, optional): Probability from which an emotion is a label. Defaults to None:
            for each emotion what was chosen on val, if the checkpoint has it, else 0.5.
        landmarks (str): Where the landmarks come from. ``'auto'`` reads files beside the video, of
            any kind that ``EmoReactDataset`` reads; what these lack, face or body, it finds now if
            mediapipe is installed, and else goes without. A folder names where such files are.
            ``'extract'`` finds the landmarks now. ``'none'`` uses whole frames, with a warning.
            Defaults to ``'auto'``.
        window_seconds (float): Length of the sliding window. Defaults to 5.
        stride_seconds (float): Time from the start of one window to the next. Defaults to 1.
        batch_size (int): Number of windows and clips that are scored at a time. Defaults to 8.
        person (str, optional): Whom of several people to score. ``'largest'`` (over the clip),
            ``'central'``, ``'left'`` or ``'right'`` chooses among those who are found now, and
            ``'all'`` takes each of them, or of the files of person 1, 2, ... Another word is the
            name that landmark files have. Defaults to None: whom the files are of, or the largest.
        cache_dir (str, optional): Cache folder of the cache files, see
            ``EmoReactDataset``.

    Attributes:
        classes (tuple[str, ...]): The emotions.
        regions (tuple[str, ...]): The regions that the model needs to be found in a frame; empty
            for a model of whole frames.
        said (set[str]): Warnings and notes that were already printed.
        thresholds (dict[str, float]): Probability from which an emotion is a label.
        about (dict): What holds for all results: checkpoint and its SHA-256, classes, thresholds,
            temperature, mask, landmarks, lengths, version, notice.

    Raises:
        FileNotFoundError: When a file or folder does not exist.
        ImportError: For ``landmarks='extract'`` without mediapipe.
        InputError: When the device is not available, the checkpoint cannot be read safely or does
            not fit, or an argument is out of range.

    Examples:
        >>> inferencer = EmotionInferencer('best.pth')
        >>> inferencer('talk.mp4')[0].probabilities
        {'Curiosity': 0.71, 'Uncertainty': 0.2, ...}
    """

    def __init__(
        self,
        checkpoint: str,
        config: str | Config | None = None,
        device: str | None = None,
        mask: str | None = None,
        threshold: float | None = None,
        landmarks: str = 'auto',
        window_seconds: float = 5.0,
        stride_seconds: float = 1.0,
        batch_size: int = 8,
        person: str | None = None,
        cache_dir: str | None = None,
    ) -> None:
        check_window(window_seconds, stride_seconds)
        if batch_size < 1:
            raise InputError(f'batch_size: expected 1 or more, found {batch_size}')
        if threshold is not None and not 0 <= threshold <= 1:
            raise InputError(f'threshold: expected a probability, found {threshold}')
        check_whom(landmarks, person)
        checkpoint = resolve_checkpoint(checkpoint)
        self.scorer = load_scorer(checkpoint, config, device)
        self.pipeline = ClipPipeline(self.scorer.cfg, mask)
        self.regions = regions_needed(self.pipeline)
        self.classes = self.scorer.classes
        limits = self.scorer.thresholds if threshold is None else [threshold] * len(self.classes)
        self.thresholds = dict(zip(self.classes, map(float, limits), strict=True))
        self.landmarks, self.person = landmarks, person
        self.mask = mask
        self.window_seconds, self.stride_seconds = (window_seconds, stride_seconds)
        self.batch_size = batch_size
        self.said: set[str] = set()
        self.opener = ClipOpener(self.regions, landmarks, person, cache_dir, self.tell)
        if landmarks == 'extract' and self.regions:
            self.opener.detector()
        trained = self.scorer.dataset_meta
        self.of_sample_data = bool(trained.get('drawn_sample_data'))
        masked = trained.get('masked', self.pipeline.trained_mask is not None)
        self.notes = about_masks(masked, mask) if self.regions else []
        # Kept here: another kind of scorer may stand in later, which gives logits only.
        self.calibration = calibration = self.scorer.calibration
        self.about = dict(
            notice=NOTICE,
            checkpoint=osp.basename(checkpoint),
            checkpoint_sha256=sha256_of(checkpoint),
            trained_on_sample_data=trained.get('drawn_sample_data'),
            trained_with_masks=masked,
            classes=list(self.classes),
            thresholds=self.thresholds,
            temperature=calibration and calibration.temperature,
            calibrated_on_clips=calibration and calibration.clips,
            mask=self.mask,
            landmarks=self.landmarks,
            person=self.person,
            window_seconds=self.window_seconds,
            stride_seconds=self.stride_seconds,
            version=__version__,
        )

    def probabilities(self, logits: np.ndarray) -> Probabilities:
        """Map each emotion to its probability by logits (C, ), calibrated if it is known how."""
        values = map(float, probabilities_of(logits, self.calibration))
        return dict(zip(self.classes, values, strict=True))

    def __enter__(self) -> 'EmotionInferencer':
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the models that find landmarks."""
        self.opener.close()

    def __call__(
        self,
        videos: PathLike | Sequence[PathLike],
        out_dir: str | None = None,
        progress: bool = True,
        full_size: bool = False,
    ) -> Results:
        """Score videos and return all results.

        A video that fails or does not exist is reported and does not stop the others.

        Args:
            videos (PathLike | Sequence[PathLike]): Video files, and folders that are searched for
                videos, including all folders within.
            out_dir (str, optional): Folder for the annotated videos, each of which is written as
                ``<its whole name>_annotated.mp4``. Defaults to None: none are written.
            progress (bool): Show a progress bar. Defaults to True.
            full_size (bool): Keep the size of the frames in the annotated videos, which else have
                at most 1280 pixels a side. Defaults to False.

        Returns:
            Results: A result for each video, with an ``error`` where it failed.

        Raises:
            FileNotFoundError: When there is no video, and at least one of the paths does not exist.
            InputError: When there is no video, two annotated videos would be written to one file,
                or a video lies in ``out_dir``.
        """
        clips = list(self.run(videos, out_dir, progress, full_size=full_size))
        return Results(clips, self.about)

    def run(
        self,
        videos: PathLike | Sequence[PathLike],
        out_dir: str | None = None,
        progress: bool = True,
        annotate: bool = True,
        full_size: bool = False,
    ) -> Iterator[ClipResult]:
        """Score videos and yield each result as soon as it is complete.

        It takes the same arguments and raises the same errors as calling the inferencer. Without
        ``annotate``, no annotated videos are written, but videos in ``out_dir`` are still left out.
        """
        sources = find_sources(videos, out_dir)
        targets = targets_of(sources, out_dir) if annotate and out_dir is not None else None
        with progress_bar(total=len(sources), desc='scoring', unit='clip', shown=progress) as bar:
            for job in self._scored(sources, bar):
                if targets is not None and job.result.error is None:
                    bar.set_postfix_str(f'drawing {job.result.name}')
                    target = of_person(targets[job.source], job.result.person)
                    try:
                        write_annotated(target, job, bar, full_size)
                        job.result.annotated = target
                        whole = osp.basename(job.source.name) + ANNOTATED
                        job.result.annotated_name_shortened = (
                            osp.basename(targets[job.source]) != whole
                        )
                    except KeyboardInterrupt:
                        job.result.error = 'drawing it was stopped'
                        yield job.result  # its scores are whole
                        raise
                    except Exception as error:  # the other clips go on
                        job.result.error = f'drawing it failed: {error}'
                bar.update(job.is_last)
                yield job.result

    def _scored(self, sources: list[Source], bar: ProgressBar) -> Iterator[ClipJob]:
        """Yield the clips in their order, with spans of several clips scored in one batch."""
        jobs: deque[ClipJob] = deque()
        waiting: list[tuple[ClipJob, int, dict]] = []
        for job in self._jobs(sources, bar):
            jobs.append(job)
            for span in job.spans():
                waiting.append((job, *span))
                if len(waiting) == self.batch_size:
                    self._score(waiting)
                    waiting = []
            while jobs and jobs[0].is_done():
                yield jobs.popleft()
        if waiting:
            self._score(waiting)
        yield from jobs

    def _jobs(self, sources: list[Source], bar: ProgressBar) -> Iterator[ClipJob]:
        """Yield a job for each video, or for each person in it."""
        for source in sources:
            bar.set_postfix_str(source.name)
            try:
                people = self.opener.people(source)
            except (OSError, InputError) as error:  # the other clips go on
                job = ClipJob(source, self)
                job.fail(error)
                yield job
                continue
            for whom in people:
                yield ClipJob(source, self, whom, is_last=whom is people[-1])

    def _score(self, waiting: list[tuple[ClipJob, int, dict]]) -> None:
        scores = self.scorer([packed for _, _, packed in waiting])
        for i, (job, span, _) in enumerate(waiting):
            job.add(
                span, scores.logits[i], {name: each[i] for name, each in scores.streams.items()}
            )

    def stream(
        self,
        frames: int | Iterable[Frame],
        fps: float | None = None,
        realtime: bool = False,
        window_seconds: float | None = None,
        stride_seconds: float | None = None,
    ) -> EmotionStream:
        """Score frames as they arrive; see :class:`EmotionStream`."""
        return EmotionStream(
            self,
            frames,
            fps,
            realtime,
            window_seconds=window_seconds,
            stride_seconds=stride_seconds,
        )

    def open(self, source: Source, whom: Whom | None = None) -> OpenedClip:
        """Open a clip with the landmarks of a person, see :class:`ClipOpener`.

        Short gaps of the face are filled as the configuration says.

        Raises:
            FileNotFoundError, InputError: When the clip or its landmark file cannot be read.
        """
        opened = self.opener.open(source, whom)
        return replace(opened, clip=opened.clip.filled(self.pipeline.max_gap))

    def warnings_of(self, path: str | None, landmarks: str) -> list[str]:
        """Return the warnings and notes about the scores of a video, and print those that are new.

        Args:
            path (str, optional): Path of the video; None for a camera.
            landmarks (str): Where its landmarks come from.
        """
        found = []
        if self.of_sample_data and (path is None or not is_sample_video(path)):
            found.append(SAMPLE_DATA)
        if landmarks == 'none':
            found.append(no_landmarks(self.regions))
        for each in found:
            self.tell(each, 'WARNING: ')
        notes = self.notes
        if landmarks == 'none' and self.mask is not None:
            notes = ['no mask can be drawn without landmarks']
        if path is None and landmarks != 'none' and self.pipeline.max_gap:
            notes = [*notes, STREAM_GAPS]
        for each in notes:
            self.tell(each, 'note: ')
        return found + notes

    def tell(self, text: str, kind: str = '') -> None:
        """Print a line, unless it was printed before."""
        if text not in self.said:
            self.said.add(text)
            write_above(kind + text)


def targets_of(sources: list[Source], out_dir: str) -> dict[Source, str]:
    """Choose the path of each annotated video.

    A video that does not exist has none.

    Raises:
        InputError: When two annotated videos would have the same path.
    """
    by_target: dict[str, Source] = {}
    for source in filter(lambda each: osp.exists(each.path), sources):
        folder, stem = osp.split(source.name)
        target = osp.join(out_dir, folder, fit_name(stem, ANNOTATED))
        other = by_target.setdefault(target, source)
        if other is not source:
            raise InputError(
                f'{other.path} and {source.path} would both be written to {target}; rename one, or '
                'do them apart'
            )
    return {source: target for target, source in by_target.items()}


def of_person(target: str, person: str | None) -> str:
    """Return the path of the annotated video of one of several people."""
    if person is None:
        return target
    return f'{target.removesuffix(ANNOTATED)}_p{person}{ANNOTATED}'
