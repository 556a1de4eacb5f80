"""Draw a data set in the layout of EmoReact, which itself cannot be shipped.

:func:`make_sample_dataset` draws it. ``plan`` decides what the clips show, ``content``,
``geometry``, ``painting`` and ``drawing`` draw them, and this file writes everything to disk.
"""

import json
import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import sweep, write_json, write_text, write_whole
from emoreact_plugin.utils.progress import count_cores, progress_bar
from emoreact_plugin.utils.tables import csv_text

from .content import FPS, FRAME_SIZE
from .description import describe_clip, describe_sample, to_json, to_readme
from .episodes import with_episodes
from .geometry import place_frames
from .plan import CLASSES, SPLITS, ClipPlan, clip_parts, plan_clips

# Raised whenever a change of the code changes what is drawn or written.
VERSION = 2
SETTINGS_FILE = 'settings.json'


def write_video(path: Path, frames: np.ndarray, fps: int = FPS) -> None:
    """Write frames (T, H, W, 3) uint8, RGB, as H.264 in mp4, completely or not at all.

    The quantiser and the types of the frames are fixed. The encoder does not choose them from the
    pictures, so that a cue in one part of the picture does not change how well another part is
    coded. Except for the first frame, they are also the same backwards in time, so that they do not
    tell the order.
    """
    import av

    params = (
        'qp=18:ipratio=1:pbratio=1:aq-mode=0:mbtree=0:scenecut=0:'
        'b-adapt=0:bframes=1:keyint=infinite:threads=1'
    )
    with write_whole(path) as temporary, av.open(temporary, 'w', format='mp4') as container:
        stream = container.add_stream('libx264', rate=fps)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = 'yuv420p'
        stream.options = {'preset': 'ultrafast', 'x264-params': params}
        stream.codec_context.thread_count = 1
        for image in frames:
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def openface_csv(landmarks: np.ndarray, missing: tuple[int, ...] = (), stale: bool = False) -> str:
    """Format landmarks (T, 68, 2) in the layout of OpenFace 2.x with ``-2Dfp``.

    Args:
        landmarks (np.ndarray): (T, 68, 2) pixels of the frame.
        missing (tuple[int, ...]): Frames, from 0, in which no face was found.
        stale (bool): Repeat the last points found in the rows of missing frames, instead of zeros.
    """
    columns = ['frame', 'face_id', 'timestamp', 'confidence', 'success']
    columns += [f'{axis}_{k}' for axis in 'xy' for k in range(68)]
    lines, last = [', '.join(columns)], np.zeros((68, 2))
    for t, points in enumerate(landmarks):
        found = t not in missing
        shown = points if found else (last if stale else np.zeros((68, 2)))
        last = points if found else last
        cells = [f'{t + 1}', '0', f'{t / FPS:.3f}']
        cells += ['0.98', '1'] if found else ['0.03', '0']
        cells += [f'{value:.1f}' for value in shown.T.ravel()]
        lines.append(', '.join(cells))
    return '\n'.join(lines) + '\n'


def keypoints_txt(keypoints: np.ndarray, missing: tuple[int, ...] = ()) -> str:
    """Format keypoints (T, J, 2) as ``_hol.txt``: ``x y x y ...``, one line per frame.

    They are fractions of the width and height of the frame, with four digits, of the joints that
    lie in the frame. The line of a frame in ``missing`` is blank.
    """
    lines = []
    for t, points in enumerate(keypoints / np.array(FRAME_SIZE)):
        inside = ((points >= 0) & (points < 1)).all(1) & (t not in missing)
        lines.append(' '.join(f'{v:.4f}' for v in points[inside].ravel()))
    return '\n'.join(lines) + '\n'


def clip_files(videos: Path, name: str) -> tuple[Path, Path, Path]:
    """Return the paths of a clip's landmarks, keypoints and video, in the order of writing."""
    return (
        videos / f'{name}_openface' / f'{Path(name).stem}.csv',
        videos / f'{name}_hol.txt',
        videos / name,
    )


def make_clip(plan: ClipPlan, videos: str) -> dict:
    """Draw a clip if a file of it is missing, and return its entry in ``cues.json``.

    Of its three files, the video is written last.
    """
    import cv2

    from .drawing import draw_clip

    files = clip_files(Path(videos), plan.name)
    child, content, tracks = clip_parts(plan)
    children = place_frames(child, content, tracks)
    description = describe_clip(plan, children)
    if all(file.is_file() for file in files):
        return description
    landmarks, keypoints, video = files
    landmarks.parent.mkdir(exist_ok=True)
    write_text(
        landmarks,
        openface_csv(
            np.stack([drawn.landmarks for drawn in children]), plan.missing_face, plan.stale_rows
        ),
    )
    write_text(
        keypoints,
        keypoints_txt(np.stack([drawn.keypoints for drawn in children]), plan.missing_body),
    )
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        write_video(video, draw_clip(child, content, children, plan.backdrop))
    finally:
        cv2.setNumThreads(threads)
    return description


def _annotations(plans: list[ClipPlan]) -> str:
    """Format the annotations of a split as CSV, in EmoReact's columns."""
    return csv_text(
        ['', 'video', *CLASSES, 'Valence'],
        [[row, plan.name, *plan.labels, f'{plan.valence:.4f}'] for row, plan in enumerate(plans)],
    )


