"""Define the rows of a results table: what is trained and how it is tested."""

import os.path as osp
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mmengine.config import Config

from emoreact_plugin.recipes import CHOICES, streams_of
from emoreact_plugin.utils.errors import InputError

# Published ROC AUC on EmoReact's test split (Kegkeroglou et al., 2023),
# ResNet-50, 3 segments. The paper does not say whether micro or macro.
PUBLISHED = {
    'tsn-face-masked': 0.733,
    'tsn-body-masked': 0.736,
    'tsn-fullbody-masked': 0.758,
    'tsm-fusion-masked': 0.768,
    'tsn-face': 0.769,
}
_INPUTS = ('face', 'body', 'fullbody', 'fusion')
GROUPS = {
    'table': tuple(PUBLISHED),
    'grid': tuple(
        f'{model}-{input_}{mask}'
        for input_ in _INPUTS
        for model in ('tsn', 'tsm')
        for mask in ('', '-masked')
    ),
    'tested-masked': tuple(f'tsn-{input_}-tested-masked' for input_ in _INPUTS),
    'segments': tuple(f'tsn-face-masked-segments{n}' for n in CHOICES['num_segments']),
    'two-seeds': tuple(f'tsn-{input_}-masked-two-seeds' for input_ in ('face', 'body', 'fullbody')),
}
_NAME = re.compile(
    r'(?P<model>tsn|tsm|tsm4)-(?P<input>[a-z_0-9+]+?)'
    r'(?P<mask>-masked|-tested-masked)?'
    r'(-segments(?P<segments>\d+))?'
    r'(?P<two>-two-seeds)?'
)


class Training(NamedTuple):
    """Training settings without the seed.

    Attributes:
        name (str): Name of the folder.
        config (str): Path of the config.
        flags (tuple[str, ...]): Flags of ``tools/train.py``, options of the recipe.
    """

    name: str
    config: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """Row of a results table.

    Attributes:
        name (str): The name by which the row is requested.
        title (str): The name of the row in the table.
        training (Training): The training that is tested.
        test_mask (bool): Draw masks on the test clips only.
        two_seeds (bool): Average the logits of two seeds of the training. This is the fair
            comparison for a fusion, which has the scores of two networks too.
        published (float | None): Published ROC AUC.
    """

    name: str
    title: str
    training: Training
    test_mask: bool = False
    two_seeds: bool = False
    published: float | None = None

    @property
    def seeds_a_run(self) -> int:
        """Return how many trainings one run of this row needs."""
        return 2 if self.two_seeds else 1


def make_rows(names: Sequence[str], config: str) -> list[Row]:
    """Make rows from their names.

    Args:
        names (Sequence[str]): Each is the name of a group (:data:`GROUPS`), the path of a config,
            which becomes a row unchanged, or
            ``MODEL-INPUT[-masked|-tested-masked][-segmentsN][-two-seeds]`` with ``tsn``, ``tsm``
            (shift by 1/8) or ``tsm4`` (by 1/4) and an input of the recipe.
        config (str): The config that named rows change by flags.

    Returns:
        list[Row]: Each once, in the order of the names.

    Raises:
        InputError, FileNotFoundError: For a name that is none of these, or two rows of one name
            that differ.
    """
    recipe = dict(Config.fromfile(config).get('recipe') or {})
    rows: dict[str, Row] = {}
    for name in names:
        for each in GROUPS.get(name, (name,)):
            row = _config_row(each) if each.endswith('.py') else _named_row(each, config, recipe)
            same = rows.setdefault(row.name, row)
            if same != row:
                raise InputError(
                    f"--rows: {same.training.config} and {each} would both be called '{row.name}'"
                )
    return list(rows.values())


def _config_row(path: str) -> Row:
    if not osp.isfile(path):
        raise FileNotFoundError(f'--rows: {path}: no such config file')
    name = osp.splitext(osp.basename(path))[0]
    return Row(name, name, Training(name, path))


def _named_row(name: str, config: str, recipe: dict) -> Row:
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputError(
            f"--rows: unknown row '{name}', expected one of "
            f'{", ".join(GROUPS)}, a config file, or MODEL-INPUT'
            '[-masked|-tested-masked][-segmentsN][-two-seeds], such as '
            'tsm-fusion-masked'
        )
    model, input_, mask = match['model'], match['input'], match['mask']
    streams_of(input_)
    segments = int(match['segments'] or 3)
    if segments not in CHOICES['num_segments']:
        raise InputError(
            f'--rows: {name}: expected {", ".join(map(str, CHOICES["num_segments"]))} segments'
        )
    flags = ['--input', input_, '--num-segments', str(segments)]
    if model != 'tsn':
        flags += ['--shift', '--shift-div', '4' if model == 'tsm4' else '8']
    elif recipe.get('shift'):
        flags.append('--no-shift')
    if mask == '-masked':
        flags.append('--mask')
    elif recipe.get('mask'):
        flags.append('--no-mask')
    training = f'{model}-{input_}' + ('-masked' if mask == '-masked' else '')
    if segments != 3:
        training += f'-segments{segments}'
    return Row(
        name=name,
        title=_title(model, input_, mask, segments, match['two']),
        training=Training(training, config, tuple(flags)),
        test_mask=mask == '-tested-masked',
        two_seeds=bool(match['two']),
        published=PUBLISHED.get(name),
    )


def _title(model: str, input_: str, mask: str | None, segments: int, two: str | None) -> str:
    title = {'tsn': 'TSN', 'tsm': 'TSM', 'tsm4': 'TSM 1/4'}[model]
    title += f' {"full body" if input_ == "fullbody" else input_}, '
    title += {
        None: 'unmasked',
        '-masked': 'masked',
        '-tested-masked': 'trained unmasked, tested masked',
    }[mask]
    if segments != 3:
        title += f', {segments} segment{"s" * (segments > 1)}'
    return title + (', two seeds averaged' if two else '')
