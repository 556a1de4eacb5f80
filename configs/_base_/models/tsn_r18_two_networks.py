# TSN: a small ResNet-18 of random weights for the face, and another for the body.
model = dict(
    type='LateFusionRecognizer',
    streams=dict(
        face=dict(
            type='Recognizer2D',
            backbone=dict(type='ResNet', depth=18, norm_eval=False, pretrained=None),
            cls_head=dict(
                type='TSNHead',
                num_classes=8,
                in_channels=512,
                dropout_ratio=0.0,
                multi_class=True,
                loss_cls=dict(type='BCELossWithLogits'),
                average_clips='score',
            ),
            data_preprocessor=dict(
                type='ActionDataPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                format_shape='NCHW',
            ),
        ),
        body=dict(
            type='Recognizer2D',
            backbone=dict(type='ResNet', depth=18, norm_eval=False, pretrained=None),
            cls_head=dict(
                type='TSNHead',
                num_classes=8,
                in_channels=512,
                dropout_ratio=0.0,
                multi_class=True,
                loss_cls=dict(type='BCELossWithLogits'),
                average_clips='score',
            ),
            data_preprocessor=dict(
                type='ActionDataPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                format_shape='NCHW',
            ),
        ),
    ),
    fusion=dict(type='ScoreFusion', mode='mean'),
    start_weights=None,
    partial_bn=False,
)
