"""The option grid: one function from options to a whole configuration.

A text config calls it::

    _base_ = ['../_base_/runtime.py']
    from emoreact_plugin.recipes import build
    globals().update(build(input='fusion'))

To change settings, write a config with this one as its ``_base_``, as
everywhere in MMAction2; to change options, call :func:`build` again in a
config of its own, or use the flags of the tools.

(The ``_base_`` is needed, if only an empty list: without it MMEngine takes a
config that imports for one of its new kind.)
"""
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from .datasets.annotations import EMOTIONS
from .transforms.regions import REGIONS

# What an input is made of; regions joined by '+' are an input as well.
INPUTS = dict(
    face=('face', ),
    body=('body', ),
    fullbody=('fullbody', ),
    fusion=('face', 'body'))

# What each option of the command line may be, and what it is by default.
CHOICES = dict(
    mask=(False, True),
    num_segments=(1, 3, 5, 10),
    arch=('resnet50', 'mobilenet_v2', 'resnet18'),
    shift=(False, True),
    shift_div=(4, 8))
DEFAULTS = dict(
    input='fusion',
    mask=False,
    num_segments=3,
    arch='resnet50',
    shift=False,
    shift_div=8,
    init='imagenet')

# ImageNet's mean and standard deviation, RGB.
NORMALISATION = dict(
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    format_shape='NCHW')

# The files of a region, without which there is nothing to train on; a region
# of one's own may look at both.
BOTH = ('landmarks', 'keypoints')
NEEDS = dict(face=('landmarks', ), body=BOTH, fullbody=('keypoints', ))

_overrides: ContextVar[Optional[dict]] = ContextVar('overrides', default=None)


@contextmanager
def overriding(options: dict) -> Iterator[List[tuple]]:
    """Let options of the command line win over those that a config passes to
    :func:`build`, so that the config's own edits still come after it.

    Args:
        options (dict): Some of :data:`DEFAULTS`.

    Yields:
        list[tuple[dict, dict]]: For every call of :func:`build` in the block
        what it would have returned without these options, and what it
        returned.
    """
    calls = []
    token = _overrides.set(dict(options=options, calls=calls))
    try:
        yield calls
    finally:
        _overrides.reset(token)


def streams_of(input: str) -> Tuple[str, ...]:
    """The regions of an input.

    Args:
        input (str): One of :data:`INPUTS`, or registered regions joined by
            ``+``, such as ``'face+body+fullbody'``.

    Returns:
        tuple[str, ...]: At least one, each once.

    Raises:
        ValueError: Naming the possible inputs and regions.
    """
    if input in INPUTS:
        return INPUTS[input]
    streams = tuple(str(input).split('+'))
    if not set(streams) <= set(REGIONS.module_dict) or len(
            set(streams)) < len(streams):
        raise ValueError(
            f'input: expected one of {", ".join(INPUTS)}, or different '
            f'regions joined by + (of {", ".join(sorted(REGIONS.module_dict))}'
            f'), such as face+body+fullbody, found {input}')
    return streams


def check_options(options: dict) -> None:
    """Refuse an option or value that there is not.

    Raises:
        ValueError: Naming the possible ones.
    """
    for name, value in options.items():
        if name == 'input':
            streams_of(value)
            continue
        if name not in DEFAULTS:
            raise ValueError(f"unknown option '{name}', expected one of "
                             f'{", ".join(DEFAULTS)}')
        choices = CHOICES.get(name)
        if choices and (value not in choices
                        or isinstance(value, bool) != (choices[0] is False)):
            raise ValueError(f'{name}: expected one of '
                             f'{", ".join(map(str, choices))}, found {value}')
    if not isinstance(options.get('init', ''), str):
        raise ValueError("init: expected 'imagenet', 'scratch' or a path, "
                         f"found {options['init']}")


