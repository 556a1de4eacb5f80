# Our data and fusion with another backbone: torchvision's EfficientNet-B0,
# a network a stream. Its weights are downloaded when the model is built;
# `--init scratch` takes none.
_base_ = [
    '../_base_/datasets/emoreact_fusion.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

network = dict(
    type='Recognizer2D',
    backbone=dict(type='torchvision.efficientnet_b0', weights='IMAGENET1K_V1'),
    cls_head=dict(
        type='TSNHead',
        num_classes=8,
        in_channels=1280,
        dropout_ratio=0.0,
        multi_class=True,
        loss_cls=dict(type='BCELossWithLogits'),
        average_clips='score',  # the mean of the logits; 'prob' would be a softmax
    ),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCHW',
    ),
)
model = dict(
    type='LateFusionRecognizer',
    streams=dict(face=network, body=network),
    fusion=dict(type='ScoreFusion', mode='mean'),
    start_weights=None,  # torchvision loads its own
    partial_bn=True,
)
