"""Measure how long samples take to load, against decoding their frames alone."""

import os.path as osp
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import NamedTuple

import cv2
import numpy as np
from mmcv.transforms import Compose
from mmengine.config import Config

from emoreact_plugin.clips.cache_file import load_cached
from emoreact_plugin.clips.landmark_readers import read_keypoints_txt, read_openface_csv
from emoreact_plugin.datasets import EmoReactDataset, read_annotations
from emoreact_plugin.recipes import INPUTS, build_pipeline, streams_of
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.random_state import seeded
from emoreact_plugin.utils.text import number
from emoreact_plugin.video.reading import read_frames
from emoreact_plugin.video.writing import encode_image

from .timing import Comparison, Group

DECODE = 'cv2.imdecode of the same frames'
# Of the published system, three JPEG frames of 1280x720: milliseconds a
# training sample by those of cv2.imdecode, on another machine.
PUBLISHED = dict(face=8.0, body=10.3, fullbody=3.7, fusion=10.6)
# Folders of a data set in EmoReact's layout, and what they hold.
FOLDERS = dict(frames='frames', video='videos', crops='crops')
TITLES = dict(
    frames='training sample from JPEG frames',
    video='training sample from video',
    crops='training sample from prepared crops',
)


class LoadingData(NamedTuple):
    """A data set to load samples from.

    Attributes:
        dataset (dict): Arguments of ``EmoReactDataset`` without ``pipeline``, ``data_prefix`` and
            ``required``.
        prefixes (dict[str, dict[str, str]]): What can be read (``'frames'``, ``'video'``,
            ``'crops'``) -> ``data_prefix``.
        num_segments (int): Number of frames of a sample.
        image_size (int): Side of the network's input, pixels.
    """

    dataset: dict
    prefixes: dict[str, dict[str, str]]
    num_segments: int = 3
    image_size: int = 224

    def whole_source(self) -> str:
        """Return what whole frames can be read from: ``'frames'`` or ``'video'``.

        Raises:
            InputError: When there are only crops.
        """
        for source in ('frames', 'video'):
            if source in self.prefixes:
                return source
        raise InputError(
            f'expected frames or videos to decode, found only {self.prefixes["crops"]["crops"]}; '
            '--crops adds prepared crops to them'
        )

    def build(self, source: str) -> EmoReactDataset:
        """Build the training split, without transforms."""
        return EmoReactDataset(
            pipeline=[],
            data_prefix=self.prefixes[source],
            required=[] if source == 'crops' else ['landmarks', 'keypoints'],
            **self.dataset,
        )

    def pipeline(self, input: str, source: str, mask_kind: str | None = None) -> Compose:
        """Build the recipe's transforms of a training sample."""
        return Compose(
            build_pipeline(
                streams_of(input), self.num_segments, self.image_size, True, source, mask_kind
            )
        )


def data_of_folder(root: str, cache_dir: str | None = None) -> LoadingData:
    """Return the data of a folder in EmoReact's layout.

    The folder has ``train.csv`` and one or more of ``videos``, ``frames`` and ``crops``.

    Args:
        root (str): The folder.
        cache_dir (str, optional): Cache folder of the cache files.

    Raises:
        FileNotFoundError: When it has none of these folders.
    """
    there = {
        source: folder for source, folder in FOLDERS.items() if osp.isdir(osp.join(root, folder))
    }
    if not there:
        raise FileNotFoundError(
            f'{root}: expected one or more of {", ".join(FOLDERS.values())} '
            'in it, found none; give a config for another layout'
        )
    prefixes = {source: {source: folder} for source, folder in there.items()}
    if 'frames' in there and 'video' in there:
        # The landmarks lie beside the videos.
        prefixes['frames'].update(landmarks=there['video'], keypoints=there['video'])
    return LoadingData(dict(ann_file='train.csv', data_root=root, cache_dir=cache_dir), prefixes)


