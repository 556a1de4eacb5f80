"""Find the predictions of a run in a dump or in the folder of a training."""

import os.path as osp
from glob import escape, glob

DUMP = 'test.npz'


def dumps_of(path: str, name: str = DUMP) -> list[str]:
    """Find the dumps of a run, one for each of its seeds.

    Args:
        path (str): A dump, a work dir with one, or a folder of ``tools/reproduce_table.py`` with
            work dirs ``seed0``, ``seed1`` and so on.
        name (str): Name of the dump in a folder.

    Returns:
        list[str]: At least one path.

    Raises:
        FileNotFoundError: If there is none, or it is missing for a seed. The message says which
            other dumps there are and which command writes the missing one.
    """
    if osp.isfile(path):
        return [path]
    if not osp.isdir(path):
        raise FileNotFoundError(
            f'{path}: expected a dump (.npz) or the folder of a run, found neither'
        )
    seeds = sorted(glob(osp.join(escape(path), 'seed*', '')), key=_number_of)
    folders = (
        [path]
        if osp.isfile(osp.join(path, name)) or not seeds
        else [osp.normpath(seed) for seed in seeds]
    )
    for folder in folders:
        if not osp.isfile(osp.join(folder, name)):
            raise FileNotFoundError(_missing(folder, name))
    return [osp.join(folder, name) for folder in folders]


def _number_of(seed: str) -> tuple[int, str]:
    digits = osp.basename(osp.normpath(seed))[len('seed') :]
    return (int(digits) if digits.isdecimal() else -1, digits)


def _missing(folder: str, name: str) -> str:

    def first(pattern: str, otherwise: str) -> str:
        found = sorted(glob(osp.join(escape(folder), pattern)))
        return found[0] if found else otherwise

    text = f'{folder}: expected a dump {name} in it, found none'
    others = sorted(osp.basename(each) for each in glob(osp.join(escape(folder), '*.npz')))
    if others:
        text += f' (but {", ".join(others)}: name one by --dump-name)'
    config = first('*.py', 'CONFIG')
    checkpoint = first('best_*.pth', first('*.pth', 'CHECKPOINT'))
    split = name.removesuffix('.npz')
    flags = f'--split {split} ' if split in ('train', 'val') else ''
    return (
        f'{text}; write it with\n  python tools/test.py {config} {checkpoint} {flags}--work-dir '
        f'{folder} --dump {osp.join(folder, name)}'
    )