def build(classes: Optional[Sequence[str]] = None,
          image_size: int = 224,
          batch_size: int = 8,
          num_workers: int = 2,
          max_epochs: int = 12,
          lr: float = 0.01,
          dropout: float = 0.0,
          shared: bool = True,
          mask_kind: str = 'surgical',
          recognizers: Optional[Dict[str, dict]] = None,
          sampling: Optional[Dict[str, dict]] = None,
          data_root: str = 'data/EmoReact',
          ann_files: Sequence[str] = ('train.csv', 'val.csv', 'test.csv'),
          data_prefix: Dict[str, str] = dict(video='videos'),
          **options) -> dict:
    """A configuration of the published recipe.

    Args:
        classes (Sequence[str], optional): Names of the labels; EmoReact's
            eight by default.
        image_size (int): Side of the square that the network sees, pixels.
        batch_size (int): Clips in a batch.
        num_workers (int): Processes that load samples.
        max_epochs (int): Length of the training.
        lr (float): Learning rate of SGD, constant.
        dropout (float): Before the classifier. The published system has none
            that takes effect.
        shared (bool): One network for all streams, as published, instead of
            one a stream.
        mask_kind (str): What ``mask`` draws, see ``DrawFaceMask``.
        recognizers (dict[str, dict], optional): Stream -> config of a stock
            recognizer in place of the recipe's own, with its own start
            weights unless ``init`` is ``'scratch'``; every stream then has a
            network of its own.
        sampling (dict[str, dict], optional): Stream -> the frames it sees,
            see ``SampleStreamFrames``; for all streams. By default they share
            ``num_segments`` frames.
        data_root (str): Folder of the data set.
        ann_files (Sequence[str]): Annotation files of train, val and test.
        data_prefix (dict[str, str]): Folders in it, see ``EmoReactDataset``.
        **options: Of the command line: ``input``, ``mask``,
            ``num_segments``, ``arch``, ``shift``, ``shift_div``
            (:data:`CHOICES`) and ``init`` (``'imagenet'``, ``'scratch'`` or
            the path of a weight file). Those that the command line gives win.

    Returns:
        dict: ``model``, data loaders, evaluators, loops, optimizer, and
        ``recipe``, a record of what tells one trained network from another
        with the same weights' names and shapes.

    Raises:
        ValueError: For an option or value that there is not.
    """
    options = {**DEFAULTS, **options}
    settings = dict(
        classes=tuple(classes or EMOTIONS),
        image_size=image_size,
        batch_size=batch_size,
        num_workers=num_workers,
        max_epochs=max_epochs,
        lr=lr,
        dropout=dropout,
        shared=shared,
        mask_kind=mask_kind,
        recognizers=deepcopy(recognizers or {}),
        sampling=sampling,
        data_root=data_root,
        ann_files=ann_files,
        data_prefix=dict(data_prefix))
    override = _overrides.get()
    if override is None:
        _check_together(options)
        return _build(options, **settings)
    before = _build(options, **settings)
    options.update(override['options'])
    _check_together(options)
    after = _build(options, **settings)
    override['calls'].append((before, deepcopy(after)))
    return after


def _check_together(options: dict) -> None:
    """Check the options; warn of those that have no sense together."""
    check_options(options)
    if options['shift'] and options['num_segments'] == 1:
        warnings.warn(
            'shift with num_segments=1: there is no other frame to shift '
            f'from, so 2/{options["shift_div"]} of the channels are zero in '
            'every block', stacklevel=3)
    if not options['shift'] and options['shift_div'] != DEFAULTS['shift_div']:
        warnings.warn(
            f'shift_div={options["shift_div"]} has no effect without shift',
            stacklevel=3)


