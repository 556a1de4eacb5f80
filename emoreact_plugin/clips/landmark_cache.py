"""Fill the landmark cache: one small file for each clip."""

import hashlib
import os
import os.path as osp
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mmengine.dist import barrier, get_dist_info
from mmengine.logging import print_log

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import FULL, fit_name
from emoreact_plugin.utils.progress import count_cores, progress_bar
from emoreact_plugin.utils.text import first_few, number
from emoreact_plugin.video.folders import FrameFolder, check_frames, scan_frames
from emoreact_plugin.video.reading import VideoInfo, probe_video, video_info

from .cache_file import ENDING, cache_clip, is_current, load_cached, stamp_of
from .clip_files import ClipFiles, is_cache_file
from .landmarks import check_fits


def default_cache_dir() -> str:
    """Return the folder of the landmark cache.

    It is ``$EMOREACT_CACHE_DIR`` if this is set, else ``emoreact_plugin`` in
    the user's cache folder (``$XDG_CACHE_HOME``, else ``~/.cache``).
    """
    base = os.environ.get('XDG_CACHE_HOME') or osp.expanduser('~/.cache')
    return os.environ.get('EMOREACT_CACHE_DIR') or osp.join(base, 'emoreact_plugin')


def cached_path(files: ClipFiles, cache_dir: str) -> str:
    """Return the path of a clip's cache file.

    A cache file among the landmarks is taken as it is. Otherwise the file
    is in the cache, and its name holds a hash of the paths of the files that it
    is made of. So clips of the same name in different folders have different
    cache files.
    """
    if files.landmarks is not None and is_cache_file(files.landmarks):
        return files.landmarks
    paths = [p and osp.abspath(p) for p in sources_of(files).values()]
    key = hashlib.sha256(repr(paths).encode()).hexdigest()[:16]
    clip = osp.splitext(osp.basename(files.video))[0]
    return osp.join(cache_dir, fit_name(clip, f'-{key}{ENDING}'))


def fill_cache(
    clips: Sequence[ClipFiles], cache_dir: str, check: bool
) -> tuple[list[str], dict[str, int]]:
    """Make the cache file of every clip that has none or a stale one.

    This can be stopped and started again: a file is complete or not there.

    Args:
        clips (Sequence[ClipFiles]): The files of each clip.
        cache_dir (str): The folder of cache files; made if needed.
        check (bool): Refuse landmark files whose number of rows does not fit
            the clip's frames.

    Returns:
        tuple: The cache file of each clip, and the number of the first
        frame of each folder of frames by its path.

    Raises:
        FileNotFoundError: For a folder of frames that is missing.
        InputError: For clips that cannot be prepared: the message gives their
            number, the names of the first five and the first error. Also for a
            cache file that belongs to another clip, for a folder of frames
            that cannot be used, and for a ``cache_dir`` that cannot be written
            to.
    """
    try:
        os.makedirs(cache_dir, exist_ok=True)
        if not os.access(cache_dir, os.W_OK):
            raise PermissionError('it cannot be written to')
    except OSError as error:
        raise InputError(
            f'{cache_dir}: cannot be the folder of the prepared landmark '
            f'files ({error}); name another with --cache-dir'
        ) from error
    path_of = {files: cached_path(files, cache_dir) for files in dict.fromkeys(clips)}
    folders = {
        source: scan_frames(source, template)
        for source, template in {(files.source, files.filename_tmpl) for files in path_of}
        if template
    }
    jobs: list[tuple[ClipFiles, str]] = []
    given: list[tuple[ClipFiles, str]] = []
    for path, files in {path: files for files, path in path_of.items()}.items():
        (given if path == files.landmarks else jobs).append((files, path))
    with ThreadPoolExecutor(count_cores()) as pool:
        for _ in pool.map(lambda j: check_given(j[1], j[0], folders.get(j[0].source)), given):
            pass
    # Every rank does its share, then whatever is not there yet all the same:
    # ranks on another machine may have a cache of their own.
    rank, world_size = get_dist_info()
    _cache_stale(jobs[rank::world_size], folders, cache_dir, check)
    if world_size > 1:
        barrier()
        _cache_stale(jobs, folders, cache_dir, check)
    return [path_of[files] for files in clips], {path: f.start_index for path, f in folders.items()}


