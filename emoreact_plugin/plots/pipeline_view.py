"""Watch step by step what a data set's own pipeline makes of a clip."""

import os.path as osp
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset, Compose

from emoreact_plugin.transforms import CropRegions, DrawFaceMask, LoadCrops
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.random_state import seeded

from .contact_sheet import Box, Cell, Panel

# Name of the input of a pipeline that packs `imgs` alone.
ONLY_INPUT = 'input'


@dataclass(frozen=True, eq=False)
class SampleView:
    """A clip on its way to the network.

    Attributes:
        name (str): Name of the clip.
        label (Any): The label as the data set gives it: (C, ) tensor, or a number.
        valence (float | None): The valence, if there is one.
        frames (list[np.ndarray]): n whole frames (H, W, 3) uint8, RGB, with their masks, before
            anything is cut out of them; empty for prepared crops.
        frame_inds (np.ndarray): (n, ) int, numbers of the frames.
        boxes (dict[str, np.ndarray]): Region -> (n, 4) int; x1, y1, x2, y2.
        found (dict[str, np.ndarray]): Region -> (n, ) bool, False if the whole frame stands in.
        inputs (dict[str, np.ndarray]): Stream -> (m, H, W, 3) uint8, RGB: all images of its input;
            for a 3D network view by view.
        places (dict[str, np.ndarray]): Stream -> (m, ) int: which of the n frames each image is
            made of.
    """

    name: str
    label: Any
    valence: float | None
    frames: list[np.ndarray]
    frame_inds: np.ndarray
    boxes: dict[str, np.ndarray]
    found: dict[str, np.ndarray]
    inputs: dict[str, np.ndarray]
    places: dict[str, np.ndarray]


class _WatchedPipeline(Compose):
    """Run a pipeline, and remember the whole frames and where the regions are."""

    def __init__(self, transforms: list) -> None:
        super().__init__(transforms)
        self.seen: dict = {}

    def __call__(self, results: dict) -> dict | None:
        self.seen = dict(
            name=name_of(results), label=results.get('label'), valence=results.get('valence')
        )
        for step in self.transforms:
            results = step(results)
            if results is None:
                return None
            self._watch(step, results)
        return results

    def _watch(self, step: Any, results: dict) -> None:
        whole, prepared = isinstance(step, (CropRegions, DrawFaceMask)), isinstance(step, LoadCrops)
        if prepared or ('imgs' in results and ('frames' not in self.seen or whole)):
            self.seen.update(
                # Later steps may work in place.
                frames=[] if prepared else [img.copy() for img in results['imgs']],
                frame_inds=np.ravel(results['frame_inds']),
                streams=results.get('stream_frames', {}),
            )
        if isinstance(step, (CropRegions, LoadCrops)):
            for key in ('boxes', 'found'):
                self.seen.setdefault(key, {}).update(
                    {name: results[f'{name}_{key}'].copy() for name in step.regions}
                )


def name_of(sample: dict) -> str:
    """Return the name of a clip, from our data set or a stock one.

    Args:
        sample (dict): What the data set gives its pipeline.

    Returns:
        str: Its id, or else the name of its file or folder.
    """
    if sample.get('video_id'):
        return str(sample['video_id'])
    path = sample.get('filename') or sample.get('frame_dir') or 'clip'
    return osp.basename(osp.normpath(path))


