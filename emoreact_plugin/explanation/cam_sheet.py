"""Lay maps over the images that they are of, in sheets and in frames of a video.

The functions take arrays and return pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw

from emoreact_plugin.plots.contact_sheet import (
    COLORS,
    DIM,
    GAP,
    LINE,
    MARGIN,
    TEXT,
    Box,
    draw_boxes,
    fitting,
    text_font,
)
from emoreact_plugin.plots.text import shorten

# Rising in brightness evenly, to the colour-blind as well.
COLOR_MAP = 'inferno'
# Of the colours, where there is nothing and where the map is greatest: the
# latter hardly mixes with the image, so that it is the colour of the bar.
LEAST_OPACITY, MOST_OPACITY = 0.3, 0.9
BAR_WIDTH, BAR_HEIGHT, BAR_ROOM = 160, 8, 410  # pixels
# In pixels: the size of a sheet, the height of a frame of a video, and the side of an image.
WIDTH, HEIGHT, FRAME_HEIGHT = 1600, 1800, 720
LEAST, MOST = 84, 224
MOST_COLUMNS = 10


class Overlay(NamedTuple):
    """An image of a stream with the map of an emotion over it.

    Attributes:
        image (np.ndarray): (H, W, 3) uint8, RGB.
        note (str): Text below it.
    """

    image: np.ndarray
    note: str = ''


class Row(NamedTuple):
    """An emotion, which is a row of a sheet.

    Attributes:
        name (str): Its name.
        lines (tuple[str, ...]): Text about it.
    """

    name: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Column:
    """A frame, which is a column of a sheet.

    Attributes:
        title (str): Its number.
        frame (np.ndarray): The whole frame (H, W, 3) uint8, RGB.
        boxes (dict[str, tuple]): Stream -> its box in the frame: x1, y1, x2, y2, right and bottom
            exclusive.
        cells (dict[str, list[Overlay]]): Stream -> an overlay for each row. A stream without an
            image of this frame is left out.
    """

    title: str
    frame: np.ndarray
    boxes: dict[str, Box]
    cells: dict[str, list[Overlay]]


def overlay(image: np.ndarray, values: np.ndarray, scale: float) -> np.ndarray:
    """Lay a map in the colours of matplotlib's inferno over an image in grey.

    Args:
        image (np.ndarray): (H, W, 3) uint8, RGB.
        values (np.ndarray): (h, w), 0 or more.
        scale (float): The value of the brightest colour; if it is 0, the map is dark.

    Returns:
        np.ndarray: (H, W, 3) uint8, RGB.
    """
    size = (image.shape[1], image.shape[0])
    shares = enlarge(values, size) / (scale if scale > 0 else np.inf)
    shares = np.clip(shares, 0, 1)
    colors = _colors()[np.rint(shares * 255).astype(np.uint8)]
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    opacity = LEAST_OPACITY + (MOST_OPACITY - LEAST_OPACITY) * shares
    mixed = gray + opacity[..., None] * (colors - gray)
    return np.rint(mixed).astype(np.uint8)


def enlarge(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a map (h, w) to the size (width, height) of its image, bilinearly."""
    return cv2.resize(np.asarray(values, np.float32), size, interpolation=cv2.INTER_LINEAR)


def _colors() -> np.ndarray:
    """Return the colours of the map's levels, (256, 3), 0..255."""
    levels = np.linspace(0, 1, 256)
    return matplotlib.colormaps[COLOR_MAP](levels)[:, :3] * 255