def _build(options: dict, classes: Sequence[str], image_size: int,
           batch_size: int, num_workers: int, max_epochs: int, lr: float,
           dropout: float, shared: bool, mask_kind: str,
           recognizers: Dict[str, dict], sampling: Optional[Dict[str, dict]],
           data_root: str, ann_files: Sequence[str],
           data_prefix: Dict[str, str]) -> dict:
    check_options(options)
    streams = streams_of(options['input'])
    # face+body is fusion, however it was written
    options['input'] = next(
        (name for name, each in INPUTS.items() if each == streams),
        options['input'])
    for what, given in (('recognizers', recognizers),
                        ('sampling', sampling or streams)):
        if not set(given) <= set(streams) or (
                what == 'sampling' and len(given) < len(streams)):
            raise ValueError(f'{what}: expected the streams '
                             f'{", ".join(streams)}, found '
                             f'{", ".join(given)}')
    needs = {need for s in streams for need in NEEDS.get(s, BOTH)}
    if options['mask']:
        needs.add('landmarks')
    data = dict(
        data_root=data_root,
        data_prefix=data_prefix,
        metainfo=dict(classes=classes),
        required=sorted(needs))
    loaders = {
        f'{split}_dataloader': _loader(
            split, ann_file,
            build_pipeline(streams, options['num_segments'], image_size,
                           split == 'train', 'frames' in data_prefix,
                           mask_kind if options['mask'] else None, sampling,
                           _formats(recognizers)), data,
            batch_size, num_workers)
        for split, ann_file in zip(('train', 'val', 'test'), ann_files)
    }
    return dict(
        model=build_model(streams, len(classes), dropout, shared, options,
                          recognizers),
        **loaders,
        val_evaluator=dict(type='ROCAUCMetric'),
        test_evaluator=dict(type='ROCAUCMetric'),
        train_cfg=dict(
            type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1),
        val_cfg=dict(type='ValLoop'),
        test_cfg=dict(type='TestLoop'),
        optim_wrapper=dict(
            type='OptimWrapper',
            optimizer=dict(
                type='SGD', lr=lr, momentum=0.9, weight_decay=5e-4)),
        auto_scale_lr=dict(enable=False, base_batch_size=batch_size),
        recipe=dict(options, classes=classes, image_size=image_size))


def build_model(streams: Sequence[str], num_classes: int, dropout: float,
                shared: bool, options: dict,
                recognizers: Dict[str, dict]) -> dict:
    """The late-fusion recognizer of some streams, one or more."""
    recognizer = dict(
        type='Recognizer2D',
        backbone=_backbone(options),
        cls_head=_head(options, num_classes, dropout),
        data_preprocessor=dict(type='ActionDataPreprocessor', **NORMALISATION))
    scratch = options['init'] == 'scratch'
    model = dict(
        type='LateFusionRecognizer',
        fusion=dict(type='ScoreFusion', mode='mean'),
        start_weights=None if scratch else options['init'],
        # Frozen statistics are of use only where they are of some data. Those
        # that two streams of one network learn in turns would be of neither.
        partial_bn=not scratch)
    if recognizers:
        return dict(model, **_with_stock(streams, recognizer, recognizers,
                                         num_classes, options['init']))
    if shared:
        return dict(
            model,
            streams=tuple(streams),
            recognizer=recognizer,
            joint_batch_norm=scratch)
    return dict(model, streams={name: recognizer for name in streams})


def _with_stock(streams: Sequence[str], recognizer: dict,
                recognizers: Dict[str, dict], num_classes: int,
                init: str) -> dict:
    """Streams of which some have a stock recognizer."""
    for each in recognizers.values():
        each['cls_head']['num_classes'] = num_classes
        if init == 'scratch' and 'pretrained' in each['backbone']:
            each['backbone']['pretrained'] = None
    own = [name for name in streams if name not in recognizers]
    return dict(
        streams={name: recognizers.get(name, recognizer) for name in streams},
        start_weights=None if init == 'scratch' or not own else
        {name: init for name in own})


def _formats(recognizers: Dict[str, dict]) -> Dict[str, str]:
    """Stream -> the layout that its recognizer says it takes."""
    return {
        name: each.get('data_preprocessor', {}).get('format_shape', 'NCHW')
        for name, each in recognizers.items()
    }


def _backbone(options: dict) -> dict:
    shift = dict(
        num_segments=options['num_segments'],
        shift_div=options['shift_div'],
        pretrained2d=False) if options['shift'] else {}
    suffix = 'TSM' if options['shift'] else ''
    if options['arch'] == 'mobilenet_v2':
        return dict(type='MobileNetV2' + suffix, pretrained=None, **shift)
    if shift:
        shift['shift_place'] = 'blockres'
    depth = int(options['arch'].replace('resnet', ''))
    return dict(
        type='ResNet' + suffix,
        pretrained=None,
        depth=depth,
        norm_eval=False,
        **shift)


