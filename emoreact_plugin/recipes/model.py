"""Build the recognizers of the streams and the fusion of their scores."""

from collections.abc import Sequence

# ImageNet's mean and standard deviation, RGB.
NORMALISATION = dict(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], format_shape='NCHW'
)


def build_model(
    streams: Sequence[str],
    num_classes: int,
    dropout: float,
    shared: bool,
    options: dict,
    recognizers: dict[str, dict],
) -> dict:
    """Build the late-fusion recognizer of one or more streams."""
    recognizer = dict(
        type='Recognizer2D',
        backbone=_backbone(options),
        cls_head=_head(options, num_classes, dropout),
        data_preprocessor=dict(type='ActionDataPreprocessor', **NORMALISATION),
    )
    scratch = options['init'] == 'scratch'
    model = dict(
        type='LateFusionRecognizer',
        fusion=dict(type='ScoreFusion', mode='mean'),
        start_weights=None if scratch else options['init'],
        # Frozen statistics are of use only where they are of some data.
        partial_bn=not scratch,
    )
    if recognizers:
        return dict(
            model, **_with_stock(streams, recognizer, recognizers, num_classes, options['init'])
        )
    if shared:
        return dict(
            model,
            streams=tuple(streams),
            recognizer=recognizer,
            # Statistics that two streams learn in turns would be of neither.
            joint_batch_norm=scratch,
        )
    return dict(model, streams=dict.fromkeys(streams, recognizer))


def _with_stock(
    streams: Sequence[str],
    recognizer: dict,
    recognizers: dict[str, dict],
    num_classes: int,
    init: str,
) -> dict:
    """Build the settings of streams of which some have a stock recognizer."""
    for each in recognizers.values():
        each['cls_head']['num_classes'] = num_classes
        if init == 'scratch' and 'pretrained' in each['backbone']:
            each['backbone']['pretrained'] = None
    own = [name for name in streams if name not in recognizers]
    return dict(
        streams={name: recognizers.get(name, recognizer) for name in streams},
        start_weights=None if init == 'scratch' or not own else dict.fromkeys(own, init),
    )


def formats_of(recognizers: dict[str, dict]) -> dict[str, str]:
    """Return stream -> the input layout that the config of its recognizer states."""
    return {
        name: each.get('data_preprocessor', {}).get('format_shape', 'NCHW')
        for name, each in recognizers.items()
    }


def _backbone(options: dict) -> dict:
    shift = (
        dict(
            num_segments=options['num_segments'], shift_div=options['shift_div'], pretrained2d=False
        )
        if options['shift']
        else {}
    )
    suffix = 'TSM' if options['shift'] else ''
    if options['arch'] == 'mobilenet_v2':
        return dict(type='MobileNetV2' + suffix, pretrained=None, **shift)
    if shift:
        shift['shift_place'] = 'blockres'
    depth = int(options['arch'].replace('resnet', ''))
    return dict(type='ResNet' + suffix, pretrained=None, depth=depth, norm_eval=False, **shift)


def _head(options: dict, num_classes: int, dropout: float) -> dict:
    channels = dict(resnet18=512, resnet50=2048, mobilenet_v2=1280)
    head = dict(
        num_classes=num_classes,
        in_channels=channels[options['arch']],
        dropout_ratio=dropout,
        multi_class=True,
        loss_cls=dict(type='BCELossWithLogits'),
        # The mean of the logits: the default is a softmax.
        average_clips='score',
    )
    if options['shift']:
        return dict(type='TSMHead', num_segments=options['num_segments'], **head)
    return dict(type='TSNHead', **head)
