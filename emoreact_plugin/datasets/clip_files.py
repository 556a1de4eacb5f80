"""Which files belong to a clip, and the prepared file made of them."""

import hashlib
import os
import os.path as osp
import re
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
from mmengine.dist import barrier, get_dist_info
from mmengine.logging import print_log

from emoreact_plugin.progress import progress_bar

from .landmarks import is_current, load_prepared, prepare_clip
from .video import probe_video

# What OpenFace and the original system write, or a prepared file among the
# landmarks, which holds both.
FILE_NAMES = dict(
    landmarks=('{clip}.npz', '{clip}.csv', '{video}_openface/{base}.csv'),
    keypoints=('{video}_hol.txt', '{clip}_hol.txt'),
)

# What the original system calls a clip's folder of frames with masks on them.
MASKED_SUFFIX = '_mask_frames_full'
FRAME_DIRS = ('{clip}', '{video}', '{clip}' + MASKED_SUFFIX, '{video}' + MASKED_SUFFIX)


class ClipFiles(NamedTuple):
    """Where a clip lies.

    Attributes:
        video (str): Its name in the annotation file.
        source (str): Path of the video file or of the folder of frames.
        landmarks (str | None): OpenFace's CSV, or a prepared file.
        keypoints (str | None): The ``_hol.txt``, or the same prepared file.
        filename_tmpl (str | None): Of the frames; None for a video.
        person (str | None): Whom of several people the files are of.
    """

    video: str
    source: str
    landmarks: str | None
    keypoints: str | None
    filename_tmpl: str | None = None
    person: str | None = None


class FrameFolder(NamedTuple):
    """The numbered frames of a clip: ``start_index`` is the first number."""

    start_index: int
    total_frames: int
    width: int
    height: int


def find_clip(
    video: str,
    source: str,
    landmarks: str,
    keypoints: str,
    filename_tmpl: str | None = None,
    person: str | None = None,
) -> ClipFiles:
    """Gather what belongs to a clip.

    Args:
        video (str): Its name, such as ``80sTOYS105_2.mp4``.
        source (str): Path of the video file or of the folder of frames.
        landmarks (str): The folder with the landmark files.
        keypoints (str): The folder with the keypoint files.
        filename_tmpl (str, optional): Of the frames; None for a video.
        person (str, optional): Whom of several people the files are of, see
            :func:`expected_names`. Defaults to None.

    Returns:
        ClipFiles

    Raises:
        ValueError: For a damaged prepared file among the landmarks.
    """
    faces = find_landmarks(video, landmarks, person)
    if (faces or '').endswith('.npz'):
        # One file for both, unless it was made of one of them only.
        roles = load_prepared(faces).sources
        bodies = faces if 'keypoints_file' in roles else None
    else:
        bodies = find_keypoints(video, keypoints, person)
    return ClipFiles(video, source, faces, bodies, filename_tmpl, person)


def find_frame_dir(video: str, folder: str, template: str | None = None) -> str:
    """The folder of a clip's frames.

    Args:
        video (str): Such as ``80sTOYS105_2.mp4``.
        folder (str): Where to look.
        template (str, optional): Its name, with ``{clip}`` or ``{video}``.
            Defaults to None: the first of :data:`FRAME_DIRS` that is there;
            where none is, the first of all.

    Returns:
        str: Its path, whether it is there or not.
    """
    clip = osp.splitext(video)[0]
    paths = [
        osp.join(folder, name.format(clip=clip, video=video))
        for name in (FRAME_DIRS if template is None else (template,))
    ]
    return next((path for path in paths if osp.isdir(path)), paths[0])


def find_landmarks(video: str, folder: str, person: str | None = None) -> str | None:
    """A clip's face landmarks in a folder, see :func:`expected_names`.

    Args:
        video (str): Such as ``80sTOYS105_2.mp4``.
        folder (str): Where to look.
        person (str, optional): Whom of several people they are of.

    Returns:
        str | None: The file.
    """
    return _first_file(folder, expected_names('landmarks', video, person))


def find_keypoints(video: str, folder: str, person: str | None = None) -> str | None:
    """A clip's body keypoints in a folder; see :func:`find_landmarks`."""
    return _first_file(folder, expected_names('keypoints', video, person))


