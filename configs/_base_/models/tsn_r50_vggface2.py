# TSN with the ResNet-50 of VGGFace2, which was trained in Caffe: docs/weights.md.
_base_ = 'tsn_r50.py'

model = dict(
    recognizer=dict(
        backbone=dict(
            type='UnpaddedPoolResNet',
            style='caffe',  # the first 1x1 convolution of a stage has the stride
            pool_ceil_mode=True,
        ),
        data_preprocessor=dict(
            to_rgb=True,  # swaps red and blue: frames are RGB, the network takes BGR
            mean=[91.4953, 103.8827, 131.0912],
            std=[1.0, 1.0, 1.0],
        ),
    ),
    start_weights='resnet50_ft_weight.pth',  # or `--init FILE`
)
