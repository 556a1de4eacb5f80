"""Check what the drawn sample data must show, whatever the models are."""

import json
import os.path as osp

import numpy as np

from emoreact_plugin.evaluation import interval, macro

from .comparisons import Bootstrap, Claim, difference_claim, point_scores

WIDEST = 0.12  # an interval around 0.5 that is wider shows nothing
READ = 0.65


def read_cues(data_root: str) -> dict | None:
    """Read which cues a sample data set shows; None for another data set."""
    path = osp.join(data_root, 'cues.json')
    if not osp.isfile(path):
        return None
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def clips_with_landmarks(cues: dict, split: str = 'test') -> set[str]:
    """Find the names of the clips of a split that have landmarks in every frame."""
    missing = {osp.splitext(name)[0] for name in cues['clips_with_missing_landmarks'][split]}
    every = {
        osp.splitext(name)[0] for name, about in cues['clips'].items() if about['split'] == split
    }
    return every - missing


def sample_claims(bootstrap: Bootstrap, emotions: dict) -> list[Claim]:
    """Check the rows of the five-row table against the drawn cues.

    Args:
        bootstrap (Bootstrap): Of the rows. Claims about rows that it does not have are left out.
        emotions (dict): ``emotions`` of the sample's ``cues.json``.

    Returns:
        list[Claim]: A claim of 0.5 holds if the 95 % interval contains 0.5 and is no wider than
        0.12. A cue is read if the interval lies above 0.65. The masked fusion is better than
        another masked row if the interval of the difference lies above 0.
    """
    rows = bootstrap.scores

    def names(**about: object) -> list[str]:
        return [
            name
            for name, each in emotions.items()
            if all(each[key] == value for key, value in about.items())
        ]

    still = dict(only_in_order=False)
    mouth = names(region='mouth', **still)
    body = names(part='body', **still)
    order = names(part='body', only_in_order=True)
    claims = []
    for row, cues, what, read in (
        ('tsn-face', mouth, 'mouth cues are there without a mask', True),
        ('tsn-face-masked', mouth, 'mouth cues are lost under it', False),
        ('tsn-body-masked', body, 'body cues are read', True),
        ('tsn-fullbody-masked', body, 'body cues are read', True),
        ('tsm-fusion-masked', order, 'order cues are read by TSM', True),
        ('tsn-body-masked', order, 'order cues are 0.5 for TSN', False),
        ('tsn-fullbody-masked', order, 'order cues are 0.5 for TSN', False),
    ):
        if row in rows:
            claims.append(_claim(bootstrap, row, cues, what, read))
    fusion = 'tsm-fusion-masked'
    for row in rows if fusion in rows else ():
        if row.endswith('-masked') and row != fusion:
            claims.append(difference_claim(bootstrap, fusion, row, 'macro', 0))
    return claims


def _claim(bootstrap: Bootstrap, row: str, cues: list[str], what: str, read: bool) -> Claim:
    drawn: dict[str, np.ndarray] = bootstrap.drawn(row, bootstrap.level)
    values = macro(np.stack([drawn[cue].mean(0) for cue in cues], -1))
    points = point_scores(bootstrap.scores[row])
    value = float(np.mean([points[cue].mean() for cue in cues]))
    low, high = interval(values)
    if read:
        holds, expected = low > READ, f'above {READ}'
    else:
        holds = low <= 0.5 <= high and high - low <= WIDEST
        expected = '0.5'
    return Claim(f'{row}: {what} ({", ".join(cues)}): {expected}', value, low, high, holds)
