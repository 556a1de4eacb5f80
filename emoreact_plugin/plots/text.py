"""Fit text into the place where it is drawn."""

import os.path as osp
from functools import lru_cache
from typing import Any

import matplotlib
from PIL import ImageFont

from emoreact_plugin.utils.text import printable

# The settings of every figure. A ``$`` in a name is no mathematics.
STYLE: Any = {'font.size': 7, 'axes.linewidth': 0.6, 'text.parse_math': False}


@lru_cache(None)
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Load DejaVu Sans with a size of ``size`` pixels."""
    # Matplotlib brings it along: it is there, and the same, everywhere.
    name = 'DejaVuSans-Bold.ttf' if bold else 'DejaVuSans.ttf'
    return ImageFont.truetype(osp.join(matplotlib.get_data_path(), 'fonts', 'ttf', name), size)


def shorten(text: str, width: float, face: ImageFont.FreeTypeFont) -> str:
    """Cut off a text that is wider than ``width`` pixels, and end it with ``…``."""
    text = printable(text, keep='')
    if face.getlength(text) <= width:
        return text
    while text and face.getlength(text + '…') > width:
        text = text[:-1]
    return text + '…'


def wrap(text: str, width: float, face: ImageFont.FreeTypeFont, most: int) -> list[str]:
    """Break a text into lines of at most ``width`` pixels.

    What does not fit into ``most`` lines is cut off.
    """
    lines, words = [''], printable(text).split()
    for i, word in enumerate(words):
        longer = f'{lines[-1]} {word}'.strip()
        if not lines[-1] or face.getlength(longer) <= width:
            lines[-1] = longer
        elif len(lines) == most:
            lines[-1] = ' '.join([lines[-1], *words[i:]])
            break
        else:
            lines.append(word)
    return [shorten(line, width, face) for line in lines]
