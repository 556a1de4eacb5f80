"""Open a clip with the landmarks that a model needs, from files or found now."""

import os.path as osp
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emoreact_plugin.clips.cache_file import CachedClip
from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.clips.clip_files import expected_names
from emoreact_plugin.clips.regions import BOTH, BOXES_FROM, NEEDS
from emoreact_plugin.preparation.landmarks import detect_landmarks, has_mediapipe
from emoreact_plugin.preparation.mediapipe.detector import LandmarkDetector

from .sources import NOT_THERE, Source

# What the files of each kind hold.
HOLD = dict(landmarks='face landmarks', keypoints='body keypoints')


@dataclass(frozen=True, eq=False)
class OpenedClip:
    """A clip, and where its landmarks come from.

    Attributes:
        clip (Clip): The clip.
        landmarks (str): Where its landmarks come from, see ``ClipResult``.
        not_sought (list[str]): The regions that were not looked for, because there is neither a
            file of them nor a detector.
    """

    clip: Clip
    landmarks: str
    not_sought: list[str]


class ClipOpener:
    """Open clips with the landmarks that some regions need.

    Args:
        regions (Sequence[str]): The regions that have to be found.
        landmarks (str): Where the landmarks come from, see ``EmotionInferencer``.
        person (str, optional): See ``EmotionInferencer``.
        cache_dir (str, optional): See ``EmotionInferencer``.
        tell (Callable): Prints a line, unless it was printed before.
    """

    def __init__(
        self,
        regions: Sequence[str],
        landmarks: str,
        person: str | None,
        cache_dir: str | None,
        tell: Callable[[str], None],
    ) -> None:
        self.regions, self.landmarks, self.person = tuple(regions), landmarks, person
        self.cache_dir, self.tell = cache_dir, tell
        self.needs = {kind for region in regions for kind in NEEDS.get(region, BOTH)}
        self._detector: LandmarkDetector | None = None

    def close(self) -> None:
        """Release the models that find landmarks."""
        if self._detector is not None:
            self._detector.close()
            self._detector = None

    def detector(self) -> LandmarkDetector:
        """Return the model that finds landmarks, which is created at its first use."""
        if self._detector is None:
            self._detector = LandmarkDetector(body='keypoints' in self.needs)
        return self._detector

    def open(self, source: Source) -> OpenedClip:
        """Open a clip.

        Raises:
            FileNotFoundError, InputError: When the clip or its landmark file cannot be read.
        """
        if not osp.exists(source.path):
            raise FileNotFoundError(NOT_THERE.format(source.path))
        if not self.regions:
            return OpenedClip(Clip(source.path, use_landmarks=False), 'not needed', [])
        if self.landmarks == 'none':
            clip = Clip(source.path, use_landmarks=False)
            return OpenedClip(clip, 'none', self.without(()))
        if self.landmarks == 'extract':
            return OpenedClip(Clip(source.path, detect=self._detect), 'extracted', [])
        return self._with_files(source)

    def without(self, sought: Sequence[str]) -> list[str]:
        """List the regions that nobody looked for, given the kinds of what was looked for."""
        return [
            region for region in self.regions if not {*sought} & {*BOXES_FROM.get(region, BOTH)}
        ]

    def _detect(self, path: str) -> CachedClip:
        return detect_landmarks(path, self.detector())

    def _with_files(self, source: Source) -> OpenedClip:
        """Open a clip with its landmark files, and find what they lack if that was asked for."""
        folder = None if self.landmarks == 'auto' else self.landmarks
        clip = Clip(
            source.path,
            folder,
            cache_dir=self.cache_dir,
            person=self.person,
            video=source.name if folder else None,
        )
        there = dict(landmarks=clip.has_landmarks, keypoints=clip.has_keypoints)
        kinds = [kind for kind, is_there in there.items() if is_there]
        if self.person is not None and not kinds:
            names = expected_names('landmarks', clip.name, self.person)
            raise FileNotFoundError(
                f'{source.path}: no landmarks of {self.person} in '
                f'{folder or osp.dirname(source.path) or "."}, expected {" or ".join(names)}'
            )
        lacking = self.needs - {*kinds}
        wanted = folder is None and self.person is None and not osp.isdir(source.path)
        if not (lacking and wanted and has_mediapipe()):
            return OpenedClip(clip, 'files' if kinds else 'none', self.without(kinds))
        what = ' and '.join(HOLD[kind] for kind in HOLD if kind in lacking)
        self.tell(f'finding {what} with mediapipe: there are no files of them')
        found = 'files+extracted' if kinds else 'extracted'
        return OpenedClip(clip.completed(self._detect), found, [])
