"""Find the groups of clips that are alike: of one series, child, subject or session."""

import logging
import re
from collections.abc import Sequence

from mmengine.logging import print_log

from emoreact_plugin.utils.errors import InputError

Groups = tuple[tuple[str, str], ...]


def compile_group_names(group_names: str | None) -> re.Pattern | None:
    """Compile the expression that finds groups in the names of clips.

    Raises:
        InputError: If it is no regular expression, or has no named groups.
    """
    if group_names is None:
        return None
    try:
        pattern = re.compile(group_names)
    except (re.error, TypeError) as error:
        raise InputError(
            f'group_names: expected a regular expression, found {group_names!r} ({error})'
        ) from error
    if not pattern.groupindex:
        raise InputError(
            "group_names: expected named groups, such as '(?P<series>[A-Z]+)[0-9]+', found "
            f'{group_names!r}'
        )
    return pattern


def groups_in_names(names: Sequence[str], pattern: re.Pattern, path: str) -> list[Groups]:
    """Find the groups that the names of clips tell.

    Args:
        names (Sequence[str]): N names, without folder and ending.
        pattern (re.Pattern): Must match whole names; each named group is a kind.
        path (str): The annotation file, for the warning.

    Returns:
        list[Groups]: For each clip, kind and name of its groups. All are empty, and a warning is
        logged, if a name does not match: names of another form may mean anything.
    """
    matches = [pattern.fullmatch(name) for name in names]
    others = [name for name, match in zip(names, matches, strict=True) if match is None]
    if not others:
        return [tuple(match.groupdict(default='').items()) for match in matches if match]
    print_log(
        f'{path}: {len(others)} of {len(names)} clips have no name of the form {pattern.pattern}, '
        f"the first is '{others[0]}', so no groups are taken from names. Name a column with "
        'columns=dict(groups=...), or set group_names=None',
        'current',
        logging.WARNING,
    )
    return [()] * len(names)


def check_group(text: str | None, column: str, place: str) -> str:
    """Check that a cell of an annotation file names a group, and return the name.

    Raises:
        InputError: If the cell is empty or missing.
    """
    name = (text or '').strip()
    if not name:
        raise InputError(f"{place}, column '{column}': expected the clip's {column}, found none")
    return name
