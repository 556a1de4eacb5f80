"""Make the crops that a training reads, before its data sets are built."""

import hashlib
import json
import os
import os.path as osp
import shutil
from dataclasses import dataclass, field
from typing import Any

import cv2
import filelock
from mmengine.config import Config
from mmengine.registry import init_default_scope

from emoreact_plugin.clips.cache_file import stamp_of
from emoreact_plugin.datasets import EmoReactDataset
from emoreact_plugin.preparation.crops import CROP_SIZE, extract_crops
from emoreact_plugin.preparation.jobs import Job, check_targets
from emoreact_plugin.recipes import datasets_of, edit
from emoreact_plugin.transforms import CropRegions
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_text
from emoreact_plugin.utils.parts import is_a
from emoreact_plugin.utils.text import number
from emoreact_plugin.video.reading import stated_frames
from mmaction.registry import DATASETS, TRANSFORMS

from .console import say

# The value of the flag, and of `crops` in a config.
AUTO = 'auto'
# Another number for another way to make crops.
VERSION = 2
# Which files the crops of each clip were made of.
STAMPS = 'sources.json'
FOLDERS = ('video', 'landmarks', 'keypoints')


@dataclass
class Crops:
    """The crops to make in one folder.

    Attributes:
        regions (list[str]): Which regions to cut out.
        size (int): Side of the crops, pixels.
        max_gap (int): See ``LoadLandmarks``.
        folders (dict[str, str]): ``'video'``, ``'landmarks'``, ``'keypoints'`` -> folder.
        cache_dir (str): Folder of the cache files.
        required (set[str]): The kinds of files that every clip must have.
        jobs (dict[str, Job]): The clip's folder -> what to make.
        stamps (dict[str, list]): The clip's folder -> path, size and time of each of its files.
    """

    regions: list[str]
    size: int
    max_gap: int
    folders: dict[str, str]
    cache_dir: str
    required: set[str] = field(default_factory=set)
    jobs: dict[str, Job] = field(default_factory=dict)
    stamps: dict[str, list] = field(default_factory=dict)

    @property
    def out(self) -> str:
        """Return the folder, whose name depends on all settings."""
        settings = (VERSION, self.regions, self.size, self.max_gap, sorted(self.folders.items()))
        key = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]
        return osp.abspath(osp.join(self.cache_dir, 'crops', key))


def make_crops(cfg: Config) -> None:
    """Make the crops of all clips of a config with ``crops = 'auto'``, and let it read them.

    They are kept in the cache folder. Only those are made that are not there, or whose video or
    landmark files have changed since. Several processes may call it at once: one makes the crops,
    the others wait.

    Args:
        cfg (Config): It is changed as by ``--crops DIR``. Without ``crops``, nothing is done.

    Raises:
        InputError: If the data sets are not of videos, a pipeline draws masks, a clip cannot be
            read, or the disk is too small.
    """
    if cfg.get('crops') != AUTO:
        return
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    steps = [s for config in datasets_of(cfg) for step in config['pipeline'] for s in _inner(step)]
    shared = dict(
        regions=sorted({name for regions in _values(steps, 'CropRegions') for name in regions}),
        # What training resizes crops to, so that they are not resized twice.
        size=max([max(scale) for scale in _values(steps, 'Resize')] or [CROP_SIZE]),
        max_gap=max([0, *_values(steps, 'LoadLandmarks')]),
    )
    folders: dict[str, Crops] = {}
    outs = [_plan(config, shared, folders) for config in datasets_of(cfg)]
    edit(cfg, dict(crops=AUTO))
    for out, crops in folders.items():
        os.makedirs(out, exist_ok=True)
        with filelock.FileLock(f'{out}.lock'):
            _make(out, crops)
    for dataset, out in zip(datasets_of(cfg), outs, strict=True):
        dataset['data_prefix'] = dict(crops=out)
    cfg.pop('crops')


# What the crops depend on in each kind of step.
_ARGUMENTS = dict(CropRegions='regions', Resize='scale', LoadLandmarks='max_gap')


