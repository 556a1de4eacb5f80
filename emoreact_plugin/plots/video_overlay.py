"""Draw the scores of a clip beside the frames of its video.

The classes take arrays and return frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw

from .contact_sheet import COLORS, DIM, TEXT, Box, draw_boxes, edge_of
from .text import font, shorten, wrap

# A colour an emotion: those of contact sheets, and two more.
EMOTION_COLORS = (*COLORS, '#8C510A', '#666666')
# Of boxes. Also to the colour-blind they differ from each other and from all
# of these more than any two of these do.
REGION_COLORS = ('#FFFF00', '#6A00FF', '#00FFFF', '#000000')
LONG_SIDE = 1280
# The letters are a 32nd of the picture's side along the panel.
LETTERS = 32
PANEL = 20  # letters
SMALLEST_LETTER = 12  # pixels
SMALLEST_SIDE = 480  # a smaller picture is enlarged
NAMES = 5.2  # letters: the room for the names of the lines
MOST_BARS = 8
ROW = 1.4  # letters
ALARM, MARKED, GRID, TRACK = '#A00000', '#EBD9D0', '#D9D9D9', '#EEEEEE'


@dataclass(frozen=True, eq=False)
class Curve:
    """The scores of a clip over time.

    Attributes:
        classes (tuple[str, ...]): C names.
        times (np.ndarray): (W, ) seconds, ascending: the middles of the windows.
        values (np.ndarray): (W, C) probabilities.
        spans (list[tuple[float, float]]): W starts and ends, seconds.
        marks (list[str]): W notes, ``''`` if the window is reliable.
        duration (float): Length of the clip, seconds.
        thresholds (np.ndarray): (C, ), probability from which an emotion is a label.
    """

    classes: tuple[str, ...]
    times: np.ndarray
    values: np.ndarray
    spans: list[tuple[float, float]]
    marks: list[str]
    duration: float
    thresholds: np.ndarray

    def window_at(self, time: float) -> int:
        """Return the number of the window whose middle is nearest to a time."""
        return int(np.abs(self.times - time).argmin())


class VideoOverlay:
    """Draw the frames of an annotated video.

    There is a panel beside the picture, or below it in portrait format. It has a bar for each
    emotion, in the window whose middle is nearest, the scores over time with a cursor, and text
    about the frame. The boxes of the regions are outlined on the picture. Both sides are even.
    Without a banner, the longer one has at most 1280 pixels.

    Args:
        size (tuple[int, int]): Width and height of the video's frames.
        curve (Curve): The scores. Of more than 8 emotions, the 8 with the highest peaks are drawn.
        title (str): Name of the clip.
        regions (Sequence[str]): The regions whose boxes are outlined.
        banner (Sequence[str]): Text that has to be read: it is above the picture, on red.
        notes (Sequence[str]): Other text about the clip.
        not_sought (Sequence[str]): The regions that were not looked for.
        full_size (bool): Keep the size of the video's frames, however large the result is. Smaller
            ones than 480 pixels are still enlarged. Defaults to False.
    """

    def __init__(
        self,
        size: tuple[int, int],
        curve: Curve,
        title: str,
        regions: Sequence[str] = (),
        banner: Sequence[str] = (),
        notes: Sequence[str] = (),
        not_sought: Sequence[str] = (),
        full_size: bool = False,
    ) -> None:
        self.not_sought = frozenset(not_sought)
        self.curve, self.title, self.notes = curve, title, tuple(notes)
        self.colors = {
            region: REGION_COLORS[i % len(REGION_COLORS)] for i, region in enumerate(regions)
        }
        self._place(size, full_size, banner)
        peaks = curve.values.max(axis=0)
        self.shown = sorted(np.argsort(-peaks, kind='stable')[:MOST_BARS])
        self._chart = self._draw_chart()
        # The window whose panel was drawn last, and the panel.
        self._drawn: tuple[int, np.ndarray] | None = None
        self._status: tuple[str, tuple[bool, ...]] | None = None

    def _place(self, size: tuple[int, int], full_size: bool, banner: Sequence[str]) -> None:
        """Compute where everything is placed, below the banner."""
        wide, high = size
        self.beside = wide >= high
        side, along = (high, wide) if self.beside else (wide, high)
        # The panel is 20 letters wide, 20 letters high below a picture.
        most = min(
            LONG_SIDE / (along / side + PANEL / LETTERS),
            (LONG_SIDE - PANEL * SMALLEST_LETTER) / (along / side),
        )
        side_to: float = max(side, SMALLEST_SIDE)
        if not full_size:
            side_to = min(side_to, most)
        self.scale = side_to / side
        letter = self.letter = max(int(side_to / LETTERS), SMALLEST_LETTER)
        self.picture = (max(round(wide * self.scale), 1), max(round(high * self.scale), 1))
        if self.beside:
            canvas = (self.picture[0] + PANEL * letter, max(self.picture[1], LETTERS * letter))
        else:
            canvas = (max(self.picture[0], LETTERS * letter), self.picture[1] + PANEL * letter)
        self._banner = self._draw_banner(banner, canvas[0])
        self.top = 0 if self._banner is None else len(self._banner)
        self.size = (canvas[0] // 2 * 2, (canvas[1] + self.top) // 2 * 2)
        if self.beside:
            self.panel = (self.picture[0], self.top)
            left, top, wide = self.panel[0] + letter, self.top + 4 * letter, 18 * letter
            self.bars = (left, top, wide)
            rows = min(MOST_BARS, len(self.curve.classes))
            top += round(0.8 * letter + ROW * letter * rows)
            self.chart = (left, top, wide, round(6.5 * letter))
            self.footer = (left, top + round(7.9 * letter), wide)
        else:
            self.panel = (0, self.picture[1] + self.top)
            half = (canvas[0] - 3 * letter) // 2
            top = self.panel[1] + 4 * letter
            self.bars = (letter, top, half)
            self.chart = (2 * letter + half, top, half, round(9.5 * letter))
            self.footer = (letter, top + round(11.7 * letter), canvas[0] - 2 * letter)

    def draw(self, frame: np.ndarray, time: float, boxes: dict[str, Box | None]) -> np.ndarray:
        """Draw a frame.

        Args:
            frame (np.ndarray): (H, W, 3) uint8, RGB. It is not changed.
            time (float): When it is shown, seconds.
            boxes (dict[str, tuple | None]): Region -> its box in pixels of the frame; None if it
                was not found.

        Returns:
            np.ndarray: (height, width, 3) uint8, RGB, of :attr:`size`.
        """
        window = self.curve.window_at(time)
        if self._drawn is None or self._drawn[0] != window:
            self._drawn = window, self._draw_panel(window)
            self._status = None
        panel = self._drawn[1]
        self._draw_status(panel, time, boxes)
        out = panel.copy()
        picture = cv2.resize(
            frame,
            self.picture,
            # Averaging areas takes several times as long.
            interpolation=cv2.INTER_AREA if self.scale < 0.5 else cv2.INTER_LINEAR,
        )
        there = {name: box for name, box in boxes.items() if box is not None}
        line = max(self.letter // 6, 2)
        picture = draw_boxes(picture, there, self.colors, self.scale, line, edge=max(line // 2, 1))
        place = out[self.top : self.top + self.picture[1], : self.picture[0]]
        place[:] = picture[: place.shape[0], : place.shape[1]]
        left, top, wide, high = self._plot()
        x = left + round((wide - 2) * min(time / self.curve.duration, 1))
        out[top : top + high, x : x + 2] = 0
        return out

    def _draw_banner(self, lines: Sequence[str], wide: int) -> np.ndarray | None:
        if not lines:
            return None
        letter = self.letter
        face = font(letter, True)
        rows = [
            row
            for line in lines
            for row in wrap(line[:1].upper() + line[1:], wide - letter, face, 3)
        ]
        image = Image.new('RGB', (wide, round((1.3 * len(rows) + 0.5) * letter)), ALARM)
        draw = ImageDraw.Draw(image)
        for i, row in enumerate(rows):
            draw.text((letter // 2, round((0.2 + 1.3 * i) * letter)), row, 'white', face)
        return np.array(image)

    def _plot(self) -> tuple[int, int, int, int]:
        """Return the left, top, width and height of the field of the lines."""
        left, top, wide, high = self.chart
        margin = round(1.9 * self.letter)
        return left + margin, top, wide - margin - round(NAMES * self.letter), high

    def _draw_chart(self) -> np.ndarray:
        """Draw the lines at three times the size and scale them down, which makes them smooth."""
        curve, times = self.curve, 3
        wide, high = (times * each for each in self._plot()[2:])
        image = Image.new('RGB', (wide, high), 'white')
        draw = ImageDraw.Draw(image)

        def x(time: float) -> float:
            return wide * min(max(time / curve.duration, 0), 1)

        def y(value: float) -> float:
            return times + (high - 3 * times) * (1 - value)

        middles = (curve.times[1:] + curve.times[:-1]) / 2
        edges = [0.0, *middles, curve.duration]
        for k, mark in enumerate(curve.marks):
            if mark:
                draw.rectangle((x(edges[k]), 0, x(edges[k + 1]), high), MARKED)
        for value in (0, 0.5, 1):
            draw.line((0, y(value), wide, y(value)), GRID, times)
        at = [0.0, *curve.times, curve.duration]
        for i in self.shown:
            values = curve.values[:, i]
            heights = [values[0], *values, values[-1]]
            draw.line(
                [(x(t), y(v)) for t, v in zip(at, heights, strict=True)],
                color_of(i),
                2 * times,
                'curve',
            )
        return cv2.resize(np.array(image), self._plot()[2:], interpolation=cv2.INTER_AREA)

    def _draw_panel(self, window: int) -> np.ndarray:
        """Draw everything that is the same for all frames of a window."""
        image = Image.new('RGB', self.size, 'black')
        draw, letter, curve = ImageDraw.Draw(image), self.letter, self.curve
        draw.rectangle((*self.panel, *self.size), 'white')
        if self._banner is not None:
            image.paste(Image.fromarray(self._banner), (0, 0))
        x, y = self.panel[0] + letter, self.panel[1] + letter // 2
        wide = self.size[0] - x - letter
        draw.text((x, y), shorten(self.title, wide, font(letter, True)), TEXT, font(letter, True))
        start, end = curve.spans[window]
        text = f'{start:.1f} to {end:.1f} s'
        text = f'{text}: {curve.marks[window]}' if curve.marks[window] else f'window {text}'
        draw.text(
            (x, y + round(1.5 * letter)),
            shorten(text, wide, font(letter)),
            ALARM if curve.marks[window] else DIM,
            font(letter),
        )
        self._draw_bars(draw, window)
        left, top, wide, high = self._plot()
        image.paste(Image.fromarray(self._chart), (left, top))
        for value in (0, 1):
            draw.text(
                (left - letter // 2, top + round((high - letter) * (1 - value))),
                str(value),
                DIM,
                font(letter),
                'ra',
            )
        self._draw_names(draw)
        draw.text((left, top + high), '0', DIM, font(letter))
        draw.text((left + wide, top + high), f'{curve.duration:.1f} s', DIM, font(letter), 'ra')
        self._draw_footer(draw)
        return np.array(image)

    def _draw_bars(self, draw: ImageDraw.ImageDraw, window: int) -> None:
        left, top, wide = self.bars
        letter, curve = self.letter, self.curve
        begin = left + round(7.3 * letter)
        length = wide - round(7.3 * letter) - round(2.6 * letter)
        for row, i in enumerate(self.shown):
            y, value = top + round(ROW * letter * row), float(curve.values[window, i])
            face = font(letter, value >= curve.thresholds[i])
            draw.text((left, y), shorten(curve.classes[i], 7 * letter, face), TEXT, face)
            box = (begin, y + letter // 6, begin + length, y + round(1.15 * letter))
            draw.rectangle(box, TRACK)
            draw.rectangle((*box[:2], begin + round(length * value), box[3]), color_of(i))
            at = begin + round(length * curve.thresholds[i])
            draw.line((at, box[1], at, box[3]), DIM)
            draw.text((left + wide, y), digits(value, curve.thresholds[i]), TEXT, face, 'ra')

    def _draw_names(self, draw: ImageDraw.ImageDraw) -> None:
        """Write the names of the highest lines beside their ends, none over another."""
        left, top, wide, high = self._plot()
        ends, face = self.curve.values[-1], font(round(0.8 * self.letter))
        row = round(0.95 * self.letter)
        highest = sorted(self.shown, key=lambda i: -self.curve.values[:, i].max())
        named = sorted(highest[: max(high // row, 1)], key=lambda i: -ends[i])
        y = top - row
        for k, i in enumerate(named):
            # Where the line ends, but below the one before, and with room for those after it.
            lowest = top + high - row * (len(named) - k)
            y = min(max(top + round(high * (1 - ends[i])) - row // 2, y + row), lowest)
            text = shorten(self.curve.classes[i], (NAMES - 0.3) * self.letter, face)
            draw.text((left + wide + round(0.3 * self.letter), y), text, color_of(i), face)

    def _draw_footer(self, draw: ImageDraw.ImageDraw) -> None:
        """Draw the notes below the line that changes with every frame."""
        x, y, wide = self.footer
        letter = self.letter
        more = len(self.curve.classes) - len(self.shown)
        texts = ['bars: window nearest to this time', 'thin lines: thresholds of labels']
        texts.append('estimates, not what one feels')
        texts += [f'{more} more with lower peaks'] * (more > 0)
        texts += self.notes
        room = int((self.size[1] - y) / (1.25 * letter) - 1.2)
        lines = [line for text in texts for line in wrap(text, wide, font(letter), 4)]
        for k, line in enumerate(lines[: max(room, 0)]):
            draw.text((x, y + round(1.25 * letter * (k + 1.2))), line, DIM, font(letter))

    def _draw_status(self, panel: np.ndarray, time: float, boxes: dict[str, Box | None]) -> None:
        """Draw the time and which regions were found, on the panel itself."""
        found = tuple(box is not None for box in boxes.values())
        status = f'{time:.1f} s', found
        if status == self._status:
            return
        self._status = status
        x, y, wide = self.footer
        letter = self.letter
        image = Image.new('RGB', (wide, round(1.4 * letter)), 'white')
        draw = ImageDraw.Draw(image)
        draw.text((0, 0), status[0], TEXT, font(letter, True))
        at = 4.0 * letter
        for region, is_there in zip(boxes, found, strict=True):
            text = region if is_there else f'no {region}'
            if region in self.not_sought:
                text = f'{region} not sought'
            if is_there:
                color = self.colors[region]
                draw.rectangle(
                    (at, 0.3 * letter, at + 0.7 * letter, letter),
                    color,
                    edge_of(color),
                    max(letter // 12, 1),
                )
                at += 0.95 * letter
            draw.text((at, 0), text, TEXT if is_there else DIM, font(letter, is_there))
            at += font(letter, True).getlength(text) + 0.6 * letter
        strip = np.array(image)[: panel.shape[0] - y]
        panel[y : y + len(strip), x : x + wide] = strip


def digits(value: float, threshold: float) -> str:
    """Return a probability with two digits; with three where two would look like the threshold."""
    return f'{value:.{3 if f"{value:.2f}" == f"{threshold:.2f}" else 2}f}'


def color_of(index: int) -> str:
    """Return the colour ``'#RRGGBB'`` of an emotion, by its index."""
    return EMOTION_COLORS[index % len(EMOTION_COLORS)]