def data_of_config(cfg: Config, crops: str | None = None) -> LoadingData:
    """Return the data of a config's training split, read as the config says.

    Args:
        cfg (Config): The configuration.
        crops (str, optional): Folder of prepared crops of the same clips, which are read as well.

    Raises:
        InputError: When it is no ``EmoReactDataset``, for example one within a wrapper.
    """
    dataset = cfg.get('train_dataloader', {}).get('dataset', {}).copy()
    kind = dataset.pop('type', None)
    if kind not in ('EmoReactDataset', EmoReactDataset):
        raise InputError(f'train_dataloader.dataset: expected an EmoReactDataset, found {kind}')
    prefix = dict(dataset.pop('data_prefix', dict(video='videos')))
    for name in ('pipeline', 'required'):
        dataset.pop(name, None)
    source = next((s for s in ('crops', 'frames') if s in prefix), 'video')
    prefixes = {source: prefix}
    if crops:
        prefixes['crops'] = dict(crops=crops)
    recipe = cfg.get('recipe', {})
    return LoadingData(
        dataset, prefixes, recipe.get('num_segments', 3), recipe.get('image_size', 224)
    )


class Loads:
    """Load the samples of each repetition.

    Args:
        data (LoadingData): The data set.
        source (str): What to read, a key of ``data.prefixes``.
        repetitions (int): Number of repetitions that there will be.
        samples (int): Number of samples that a repetition loads, of as many clips; fewer if there
            are not so many clips.

    Attributes:
        dataset (EmoReactDataset): The training split.
        samples (int): Number of samples of each repetition.
        clips (list[list[int]]): The clips of each repetition.
    """

    def __init__(self, data: LoadingData, source: str, repetitions: int, samples: int) -> None:
        self.dataset = data.build(source)
        self.sampler = data.pipeline('face', source).transforms[0]
        self.samples = min(samples, len(self.dataset))
        clips = cycle(range(len(self.dataset)))
        self.clips = [list(islice(clips, self.samples)) for _ in range(repetitions)]

    def load(self, pipeline: Compose, k: int) -> list[dict]:
        """Load the samples of repetition k through a pipeline.

        Its random draws depend on k and the clip alone.
        """
        self.dataset.pipeline = pipeline
        self.dataset.set_epoch(k, 0)
        return [self.dataset[index] for index in self.clips[k]]

    def sampled(self, k: int, clips: Sequence[int] = ()) -> list[dict]:
        """Sample repetition k, or some clips in it, without reading the frames.

        The frames that are drawn are the same as in :meth:`load`.
        """
        sampled = []
        for index in clips or self.clips[k]:
            with seeded((0, k, index)):
                sampled.append(self.sampler(self.dataset.get_data_info(index)))
        return sampled

    def jpegs(self, k: int, clips: Sequence[int] = ()) -> list[list[np.ndarray]]:
        """Return :func:`jpegs_of` each sample of repetition k, or of some clips in it."""
        return [jpegs_of(sample) for sample in self.sampled(k, clips)]


def jpegs_of(sample: dict) -> list[np.ndarray]:
    """Return the sampled frames as the bytes of JPEG files.

    In a folder of frames or crops, these are the files as they are. Frames of a video are encoded
    as ``tools/extract_frames.py`` does.

    Args:
        sample (dict): A sample as ``SampleFrames`` leaves it.

    Returns:
        list[np.ndarray]: (bytes, ) uint8.
    """
    inds = np.ravel(sample['frame_inds'])
    if 'frame_dir' in sample:
        paths = (osp.join(sample['frame_dir'], sample['filename_tmpl'].format(i)) for i in inds)
        return [np.fromfile(path, np.uint8) for path in paths]
    frames = read_frames(sample['filename'], inds, sample['source_frames'])
    return [np.frombuffer(encode_image(frame), np.uint8) for frame in frames]


def decode(jpegs: list[np.ndarray]) -> list[np.ndarray]:
    """Decode the frames of a sample, each to (H, W, 3) uint8, BGR."""
    return [cv2.imdecode(data, cv2.IMREAD_COLOR) for data in jpegs]


def decode_each(samples: list[list[np.ndarray]]) -> None:
    """Decode the frames of samples, one sample after the other: the yardstick.

    Memory for the frames of all samples at once would cost more than memory for one sample, which
    is used again.
    """
    for jpegs in samples:
        decode(jpegs)


def describe_data(data: LoadingData) -> str:
    """Describe clips, frames and size of the frames in a few words."""
    loads = Loads(data, data.whole_source(), 1, 8)
    dataset, jpegs = loads.dataset, loads.jpegs(0)
    height, width = decode(jpegs[0])[0].shape[:2]
    frames = sum(dataset.get_data_info(i)['total_frames'] for i in range(len(dataset)))
    return (
        f'{number(len(dataset), "clip")} of {frames / len(dataset):.0f} frames on average, '
        f'{width}x{height}, JPEG of {np.mean([len(j) for each in jpegs for j in each]) / 1000:.0f} '
        f'KB; {number(data.num_segments, "segment")}'
    )


