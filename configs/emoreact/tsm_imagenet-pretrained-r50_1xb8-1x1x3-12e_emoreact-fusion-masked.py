# TSM with ResNet-50 on the face and the body, masked.
_base_ = [
    '../_base_/models/tsm_r50.py',
    '../_base_/datasets/emoreact_fusion_masked.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

recipe = dict(mask=True, shift=True)
