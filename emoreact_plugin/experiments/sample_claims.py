"""Check what the drawn sample data must show, whatever the models are."""

import json
import os.path as osp
from collections.abc import Sequence

from emoreact_plugin.evaluation import interval_of

from .comparisons import Claim, LeftOut, difference_claim

WIDEST = 0.2  # an interval around 0.5 that is wider shows nothing
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


def sample_claims(rows: LeftOut, trained: Sequence[str], emotions: dict) -> list[Claim]:
    """Check the rows of the five-row table against the drawn cues.

    Args:
        rows (LeftOut): The scores.
        trained (Sequence[str]): Names of the rows. Claims about others are left out.
        emotions (dict): ``emotions`` of the sample's ``cues.json``.

    Returns:
        list[Claim]: A claim of 0.5 holds if the 95 % interval contains 0.5 and is no wider than
        0.2. A cue is read if the interval lies above 0.65. The masked fusion is better than
        another masked row if the interval of the difference lies above 0.
    """

    def names(**about: object) -> list[str]:
        return [
            name
            for name, each in emotions.items()
            if all(each[key] == value for key, value in about.items())
        ]

    still = dict(only_in_order=False)
    mouth = names(region='mouth', **still)
    face = names(part='face', **still)
    body = names(part='body', **still)
    order = names(part='body', only_in_order=True)
    claims = []
    for row, cues, what, read in (
        ('tsn-face', mouth, 'mouth cues are there without a mask', True),
        ('tsn-face-masked', mouth, 'mouth cues are lost under it', False),
        # Not those in the order of frames: TSN reads them nowhere, so they would hide a leak.
        ('tsn-face', body, 'body cues are not in the face', False),
        ('tsn-body-masked', face, 'face cues are not in the body', False),
        ('tsn-body-masked', body, 'body cues are read', True),
        ('tsn-fullbody-masked', body, 'body cues are read', True),
        ('tsm-fusion-masked', order, 'order cues are read by TSM', True),
        ('tsn-body-masked', order, 'order cues are 0.5 for TSN', False),
        ('tsn-fullbody-masked', order, 'order cues are 0.5 for TSN', False),
    ):
        if row in trained:
            claims.append(cue_claim(rows, row, cues, what, read))
    fusion = 'tsm-fusion-masked'
    for row in trained if fusion in trained else ():
        if row.endswith('-masked') and row != fusion:
            claims.append(difference_claim(rows, fusion, row, 'macro'))
    return claims


def cue_claim(rows: LeftOut, row: str, cues: Sequence[str], what: str, read: bool) -> Claim:
    """Claim that a row reads cues (the mean ROC AUC is above 0.65), or that it does not (0.5)."""
    values = rows.mean_of(row, cues)
    low, high = interval_of(values)
    if read:
        holds, expected = low > READ, f'above {READ}'
    else:
        holds = low <= 0.5 <= high and high - low <= WIDEST
        expected = '0.5'
    text = f'{row}: {what} ({", ".join(cues)}): {expected}'
    return Claim(text, values.mean, low, high, holds)