def cache_video(files: ClipFiles, cache_dir: str) -> str:
    """Make the cache file of one video, if there is none or a stale one, and return its path.

    Args:
        files (ClipFiles): The files of the video.
        cache_dir (str): The folder of cache files.

    Raises:
        FileNotFoundError, InputError: If the video or a landmark file is
            missing, cannot be read, or does not belong to the other.
    """
    path = cached_path(files, cache_dir)
    if path == files.landmarks:
        check_given(path, files, None)
    elif not is_current(path, sources_of(files)):
        _prepare(files, path, None, True)
    return path


def check_given(path: str, files: ClipFiles, info: VideoInfo | FrameFolder | None) -> None:
    """Check that a cache file among the landmarks belongs to its clip.

    It was made by another tool and stays as it is. The time of a video may
    change when a data set is copied: then its frames are counted.

    Args:
        path (str): The cache file.
        files (ClipFiles): Files of its clip.
        info (VideoInfo | FrameFolder | None): Frames of the clip, if known.

    Raises:
        InputError: If it is damaged, or of another clip.
    """
    clip = load_cached(path)
    made_of, stamp = clip.sources.get('source'), stamp_of(files.source)
    moved = made_of is None or made_of['mtime_ns'] != stamp['mtime_ns']
    if info is None and moved and (made_of is None or made_of['size'] == stamp['size']):
        info = video_info(files.source)
    if info is not None:
        check_fits(clip, path, files.source, info.total_frames, (info.width, info.height))
    if files.filename_tmpl:
        name = osp.splitext(osp.basename(files.video))[0]
        if made_of is not None and not osp.basename(made_of['path']).startswith(name):
            raise InputError(
                f'{path}: was prepared from {made_of["path"]}, which is another clip than '
                f'{files.video}. Prepare it anew'
            )
    elif made_of is not None and made_of['size'] != stamp['size']:
        raise InputError(
            f'{path}: was prepared from a video of {made_of["size"]} bytes '
            f'({made_of["path"]}), but {files.source} has {stamp["size"]}. Prepare it anew'
        )


def _cache_stale(
    jobs: list[tuple[ClipFiles, str]], folders: dict[str, FrameFolder], cache_dir: str, check: bool
) -> None:
    stale = [(files, path) for files, path in jobs if not is_current(path, sources_of(files))]
    if not stale:
        return
    errors: list[tuple[str, Exception]] = []

    def prepare(job: tuple[ClipFiles, str]) -> None:
        files, path = job
        try:
            _prepare(files, path, folders.get(files.source), check)
        except (ValueError, OSError) as error:
            if getattr(error, 'errno', None) in FULL:
                raise
            errors.append((files.video, error))

    print_log(
        f'Preparing the landmarks of {number(len(stale), "clip")}, once, into {cache_dir}',
        'current',
    )
    # Threads do: decoding leaves Python's lock alone.
    with ThreadPoolExecutor(count_cores()) as pool:
        for _ in progress_bar(pool.map(prepare, stale), 'preparing', len(stale), unit='clip'):
            pass
    if errors:
        errors.sort(key=lambda item: item[0])
        names = first_few([name for name, _ in errors])
        raise InputError(
            f'{len(errors)} of {len(stale)} clips cannot be used '
            f'({names}). The first: {errors[0][1]}. Get what is damaged again, or take its rows '
            'out of the annotation file; tools/check_dataset.py lists all that is wrong'
        ) from errors[0][1]


def sources_of(files: ClipFiles) -> dict[str, Any]:
    """Map each role to the path of the file that a cache file is made of."""
    return dict(source=files.source, landmarks_file=files.landmarks, keypoints_file=files.keypoints)


def _prepare(files: ClipFiles, path: str, folder: FrameFolder | None, check: bool) -> None:
    if folder is not None:
        check_frames(files.source, files.filename_tmpl or '', folder)
    info = folder or probe_video(files.source)
    cache_clip(
        path,
        total_frames=info.total_frames,
        frame_size=(info.width, info.height),
        check=check,
        **sources_of(files),
    )