def loading_groups(data: LoadingData, repetitions: int, samples: int = 4) -> Iterator[Group]:
    """Yield the groups of calls that measure loading.

    Args:
        data (LoadingData): The data set.
        repetitions (int): Number of repetitions.
        samples (int): Number of samples that a call loads; from videos, one.

    Raises:
        InputError: When there are neither frames nor videos to decode.
    """
    whole = data.whole_source()
    loads = {
        source: Loads(data, source, repetitions, 1 if source == 'video' else samples)
        for source in data.prefixes
    }
    for source in data.prefixes:
        yield _sample_group(data, loads[whole], source, loads[source], None)
        if source == whole and not loads[whole].dataset.metainfo['masked']:
            yield _sample_group(data, loads[whole], source, loads[source], 'surgical')
    if 'video' in loads:
        yield _video_group(loads['video'])
    yield from _landmark_group(loads[whole].dataset)


def _sample_group(
    data: LoadingData, whole: Loads, source: str, loads: Loads, mask_kind: str | None
) -> Group:
    # A repetition may load fewer clips from video than from frames.
    jpegs = [whole.jpegs(k, clips) for k, clips in enumerate(loads.clips)]
    calls = {DECODE: lambda k: decode_each(jpegs[k])}
    for input_ in INPUTS:
        pipeline = data.pipeline(input_, source, mask_kind)
        calls[input_] = lambda k, pipeline=pipeline: loads.load(pipeline, k)
    title = TITLES[source] + (', masks drawn' if mask_kind else '')
    published = PUBLISHED if source == 'frames' and not mask_kind and data.num_segments == 3 else {}
    return Group(
        title,
        calls,
        dict.fromkeys(calls, loads.samples),
        [Comparison(input_, DECODE, published.get(input_)) for input_ in INPUTS],
    )


def read_to(path: str, last: int) -> list[np.ndarray]:
    """Read frames 0 to ``last`` of a video with OpenCV, the plain way."""
    capture = cv2.VideoCapture(path)
    try:
        return [capture.read()[1] for _ in range(last + 1)]
    finally:
        capture.release()


def _video_group(loads: Loads) -> Group:
    sampled = [loads.sampled(k)[0] for k in range(len(loads.clips))]

    def ours(k):
        sample = sampled[k]
        return read_frames(
            sample['filename'], np.ravel(sample['frame_inds']), sample['source_frames']
        )

    def plain(k):
        sample = sampled[k]
        return read_to(sample['filename'], int(sample['frame_inds'].max()))

    yardstick = 'cv2.VideoCapture from the start to the last of them'
    return Group(
        'frames of a video',
        {yardstick: plain, 'read_frames': ours},
        {},
        [Comparison('read_frames', yardstick)],
    )


def text_files_of(dataset: EmoReactDataset) -> list[tuple[str, str, str]]:
    """Find the OpenFace CSV, keypoint text and cache file of each clip that has both texts."""
    rows = read_annotations(dataset.ann_file, dataset.classes, dataset.columns, dataset.soft_labels)
    found = []
    for index, row in enumerate(rows):
        files = dataset.find(row)
        prepared = dataset.get_data_info(index)['landmarks_file']
        if files.keypoints and (files.landmarks or '').endswith('.csv'):
            found.append((files.landmarks, files.keypoints, prepared))
    return found


def _landmark_group(dataset: EmoReactDataset) -> Iterator[Group]:
    files = text_files_of(dataset)
    if not files:
        return

    def first_read(k):
        landmarks, keypoints, prepared = files[k % len(files)]
        read_openface_csv(landmarks)
        read_keypoints_txt(keypoints, counts[k % len(files)])

    counts = [load_cached(each[2]).total_frames for each in files]
    name, yardstick = 'first read: the text files', 'later: the cache file'
    yield Group(
        'landmarks and keypoints of a clip',
        {yardstick: lambda k: load_cached(files[k % len(files)][2]), name: first_read},
        {},
        [Comparison(name, yardstick)],
    )
