"""Small networks of MMAction2's."""


def recognizer2d(num_classes=8, backbone=None, head=None, channels=512):
    return dict(
        type='Recognizer2D',
        backbone=backbone or dict(type='ResNet', pretrained=None, depth=18),
        cls_head=dict(
            dict(
                type='TSNHead',
                num_classes=num_classes,
                in_channels=channels,
                dropout_ratio=0,
                init_std=0.5,
            ),
            **(head or {}),
        ),
        data_preprocessor=dict(
            type='ActionDataPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
        ),
    )


def recognizer3d(num_classes=8):
    return dict(
        type='Recognizer3D',
        backbone=dict(
            type='ResNet3dSlowOnly',
            depth=18,
            pretrained=None,
            lateral=False,
            conv1_kernel=(1, 7, 7),
            inflate=(0, 0, 1, 1),
        ),
        cls_head=dict(
            type='I3DHead', num_classes=num_classes, in_channels=512, dropout_ratio=0, init_std=0.5
        ),
        data_preprocessor=dict(
            type='ActionDataPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            format_shape='NCTHW',
        ),
    )
