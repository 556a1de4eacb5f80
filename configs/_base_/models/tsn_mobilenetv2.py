# TSN: a MobileNetV2 scores each frame, and the scores are averaged.
model = dict(
    type='LateFusionRecognizer',
    streams=('face', 'body'),  # a leaf names its own
    # One network for all streams, as published. With a network for each stream, leave this out
    # and write streams=dict(face=dict(type='Recognizer2D', ...), body=...).
    recognizer=dict(
        type='Recognizer2D',
        backbone=dict(type='MobileNetV2', pretrained=None),
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
    ),
    fusion=dict(type='ScoreFusion', mode='mean'),
    start_weights='imagenet',  # or the path of a checkpoint; None: random weights
    partial_bn=True,
    joint_batch_norm=False,
)
