"""Write files into an output folder, completely or not at all.

A file that is there already and differs is never overwritten.
"""

import filecmp
import os
import os.path as osp
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_whole
from emoreact_plugin.utils.progress import progress_bar


@dataclass
class NewText:
    """Write a text file in UTF-8.

    Args:
        target (str): Its path.
        text (str): Its content.
    """

    target: str
    text: str

    def is_same(self) -> bool:
        """Return whether the file that is there has the content that would be written."""
        if not osp.isfile(self.target):
            return False
        with open(self.target, 'rb') as file:
            return file.read() == self.text.encode()

    def is_done(self) -> bool:
        """Return whether nothing is left to do, if what is there is the same."""
        return osp.lexists(self.target)

    def make(self, path: str) -> str:
        """Write the text to a path.

        Returns:
            str: Why the result is not what was asked for, which is always '' for a text.
        """
        with open(path, 'xb') as file:
            file.write(self.text.encode())
        return ''


@dataclass
class NewFile:
    """Make a symbolic link to a file or a folder, or a copy.

    A copy is also made if links cannot be made.

    Args:
        target (str): Path of the link or copy.
        source (str): Path of the file or folder.
        copy (bool): Copy it. Defaults to False.
    """

    target: str
    source: str
    copy: bool = False

    def is_same(self) -> bool:
        """Return whether what is there is the source or has its content."""
        if not osp.exists(self.target):
            return False
        if osp.samefile(self.source, self.target):
            return True
        if not osp.isdir(self.source):
            return osp.isfile(self.target) and filecmp.cmp(self.source, self.target, shallow=False)
        names = sorted(os.listdir(self.source))
        if not osp.isdir(self.target) or sorted(os.listdir(self.target)) != names:
            return False
        return filecmp.cmpfiles(self.source, self.target, names, shallow=False)[0] == names

    def is_done(self) -> bool:
        """Return whether nothing is left to do, if what is there is the same."""
        # A link is not the copy that was asked for.
        return osp.lexists(self.target) and not (self.copy and osp.islink(self.target))

    def make(self, path: str) -> str:
        """Make the link or copy at a path.

        Returns:
            str: Why a link was not possible and a copy was made; '' if the result is what was asked
            for.
        """
        reason = ''
        if not self.copy:
            try:
                os.symlink(osp.abspath(self.source), path)
                return ''
            except (OSError, NotImplementedError) as error:
                reason = str(getattr(error, 'strerror', None) or error)
        if osp.isdir(self.source):
            shutil.copytree(self.source, path)
        else:
            shutil.copy2(self.source, path)
        return reason


def write_new_files(outputs: Sequence[NewText | NewFile]) -> tuple[int, str]:
    """Write what is not there yet, in this order.

    Args:
        outputs (Sequence[NewText | NewFile]): With different targets.

    Returns:
        tuple[int, str]: How many were there already, and why links could not be made, or ``''`` if
        there was no problem.

    Raises:
        InputError: If there are files of the same names that differ. The message names them all,
            and nothing is written.
    """
    there = [each for each in outputs if osp.lexists(each.target)]
    unlike = [
        each.target for each in progress_bar(there, 'comparing', unit='file') if not each.is_same()
    ]
    if unlike:
        raise InputError(
            f'{len(unlike)} of {len(outputs)} files to write are there already, but unlike these. '
            'Delete them, or name another folder with --out:\n' + '\n'.join(unlike)
        )
    left = [each for each in outputs if not each.is_done()]
    reasons = []
    for each in progress_bar(left, 'writing', unit='file'):
        with write_whole(each.target) as temporary:
            reasons.append(each.make(temporary))
    return len(outputs) - len(left), next(filter(None, reasons), '')