def expected_names(kind: str, video: str, person: str | None = None) -> list[str]:
    """The names that a clip's file of a kind may have, the first one first.

    Args:
        kind (str): ``'landmarks'`` or ``'keypoints'``.
        video (str): Such as ``80sTOYS105_2.mp4``.
        person (str, optional): Whom of several people it is of: ``_<person>``
            then follows the names of clip and video, as in ``talk_2.csv``.

    Returns:
        list[str]: Relative to the folder.
    """
    clip = osp.splitext(video)[0]
    if person is not None:
        clip, video = f'{clip}_{person}', f'{video}_{person}'
    base = osp.basename(clip)
    return [name.format(video=video, clip=clip, base=base) for name in FILE_NAMES[kind]]


def _first_file(folder: str, names: list[str]) -> str | None:
    paths = (osp.join(folder, name) for name in names)
    return next((path for path in paths if osp.isfile(path)), None)


def scan_frames(folder: str, filename_tmpl: str) -> FrameFolder:
    """Count the frames of a folder.

    Args:
        folder (str): Of one clip.
        filename_tmpl (str): With one number, such as ``'{:06d}.jpg'``.

    Returns:
        FrameFolder

    Raises:
        FileNotFoundError: When there is no such folder.
        ValueError: When it has no frames, one is missing in between, or the
            first cannot be read as an image.
    """
    if not osp.isdir(folder):
        raise FileNotFoundError(f'{folder}: no such folder of frames')
    parts = re.split(r'\{[^{}]*\}', filename_tmpl)
    if len(parts) != 2:
        raise ValueError(
            f"filename_tmpl: expected one number, as in '{{:06d}}.jpg', found '{filename_tmpl}'"
        )
    before, after = parts
    pattern = re.compile(re.escape(before) + r'(\d+)' + re.escape(after))
    matches = (pattern.fullmatch(name) for name in os.listdir(folder))
    numbers = sorted({int(m[1]) for m in matches if m})
    if not numbers:
        raise ValueError(f'{folder}: expected frames named {filename_tmpl}, found none')
    first, count = numbers[0], len(numbers)
    if numbers[-1] - first + 1 != count:
        gap = next(a for a, b in zip(numbers, numbers[1:]) if b != a + 1) + 1
        raise ValueError(
            f'{folder}: frame {filename_tmpl.format(gap)} is missing between the others'
        )
    path = osp.join(folder, filename_tmpl.format(first))
    image = cv2.imread(path)
    if image is None:
        raise ValueError(f'{path}: cannot be read as an image')
    return FrameFolder(first, count, image.shape[1], image.shape[0])


def default_cache_dir() -> str:
    """``$EMOREACT_CACHE_DIR``, else the user's cache folder."""
    base = os.environ.get('XDG_CACHE_HOME') or osp.expanduser('~/.cache')
    return os.environ.get('EMOREACT_CACHE_DIR') or osp.join(base, 'emoreact_plugin')


def prepared_path(files: ClipFiles, cache_dir: str) -> str:
    """Where a clip's prepared file lies: the paths of what it is made of tell
    it from those of a clip of the same name in another folder.
    """
    if (files.landmarks or '').endswith('.npz'):
        return files.landmarks
    paths = [p and osp.abspath(p) for p in sources_of(files).values()]
    key = hashlib.sha256(repr(paths).encode()).hexdigest()[:16]
    clip = osp.splitext(osp.basename(files.video))[0]
    return osp.join(cache_dir, f'{clip}-{key}.npz')


def prepare_all(
    clips: list[ClipFiles], cache_dir: str, check: bool
) -> tuple[list[str], dict[str, int]]:
    """Make the prepared file of every clip that has none or a stale one.

    Can be stopped and taken up again: a file is whole or not there.

    Args:
        clips (list[ClipFiles]): What there is.
        cache_dir (str): The folder of prepared files; made if need be.
        check (bool): Refuse landmark files whose number of rows does not fit
            the clip's frames.

    Returns:
        tuple: The prepared file of each clip, and the number of the first
        frame of each folder of frames by its path.

    Raises:
        ValueError: Naming all clips that cannot be prepared (the first five
            in words) and the first error.
    """
    try:
        os.makedirs(cache_dir, exist_ok=True)
        if not os.access(cache_dir, os.W_OK):
            raise PermissionError('it cannot be written to')
    except OSError as error:
        raise ValueError(
            f'{cache_dir}: cannot be the folder of the prepared landmark '
            f'files ({error}); name another with --cache-dir'
        ) from error
    paths = [prepared_path(files, cache_dir) for files in clips]
    folders = {
        source: scan_frames(source, template)
        for source, template in {(files.source, files.filename_tmpl) for files in clips}
        if template
    }
    jobs = []
    # Several clips may be parts of one video.
    for path, files in dict(zip(paths, clips)).items():
        if path == files.landmarks:
            _check_given(files, folders.get(files.source))
        else:
            jobs.append((files, path))
    # Every rank does its share, then whatever is not there yet all the same:
    # ranks on another machine may have a cache of their own.
    rank, world_size = get_dist_info()
    _prepare_stale(jobs[rank::world_size], folders, cache_dir, check)
    barrier()
    _prepare_stale(jobs, folders, cache_dir, check)
    return paths, {path: f.start_index for path, f in folders.items()}


