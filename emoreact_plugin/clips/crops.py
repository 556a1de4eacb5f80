"""Read the prepared crops of a clip, and read and write their record.

A clip has a folder with one folder of JPEG files for each region:
``<clip>/crops.json`` is the record, ``<clip>/<region>/000001.jpg`` the first
crop. Training reads crops instead of whole frames, so no video is decoded, no
mask is drawn and nothing is cut out.
"""

import json
import os.path as osp
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.video.folders import read_frame_files

from .coverage import Coverage
from .regions import share_covered

FILE_NAME = 'crops.json'
CROP_NAME = '{:06d}.jpg'
VERSION = 1


@dataclass(frozen=True, eq=False)
class PreparedCrops:
    """The content of ``crops.json``, for T crops of each region.

    Attributes:
        frame_size (tuple[int, int]): Width and height of the video's frames
            in pixels.
        source_frames (int): Number of frames of the video.
        size (int): Side of the crops in pixels.
        step (int): There is a crop of every step-th frame: 0, step, ...
        mask (str): Kind of the masks drawn on the crops, and their colour if
            one was chosen; empty without masks.
        masked (np.ndarray): bool (T,), True where there is a mask.
        coverage (Coverage): Where face landmarks, or only a box, and body
            keypoints were there, and where the body is mostly black, for T
            frames. Records of version 0.2 and before do not say the last:
            their boxes do, if there are crops of face and body.
        boxes (dict[str, np.ndarray]): Region -> int64 (T, 4): x1, y1, x2, y2
            in pixels of the frame, right and bottom exclusive.
        found (dict[str, np.ndarray]): Region -> bool (T,), False where the
            whole frame is used instead of the region.
        max_gap (int): The longest gap, in frames, in which the face was
            interpolated, see ``LoadLandmarks``.
    """

    frame_size: tuple[int, int]
    source_frames: int
    size: int
    step: int
    mask: str
    masked: np.ndarray
    coverage: Coverage
    boxes: dict[str, np.ndarray]
    found: dict[str, np.ndarray]
    max_gap: int = 0

    @property
    def total_frames(self) -> int:
        """Return T, the number of crops of each region."""
        return len(self.masked)

    @property
    def nbytes(self) -> int:
        """Return the bytes that the arrays take up in memory."""
        arrays = (self.masked, *self.coverage, *self.boxes.values(), *self.found.values())
        return sum(each.nbytes for each in arrays)


def check_prepared(folder: str, crops: PreparedCrops, regions: Iterable[str], max_gap: int) -> None:
    """Refuse crops that were prepared without a region, or with another ``max_gap``.

    Args:
        folder (str): The clip's folder.
        crops (PreparedCrops): Its record.
        regions (Iterable[str]): Such as ``'face'``.
        max_gap (int): The longest gap in which the face is interpolated.

    Raises:
        InputError: If there are no such crops.
    """
    for region in regions:
        if region not in crops.boxes:
            raise InputError(
                f"{folder}: expected crops of '{region}', found {', '.join(crops.boxes)}. "
                'tools/extract_frames.py --as crops makes them'
            )
    if crops.max_gap != max_gap:
        raise InputError(
            f'{folder}: expected crops with max_gap={max_gap}, found {crops.max_gap}. Change '
            'max_gap of LoadCrops, or make the crops anew with tools/extract_frames.py --max-gap'
        )


