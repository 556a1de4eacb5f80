# Face and body of the drawn sample data: small enough for two CPU cores.
_base_ = [
    '../_base_/models/tsm_r50.py',
    '../_base_/datasets/sample_fusion.py',
    '../_base_/schedules/adam_one_cycle_8e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    recognizer=dict(backbone=dict(depth=18), cls_head=dict(in_channels=512)),
    start_weights=None,
    partial_bn=False,
    joint_batch_norm=True,
)
recipe = dict(arch='resnet18', shift=True, init='scratch', image_size=32)
