"""Draw contact sheets: the frames of clips, and what is cut out of them, side by side.

The functions take arrays and return sheets. They know nothing about data sets.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from emoreact_plugin.utils.errors import InputError

from .plots import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from .text import font, shorten, wrap

Box = tuple[int, int, int, int]

# Okabe and Ito's; vermilion and blue first: they differ most, and are dark
# enough for text.
COLORS = (VERMILLION, BLUE, GREEN, PURPLE, ORANGE, SKY)
TEXT, DIM = BLACK, '#595959'
MARGIN, GAP, BLOCK_GAP = 12, 6, 22
FONT_SIZE, LINE = 13, 18  # pixels


class Cell(NamedTuple):
    """An image of a sheet.

    Attributes:
        image (np.ndarray): (H, W, 3) uint8, RGB.
        boxes (dict[str, tuple]): Name of a row -> the box to draw in its colour: x1, y1, x2, y2 in
            pixels of the image, right and bottom exclusive.
        note (str): Text below it.
    """

    image: np.ndarray
    boxes: dict[str, Box] = {}
    note: str = ''


class Panel(NamedTuple):
    """One clip of a sheet.

    Attributes:
        title (str): Name of the clip.
        text (str): Other text about it, broken into lines if needed.
        rows (dict[str, list[Cell | None]]): Name -> an image for each column, None if the row has
            none there. All rows have the same length.
    """

    title: str
    text: str
    rows: dict[str, list[Cell | None]]

    @property
    def columns(self) -> int:
        """Return the number of columns."""
        return max(map(len, self.rows.values()))


def draw_sheets(
    panels: Sequence[Panel], cell: int = 224, width: int = 1600, height: int = 2400
) -> list[np.ndarray]:
    """Draw panels, as many side by side as there is room for.

    The names of the rows are at the left, in the colour of their boxes. An image is scaled to fit a
    square of ``cell`` pixels and is placed in its upper left corner. An image that fits it exactly
    is drawn pixel for pixel, a smaller one with its pixels enlarged. A panel that is too wide is
    continued below.

    Args:
        panels (Sequence[Panel]): At least one panel.
        cell (int): Side of a cell, pixels. Defaults to 224.
        width (int): Greatest width of a sheet, pixels. Defaults to 1600.
        height (int): Height from which a new sheet is started, pixels. Each sheet has at least one
            line of panels. Defaults to 2400.

    Returns:
        list[np.ndarray]: (H, W, 3) uint8, RGB; all of one width.

    Raises:
        InputError: When there are no panels, or not even one cell fits the width.
    """
    if not panels:
        raise InputError('a contact sheet: expected one clip or more, found none')
    names = list(dict.fromkeys(n for panel in panels for n in panel.rows))
    bold = text_font(True)
    left = MARGIN + 2 * GAP + round(max(map(bold.getlength, names)))
    room = width - left - MARGIN
    if cell < 1 or cell > room:
        raise InputError(
            f'a contact sheet of {width} pixels: expected cells of 1 to {room} pixels, found {cell}'
        )
    parts = [part for panel in panels for part in _split(panel, (room + GAP) // (cell + GAP))]
    colors = _colors(parts)
    lines = [_draw_line(line, names, colors, cell, left) for line in _into_lines(parts, cell, room)]
    wide = max(line.shape[1] for line in lines)
    lines = [_pad(line, wide) for line in lines]
    return [np.concatenate(sheet) for sheet in _into_sheets(lines, height)]


def _split(panel: Panel, most: int) -> list[Panel]:
    """Split a panel into parts of at most ``most`` columns."""
    starts = range(0, panel.columns, most)
    return [
        Panel(
            panel.title if start == 0 else f'{panel.title}, continued',
            panel.text if start == 0 else '',
            {n: row[start : start + most] for n, row in panel.rows.items()},
        )
        for start in starts
    ]


def _block_width(panel: Panel, cell: int) -> int:
    return panel.columns * (cell + GAP) - GAP


def _into_lines(parts: list[Panel], cell: int, room: int) -> list[list[Panel]]:
    lines: list[list[Panel]] = []
    used = room
    for part in parts:
        width = _block_width(part, cell)
        if used + BLOCK_GAP + width > room:
            lines.append([])
            used = -BLOCK_GAP
        lines[-1].append(part)
        used += BLOCK_GAP + width
    return lines


def _into_sheets(lines: list[np.ndarray], height: int) -> list[list[np.ndarray]]:
    sheets: list[list[np.ndarray]] = []
    used = height
    for line in lines:
        if used + len(line) > height:
            sheets.append([])
            used = 0
        sheets[-1].append(line)
        used += len(line)
    return sheets


def _colors(parts: list[Panel]) -> dict[str, str]:
    """Choose a colour for each row that has boxes, by its name."""
    boxed = dict.fromkeys(
        name
        for part in parts
        for row in part.rows.values()
        for each in row
        if each is not None
        for name in each.boxes
    )
    return {name: COLORS[i % len(COLORS)] for i, name in enumerate(boxed)}


def _draw_line(
    parts: list[Panel], names: list[str], colors: dict[str, str], cell: int, left: int
) -> np.ndarray:
    """Draw the panels that are side by side."""
    heads = [_head(part, _block_width(part, cell)) for part in parts]
    places, y = [], MARGIN + LINE * max(map(len, heads)) + GAP
    for name in names:
        row = [each for part in parts for each in part.rows.get(name, ()) if each is not None]
        if row:
            places.append((name, y))
            y += max(fitting(each.image, cell, cell)[1] for each in row) + GAP
            y += LINE if any(each.note for each in row) else 0
    blocks = [_block_width(part, cell) for part in parts]
    wide = left + sum(blocks) + BLOCK_GAP * (len(blocks) - 1) + MARGIN
    sheet = Image.new('RGB', (wide, y + MARGIN), 'white')
    draw = ImageDraw.Draw(sheet)
    for name, y in places:
        draw.text((MARGIN, y), name, colors.get(name, TEXT), text_font(True))
    x = left
    for part, head, block in zip(parts, heads, blocks, strict=True):
        for i, (text, bold) in enumerate(head):
            draw.text((x, MARGIN + i * LINE), text, TEXT, text_font(bold))
        for name, y in places:
            for column, each in enumerate(part.rows.get(name, ())):
                if each is not None:
                    _paste(sheet, draw, each, colors, cell, (x + column * (cell + GAP), y))
        x += block + BLOCK_GAP
    return np.array(sheet)


def _paste(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    each: Cell,
    colors: dict[str, str],
    cell: int,
    place: tuple[int, int],
) -> None:
    image = _scale(each.image, cell)
    image = draw_boxes(image, each.boxes, colors, image.shape[1] / each.image.shape[1])
    sheet.paste(Image.fromarray(image), place)
    if each.note:
        draw.text(
            (place[0], place[1] + len(image) + 1),
            shorten(each.note, cell, text_font()),
            DIM,
            text_font(),
        )


def draw_boxes(
    image: np.ndarray,
    boxes: dict[str, Box],
    colors: dict[str, str],
    scale: float = 1.0,
    line: int = 2,
    edge: int = 0,
) -> np.ndarray:
    """Outline boxes, with the lines and their edges inside the boxes.

    Boxes that are equal are drawn inside each other.

    Args:
        image (np.ndarray): (H, W, 3) uint8, RGB. It is not changed.
        boxes (dict[str, tuple]): Name -> x1, y1, x2, y2, right and bottom exclusive.
        colors (dict[str, str]): Name -> ``'#RRGGBB'``.
        scale (float): Pixels of the image per unit of the boxes.
        line (int): Width of the lines, pixels.
        edge (int): Width of the edge on both sides of a line, pixels, see :func:`edge_of`. Defaults
            to 0: none.

    Returns:
        np.ndarray: (H, W, 3) uint8, RGB.
    """
    out = image.copy()
    before: list[tuple[int, ...]] = []
    whole = line + 2 * edge
    for name, box in boxes.items():
        inset = whole * before.count(tuple(box))
        before.append(tuple(box))
        place = [int(round(value * scale)) for value in box]
        if edge:
            _outline(out, place, inset, whole, edge_of(colors[name]))
        _outline(out, place, inset + edge, line, colors[name])
    return out


def edge_of(color: str) -> str:
    """Choose the colour of an edge with which a line can be seen on any picture.

    It is black for a bright line, and white for a dark one.

    Args:
        color (str): Colour of the line, ``'#RRGGBB'``.

    Returns:
        str: ``'#000000'`` or ``'#FFFFFF'``.
    """
    luma = np.dot(ImageColor.getrgb(color), (0.299, 0.587, 0.114))  # ITU-R BT.601
    return '#000000' if luma >= 128 else '#FFFFFF'


def _outline(image: np.ndarray, place: Sequence[int], inset: int, line: int, color: str) -> None:
    x1, y1, x2, y2 = place
    inner = image[y1 + inset : max(y2 - inset, 0), x1 + inset : max(x2 - inset, 0)]
    inner[:line] = inner[-line:] = ImageColor.getrgb(color)
    inner[:, :line] = inner[:, -line:] = ImageColor.getrgb(color)


def fitting(image: np.ndarray, width: int, height: int) -> tuple[int, int]:
    """Compute the width and height of an image that is scaled to fit a box."""
    high, wide = image.shape[:2]
    scale = min(width / wide, height / high)
    return max(round(wide * scale), 1), max(round(high * scale), 1)


def _scale(image: np.ndarray, cell: int) -> np.ndarray:
    size = fitting(image, cell, cell)
    if size == image.shape[1::-1]:
        return image
    smaller = size[0] < image.shape[1]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_NEAREST)


def _head(panel: Panel, width: int) -> list[tuple[str, bool]]:
    """Return the lines of text above a panel, and whether they are bold."""
    lines = wrap(panel.text, width, text_font(), len(panel.text))
    return [(shorten(panel.title, width, text_font(True)), True)] + [
        (line, False) for line in lines if line
    ]


def text_font(bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return the font of sheets, of ``FONT_SIZE`` pixels."""
    return font(FONT_SIZE, bold)


def _pad(image: np.ndarray, width: int) -> np.ndarray:
    return np.pad(image, ((0, 0), (0, width - image.shape[1]), (0, 0)), constant_values=255)
