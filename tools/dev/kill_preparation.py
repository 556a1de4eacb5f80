"""Kill the preparation of a data set at random moments, run it again and compare the files.

For each kind of preparation, an undisturbed run gives the expected files. Then one process, or two
at once, start the same work in a new folder and are killed at random moments. A second run must
give the same files, byte for byte, and nothing else.

    python tools/dev/kill_preparation.py --tries 20
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from emoreact_plugin.clips.landmark_writers import write_keypoints_txt, write_openface_csv
from emoreact_plugin.preparation.crops import extract_crops
from emoreact_plugin.preparation.frames import extract
from emoreact_plugin.preparation.landmarks import extract_landmarks
from emoreact_plugin.sample_data import make_sample_dataset
from emoreact_plugin.transforms import CropRegions, DrawFaceMask
from emoreact_plugin.utils.tables import text_table
from emoreact_plugin.video.writing import write_video

CLIPS, FRAMES, WIDTH, HEIGHT = 6, 30, 160, 120
# Processes have to be started quickly: thousands of imports would take hours.
FORK = multiprocessing.get_context('fork')


def make_videos(folder: Path) -> None:
    """Write videos of noise, with landmarks and keypoints."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for k in range(CLIPS):
        frames = random.integers(0, 255, (FRAMES, HEIGHT, WIDTH, 3)).astype(np.uint8)
        write_video(str(folder / f'clip{k}.mp4'), frames, None)
        face = random.uniform((40, 30), (120, 90), (FRAMES, 68, 2))
        write_openface_csv(folder / f'clip{k}.csv', face, np.zeros(FRAMES, bool), None)
        write_keypoints_txt(folder / f'clip{k}.mp4_hol.txt', random.uniform(0, 1, (FRAMES, 9, 2)))


def work_of(kind: str, videos: Path, out: Path) -> None:
    """Do one kind of preparation."""
    sources, cache = [str(videos)], str(out.parent / f'{out.name}-cache')
    mask = DrawFaceMask('surgical', seed=0)
    if kind == 'frames':
        report = extract(sources, str(out), workers=2)
    elif kind == 'masked frames':
        report = extract(sources, str(out), mask, workers=2, cache_dir=cache)
    elif kind == 'masked videos':
        report = extract(sources, str(out), mask, as_videos=True, workers=2, cache_dir=cache)
    elif kind == 'crops':
        cropper = CropRegions(('face', 'body'))
        report = extract_crops(sources, str(out), cropper, size=64, workers=2, cache_dir=cache)
    elif kind == 'landmarks':
        report = extract_landmarks(sources, str(out), openface=True, keypoints=True, workers=2)
    else:
        make_sample_dataset(out, num_train=4, num_val=1, num_test=1, workers=1, progress=False)
        return
    if report.errors:
        raise report.errors[0][1]


KINDS = ('frames', 'masked frames', 'masked videos', 'crops', 'sample', 'landmarks')


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of each file, hidden ones too, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): content(path) if path.is_file() else b''
        for path in sorted(folder.rglob('*'))
    }


def content(path: Path) -> bytes:
    """Return what is in a file; safetensors writes the keys of its header in any order."""
    data = path.read_bytes()
    if path.suffix != '.safetensors':
        return data
    end = 8 + int.from_bytes(data[:8], 'little')
    return json.dumps(json.loads(data[8:end]), sort_keys=True).encode() + data[end:]


def start(work: Callable, *arguments: object) -> multiprocessing.Process:
    """Start some work in a process of its own, without its output."""

    def quietly() -> None:
        cv2.setNumThreads(1)
        with (
            open(os.devnull, 'w') as null,
            contextlib.redirect_stdout(null),
            contextlib.redirect_stderr(null),
        ):
            try:
                work(*arguments)
            except BaseException:
                os._exit(1)
        os._exit(0)

    process = FORK.Process(target=quietly)
    process.start()
    return process


def disturb(
    kind: str, videos: Path, out: Path, how: str, seconds: float, draw: random.Random
) -> tuple[int, int]:
    """Disturb some work, run it again, and count the processes that were killed and that failed."""
    processes = [start(work_of, kind, videos, out) for _ in range(1 if how == 'one' else 2)]
    killed = failed = 0
    if how != 'two, none killed':
        for process in processes if how == 'two' else processes[:1]:
            time.sleep(draw.uniform(0, seconds))
            process.kill()
    for process in processes:
        process.join()
        killed += process.exitcode == -9
        failed += process.exitcode == 1
    again = start(work_of, kind, videos, out)
    again.join()
    return killed, failed + (again.exitcode != 0)


# One process is killed; of two at once, none, the first or both are killed.
WAYS = ('one', 'two, none killed', 'two, one killed', 'two')


def try_kind(kind: str, root: Path, tries: int, draw: random.Random) -> list[list[str]]:
    """Try all ways to disturb one kind of preparation."""
    videos, rows = root / 'videos', []
    began = time.monotonic()
    reference = start(work_of, kind, videos, root / 'expected')
    reference.join()
    seconds = time.monotonic() - began
    assert reference.exitcode == 0, f'the undisturbed run of {kind} failed'
    expected = contents(root / 'expected')
    for way in WAYS:
        killed = failed = same = 0
        for k in range(tries):
            out = root / f'out{k}'
            counts = disturb(kind, videos, out, way, seconds, draw)
            killed, failed = killed + counts[0], failed + counts[1]
            same += contents(out) == expected
            shutil.rmtree(out, ignore_errors=True)
            shutil.rmtree(root / f'out{k}-cache', ignore_errors=True)
        rows.append([kind, way, *map(str, (tries, killed, failed, same))])
    shutil.rmtree(root / 'expected')
    shutil.rmtree(root / 'expected-cache', ignore_errors=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--tries', type=int, default=10, help='tries of each kind and way')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--kinds',
        nargs='+',
        choices=KINDS,
        default=KINDS[:-1],
        help='landmarks need the models and, to find something, --videos of people',
    )
    parser.add_argument('--videos', type=Path, help='a folder of videos in place of drawn noise')
    args = parser.parse_args()
    draw = random.Random(args.seed)
    rows = [['what', 'processes', 'tries', 'killed', 'failed', 'exact']]
    with tempfile.TemporaryDirectory() as root:
        if args.videos is None:
            make_videos(Path(root) / 'videos')
        else:
            shutil.copytree(args.videos, Path(root) / 'videos')
        for kind in args.kinds:
            rows += try_kind(kind, Path(root), args.tries, draw)
    print(text_table(rows))
    if any(row[4] != '0' or row[5] != row[2] for row in rows[1:]):
        raise SystemExit('some runs failed, or gave other files')


if __name__ == '__main__':
    main()