def _head(options: dict, num_classes: int, dropout: float) -> dict:
    channels = dict(resnet18=512, resnet50=2048, mobilenet_v2=1280)
    head = dict(
        num_classes=num_classes,
        in_channels=channels[options['arch']],
        dropout_ratio=dropout,
        multi_class=True,
        loss_cls=dict(type='BCELossWithLogits'),
        # The mean of the logits: the default is a softmax.
        average_clips='score')
    if options['shift']:
        return dict(
            type='TSMHead', num_segments=options['num_segments'], **head)
    return dict(type='TSNHead', **head)


def build_pipeline(streams: Sequence[str],
                   num_segments: int,
                   image_size: int = 224,
                   train: bool = False,
                   frames: bool = False,
                   mask_kind: Optional[str] = None,
                   sampling: Optional[Dict[str, dict]] = None,
                   formats: Optional[Dict[str, str]] = None) -> List[dict]:
    """From a sample of the data set to the model's input.

    Args:
        streams (Sequence[str]): Names of regions.
        num_segments (int): Frames of a clip, one from each segment: a random
            one in training, the middle one otherwise.
        image_size (int): Side of the model's input, pixels.
        train (bool): Flip and crop at random.
        frames (bool): Read folders of images instead of videos.
        mask_kind (str, optional): Draw this kind of face mask; a clip's mask
            is another one every epoch in training, always the same otherwise.
        sampling (dict[str, dict], optional): Stream -> its frames, instead of
            ``num_segments`` for all.
        formats (dict[str, str], optional): Stream -> ``FormatShape``'s
            ``input_format``, where it is not ``'NCHW'``.

    Returns:
        list[dict]: Configs of transforms.
    """
    if train:
        # 256 for 224
        side = round(image_size * 8 / 7)
        views = [
            dict(type='Resize', scale=(side, side), keep_ratio=False),
            dict(type='Flip', flip_ratio=0.5),
            dict(type='RandomCrop', size=image_size)
        ]
    else:
        views = [
            dict(
                type='Resize',
                scale=(image_size, image_size),
                keep_ratio=False)
        ]
    masks = [] if mask_kind is None else [
        dict(type='DrawFaceMask', kind=mask_kind, seed=None if train else 0)
    ]
    if sampling is None:
        sample = dict(
            type='SampleFrames',
            clip_len=1,
            frame_interval=1,
            num_clips=num_segments,
            test_mode=not train)
    else:
        sample = dict(
            type='SampleStreamFrames',
            streams={
                name: dict(each, test_mode=not train) if 'type' in
                each else dict(each)
                for name, each in sampling.items()
            })
    return [
        sample,
        dict(type='RawFrameDecode' if frames else 'DecodeVideo'),
        dict(type='LoadLandmarks'),
        *masks,
        dict(type='CropRegions', regions=tuple(streams)),
        _views_of_streams(streams, views, formats or {}),
        dict(
            type='PackActionInputs',
            collect_keys=tuple(f'{name}_imgs' for name in streams),
            meta_keys=('video_id', 'valence',
                       *(f'{name}_found' for name in streams)))
    ]


def _views_of_streams(streams: Sequence[str], views: List[dict],
                      formats: Dict[str, str]) -> dict:

    def transforms(name):
        shape = formats.get(name, 'NCHW')
        return [*deepcopy(views), dict(type='FormatShape', input_format=shape)]

    if not formats:
        return dict(
            type='ForEachStream',
            streams=tuple(streams),
            transforms=transforms(None))
    return dict(
        type='ForEachStream',
        transforms={name: transforms(name) for name in streams})


def _loader(split: str, ann_file: str, pipeline: List[dict], data: dict,
            batch_size: int, num_workers: int) -> dict:
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
            **deepcopy(data)))
