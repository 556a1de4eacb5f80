# TSM with ResNet-50 on the face and the body.
_base_ = [
    '../_base_/models/tsm_r50.py',
    '../_base_/datasets/emoreact_fusion.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

recipe = dict(shift=True)
