"""Open a clip with the landmarks that a model needs, from files or found now."""

import os.path as osp
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, takewhile
from typing import NamedTuple

import numpy as np

from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.clips.clip_files import expected_names, find_file
from emoreact_plugin.clips.regions import BOTH, BOXES_FROM, NEEDS, has_face
from emoreact_plugin.preparation.landmarks import detect_landmarks, find_people
from emoreact_plugin.preparation.mediapipe.detector import LandmarkDetector
from emoreact_plugin.preparation.mediapipe.networks import has_landmark_models
from emoreact_plugin.preparation.mediapipe.people import ALL, CHOICES, Guide, Person
from emoreact_plugin.preparation.mediapipe.regions import Box
from emoreact_plugin.utils.errors import InputError

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
        people (dict | None): Who was followed, see ``Guide.to_dict``; None for files.
    """

    clip: Clip
    landmarks: str
    not_sought: list[str]
    people: dict | None = None


class Whom(NamedTuple):
    """A person of a video.

    Attributes:
        name (str | None): What the names of landmark files call the person, or the number; None for
            the only one, or the one that is chosen.
        guide (Guide | None): Where the person is; None if that was not looked for.
    """

    name: str | None = None
    guide: Guide | None = None


def check_whom(landmarks: str, person: str | None) -> None:
    """Refuse a folder that is not there, and a choice among people where there is none.

    For the arguments, see ``EmotionInferencer``.

    Raises:
        FileNotFoundError: When ``landmarks`` names no folder.
        InputError: When these landmarks are not those of several people.
    """
    if landmarks not in ('auto', 'extract', 'none') and not osp.isdir(landmarks):
        raise FileNotFoundError(
            f"{landmarks}: no such folder of landmarks ('auto', 'extract' and 'none' are the other "
            'choices)'
        )
    chooses = person in (*CHOICES, ALL)
    if person is not None and (landmarks == 'none' or (landmarks == 'extract' and not chooses)):
        raise InputError(
            f"person='{person}': expected landmarks of several people, found "
            f"landmarks='{landmarks}'"
        )


class ClipOpener:
    """Open clips with the landmarks that some regions need.

    The regions are those that have to be found, and ``tell`` prints a line, unless it was printed
    before. For the other arguments, see ``EmotionInferencer``.
    """

    def __init__(
        self,
        regions: Sequence[str],
        landmarks: str,
        person: str | None,
        cache_dir: str | None,
        tell: Callable[[str], None],
    ) -> None:
        self.regions, self.landmarks = tuple(regions), landmarks
        # A word that chooses, or the name that files have.
        self.choice = person if person in (*CHOICES, ALL) else None
        self.person = None if self.choice else person
        self._chosen = person if person is not None and person in CHOICES else 'largest'
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
            self._detector = LandmarkDetector('keypoints' in self.needs, self._chosen)
        return self._detector

    def people(self, source: Source) -> list[Whom]:
        """List whom to score in a video: one person, unless all were asked for.

        Files of all are those of person 1, 2, ..., as ``extract_landmarks`` writes them.
        """
        if self.choice != ALL or not self.regions or not osp.exists(source.path):
            return [Whom(self.person)]
        if self.landmarks != 'extract':
            folder, video = self.landmarks, source.name
            if folder == 'auto':
                folder, video = osp.split(osp.normpath(source.path))

            def has_files(name: str) -> bool:
                return any(find_file(kind, video, folder, name) for kind in HOLD)

            names = takewhile(has_files, map(str, count(1)))
            found = [Whom(name) for name in names]
            if found or self.landmarks != 'auto' or not has_landmark_models():
                return found or [Whom()]
            self.tell('finding landmarks with mediapipe: there are no files of person 1')
        guides = find_people(source.path, self.detector()).guides()
        return [Whom(str(guide.taken[0]) if guide.taken else None, guide) for guide in guides]

    def open(self, source: Source, whom: Whom | None = None) -> OpenedClip:
        """Open a clip.

        Args:
            source (Source): The video.
            whom (Whom, optional): The person, from :meth:`people`. Defaults to None: who is chosen.

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
        whom = whom or Whom(self.person)
        if self.landmarks == 'extract' or whom.guide is not None:
            guide = whom.guide or self._guide(source.path)
            detect = partial(detect_landmarks, detector=self.detector(), guide=guide)
            clip = Clip(source.path, detect=detect)
            return OpenedClip(clip, 'extracted', [], guide.to_dict())
        return self._with_files(source, whom.name)

    def without(self, sought: Sequence[str]) -> list[str]:
        """List the regions that nobody looked for, given the kinds of what was looked for."""
        return [
            region for region in self.regions if not {*sought} & {*BOXES_FROM.get(region, BOTH)}
        ]

    def _guide(self, path: str) -> Guide:
        return find_people(path, self.detector()).guide(self._chosen)

    def _with_files(self, source: Source, person: str | None) -> OpenedClip:
        """Open a clip with its landmark files, and find what they lack if that was asked for."""
        folder = None if self.landmarks == 'auto' else self.landmarks
        clip = Clip(
            source.path,
            folder,
            cache_dir=self.cache_dir,
            person=person,
            video=source.name if folder else None,
        )
        there = dict(landmarks=clip.has_landmarks, keypoints=clip.has_keypoints)
        kinds = [kind for kind, is_there in there.items() if is_there]
        if person is not None and not kinds:
            names = expected_names('landmarks', clip.name, person)
            raise FileNotFoundError(
                f'{source.path}: no landmarks of {person} in '
                f'{folder or osp.dirname(source.path) or "."}, expected {" or ".join(names)}'
            )
        if kinds and self.choice and person is None:
            self.tell(f"the landmark files are of one person: '{self.choice}' chooses nobody there")
        lacking = self.needs - {*kinds}
        wanted = folder is None and not osp.isdir(source.path)
        if not (lacking and wanted and has_landmark_models()):
            return OpenedClip(clip, 'files' if kinds else 'none', self.without(kinds))
        what = ' and '.join(HOLD[kind] for kind in HOLD if kind in lacking)
        self.tell(f'finding {what} with mediapipe: there are no files of them')
        found = 'files+extracted' if kinds else 'extracted'
        # The body of whose face the file has.
        guide = _guide_to(clip) if clip.has_landmarks else self._guide(source.path)
        clip = clip.completed(partial(detect_landmarks, detector=self.detector(), guide=guide))
        return OpenedClip(clip, found, [], None if kinds else guide.to_dict())


def _guide_to(clip: Clip) -> Guide:
    """Return the guide to the face of a clip's own landmarks."""
    faces = clip.landmarks.face
    frames = np.flatnonzero(has_face(faces)).tolist()
    person = Person(frames, [Box.around(faces[k]) for k in frames])
    return Guide((person,) if frames else (), (1,) if frames else (), 1, 'file')
