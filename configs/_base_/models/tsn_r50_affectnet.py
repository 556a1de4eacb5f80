# TSN with the ResNet-50 of EMO-AffectNet, which was trained in Keras: docs/weights.md.
_base_ = 'tsn_r50.py'

model = dict(
    recognizer=dict(
        backbone=dict(
            type='UnpaddedPoolResNet',
            style='caffe',  # the first 1x1 convolution of a stage has the stride
            conv_cfg=dict(type='Conv2dAdaptivePadding'),  # TensorFlow's "same"
            norm_cfg=dict(type='BN2d', eps=1e-3, requires_grad=True),
        ),
        data_preprocessor=dict(
            to_rgb=True,  # swaps red and blue: frames are RGB, the network takes BGR
            mean=[91.4953, 103.8827, 131.0912],
            std=[1.0, 1.0, 1.0],
        ),
    ),
    start_weights='FER_static_ResNet50_AffectNet.pt',  # or `--init FILE`
)