def view_sample(dataset: BaseDataset, index: int, seed: int, epoch: int) -> tuple[SampleView, dict]:
    """Run a data set's pipeline on a clip and watch it.

    The random draws are those of a training with this seed in this epoch.

    Args:
        dataset (BaseDataset): ``EmoReactDataset``, or another data set whose pipeline decodes
            images.
        index (int): Index of the clip.
        seed (int): Seed, from 0.
        epoch (int): Epoch, from 0.

    Returns:
        tuple[SampleView, dict]: What was seen, and the packed sample that the data set gives,
        ``inputs`` and ``data_samples``.

    Raises:
        InputError: For a pipeline that decodes no frames or packs no images of 0..255, or when a
            step gives up the clip.
        RuntimeError: From ``EmoReactDataset``, for an error in the pipeline.
    """
    if hasattr(dataset, 'set_epoch'):
        dataset.set_epoch(epoch, seed)
    pipeline = dataset.pipeline
    watched = _WatchedPipeline(pipeline.transforms)
    dataset.pipeline = watched
    try:
        with seeded((seed, epoch, index)):
            packed = dataset.prepare_data(index)
    finally:
        dataset.pipeline = pipeline
    seen = watched.seen
    where = f"clip '{seen['name']}'"
    if packed is None:
        raise InputError(
            f'{where}: a step of the pipeline gives it up; '
            'training then draws another one in its place'
        )
    if 'frames' not in seen:
        raise InputError(
            f"{where}: expected a pipeline that decodes 'imgs', found none of its steps doing so"
        )
    inputs = {
        name: images_of(value, f'{where}, {name}')
        for name, value in _by_stream(packed, where).items()
    }
    streams, count = seen.pop('streams'), len(seen['frame_inds'])
    places = {}
    for name, images in inputs.items():
        own = streams[name]['inds'] if name in streams else np.arange(count)
        if len(images) % len(own):
            raise InputError(
                f'{where}, {name}: expected {len(own)} images, one of each '
                f'frame, or several times as many, found {len(images)}'
            )
        places[name] = np.tile(own, len(images) // len(own))
    return SampleView(**{'boxes': {}, 'found': {}, **seen}, inputs=inputs, places=places), packed


def _by_stream(packed: Any, where: str) -> dict[str, torch.Tensor]:
    inputs = packed.get('inputs') if isinstance(packed, dict) else None
    if isinstance(inputs, torch.Tensor):
        return {ONLY_INPUT: inputs}
    if not isinstance(inputs, dict) or not inputs:
        raise InputError(
            f"{where}: expected 'inputs' packed by PackActionInputs, found {type(inputs).__name__}"
        )
    return {
        name[: -len('_imgs')]
        if name.endswith('_imgs')
        else ONLY_INPUT
        if name == 'imgs'
        else name: value
        for name, value in inputs.items()
    }


def images_of(inputs: torch.Tensor, where: str) -> np.ndarray:
    """Return the images of a packed input, in the order of its frames.

    Args:
        inputs (torch.Tensor): (N, 3, H, W) for a 2D network, (views, 3, T, H, W) for a 3D one, or
            (3, T, H, W) with T other than 3; values 0..255.
        where (str): What the input is, for error messages.

    Returns:
        np.ndarray: (m, H, W, 3) uint8, RGB.

    Raises:
        InputError: For another shape, or values outside of 0..255.
    """
    array = inputs.numpy()
    if array.ndim == 4 and array.shape[1] != 3:
        array = array[None]
    if array.ndim == 5 and array.shape[1] == 3:
        array = array.transpose(0, 2, 1, 3, 4)
        array = array.reshape(-1, *array.shape[2:])
    if array.ndim != 4 or array.shape[1] != 3:
        raise InputError(
            f'{where}: expected an input of shape (N, 3, H, W) or (views, 3, '
            f'T, H, W), found {tuple(inputs.shape)}'
        )
    if array.dtype != np.uint8:
        if not (array.min() >= 0 and array.max() <= 255):
            raise InputError(
                f'{where}: expected values from 0 to 255, as before the data preprocessor, found '
                f'{array.min():g} to {array.max():g}; normalise there, not in the pipeline'
            )
        array = np.rint(array).astype(np.uint8)
    return array.transpose(0, 2, 3, 1)


def panel_of(view: SampleView, classes: tuple[str, ...] | None) -> Panel:
    """Turn a clip into a panel of a contact sheet, with one column per frame.

    Args:
        view (SampleView): The clip.
        classes (tuple[str, ...], optional): C label names.

    Returns:
        Panel: The whole frames, if there are any, with the boxes of the streams, in the row
        ``'frame'``; then a row for each stream, and more rows, such as ``'face 2'``, if it has
        several images of a frame.
    """
    count = len(view.frame_inds)
    rows: dict[str, list[Cell | None]] = {}
    if view.frames:
        rows['frame'] = [
            Cell(frame, _boxes_in(view, i), f'frame {view.frame_inds[i]}')
            for i, frame in enumerate(view.frames)
        ]
    for name, images in view.inputs.items():
        found = view.found.get(name, np.ones(count, dtype=bool))
        taken = np.zeros(count, dtype=int)
        for image, place in zip(images, view.places[name], strict=True):
            taken[place] += 1
            row = name if taken[place] == 1 else f'{name} {taken[place]}'
            rows.setdefault(row, [None] * count)[place] = Cell(
                image, note='' if found[place] else 'whole frame'
            )
    text = label_text(view.label, classes)
    if view.valence is not None:
        text += f'; valence {view.valence:.1f}'
    return Panel(view.name, text, rows)


def _boxes_in(view: SampleView, index: int) -> dict[str, Box]:
    """Return the boxes of the streams that were found in a frame."""
    boxes = {}
    for name in view.inputs:
        if name in view.boxes and view.found[name][index]:
            x1, y1, x2, y2 = (int(value) for value in view.boxes[name][index])
            boxes[name] = (x1, y1, x2, y2)
    return boxes


def label_text(label: Any, classes: tuple[str, ...] | None) -> str:
    """Put a clip's label into words.

    Args:
        label (Any): (C, ) tensor of 0..1, or the number of one class.
        classes (tuple[str, ...], optional): C label names.

    Returns:
        str: The names of the labels that are not 0, with their values if these are not 1.
    """
    if label is None:
        return 'no label'
    values = np.ravel(np.asarray(label))
    if classes is None or len(values) != len(classes):
        if classes and len(values) == 1 and 0 <= int(values[0]) < len(classes):
            return classes[int(values[0])]
        return 'label ' + ', '.join(f'{value:g}' for value in values)
    names = [
        name if value == 1 else f'{name} {value:.2g}'
        for name, value in zip(classes, values, strict=True)
        if value
    ]
    return ', '.join(names) or 'no positive label'
