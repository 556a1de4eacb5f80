"""Build a configuration in Python: the plain config of the published model, with edits."""

import os.path as osp
from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from typing import Any

from mmengine.config import Config

from emoreact_plugin.utils.errors import InputError

from .edits import SPLITS, datasets_of, edit
from .options import DEFAULTS, MASK_KIND, check_together, streams_of

# The plain config that everything starts from.
PLAIN = 'emoreact/tsn_imagenet-pretrained-r50_1xb8-1x1x3-12e_emoreact-fusion.py'
# What a config takes from `build`; hooks and logging are those of its `_base_`.
KEPT = (
    'model',
    *(f'{split}_dataloader' for split in SPLITS),
    'val_evaluator',
    'test_evaluator',
    'train_cfg',
    'val_cfg',
    'test_cfg',
    'optim_wrapper',
    'auto_scale_lr',
    'recipe',
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
    mask_kind: str = MASK_KIND,
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
    check_together(options)
    cfg = deepcopy(_plain())
    cfg.recipe.mask_kind = mask_kind
    _set_data(cfg, data_root, ann_files, data_prefix, dataset or {}, batch_size, num_workers)
    _set_size(cfg, image_size)
    if classes is not None:
        _set_classes(cfg, tuple(classes))
    cfg.train_cfg.max_epochs = max_epochs
    cfg.optim_wrapper.optimizer.lr = lr
    cfg.auto_scale_lr.base_batch_size = batch_size
    cfg.model.recognizer.cls_head.dropout_ratio = dropout
    crops = options['crops'] or (data_prefix or {}).get('crops', '')
    edit(cfg, dict(options, crops=crops))
    streams = streams_of(options['input'])
    for what, given in (('recognizers', recognizers), ('sampling', sampling)):
        if given and (
            not set(given) <= set(streams) or (what == 'sampling' and len(given) < len(streams))
        ):
            raise InputError(
                f'{what}: expected the streams {", ".join(streams)}, found {", ".join(given)}'
            )
    if recognizers or not shared:
        _separate(cfg, streams, deepcopy(recognizers or {}), options['init'])
    if sampling:
        _set_sampling(cfg, sampling)
    values = cfg.to_dict()
    return {name: values[name] for name in KEPT}


@cache
def _plain() -> Config:
    return Config.fromfile(plain_config(PLAIN), lazy_import=False)


def plain_config(name: str) -> str:
    """Return the path of a config of this package, such as ``'emoreact/....py'``."""
    return osp.join(osp.dirname(osp.dirname(osp.abspath(__file__))), '.mim', 'configs', name)


def build_pipeline(
    streams: Sequence[str],
    num_segments: int,
    image_size: int = 224,
    train: bool = False,
    source: str = 'video',
    mask_kind: str | None = None,
    sampling: dict[str, dict] | None = None,
) -> list[dict]:
    """Build the pipeline from a sample of the data set to the model's input.

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

    Returns:
        list[dict]: Configs of transforms.
    """
    cfg = build(
        input='+'.join(streams),
        image_size=image_size,
        mask=mask_kind is not None,
        mask_kind=mask_kind or MASK_KIND,
        sampling=sampling,
        data_prefix={source: source},
    )
    pipeline = cfg[f'{"train" if train else "val"}_dataloader']['dataset']['pipeline']
    if sampling is None:
        pipeline[0]['num_clips'] = num_segments
    return pipeline


def _set_data(
    cfg: Config,
    data_root: str,
    ann_files: Sequence[str],
    data_prefix: dict[str, str] | None,
    more: dict,
    batch_size: int,
    num_workers: int,
) -> None:
    for split, ann_file in zip(SPLITS, ann_files, strict=True):
        loader = cfg[f'{split}_dataloader']
        loader.update(
            batch_size=batch_size, num_workers=num_workers, persistent_workers=num_workers > 0
        )
        loader.dataset.update(data_root=data_root, ann_file=ann_file, **more)
        if data_prefix is not None:
            loader.dataset.data_prefix = dict(data_prefix)


def _set_size(cfg: Config, size: int) -> None:
    # 256 for 224
    side = round(size * 8 / 7)
    for data in datasets_of(cfg):
        views = next(s for s in data['pipeline'] if s['type'] == 'ForEachStream')['transforms']
        for step in views:
            if step['type'] == 'Resize':
                step['scale'] = (size, size) if data['test_mode'] else (side, side)
            elif step['type'] == 'RandomCrop':
                step['size'] = size
    cfg.recipe.image_size = size


def _set_classes(cfg: Config, classes: tuple[str, ...]) -> None:
    for data in datasets_of(cfg):
        data['metainfo'] = dict(classes=classes)
    cfg.model.recognizer.cls_head.num_classes = len(classes)
    cfg.recipe.classes = classes


def _separate(cfg: Config, streams: Sequence[str], stock: dict[str, dict], init: str) -> None:
    """Give every stream a network of its own, some of them stock ones."""
    model, scratch = cfg.model, init == 'scratch'
    own = model.pop('recognizer')
    model.pop('joint_batch_norm')
    for each in stock.values():
        each['cls_head']['num_classes'] = own.cls_head.num_classes
        if scratch and 'pretrained' in each['backbone']:
            each['backbone']['pretrained'] = None
    model.streams = {name: stock.get(name) or deepcopy(own) for name in streams}
    if not stock:
        return
    ours = [name for name in streams if name not in stock]
    model.start_weights = None if scratch or not ours else dict.fromkeys(ours, init)
    for data in datasets_of(cfg):
        views = next(s for s in data['pipeline'] if s['type'] == 'ForEachStream')
        transforms = views.pop('transforms')
        views.pop('streams')
        views['transforms'] = {}
        for name in streams:
            views['transforms'][name] = each = deepcopy(transforms)
            preprocessor = stock.get(name, {}).get('data_preprocessor', {})
            each[-1]['input_format'] = preprocessor.get('format_shape', 'NCHW')


def _set_sampling(cfg: Config, sampling: dict[str, dict]) -> None:
    for data in datasets_of(cfg):
        test = data['test_mode']
        data['pipeline'][0] = dict(
            type='SampleStreamFrames',
            streams={
                name: dict(each, test_mode=test) if 'type' in each else dict(each)
                for name, each in sampling.items()
            },
        )
