"""Make prepared crops from videos, see :mod:`~emoreact_plugin.clips.crops`."""

import os
import os.path as osp
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from emoreact_plugin.clips.coverage import Coverage, coverage_of
from emoreact_plugin.clips.crops import CROP_NAME, PreparedCrops, read_record, write_record
from emoreact_plugin.transforms import CropRegions, DrawFaceMask
from emoreact_plugin.transforms.loading import check_max_gap
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_whole
from emoreact_plugin.video.writing import encode_image

from .frames import iterate_samples, look_of, open_clip
from .jobs import Job, JobReport, OnFrame, plan, run_jobs

# What the published recipe resizes crops to before it crops them at random.
CROP_SIZE = 256


def extract_crops(
    sources: Sequence[str | Job],
    out: str,
    cropper: CropRegions,
    mask: DrawFaceMask | None = None,
    step: int = 1,
    size: int = CROP_SIZE,
    landmarks: str | None = None,
    keypoints: str | None = None,
    required: Sequence[str] = (),
    cache_dir: str | None = None,
    workers: int | None = None,
    max_gap: int = 0,
) -> JobReport[PreparedCrops]:
    """Write the crops that training would cut out of the frames of videos.

    A clip becomes the folder ``<clip>`` of :mod:`~emoreact_plugin.clips.crops`, which
    ``EmoReactDataset`` reads with ``data_prefix=dict(crops=...)``. A clip is either complete or not
    there, and one that is there is not changed, so that the work can be stopped and resumed, and
    several runs may write to an output folder at once.

    Args:
        sources (Sequence[str | Job]): Video files, and folders that are searched for videos as in
            :func:`~emoreact_plugin.preparation.frames.extract`; or which clips to make, all jobs.
        out (str): The output folder; created if it is missing.
        cropper (CropRegions): Cuts the crops out.
        mask (DrawFaceMask, optional): Draws masks; it needs a seed. Defaults to None: no masks.
        step (int): Make crops of every step-th frame, beginning with the first. Defaults to 1.
        size (int): Side of the crops in pixels. The crops do not keep their aspect ratio. Defaults
            to 256.
        landmarks (str, optional): Folder of the landmark files. Defaults to None: next to the
            videos.
        keypoints (str, optional): Folder of the keypoint files. Defaults to None: next to the
            videos.
        required (Sequence[str]): ``'landmarks'`` and/or ``'keypoints'``: the kinds of files that
            every clip must have; a clip without one fails. If another kind is missing, whole frames
            are used instead. Defaults to ().
        cache_dir (str, optional): Folder of the cache files.
        workers (int, optional): How many clips to process at a time. Defaults to None: as many as
            there are cores.
        max_gap (int): The longest gap between two frames with a face, in frames, in which the face
            is interpolated, see ``LoadLandmarks``. Defaults to 0.

    Returns:
        JobReport[PreparedCrops]: With the errors of single clips, which do not stop the others.

    Raises:
        FileNotFoundError: If a source, or a folder of landmarks or keypoints, does not exist.
        InputError: If step or size is below 1, or max_gap below 0; if there is nothing to do, if
            two clips would be written to one place, or if some have masks already.
    """
    for name, value in (('step', step), ('size', size)):
        if value < 1:
            raise InputError(f'{name}: expected 1 or more, found {value}')
    check_max_gap(max_gap)
    for kind, folder in (('landmarks', landmarks), ('keypoints', keypoints)):
        if folder is not None and not osp.isdir(folder):
            raise FileNotFoundError(f'{folder}: no such folder of {kind}')
    jobs = [each for each in sources if isinstance(each, Job)]
    if not jobs:
        jobs = plan([*map(str, sources)], out, '', unmasked=mask is not None)
    look = '' if mask is None else look_of(mask)
    os.makedirs(out, exist_ok=True)

    def make(job: Job, target: str, on_frame: OnFrame) -> None:
        clip = open_clip(job, landmarks, keypoints, cache_dir, required).filled(max_gap)
        with write_whole(target, keep=True) as temporary:
            samples = iterate_samples(job, clip, on_frame)
            _write_clip(
                temporary,
                samples,
                coverage_of(clip.landmarks, clip.size),
                cropper,
                mask,
                step,
                size,
                max_gap,
            )

    def inspect(job: Job, target: str) -> PreparedCrops:
        return _check_done(target, cropper.regions, size, step, look, max_gap)

    return run_jobs(jobs, out, make, inspect, workers)


def _check_done(
    folder: str, regions: Sequence[str], size: int, step: int, look: str, max_gap: int
) -> PreparedCrops:
    crops = read_record(folder)
    for what, expected, found in (
        ('the regions', sorted(regions), sorted(crops.boxes)),
        ('the size', size, crops.size),
        ('a crop of every n-th frame, n', step, crops.step),
        ('masks', look or 'none', crops.mask or 'none'),
        ('max_gap', max_gap, crops.max_gap),
    ):
        if expected != found:
            raise InputError(
                f'{folder}: is there already, with other settings: {what}: expected {expected}, '
                f'found {found}. Delete it, or name another folder with --out'
            )
    return crops


def _write_clip(
    folder: str,
    samples: Iterable[dict],
    coverage: Coverage,
    cropper: CropRegions,
    mask: DrawFaceMask | None,
    step: int,
    size: int,
    max_gap: int,
) -> None:
    for region in cropper.regions:
        os.makedirs(osp.join(folder, region))
    boxes: dict[str, list] = {region: [] for region in cropper.regions}
    found: dict[str, list] = {region: [] for region in cropper.regions}
    masked, count, frame_size = [], 0, (0, 0)
    for count, sample in enumerate(samples, 1):
        frame_size = sample['imgs'][0].shape[1::-1]
        if (count - 1) % step:
            continue
        sample = cropper(sample if mask is None else mask(sample))
        masked.append(bool(sample['masked'][0]))
        for region in cropper.regions:
            boxes[region].append(sample[f'{region}_boxes'][0])
            found[region].append(bool(sample[f'{region}_found'][0]))
            path = osp.join(folder, region, CROP_NAME.format(len(masked)))
            _write_crop(path, sample[f'{region}_imgs'][0], size)
    write_record(
        folder,
        PreparedCrops(
            frame_size,
            count,
            size,
            step,
            '' if mask is None else look_of(mask),
            np.array(masked),
            coverage.part(slice(None, None, step)),
            {region: np.array(each) for region, each in boxes.items()},
            {region: np.array(each) for region, each in found.items()},
            max_gap,
        ),
    )


def _write_crop(path: str, crop: np.ndarray, size: int) -> None:
    # As Resize(keep_ratio=False) does.
    crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_LINEAR)
    with open(path, 'xb') as file:
        file.write(encode_image(crop))
