"""Describe a run, so that it can be repeated."""

import hashlib
import os
import os.path as osp
import platform
import subprocess
import sys
import time
from importlib import metadata
from typing import Any

from emoreact_plugin.utils.files import sha256_of
from emoreact_plugin.version import __version__

PACKAGES = (
    'torch',
    'torchvision',
    'mmengine',
    'mmaction2',
    'mmcv-lite',
    'mmcv',
    'numpy',
    'av',
    'opencv-python',
    'simplejpeg',
    'scikit-learn',
)


def run_facts() -> dict[str, Any]:
    """Return versions, git commit, command line and time of this process."""
    versions = dict(emoreact_plugin=__version__, python=platform.python_version())
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return dict(
        command=list(sys.argv),
        directory=os.getcwd(),
        started=time.strftime('%Y-%m-%d %H:%M:%S'),
        versions=versions,
        git=_git(),
    )


def _git() -> dict[str, Any] | None:
    """Return commit and whether files were changed since; None without a clone of this package."""
    root = osp.dirname(osp.dirname(osp.dirname(osp.abspath(__file__))))
    if not osp.exists(osp.join(root, '.git')):
        return None

    def git(*words: str) -> str:
        command = ['git', '-C', root, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return dict(
            commit=git('rev-parse', 'HEAD'),
            dirty=bool(git('status', '--porcelain', '--untracked-files=no')),
        )
    except (OSError, subprocess.CalledProcessError):
        return None


def data_facts(datasets: dict[str, Any]) -> dict[str, dict]:
    """Return a fingerprint of the data of each split.

    Args:
        datasets (dict): Split -> data set.

    Returns:
        dict[str, dict]: Split -> ``annotations``, the SHA-256 of the annotation file; ``clips``,
        their number; ``sizes``, the SHA-256 of the names and sizes of their files (for a folder of
        frames, the number of files). What a data set does not say is None.
    """
    return {split: _facts_of(dataset) for split, dataset in datasets.items()}


def _facts_of(dataset: Any) -> dict[str, Any]:
    ann_file = getattr(dataset, 'ann_file', None)
    annotations = (
        sha256_of(ann_file) if isinstance(ann_file, str) and osp.isfile(ann_file) else None
    )
    digest, count = hashlib.sha256(), len(dataset)
    known = hasattr(dataset, 'get_data_info')
    for index in range(count) if known else ():
        info = dataset.get_data_info(index)
        path = info.get('filename') or info.get('frame_dir')
        if not isinstance(path, str) or not osp.exists(path):
            known = False
            break
        size = len(os.listdir(path)) if osp.isdir(path) else osp.getsize(path)
        digest.update(f'{osp.basename(path)} {size}\n'.encode('utf-8', 'backslashreplace'))
    return dict(
        annotations=annotations,
        clips=count,
        sizes=digest.hexdigest() if known else None,
    )
