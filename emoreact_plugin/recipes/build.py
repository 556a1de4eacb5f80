"""Build a whole configuration from options, by one function.

A text config calls it::

    _base_ = ['../_base_/runtime.py']
    from emoreact_plugin.recipes import build
    globals().update(build(input='fusion'))

To change settings, write a config with this one as its ``_base_``, as everywhere in MMAction2. To
change options, call :func:`build` again in a separate config, or use the flags of the tools.

(The ``_base_`` is needed, even if it is only an empty list. Without it, MMEngine takes a config
with imports for one of its new kind.)
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from emoreact_plugin.datasets.annotations import EMOTIONS
from emoreact_plugin.utils.errors import InputError

from .data import build_loader, build_pipeline, needs_of, source_of
from .model import build_model, formats_of
from .options import (
    DEFAULTS,
    INPUTS,
    check_options,
    check_together,
    current_overrides,
    streams_of,
)


def build(
    classes: Sequence[str] | None = None,
    image_size: int = 224,
    batch_size: int = 8,
    num_workers: int = 2,
    max_epochs: int = 12,
    lr: float = 0.01,
    dropout: float = 0.0,
    shared: bool = True,
    mask_kind: str = 'surgical',
    recognizers: dict[str, dict] | None = None,
    sampling: dict[str, dict] | None = None,
    data_root: str = 'data/EmoReact',
    ann_files: Sequence[str] = ('train.csv', 'val.csv', 'test.csv'),
    data_prefix: dict[str, str] | None = None,
    dataset: dict | None = None,
    **options: Any,
) -> dict:
    """Build a configuration of the published recipe.

    Args:
        classes (Sequence[str], optional): Names of the labels. Defaults to None: EmoReact's eight.
        image_size (int): Side of the square that the network sees, in pixels.
        batch_size (int): Clips in a batch.
        num_workers (int): Processes that load samples.
        max_epochs (int): Length of the training.
        lr (float): Learning rate of SGD, constant.
        dropout (float): Dropout ratio before the classifier. The published system has none that
            takes effect.
        shared (bool): Use one network for all streams, as published, instead of one for each
            stream.
        mask_kind (str): What ``mask`` draws, see ``DrawFaceMask``.
        recognizers (dict[str, dict], optional): Stream -> config of a stock recognizer that
            replaces the recipe's own, with its own start weights unless ``init`` is ``'scratch'``.
            Every stream then has a separate network.
        sampling (dict[str, dict], optional): Stream -> the frames it sees, see
            ``SampleStreamFrames``; to be given for all streams. By default they share
            ``num_segments`` frames.
        data_root (str): Folder of the dataset. A relative path starts from the working directory.
        ann_files (Sequence[str]): Annotation files of train, val and test.
        data_prefix (dict[str, str], optional): Folders in it, see ``EmoReactDataset``. Defaults to
            None: ``dict(video='videos')``.
        dataset (dict, optional): Further arguments of ``EmoReactDataset``, such as ``columns`` and
            ``soft_labels``.
        **options: Options of the command line: ``input``, ``mask``, ``num_segments``, ``arch``,
            ``shift``, ``shift_div`` (:data:`CHOICES`), ``init`` (``'imagenet'``, ``'scratch'`` or
            the path of a weight file) and ``crops`` (the folder of prepared crops to read instead
            of ``data_prefix``). Options that are given on the command line take precedence.

    Returns:
        dict: ``model``, data loaders, evaluators, loops, optimizer, and ``recipe``. The last is a
        record of what distinguishes trained networks whose weights have the same names and shapes.

    Raises:
        InputError: For an option or value that does not exist, a mask on prepared crops, or
            ``recognizers`` or ``sampling`` with other streams.
    """
    options = {**DEFAULTS, **options}

    def built() -> dict:
        return _build(
            options,
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
            data_prefix=dict(data_prefix or dict(video='videos')),
            dataset=dict(dataset or {}),
        )

    override = current_overrides()
    if override is None:
        check_together(options)
        return built()
    before = built()
    options.update(override['options'])
    check_together(options)
    after = built()
    override['calls'].append((before, deepcopy(after)))
    return after


def _build(
    options: dict,
    classes: Sequence[str],
    image_size: int,
    batch_size: int,
    num_workers: int,
    max_epochs: int,
    lr: float,
    dropout: float,
    shared: bool,
    mask_kind: str,
    recognizers: dict[str, dict],
    sampling: dict[str, dict] | None,
    data_root: str,
    ann_files: Sequence[str],
    data_prefix: dict[str, str],
    dataset: dict,
) -> dict:
    check_options(options)
    if options['crops']:
        data_prefix = dict(crops=options['crops'])
    if options['mask'] and 'crops' in data_prefix:
        raise InputError(
            f'mask: no mask can be drawn on the crops in {data_prefix["crops"]}; prepare masked '
            'ones with tools/extract_frames.py --as crops --mask and leave out --mask'
        )
    streams = streams_of(options['input'])
    # face+body is fusion, however it was written
    options['input'] = next(
        (name for name, each in INPUTS.items() if each == streams), options['input']
    )
    for what, given in (('recognizers', recognizers), ('sampling', sampling or streams)):
        if not set(given) <= set(streams) or (what == 'sampling' and len(given) < len(streams)):
            raise InputError(
                f'{what}: expected the streams {", ".join(streams)}, found {", ".join(given)}'
            )
    needs = needs_of(streams, options['mask'])
    data = dict(
        data_root=data_root,
        data_prefix=data_prefix,
        metainfo=dict(classes=classes),
        required=[] if 'crops' in data_prefix else needs,
        **dataset,
    )
    loaders = {
        f'{split}_dataloader': build_loader(
            split,
            ann_file,
            build_pipeline(
                streams,
                options['num_segments'],
                image_size,
                split == 'train',
                source_of(data_prefix),
                mask_kind if options['mask'] else None,
                sampling,
                formats_of(recognizers),
            ),
            data,
            batch_size,
            num_workers,
        )
        for split, ann_file in zip(('train', 'val', 'test'), ann_files, strict=True)
    }
    return dict(
        model=build_model(streams, len(classes), dropout, shared, options, recognizers),
        **loaders,
        val_evaluator=dict(type='ROCAUCMetric'),
        test_evaluator=dict(type='ROCAUCMetric'),
        train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1),
        val_cfg=dict(type='ValLoop'),
        test_cfg=dict(type='TestLoop'),
        optim_wrapper=dict(
            type='OptimWrapper', optimizer=dict(type='SGD', lr=lr, momentum=0.9, weight_decay=5e-4)
        ),
        auto_scale_lr=dict(enable=False, base_batch_size=batch_size),
        recipe=dict(
            {k: v for k, v in options.items() if k != 'crops'},
            classes=classes,
            image_size=image_size,
            mask_kind=mask_kind,
            pos_weight=False,
        ),
    )