def draw_sheet(
    title: str, text: str, rows: Sequence[Row], columns: Sequence[Column], streams: Sequence[str]
) -> np.ndarray:
    """Draw emotions down and frames across, with the streams side by side.

    The sheet is about ``WIDTH`` pixels wide and ``HEIGHT`` high at most, if images of ``LEAST``
    pixels allow that; an image has at most ``MOST`` pixels a side.

    Args:
        title (str): Text in bold.
        text (str): Text below the title.
        rows (Sequence[Row]): K emotions, at least one.
        columns (Sequence[Column]): Frames, at least one.
        streams (Sequence[str]): Names of the streams, from left to right.

    Returns:
        np.ndarray: (H, W, 3) uint8, RGB.
    """
    left = _left(rows)
    room = (WIDTH - left - MARGIN) // len(columns) - 2 * GAP
    side = min((room + GAP) // len(streams) - GAP, HEIGHT // (len(rows) + 2))
    side = int(np.clip(side, LEAST, MOST))
    block = len(streams) * (side + GAP) - GAP
    tall = max(fitting(each.frame, block, round(1.5 * side))[1] for each in columns)
    wide = left + len(columns) * (block + 2 * GAP) - 2 * GAP + MARGIN
    wide = max(wide, left + BAR_ROOM)
    top = MARGIN + 2 * LINE + GAP
    first = top + LINE + tall + GAP + LINE
    bottom = first + len(rows) * _row_height(rows, side) + LINE
    sheet = Image.new('RGB', (wide, bottom + LINE + MARGIN), 'white')
    draw = ImageDraw.Draw(sheet)
    inner = wide - 2 * MARGIN
    draw.text((MARGIN, MARGIN), shorten(title, inner, text_font(True)), TEXT, text_font(True))
    draw.text((MARGIN, MARGIN + LINE), shorten(text, inner, text_font()), TEXT, text_font())
    _draw_names(draw, rows, first, side)
    for i, column in enumerate(columns):
        x = left + i * (block + 2 * GAP)
        draw.text((x, top), shorten(column.title, block, text_font()), DIM, text_font())
        sheet.paste(
            Image.fromarray(_frame(column, streams, block, round(1.5 * side))), (x, top + LINE)
        )
        _draw_cells(sheet, draw, column, streams, rows, (x, first), side)
    _draw_bar(sheet, draw, left, bottom)
    return np.array(sheet)


def draw_frame(
    title: str, rows: Sequence[Row], column: Column, streams: Sequence[str]
) -> np.ndarray:
    """Draw one frame of a video: the whole frame, and its maps beside it.

    Args:
        title (str): Text in bold.
        rows (Sequence[Row]): K emotions.
        column (Column): The frame.
        streams (Sequence[str]): Names of the streams, from left to right.

    Returns:
        np.ndarray: (H, W, 3) uint8, RGB, with H about ``FRAME_HEIGHT``. The size is the same for
        all frames of a clip, and even, as the usual video formats need it.
    """
    left, top = _left(rows), MARGIN + LINE + GAP
    side = (FRAME_HEIGHT - top - 4 * LINE - MARGIN) // len(rows) - LINE - GAP
    side = int(np.clip(side, LEAST, MOST))
    grid = len(rows) * _row_height(rows, side)
    size = fitting(column.frame, 960, max(grid, 240))
    block = len(streams) * (side + GAP) - GAP
    names = MARGIN + size[0] + 2 * GAP
    wide = max(names + left + block, names + left + BAR_ROOM)
    tall = top + LINE + max(grid, size[1]) + 2 * LINE + MARGIN
    wide, tall = wide + MARGIN + (wide + MARGIN) % 2, tall + tall % 2
    sheet = Image.new('RGB', (wide, tall), 'white')
    draw = ImageDraw.Draw(sheet)
    draw.text(
        (MARGIN, MARGIN), shorten(title, wide - 2 * MARGIN, text_font(True)), TEXT, text_font(True)
    )
    draw.text((MARGIN, top), column.title, DIM, text_font())
    sheet.paste(Image.fromarray(_frame(column, streams, *size)), (MARGIN, top + LINE))
    _draw_names(draw, rows, top + LINE, side, names)
    _draw_cells(sheet, draw, column, streams, rows, (names + left, top + LINE), side)
    _draw_bar(sheet, draw, names + left, tall - MARGIN - LINE)
    return np.array(sheet)


def _left(rows: Sequence[Row]) -> int:
    """Measure the room that the names of rows need."""
    widths = [text_font(True).getlength(row.name) for row in rows]
    widths += [text_font().getlength(line) for row in rows for line in row.lines]
    return MARGIN + 2 * GAP + round(max(widths))


def _row_height(rows: Sequence[Row], side: int) -> int:
    lines = 1 + max(len(row.lines) for row in rows)
    return max(side + LINE, lines * LINE) + GAP


def _frame(column: Column, streams: Sequence[str], width: int, height: int) -> np.ndarray:
    size = fitting(column.frame, width, height)
    shrinks = size[0] < column.frame.shape[1]
    image = cv2.resize(
        column.frame, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    return draw_boxes(image, column.boxes, _stream_colors(streams), size[0] / column.frame.shape[1])


def _stream_colors(streams: Sequence[str]) -> dict[str, str]:
    return {name: COLORS[i % len(COLORS)] for i, name in enumerate(streams)}


def _draw_names(
    draw: ImageDraw.ImageDraw, rows: Sequence[Row], y: int, side: int, x: int = MARGIN
) -> None:
    for row in rows:
        draw.text((x, y), row.name, TEXT, text_font(True))
        for i, line in enumerate(row.lines, 1):
            draw.text((x, y + i * LINE), line, TEXT, text_font())
        y += _row_height(rows, side)


def _draw_cells(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    column: Column,
    streams: Sequence[str],
    rows: Sequence[Row],
    place: tuple[int, int],
    side: int,
) -> None:
    colors = _stream_colors(streams)
    for i, stream in enumerate(streams):
        x, y = place[0] + i * (side + GAP), place[1]
        draw.text(
            (x, y - LINE), shorten(stream, side, text_font(True)), colors[stream], text_font(True)
        )
        for cell in column.cells.get(stream, ()):
            size = fitting(cell.image, side, side)
            image = cv2.resize(cell.image, size, interpolation=cv2.INTER_AREA)
            sheet.paste(Image.fromarray(image), (x, y))
            draw.text((x, y + size[1]), shorten(cell.note, side, text_font()), DIM, text_font())
            y += _row_height(rows, side)


def _draw_bar(sheet: Image.Image, draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
    """Draw the scale of the colours."""
    levels = np.linspace(0, 255, BAR_WIDTH).astype(int)
    bar = np.repeat(_colors()[levels][None], BAR_HEIGHT, 0).astype(np.uint8)
    draw.text((x, y), '0', DIM, text_font())
    x += 2 * GAP
    sheet.paste(Image.fromarray(bar), (x, y + 4))
    draw.text((x + BAR_WIDTH + GAP, y), 'greatest of emotion and stream', DIM, text_font())


def spread(count: int) -> list[int]:
    """Choose ``MOST_COLUMNS`` of ``count`` places, evenly spread, or all if there are no more."""
    return np.linspace(0, count - 1, min(count, MOST_COLUMNS)).round().astype(int).tolist()
