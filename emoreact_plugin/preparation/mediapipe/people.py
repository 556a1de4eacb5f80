"""Find out which people a clip shows, and whom of them to follow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from emoreact_plugin.clips.landmark_readers import MAX_FRAMES_AWAY
from emoreact_plugin.utils.errors import InputError

from .regions import Box, are_same, merit

CHOICES = ('largest', 'central', 'left', 'right')
ALL = 'all'
# People are looked for in every so many frames: a fifth of the work, and nobody moves far.
STEP = 5
# A face that is seen in fewer looks than this is none, or of somebody who passes by.
FEWEST_LOOKS = 3


@dataclass
class Person:
    """One person of a clip: in which frames the face was seen, and where.

    Attributes:
        frames (list[int]): The frames, ascending.
        boxes (list[Box]): The box of the face in each of them.
    """

    frames: list[int] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)

    def at(self, frame: int) -> Box | None:
        """Return where the face is in a frame, between those in which it was seen.

        It is None before the first and after the last of them, and where they are more than 15
        frames and a look apart.
        """
        k = int(np.searchsorted(self.frames, frame))
        if k == len(self.frames) or frame < self.frames[0]:
            return None
        if self.frames[k] == frame:
            return self.boxes[k]
        before, after = self.frames[k - 1], self.frames[k]
        if after - before > MAX_FRAMES_AWAY + STEP:
            return None
        return self.boxes[k - 1].towards(self.boxes[k], (frame - before) / (after - before))

    def is_apart_from(self, other: 'Person') -> bool:
        """Tell whether one was away for 15 frames when the other came."""
        return (
            self.frames[-1] + MAX_FRAMES_AWAY < other.frames[0]
            or other.frames[-1] + MAX_FRAMES_AWAY < self.frames[0]
        )


@dataclass(frozen=True)
class Guide:
    """Where the face to follow is, frame by frame.

    Attributes:
        persons (tuple[Person, ...]): One person; or several, who are there one after the other.
        taken (tuple[int, ...]): Their numbers, from 1 on.
        seen (int): How many people the clip shows.
        choice (str): Why they were taken: one of :data:`CHOICES`, or ``'all'``.
    """

    persons: tuple[Person, ...]
    taken: tuple[int, ...]
    seen: int
    choice: str

    def at(self, frame: int) -> Box | None:
        """Return where the face is expected in a frame, None if nobody is there."""
        boxes = (person.at(frame) for person in self.persons)
        return next((box for box in boxes if box is not None), None)

    def to_dict(self) -> dict:
        """Return what is recorded of it: ``seen``, ``taken`` and ``choice``."""
        return dict(seen=self.seen, taken=list(self.taken), choice=self.choice)


class People:
    """The people of a clip, numbered from left to right.

    Args:
        looks (Iterable[tuple[int, Sequence[Box]]]): Frame, and the faces seen in it, in the order
            of the frames.
        size (tuple[int, int]): Width and height of the frames.

    Attributes:
        persons (list[Person]): Those who were seen in 3 looks or more. In a clip in which nobody
            was, the one who was seen most often. Somebody who is elsewhere after a cut counts as
            another person.
    """

    def __init__(self, looks: Iterable[tuple[int, Sequence[Box]]], size: tuple[int, int]) -> None:
        self.size = size
        found: list[Person] = []
        count = 0
        for frame, boxes in looks:
            count += 1
            _link(found, frame, boxes)
        fewest = min(FEWEST_LOOKS, (count + 1) // 2)
        kept = [person for person in found if len(person.frames) >= fewest]
        if not kept and found:
            kept = [max(found, key=lambda person: len(person.frames))]
        self.persons = sorted(kept, key=lambda person: np.mean([box.x for box in person.boxes]))

    def guide(self, choice: str) -> Guide:
        """Return the guide to the person who is chosen, and to those who are there afterwards.

        ``'largest'`` is the one whose face covers most, summed over the clip. ``'central'``,
        ``'left'`` and ``'right'`` are chosen among those who are there for at least half as long as
        the one who is there longest. When this person has been away for 15 frames, the largest of
        the others takes over.

        Args:
            choice (str): One of :data:`CHOICES`.

        Raises:
            InputError: For another word.
        """
        check_choice(choice)
        seen = len(self.persons)
        if not seen:
            return Guide((), (), 0, choice)
        by_area = sorted(self.persons, key=lambda each: self._merit(each, 'largest'), reverse=True)
        first = by_area[0]
        if choice != 'largest':
            longest = max(len(each.frames) for each in self.persons)
            there = [each for each in self.persons if 2 * len(each.frames) >= longest]
            first = max(there, key=lambda each: self._merit(each, choice))
        chain = [first]
        for each in by_area:
            if all(each.is_apart_from(other) for other in chain):
                chain.append(each)
        chain.sort(key=lambda each: each.frames[0])
        taken = tuple(self._number(each) for each in chain)
        return Guide(tuple(chain), taken, seen, choice)

    def guides(self) -> list[Guide]:
        """Return a guide to each person; one to nobody if the clip shows nobody."""
        seen = len(self.persons)
        found = [Guide((each,), (k,), seen, ALL) for k, each in enumerate(self.persons, 1)]
        return found or [Guide((), (), 0, ALL)]

    def _number(self, person: Person) -> int:
        return 1 + next(k for k, each in enumerate(self.persons) if each is person)

    def _merit(self, person: Person, choice: str) -> float:
        values = [merit(box, *self.size, choice) for box in person.boxes]
        return float(np.sum(values) if choice == 'largest' else np.mean(values))


def _link(found: list[Person], frame: int, boxes: Sequence[Box]) -> None:
    """Give each face of a frame to the person who was nearest, or to a new one."""
    pairs = sorted(
        (person.boxes[-1].distance(box.x, box.y), i, j)
        for i, person in enumerate(found)
        for j, box in enumerate(boxes)
        if are_same(box, person.boxes[-1], frame - person.frames[-1])
    )
    left, free = set(range(len(boxes))), set(range(len(found)))
    for _, i, j in pairs:
        if i in free and j in left:
            free.remove(i)
            left.remove(j)
            found[i].frames.append(frame)
            found[i].boxes.append(boxes[j])
    found += [Person([frame], [boxes[j]]) for j in sorted(left)]


def check_choice(choice: str, among: Sequence[str] = CHOICES) -> None:
    """Refuse a word that chooses nobody.

    Raises:
        InputError: For such a word.
    """
    if choice not in among:
        raise InputError(f"person: expected one of {', '.join(among)}, found '{choice}'")


def said_of(people: dict) -> str:
    """Say how many people were seen, and who was taken: ``3 people seen, person 2 taken``.

    Args:
        people (dict): See :meth:`Guide.to_dict`.
    """
    if not people['taken']:
        return 'nobody seen'
    if people['seen'] == 1:
        return '1 person seen'
    taken = ', then '.join(map(str, people['taken']))
    return f'{people["seen"]} people seen, person {taken} taken'
