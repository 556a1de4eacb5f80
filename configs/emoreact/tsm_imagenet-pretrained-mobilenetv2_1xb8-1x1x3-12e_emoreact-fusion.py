# TSM with MobileNetV2 on the face and the body.
_base_ = [
    '../_base_/models/tsm_mobilenetv2.py',
    '../_base_/datasets/emoreact_fusion.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

recipe = dict(arch='mobilenet_v2', shift=True)