def write_record(folder: str, crops: PreparedCrops) -> None:
    """Write the record ``crops.json`` of a clip's crops.

    Args:
        folder (str): The clip's folder; it must not have a record yet.
        crops (PreparedCrops): The content.
    """

    def bits(values: np.ndarray) -> str:
        return ''.join('01'[int(value)] for value in values)

    record = dict(
        version=VERSION,
        frame_size=list(crops.frame_size),
        source_frames=crops.source_frames,
        size=crops.size,
        step=crops.step,
        mask=crops.mask,
        max_gap=crops.max_gap,
        masked=bits(crops.masked),
        landmarks_found=bits(crops.coverage.face),
        keypoints_found=bits(crops.coverage.body),
        only_box=bits(crops.coverage.box),
        black_body=bits(crops.coverage.black),
        regions={
            name: dict(found=bits(crops.found[name]), boxes=np.asarray(boxes).ravel().tolist())
            for name, boxes in crops.boxes.items()
        },
    )
    with open(osp.join(folder, FILE_NAME), 'x', encoding='utf-8') as file:
        json.dump(record, file)


def read_record(folder: str) -> PreparedCrops:
    """Read the record ``crops.json`` of a clip's crops.

    Args:
        folder (str): The clip's folder.

    Raises:
        FileNotFoundError: If there is no record.
        InputError: If it is damaged or of another version. The message names
            the file.
    """
    path = osp.join(folder, FILE_NAME)
    if not osp.isfile(path):
        raise FileNotFoundError(
            f'{path}: no such file; tools/extract_frames.py --as crops makes it'
        )

    def bools(text: str) -> np.ndarray:
        values = np.array(list(text))
        if not np.isin(values, ('0', '1')).all():
            raise InputError('expected 0 and 1 only')
        return values == '1'

    try:
        with open(path, encoding='utf-8') as file:
            record = json.load(file)
        if record['version'] != VERSION:
            raise InputError(f'expected version {VERSION}, found {record["version"]!r}')
        width, height = map(int, record['frame_size'])
        regions = record['regions']
        boxes = {
            name: np.array(each['boxes'], np.int64).reshape(-1, 4) for name, each in regions.items()
        }
        found = {name: bools(each['found']) for name, each in regions.items()}
        black = record.get('black_body')
        crops = PreparedCrops(
            (width, height),
            int(record['source_frames']),
            int(record['size']),
            int(record['step']),
            str(record['mask']),
            bools(record['masked']),
            Coverage(
                bools(record['landmarks_found']),
                bools(record['keypoints_found']),
                bools(record['only_box']),
                _black_of(boxes, found) if black is None else bools(black),
            ),
            boxes,
            found,
            int(record.get('max_gap', 0)),  # that of older records
        )
        _check_record(crops)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f'{path}: this record of prepared crops is damaged '
            f'({error}). Delete its folder and make it anew'
        ) from error
    return crops


def _black_of(boxes: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> np.ndarray:
    """Tell by the boxes where the body is mostly black; nowhere without those of both."""
    if {'body', 'face'} <= boxes.keys():
        return found['face'] & (share_covered(boxes['body'], boxes['face']) > 0.5)
    return np.zeros(len(next(iter(found.values()))), dtype=bool)


def _check_record(crops: PreparedCrops) -> None:
    count = crops.total_frames
    arrays = (*crops.coverage, *crops.boxes.values(), *crops.found.values())
    if not count or any(len(array) != count for array in arrays):
        raise InputError(
            f'expected {count} values in each list, found '
            f'{", ".join(str(len(array)) for array in arrays)}'
        )
    if crops.step < 1 or -(-crops.source_frames // crops.step) != count:
        raise InputError(
            f'expected a crop of every {crops.step}th of '
            f'{crops.source_frames} frames, found {count}'
        )


def read_crops(folder: str, region: str, inds: Sequence[int]) -> list[np.ndarray]:
    """Read crops of one region of a clip.

    Args:
        folder (str): The clip's folder.
        region (str): The region, such as ``'face'``.
        inds (Sequence[int]): Positions of the crops, counted from 0.

    Returns:
        list[np.ndarray]: (size, size, 3) uint8, RGB, each an array of its
        own.

    Raises:
        InputError: If a crop is missing or is not an image. The message names
            the file.
    """
    return read_frame_files(osp.join(folder, region), CROP_NAME, (index + 1 for index in inds))