def _values(steps: list[dict], kind: str) -> list[Any]:
    name = _ARGUMENTS[kind]
    return [s[name] for s in steps if name in s and is_a(s, kind, registry=TRANSFORMS)]


def _inner(step: dict) -> list[dict]:
    """Return a step and those inside it."""
    inner = step.get('transforms') or []
    lists = inner.values() if isinstance(inner, dict) else [inner]
    return [step, *(each for steps in lists for each in steps)]


def _plan(config: dict, shared: dict[str, Any], folders: dict[str, Crops]) -> str:
    """Add the clips of a data set to those of its folder; return the folder."""
    dataset = DATASETS.build(dict(config, lazy_init=True))
    if not isinstance(dataset, EmoReactDataset) or 'video' not in dataset.data_prefix:
        raise InputError(
            f'--crops {AUTO}: expected an EmoReactDataset of videos, found '
            f'{type(dataset).__name__} of {", ".join(getattr(dataset, "data_prefix", None) or ())}'
        )
    dataset.check_files()
    prefix = dataset.data_prefix
    where = {kind: osp.abspath(prefix.get(kind, prefix['video'])) for kind in FOLDERS}
    crops = Crops(**shared, folders=where, cache_dir=dataset.cache_dir)
    out = crops.out
    crops = folders.setdefault(out, crops)
    crops.required |= set() if dataset.allow_missing else set(dataset.required)
    for row in dataset.read_annotations():
        if row.person is not None:
            raise InputError(
                f'--crops {AUTO}: expected clips of one person a video, found person {row.person} '
                f'of {row.video}'
            )
        files, target = dataset.find(row), osp.splitext(row.video)[0]
        crops.jobs[target] = Job(where['video'], row.video, target)
        paths = (files.source, files.landmarks, files.keypoints)
        crops.stamps[target] = [path and stamp_of(path) for path in paths]
    return out


def _make(out: str, crops: Crops) -> None:
    """Make what is missing in a folder, and anew what has changed."""
    check_targets(list(crops.jobs.values()), out)
    path = osp.join(out, STAMPS)
    known = {}
    if osp.exists(path):
        with open(path, encoding='utf-8') as file:
            known = json.load(file)
    missing = []
    for job in crops.jobs.values():
        folder = osp.join(out, job.target)
        if osp.isdir(folder) and known.get(job.target) != crops.stamps[job.target]:
            shutil.rmtree(folder)
        if not osp.isdir(folder):
            missing.append(job)
    if not missing:
        return
    # Before they are made: a file that changes meanwhile is noticed the next time.
    write_text(path, json.dumps({**known, **crops.stamps}))
    say(f'making crops of {number(len(missing), "clip")}, once, in {out}')
    first, *others = missing
    _run([first], out, crops)
    if others:
        _say_size(osp.join(out, first.target), first, others, out)
        _run(others, out, crops)


def _run(jobs: list[Job], out: str, crops: Crops) -> None:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # each core has a clip of its own
    try:
        report = extract_crops(
            jobs,
            out,
            CropRegions(crops.regions),
            size=crops.size,
            landmarks=crops.folders['landmarks'],
            keypoints=crops.folders['keypoints'],
            required=sorted(crops.required),
            cache_dir=crops.cache_dir,
            max_gap=crops.max_gap,
        )
    finally:
        cv2.setNumThreads(threads)
    if report.errors:
        video, error = report.errors[0]
        raise InputError(
            f'--crops {AUTO}: {len(report.errors)} of {number(len(jobs), "clip")} cannot be '
            f'prepared. The first, {video}: {error}'
        ) from error


def _say_size(folder: str, done: Job, jobs: list[Job], out: str) -> None:
    """Say how much room all crops take, judged by those of one clip; refuse a disk without it."""
    used = sum(osp.getsize(osp.join(root, f)) for root, _, files in os.walk(folder) for f in files)
    each = used / max(stated_frames(done.path), 1)
    needed = int(each * sum(stated_frames(job.path) for job in jobs))
    free = shutil.disk_usage(out).free
    if needed > free:
        raise InputError(
            f'{out}: the crops need about {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free; '
            '--cache-dir names another folder'
        )
    say(f'they take about {max(needed, used) / 1e6:,.0f} MB')
