"""Draw clips of the size on which the published system was measured."""

import os
import os.path as osp
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from emoreact_plugin.clips.landmark_writers import write_keypoints_txt
from emoreact_plugin.datasets.annotations import EMOTIONS
from emoreact_plugin.preparation.crops import extract_crops
from emoreact_plugin.preparation.frames import extract
from emoreact_plugin.sample_data.content import FRAME_SIZE, NUM_FRAMES
from emoreact_plugin.sample_data.dataset import clip_files
from emoreact_plugin.sample_data.drawing import draw_clip
from emoreact_plugin.sample_data.geometry import place_frames
from emoreact_plugin.sample_data.plan import ClipPlan, clip_parts, plan_clips
from emoreact_plugin.transforms import CropRegions
from emoreact_plugin.utils.files import write_text
from emoreact_plugin.utils.progress import progress_bar
from emoreact_plugin.utils.tables import csv_text
from emoreact_plugin.video.writing import write_video

SIZE = (1280, 720)
RATE = Fraction(30)
# Noise of the camera that brings a JPEG frame to about 119 KB.
GRAIN = 3
# Of all regions that the inputs need.
REGIONS = ('face', 'body', 'fullbody')


def _full_columns() -> tuple[list[str], list[str]]:
    """Return the columns of a full OpenFace 2.x run around the 2D landmarks.

    They are the columns before and after ``x_0 .. y_67``; with these, there are 714 in all.
    """

    def numbered(names, count):
        return [f'{name}_{k}' for name in names.split() for k in range(count)]

    before = ['frame', 'face_id', 'timestamp', 'confidence', 'success']
    before += [f'gaze_{eye}_{axis}' for eye in '01' for axis in 'xyz']
    before += ['gaze_angle_x', 'gaze_angle_y']
    before += numbered('eye_lmk_x eye_lmk_y eye_lmk_X eye_lmk_Y eye_lmk_Z', 56)
    before += [f'pose_{kind}{axis}' for kind in 'TR' for axis in 'xyz']
    after = numbered('X Y Z', 68)
    after += ['p_scale', 'p_rx', 'p_ry', 'p_rz', 'p_tx', 'p_ty']
    after += numbered('p', 34)
    units = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
    after += [f'AU{unit:02}_r' for unit in units]
    after += [f'AU{unit:02}_c' for unit in sorted((*units, 28))]
    return before, after


def write_full_openface(path: str, landmarks: np.ndarray) -> None:
    """Write landmarks as a full OpenFace run does, in 714 columns.

    Columns that are neither a landmark nor about the row are filled with one number.

    Args:
        path (str): Path of the CSV file.
        landmarks (np.ndarray): (T, 68, 2), pixels, a face in every frame.
    """
    before, after = _full_columns()
    points = [f'{axis}_{k}' for axis in 'xy' for k in range(68)]
    lines = [', '.join(before + points + after)]
    for k, face in enumerate(landmarks):
        cells = [f'{k + 1}', '0', f'{float(k / RATE):.3f}', '0.98', '1']
        cells += ['-123.456'] * (len(before) - len(cells))
        cells += [f'{value:.1f}' for value in face.T.ravel()]
        lines.append(', '.join(cells + ['-123.456'] * len(after)))
    with open(path, 'w', encoding='utf-8', newline='\n') as file:
        file.writelines(line + '\n' for line in lines)


def make_drawn_data(root: str, clips: int, frames: int) -> None:
    """Draw a data set as videos, extracted frames and prepared crops.

    The clips are those of the sample data set, enlarged to 1280x720.

    Args:
        root (str): An empty folder. It gets ``train.csv``, ``videos``, ``frames``, ``crops`` and
            ``cache`` (the prepared landmarks).
        clips (int): Number of clips, at least 1.
        frames (int): Number of frames of a clip, at least 3.
    """
    videos = osp.join(root, 'videos')
    os.makedirs(videos)
    plans = plan_clips(0, clips, 1, 1)[:clips]
    for plan in progress_bar(plans, 'drawing', unit='clip', leave=False):
        _make_clip(plan, videos, frames)
    cache = osp.join(root, 'cache')
    extract([videos], osp.join(root, 'frames'), workers=1)
    extract_crops(
        [videos], osp.join(root, 'crops'), CropRegions(REGIONS), cache_dir=cache, workers=1
    )
    rows = [[row, plan.name, *plan.labels] for row, plan in enumerate(plans)]
    write_text(osp.join(root, 'train.csv'), csv_text(['', 'video', *EMOTIONS], rows))


def _make_clip(plan: ClipPlan, videos: str, frames: int) -> None:
    landmarks, keypoints, video = clip_files(Path(videos), plan.name)
    child, content, tracks = clip_parts(plan)
    # To and fro, so that there is motion between all neighbours.
    order = [*range(NUM_FRAMES), *range(NUM_FRAMES - 2, 0, -1)]
    order = [order[k % len(order)] for k in range(frames)]
    children = place_frames(child, content, tracks)
    scale = SIZE[1] / FRAME_SIZE[1]
    shift = np.array([(SIZE[0] - scale * FRAME_SIZE[0]) / 2, 0])
    os.makedirs(landmarks.parent)
    write_full_openface(landmarks, np.stack([scale * children[t].landmarks + shift for t in order]))
    write_keypoints_txt(
        keypoints, np.stack([scale * children[t].keypoints + shift for t in order]) / SIZE
    )
    drawn = draw_clip(child, content, children)
    write_video(video, _enlarged(drawn, order, int(shift[0])), RATE)


def _enlarged(drawn: np.ndarray, order: list[int], border: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for t in order:
        frame = cv2.resize(drawn[t], (SIZE[0] - 2 * border, SIZE[1]), interpolation=cv2.INTER_CUBIC)
        frame = cv2.copyMakeBorder(frame, 0, 0, border, border, cv2.BORDER_REFLECT)
        noise = rng.integers(-GRAIN, GRAIN + 1, frame.shape, np.int8)
        yield cv2.add(frame, noise, dtype=cv2.CV_8U)
