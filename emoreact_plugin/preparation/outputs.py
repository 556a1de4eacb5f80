"""Files put into an output folder: whole or not at all, and never over a file
that is unlike them.
"""

import filecmp
import os
import os.path as osp
import shutil
from collections.abc import Sequence

from emoreact_plugin.utils.files import write_whole
from emoreact_plugin.utils.progress import progress_bar


class TextOutput:
    """A text file in UTF-8.

    Args:
        target (str): Its path.
        text (str): What stands in it.
    """

    def __init__(self, target: str, text: str) -> None:
        self.target = target
        self.data = text.encode()

    def is_same(self) -> bool:
        """Whether what is there is what would be written."""
        if not osp.isfile(self.target):
            return False
        with open(self.target, 'rb') as file:
            return file.read() == self.data

    def is_done(self) -> bool:
        """Whether nothing is left to do, if what is there is the same."""
        return osp.lexists(self.target)

    def make(self, path: str) -> str:
        """Write it to a path; say why it is not what was asked for, if so."""
        with open(path, 'xb') as file:
            file.write(self.data)
        return ''


class FileOutput:
    """A symbolic link to a file, or a copy; a copy as well where links cannot
    be made.

    Args:
        target (str): Path of the link or copy.
        source (str): Path of the file.
        copy (bool): Copy it. Defaults to False.
    """

    def __init__(self, target: str, source: str, copy: bool = False) -> None:
        self.target = target
        self.source = source
        self.copy = copy

    def is_same(self) -> bool:
        """As of :class:`TextOutput`, and so are the others."""
        return osp.isfile(self.target) and (
            osp.samefile(self.source, self.target)
            or filecmp.cmp(self.source, self.target, shallow=False)
        )

    def is_done(self) -> bool:
        # A link is not the copy that was asked for.
        return osp.lexists(self.target) and not (self.copy and osp.islink(self.target))

    def make(self, path: str) -> str:
        reason = ''
        if not self.copy:
            try:
                os.symlink(osp.abspath(self.source), path)
                return ''
            except (OSError, NotImplementedError) as error:
                reason = str(getattr(error, 'strerror', None) or error)
        shutil.copy2(self.source, path)
        return reason


def write_outputs(outputs: Sequence[TextOutput | FileOutput]) -> tuple[int, str]:
    """Write what is not there yet, in this order.

    Args:
        outputs (Sequence[TextOutput | FileOutput]): With different targets.

    Returns:
        tuple[int, str]: How many were there already, and why links could not
        be made, ``''`` where nothing was in the way.

    Raises:
        ValueError: When files of the same names but unlike these are there;
            it names them all, and nothing is written.
    """
    there = [each for each in outputs if osp.lexists(each.target)]
    unlike = [
        each.target for each in progress_bar(there, 'comparing', unit='file') if not each.is_same()
    ]
    if unlike:
        raise ValueError(
            f'{len(unlike)} of {len(outputs)} files to write are there '
            'already, but unlike these. Delete them, or name another folder '
            'with --out:\n' + '\n'.join(unlike)
        )
    left = [each for each in outputs if not each.is_done()]
    reasons = [_write(each) for each in progress_bar(left, 'writing', unit='file')]
    return len(outputs) - len(left), next(filter(None, reasons), '')


def _write(output: TextOutput | FileOutput) -> str:
    with write_whole(output.target) as part:
        return output.make(part)
