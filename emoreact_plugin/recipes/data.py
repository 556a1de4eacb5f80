"""Build the pipelines and data loaders that turn the files of a dataset into model input."""

from collections.abc import Sequence
from copy import deepcopy

# The files of a region, without which there is nothing to train on; a region
# of one's own may look at both.
BOTH = ('landmarks', 'keypoints')
NEEDS = dict(face=('landmarks',), body=BOTH, fullbody=('keypoints',))
DECODERS = dict(video='DecodeVideo', frames='RawFrameDecode')


def needs_of(streams: Sequence[str], mask: bool) -> list[str]:
    """List the kinds of files that every clip must have.

    Args:
        streams (Sequence[str]): Names of regions.
        mask (bool): Whether masks are drawn.

    Returns:
        list[str]: Some of ``'keypoints'`` and ``'landmarks'``, sorted.
    """
    needs = {need for s in streams for need in NEEDS.get(s, BOTH)}
    return sorted(needs | ({'landmarks'} if mask else set()))


def source_of(data_prefix: dict[str, str]) -> str:
    """Return which folder ``data_prefix`` names: ``'video'``, ``'frames'`` or ``'crops'``."""
    return next((s for s in ('crops', 'frames') if s in data_prefix), 'video')


def build_pipeline(
    streams: Sequence[str],
    num_segments: int,
    image_size: int = 224,
    train: bool = False,
    source: str = 'video',
    mask_kind: str | None = None,
    sampling: dict[str, dict] | None = None,
    formats: dict[str, str] | None = None,
) -> list[dict]:
    """Build the pipeline from a sample of the dataset to the model's input.

    Args:
        streams (Sequence[str]): Names of regions.
        num_segments (int): Frames of a clip, one from each segment: a random one in training, the
            middle one otherwise.
        image_size (int): Side of the model's input, in pixels.
        train (bool): Whether to flip and crop at random.
        source (str): What is read: ``'video'``, ``'frames'`` (folders of images) or ``'crops'``
            (prepared ones, with or without masks).
        mask_kind (str, optional): Draw this kind of face mask. In training, a clip gets a different
            mask every epoch; otherwise it always gets the same one.
        sampling (dict[str, dict], optional): Stream -> its frames, instead of ``num_segments`` for
            all.
        formats (dict[str, str], optional): Stream -> ``FormatShape``'s ``input_format``, if it is
            not ``'NCHW'``.

    Returns:
        list[dict]: Configs of transforms.
    """
    if train:
        # 256 for 224
        side = round(image_size * 8 / 7)
        views = [
            dict(type='Resize', scale=(side, side), keep_ratio=False),
            dict(type='Flip', flip_ratio=0.5),
            dict(type='RandomCrop', size=image_size),
        ]
    else:
        views = [dict(type='Resize', scale=(image_size, image_size), keep_ratio=False)]
    masks = (
        []
        if mask_kind is None
        else [dict(type='DrawFaceMask', kind=mask_kind, seed=None if train else 0)]
    )
    if sampling is None:
        sample = dict(
            type='SampleFrames',
            clip_len=1,
            frame_interval=1,
            num_clips=num_segments,
            test_mode=not train,
        )
    else:
        sample = dict(
            type='SampleStreamFrames',
            streams={
                name: dict(each, test_mode=not train) if 'type' in each else dict(each)
                for name, each in sampling.items()
            },
        )
    regions = tuple(streams)
    load: list[dict]
    if source == 'crops':
        load = [dict(type='LoadCrops', regions=regions)]
    else:
        load = [
            dict(type=DECODERS[source]),
            dict(type='LoadLandmarks'),
            *masks,
            dict(type='CropRegions', regions=regions),
        ]
    return [
        sample,
        *load,
        _views_of_streams(streams, views, formats or {}),
        dict(
            type='PackActionInputs',
            collect_keys=tuple(f'{name}_imgs' for name in streams),
            meta_keys=('video_id', 'valence', *(f'{name}_found' for name in streams)),
        ),
    ]


def _views_of_streams(streams: Sequence[str], views: list[dict], formats: dict[str, str]) -> dict:

    def transforms(shape: str) -> list[dict]:
        return [*deepcopy(views), dict(type='FormatShape', input_format=shape)]

    if not formats:
        return dict(type='ForEachStream', streams=tuple(streams), transforms=transforms('NCHW'))
    return dict(
        type='ForEachStream',
        transforms={name: transforms(formats.get(name, 'NCHW')) for name in streams},
    )


def build_loader(
    split: str, ann_file: str, pipeline: list[dict], data: dict, batch_size: int, num_workers: int
) -> dict:
    """Build the config of the data loader of a split."""
    return dict(
        batch_size=batch_size,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        sampler=dict(type='DefaultSampler', shuffle=split == 'train'),
        dataset=dict(
            type='EmoReactDataset',
            ann_file=ann_file,
            pipeline=pipeline,
            test_mode=split != 'train',
            **deepcopy(data),
        ),
    )
