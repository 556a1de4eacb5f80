# Face and body of the drawn sample data: small enough for two CPU cores.
_base_ = [
    '../_base_/models/tsm_r50.py',
    '../_base_/datasets/sample_fusion.py',
    '../_base_/schedules/adam_one_cycle_7e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    recognizer=dict(
        # Images of 32 x 32 pixels leave a fourth stage one place to look at.
        backbone=dict(
            depth=18, num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(2,)
        ),
        cls_head=dict(in_channels=256),
    ),
    start_weights=None,
    partial_bn=False,
    joint_batch_norm=True,
)
recipe = dict(arch='resnet18', shift=True, init='scratch', image_size=32)