def prepare_video(files: ClipFiles, cache_dir: str) -> str:
    """Make the prepared file of one video, if there is none or a stale one.

    Args:
        files (ClipFiles): Of a video.
        cache_dir (str): The folder of prepared files.

    Returns:
        str: The prepared file.

    Raises:
        FileNotFoundError, ValueError: As :func:`prepare_all`.
    """
    path = prepared_path(files, cache_dir)
    if path == files.landmarks:
        _check_given(files, None)
    elif not is_current(path, sources_of(files)):
        _prepare(files, path, None, True)
    return path


def _check_given(files: ClipFiles, folder: FrameFolder | None) -> None:
    """A prepared file of another tool's making stays as it is, but has to be
    one of this very clip. Its time may change when a data set is copied.
    """
    clip = load_prepared(files.landmarks)
    if folder is not None:
        found = (clip.total_frames, *clip.frame_size)
        if found != folder[1:]:
            raise ValueError(
                f'{files.landmarks}: was prepared for {found[0]} frames of '
                f'{found[1]}x{found[2]} pixels, but {files.source} has '
                f'{folder[1]} of {folder[2]}x{folder[3]}. Prepare it anew'
            )
        return
    made_of = clip.sources.get('source')
    if made_of is None:
        return
    size = osp.getsize(files.source)
    if made_of['size'] != size:
        raise ValueError(
            f'{files.landmarks}: was prepared from a video of '
            f'{made_of["size"]} bytes ({made_of["path"]}), but '
            f'{files.source} has {size}. Prepare it anew'
        )


def _prepare_stale(jobs: list[tuple], folders: dict, cache_dir: str, check: bool) -> None:
    stale = [(files, path) for files, path in jobs if not is_current(path, sources_of(files))]
    if not stale:
        return
    errors = []

    def prepare(job: tuple) -> None:
        try:
            _prepare(*job, folders.get(job[0].source), check)
        except (ValueError, OSError) as error:
            errors.append((job[0].video, error))

    print_log(
        f'Preparing the landmarks of {number(len(stale), "clip")}, once, into {cache_dir}',
        'current',
    )
    # Threads do: decoding leaves Python's lock alone.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in progress_bar(pool.map(prepare, stale), 'preparing', len(stale), unit='clip'):
            pass
    if errors:
        errors.sort(key=lambda item: item[0])
        names = ', '.join(name for name, _ in errors[:5])
        raise ValueError(
            f'{len(errors)} of {len(stale)} clips cannot be '
            f'used ({names}{", …" * (len(errors) > 5)}). The '
            f'first: {errors[0][1]}. Get what is damaged again, '
            'or take its rows out of the annotation file; '
            'tools/check_dataset.py lists all that is wrong'
        ) from errors[0][1]


def number(count: int, noun: str) -> str:
    """``'1 clip'``, ``'2 clips'``."""
    return f'{count} {noun}' if count == 1 else f'{count} {noun}s'


def sources_of(files: ClipFiles) -> dict[str, str | None]:
    """Role -> path of the files that a prepared file is made of."""
    return dict(source=files.source, landmarks_file=files.landmarks, keypoints_file=files.keypoints)


def _prepare(files: ClipFiles, path: str, folder: FrameFolder | None, check: bool) -> None:
    info = folder or probe_video(files.source)
    prepare_clip(
        path,
        total_frames=info.total_frames,
        frame_size=(info.width, info.height),
        landmarks_file=files.landmarks,
        keypoints_file=files.keypoints,
        source=files.source,
        check=check,
    )
