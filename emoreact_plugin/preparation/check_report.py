"""Report what a check of a data set found, as text and as files."""

import os.path as osp
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, fields
from itertools import compress

import numpy as np

from emoreact_plugin.datasets.checks.problems import (
    KINDS,
    LEVELS,
    CheckedClip,
    CheckReport,
    Problem,
)
from emoreact_plugin.evaluation.priors import FREQUENCIES
from emoreact_plugin.utils.files import write_json, write_text
from emoreact_plugin.utils.tables import report_csv, score_cell, text_table
from emoreact_plugin.utils.text import number, printable

SHOWN = 10  # of the problems of each kind
PROBLEM_COLUMNS = ('level', 'kind', 'split', 'clip', 'text')


def count_levels(report: CheckReport) -> dict[str, int]:
    """Count the errors, warnings and notes, by level."""
    counts = Counter(problem.level for problem in report.problems)
    return {level: counts[level] for level in LEVELS}


def cooccurrence(report: CheckReport) -> np.ndarray:
    """Count how many clips of all splits have two labels, (C, C) int.

    The diagonal counts how many clips have each label.
    """
    labels = np.concatenate(list(report.labels.values()))
    return labels.T @ labels


def format_report(report: CheckReport) -> str:
    """Format the whole report as plain text, errors first; without a newline at the end."""
    blocks = []
    for level, heading in zip(LEVELS, ('ERRORS', 'WARNINGS', 'NOTES'), strict=True):
        kinds = dict.fromkeys(f.kind for f in report.problems if f.level == level)
        for kind in kinds:
            here = [f for f in report.problems if (f.level, f.kind) == (level, kind)]
            # Of notes the first few do: they ask for nothing.
            most = SHOWN if level != 'note' else 3
            blocks.append(_block(heading, kind, here, most))
    blocks.append(_splits_table(report))
    blocks.append(_labels_table(report))
    blocks.append(_pairs_table(report))
    return '\n\n'.join(blocks)


def _block(heading: str, kind: str, problems: Sequence[Problem], shown: int) -> str:
    splits = Counter(f.split for f in problems)
    counts = ', '.join(f'{split} {count}' for split, count in splits.items())
    lines = [f'{heading}: {KINDS[kind]} ({counts})']
    width = max(map(len, splits))
    lines += [f'  {f.split:<{width}}  {printable(f.text, keep="")}' for f in problems[:shown]]
    if len(problems) > shown:
        lines.append(f'  and {len(problems) - shown} more')
    return '\n'.join(lines)


def _splits_table(report: CheckReport) -> str:
    rows = [
        (
            '',
            'clips',
            'frames',
            'length',
            'frame size',
            'no face',
            'no body',
            'black body',
            'unlabeled',
            'prior *',
        )
    ]
    for split, labels in report.labels.items():
        clips = [c for c in report.clips if c.split == split]
        opened = [c for c in clips if c.frames is not None]
        rows.append(
            (
                split,
                str(len(labels)),
                str(sum(c.frames or 0 for c in opened)),
                _lengths(opened),
                _sizes(opened),
                _share(opened, 'no_face'),
                _share(opened, 'no_body'),
                _share(opened, 'black_body'),
                str(int((labels.sum(axis=1) == 0).sum())),
                score_cell(report.priors.get(split, {}).get(FREQUENCIES, {}).get('micro')),
            )
        )
    return _grid(rows) + (
        '\n* micro ROC AUC of how often each label occurs in train, without a look at any clip'
    )


def _lengths(clips: Sequence[CheckedClip]) -> str:
    """Format the median, shortest and longest length of clips."""
    if not clips:
        return '-'
    if all(c.fps for c in clips):
        low, middle, high = _quantiles([(c.frames or 0) / (c.fps or 1) for c in clips])
        return f'{middle:.1f} s ({low:.1f}-{high:.1f})'
    low, middle, high = _quantiles([c.frames or 0 for c in clips])
    return f'{middle:.0f} ({low:.0f}-{high:.0f})'


def _quantiles(values: Sequence[float]) -> np.ndarray:
    return np.quantile(values, (0, 0.5, 1))


def _sizes(clips: Sequence[CheckedClip]) -> str:
    counts = Counter(f'{c.width}x{c.height}' for c in clips)
    if not counts:
        return '-'
    usual = counts.most_common(1)[0][0]
    more = len(counts) - 1
    return usual + (f' and {number(more, "other")}' if more else '')


def _share(clips: Sequence[CheckedClip], name: str) -> str:
    """Format the share of frames, such as ``no_face``, over the clips for which it is known."""
    known = [c for c in clips if getattr(c, name) is not None]
    frames = sum(c.frames or 0 for c in known)
    if not frames:
        return '-'
    return f'{sum(getattr(c, name) * (c.frames or 0) for c in known) / frames:.1%}'


def _labels_table(report: CheckReport) -> str:
    rows = [('positives', *report.labels)]
    for k, name in enumerate(report.classes):
        rows.append(
            (
                name,
                *(
                    f'{int(each[:, k].sum())} ({each[:, k].mean():.0%})' if len(each) else '-'
                    for each in report.labels.values()
                ),
            )
        )
    return _grid(rows)


def _pairs_table(report: CheckReport) -> str:
    counts = cooccurrence(report)
    rows = [('both, all splits', *report.classes)]
    for k, name in enumerate(report.classes):
        rows.append((name, *map(str, counts[k, : k + 1]), *[''] * (len(counts) - k - 1)))
    return _grid(rows)


def _grid(rows: Sequence[Sequence[str]]) -> str:
    return text_table([[printable(cell, keep='') for cell in row] for row in rows])


def write_report(report: CheckReport, out: str) -> list[str]:
    """Write ``problems.csv``, ``clips.csv`` and ``summary.json``, each completely or not at all.

    Args:
        report (CheckReport): The result of a check.
        out (str): The folder; created if it is missing.

    Returns:
        list[str]: The names of the files.
    """
    problems = [asdict(problem) for problem in report.problems]
    summary = dict(
        counts=count_levels(report),
        classes=report.classes,
        splits={
            split: dict(
                clips=len(labels),
                unlabeled=int((labels.sum(axis=1) == 0).sum()),
                positives=labels.sum(axis=0).tolist(),
                priors=report.priors.get(split, {}),
            )
            for split, labels in report.labels.items()
        },
        cooccurrence=cooccurrence(report).tolist(),
        problems=problems,
    )
    clips = [
        dict(asdict(clip), label=' '.join(compress(report.classes, clip.label)))
        for clip in report.clips
    ]
    tables = {
        'problems.csv': _csv(PROBLEM_COLUMNS, problems),
        'clips.csv': _csv([field.name for field in fields(CheckedClip)], clips),
    }
    for name, text in tables.items():
        write_text(osp.join(out, name), text)
    write_json(osp.join(out, 'summary.json'), summary)
    return [*tables, 'summary.json']


def _csv(columns: Sequence[str], rows: Sequence[dict]) -> str:
    return report_csv(columns, [[row[name] for name in columns] for row in rows])
