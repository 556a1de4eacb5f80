"""Draw results for a notebook as HTML, with the pictures in it as SVG."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import cv2

from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.plots.video_overlay import color_of
from emoreact_plugin.video.writing import encode_image

if TYPE_CHECKING:
    from .results import ClipResult

WARNING = (
    'background:#fff3cd;border-left:4px solid #b35900;color:#332200;padding:4px 8px;margin:4px 0'
)
MOST_CLIPS = 20
ROW, NAME, BAR, VALUE = 18, 110, 180, 44  # pixels
CHART_WIDTH, CHART_HEIGHT, AXIS = 420, 150, 34
FRAME_HEIGHT = 180


def results_html(clips: Sequence['ClipResult'], about: dict) -> str:
    """Draw some clips, below the notice that holds for all of them.

    Args:
        clips (Sequence[ClipResult]): The clips, of which the first 20 are drawn.
        about (dict): The attribute ``about`` of ``Results``.
    """
    parts = [f'<p>{escape(str(about.get("notice", "")))}</p>']
    parts += [clip_html(each) for each in clips[:MOST_CLIPS]]
    if len(clips) > MOST_CLIPS:
        parts.append(f'<p>… and {len(clips) - MOST_CLIPS} more clips</p>')
    return '<div>' + '\n'.join(parts) + '</div>'


def clip_html(result: 'ClipResult') -> str:
    """Draw one clip: its error and warnings, labels, a frame, bars, and scores over time.

    Args:
        result (ClipResult): Result of any clip. The frame is read from its video, and left out if
            that is gone.
    """
    parts = [f'<h4>{escape(result.name)}</h4>']
    if result.error is not None:
        parts.append(_warning(f'failed: {result.error}'))
        if not result.probabilities:
            return '\n'.join(parts)
    parts += [_warning(each) for each in result.warnings]
    labels = ', '.join(map(escape, result.labels)) or 'none'
    parts.append(f'<p>Labels: <b>{labels}</b></p>')
    table = dict(fused=result.probabilities, **result.streams)
    pictures = _frame(result) + _bars(table if result.streams else {'': result.probabilities})
    if len(result.windows) > 1:
        pictures += _chart(result.windows, result.duration_s)
    parts.append(f'<div style="display:flex;flex-wrap:wrap;gap:16px">{pictures}</div>')
    return '\n'.join(parts)


def _warning(text: str) -> str:
    return f'<div style="{WARNING}">{escape(text)}</div>'


def _frame(result: 'ClipResult') -> str:
    """Show the frame in the middle of a clip; nothing if it cannot be read."""
    try:
        clip = Clip(result.video, use_landmarks=False)
        ((_, frame),) = clip.select([max(result.total_frames, 1) // 2])
    except (OSError, ValueError):  # a camera, or the video is not there any more
        return ''
    wide = max(round(frame.shape[1] * FRAME_HEIGHT / frame.shape[0]), 1)
    small = cv2.resize(frame, (wide, FRAME_HEIGHT), interpolation=cv2.INTER_AREA)
    data = b64encode(encode_image(small)).decode()
    return f'<img height="{FRAME_HEIGHT}" src="data:image/jpeg;base64,{data}">'


def _bars(table: dict[str, dict[str, float]]) -> str:
    """Draw a column of bars for each set of scores."""
    columns = list(table)
    names = list(table[columns[0]])
    wide = NAME + len(columns) * (BAR + VALUE)
    high = ROW * (len(names) + 1)
    out = [_svg(wide, high)]
    for j, column in enumerate(columns):
        left = NAME + j * (BAR + VALUE)
        out.append(_text(left, ROW - 5, column, bold=True))
        for i, name in enumerate(names):
            y, value = ROW * (i + 1), table[column][name]
            out.append(
                f'<rect x="{left}" y="{y + 2}" height="{ROW - 5}" '
                f'width="{BAR * value:.1f}" fill="{color_of(i)}"/>'
            )
            out.append(_text(left + BAR * value + 4, y + ROW - 6, f'{value:.2f}'))
    out += [_text(NAME - 6, ROW * (i + 2) - 6, name, anchor='end') for i, name in enumerate(names)]
    return ''.join(out) + '</svg>'


def _chart(windows: list, duration: float) -> str:
    """Draw one line per emotion, through the middles of the windows."""
    wide, high = CHART_WIDTH - AXIS, CHART_HEIGHT - AXIS
    out = [_svg(CHART_WIDTH, CHART_HEIGHT)]
    for value in (0, 0.5, 1):
        y = 8 + (high - 8) * (1 - value)
        out.append(
            f'<line x1="{AXIS}" x2="{CHART_WIDTH}" y1="{y:.1f}" '
            f'y2="{y:.1f}" stroke="#888" stroke-opacity=".4"/>'
        )
        out.append(_text(AXIS - 4, y + 4, f'{value:g}', anchor='end'))
    for i, name in enumerate(windows[0].probabilities):
        points = ' '.join(
            f'{AXIS + wide * each.center_s / duration:.1f},'
            f'{8 + (high - 8) * (1 - each.probabilities[name]):.1f}'
            for each in windows
        )
        out.append(
            f'<polyline points="{points}" fill="none" '
            f'stroke="{color_of(i)}" stroke-width="1.8"><title>'
            f'{escape(name)}</title></polyline>'
        )
    out.append(_text(AXIS, CHART_HEIGHT - 12, '0 s'))
    out.append(_text(CHART_WIDTH, CHART_HEIGHT - 12, f'{duration:.1f} s', anchor='end'))
    return ''.join(out) + '</svg>'


def _svg(wide: float, high: float) -> str:
    # The colour of the page's text: notebooks are light or dark.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" '
        f'height="{high}" viewBox="0 0 {wide} {high}" font-size="12" '
        'font-family="sans-serif" fill="currentColor">'
    )


def _text(x: float, y: float, text: str, anchor: str = 'start', bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ''
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