def _check_settings(out: Path, settings: dict, force: bool) -> None:
    """Refuse a folder that holds anything other than this very data set.

    With ``force``, an older sample data set in ``out`` is deleted.
    """
    file = out / SETTINGS_FILE
    if file.is_file():
        found = json.loads(file.read_text(encoding='utf-8'))
        if force:
            _delete(out)
        elif found != settings:
            raise InputError(
                f'{out} holds a sample data set made with other settings. '
                f'Expected {settings}, found {found}. Choose another folder, '
                'or draw it anew with --force (force=True).'
            )
    elif out.exists() and (not out.is_dir() or _holds_other_files(out)):
        raise InputError(
            f'{out} is not empty and holds no sample data set (there is no '
            f'{SETTINGS_FILE}). Choose another folder.'
        )


def _holds_other_files(out: Path) -> bool:
    """Tell whether a folder holds more than the unfinished settings of a run."""
    return any(not each.name.startswith(f'.{SETTINGS_FILE}.') for each in out.iterdir())


def _delete(out: Path) -> None:
    """Delete the files of a sample data set, the annotations first."""
    names = [f'{split}.csv' for split in SPLITS]
    for name in (*names, 'cues.json', 'README.md', SETTINGS_FILE):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / 'videos', ignore_errors=True)


def _draw_clips(
    plans: list[ClipPlan], videos: Path, workers: int, progress: bool
) -> dict[str, dict]:
    """Draw the clips in this process, or in ``workers`` others, and describe them by name."""
    clips = {}
    bar = progress_bar(total=len(plans), desc='drawing', unit='clip', shown=progress)
    if workers <= 1 or len(plans) <= 1:
        with bar:
            for plan in plans:
                clips[plan.name] = make_clip(plan, str(videos))
                bar.update()
        return clips
    # forking a process that has loaded torch or OpenCV may hang
    context = multiprocessing.get_context('spawn')
    with bar, ProcessPoolExecutor(workers, mp_context=context) as pool:
        jobs = {pool.submit(make_clip, plan, str(videos)): plan.name for plan in plans}
        try:
            for job in as_completed(jobs):
                clips[jobs[job]] = job.result()
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return clips


def is_sample_data(folder: str) -> bool:
    """Tell whether a folder is that of a drawn sample data set."""
    return all(os.path.isfile(os.path.join(folder, name)) for name in (SETTINGS_FILE, 'cues.json'))


def make_sample_dataset(
    out: str | Path,
    seed: int = 0,
    num_train: int = 480,
    num_val: int = 120,
    num_test: int = 360,
    workers: int | None = None,
    force: bool = False,
    progress: bool = True,
    episode_cue: bool = False,
) -> Path:
    """Draw the sample data set, or what is missing of it.

    The same arguments give the same bytes, whatever the number of workers. A clip is complete or
    absent, and the annotation files come last: if they exist, the data set is complete. A complete
    one is left as it is.

    Args:
        out (str | Path): The folder, which is created if it does not exist.
        seed (int): Seed of everything that is drawn.
        num_train (int): Number of clips in train.
        num_val (int): Number of clips in val.
        num_test (int): Number of clips in test.
        workers (int, optional): Number of processes. Defaults to None: one per core.
        force (bool): Delete a sample data set that exists and draw it anew.
        progress (bool): Print the progress on the console.
        episode_cue (bool): Let the series of a clip tell a label, see :mod:`.episodes`.

    Raises:
        InputError: If a split is empty, or ``out`` holds something else or a sample data set made
            with other settings.
    """
    out = Path(out)
    settings = dict(
        version=VERSION, seed=seed, num_train=num_train, num_val=num_val, num_test=num_test
    )
    if episode_cue:
        settings['episode_cue'] = True
    for name in ('num_train', 'num_val', 'num_test'):
        if settings[name] < 1:
            raise InputError(f'{name} must be at least 1, is {settings[name]}')
    _check_settings(out, settings, force)
    plans, videos = plan_clips(seed, num_train, num_val, num_test), out / 'videos'
    if episode_cue:
        plans = with_episodes(plans, seed)
    files = [out / name for name in ('README.md', 'cues.json')]
    files += [out / f'{split}.csv' for split in SPLITS]
    files += [file for plan in plans for file in clip_files(videos, plan.name)]
    if not all(file.is_file() for file in files):
        # First: it says that all other files are ours.
        write_json(out / SETTINGS_FILE, settings)
        videos.mkdir(exist_ok=True)
        for folder in (videos, *videos.glob('*_openface')):
            sweep(folder)
        clips = _draw_clips(plans, videos, workers or count_cores(), progress)
        facts = describe_sample(plans, clips, settings)
        write_text(out / 'cues.json', to_json(facts))
        write_text(out / 'README.md', to_readme(facts))
        for split in SPLITS:
            write_text(out / f'{split}.csv', _annotations([p for p in plans if p.split == split]))
    if progress:
        counts = f'{num_train} train, {num_val} val and {num_test} test clips'
        print(f'{out}: the drawn sample data set is complete: {counts}')
    return out
