"""What a checkpoint says about the run that wrote it."""
import ast
import os.path as osp
import pickle
from typing import Optional

import torch


def latest_checkpoint(work_dir: str) -> Optional[str]:
    """The newest checkpoint of a run, wherever its folder has been moved.

    Args:
        work_dir (str): Folder with the ``last_checkpoint`` that MMEngine
            writes; the path in it may be one from before a move.

    Returns:
        str | None: The path, None where there is no checkpoint.
    """
    note = osp.join(work_dir, 'last_checkpoint')
    if not osp.isfile(note):
        return None
    with open(note, encoding='utf-8') as file:
        path = osp.join(work_dir, osp.basename(file.read().strip()))
    return path if osp.isfile(path) else None


def read_meta(path: str) -> dict:
    """The ``meta`` of a checkpoint; its tensors are not read from the disk.

    Args:
        path (str): The checkpoint.

    Returns:
        dict: Empty where the file has none.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it cannot be read with ``weights_only=True``.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path}: no such checkpoint')
    try:
        file = torch.load(
            path, map_location='cpu', weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f'{path}: cannot be read as a PyTorch checkpoint of tensors and '
            f'plain values ({type(error).__name__})') from error
    meta = file.get('meta') if isinstance(file, dict) else None
    return meta if isinstance(meta, dict) else {}


def stored_recipe(meta: dict) -> Optional[dict]:
    """The options of the recipe that a checkpoint was trained with.

    They are found in the text of its configuration, which is only parsed:
    nothing in it is run.

    Args:
        meta (dict): See :func:`read_meta`.

    Returns:
        dict | None: None where it was not made by a recipe.
    """
    try:
        tree = ast.parse(meta.get('cfg') or '')
        for node in tree.body:
            if isinstance(node, ast.Assign) and [
                    getattr(t, 'id', None) for t in node.targets
            ] == ['recipe'] and isinstance(node.value, ast.Call):
                return {
                    keyword.arg: ast.literal_eval(keyword.value)
                    for keyword in node.value.keywords
                }
    except (SyntaxError, ValueError, TypeError):
        pass
    return None


def _lists(values: dict) -> dict:
    """A dumped tuple may come back as a list."""
    return {
        key: list(value) if isinstance(value, (list, tuple)) else value
        for key, value in values.items()
    }


def check_recipe(path: str, meta: dict, recipe: Optional[dict],
                 resume: bool = False) -> None:
    """Refuse a checkpoint of other options: its weights may fit all the same
    (face and body networks are alike) and give a score that means nothing.

    Args:
        path (str): The checkpoint.
        meta (dict): Its ``meta``.
        recipe (dict, optional): The options of the configuration.
        resume (bool): The training of the checkpoint is to go on, so that
            everything has to be as it was. Defaults to False.

    Raises:
        ValueError: Naming the options that differ.
    """
    stored = stored_recipe(meta)
    if stored is None or recipe is None:
        return
    stored, recipe = _lists(stored), _lists(recipe)
    # Start weights leave no trace in a trained network. Weighted labels do,
    # but do not matter to a test; and what masks cost a network that has not
    # seen any is a question to ask.
    free = ('init', ) if resume else ('init', 'mask', 'mask_kind',
                                      'pos_weight')
    differ = [
        f'{name} {stored[name]!r} (found), {recipe[name]!r} (expected)'
        for name in recipe
        if name not in free and name in stored
        and stored[name] != recipe[name]
    ]
    if differ:
        raise ValueError(f'{path}: was trained with other options than the '
                         f'config and flags say: {"; ".join(differ)}')
