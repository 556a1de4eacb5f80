# TSN with ResNet-50 on the body, with the face blacked out, masked.
_base_ = [
    '../_base_/models/tsn_r50.py',
    '../_base_/datasets/emoreact_body_masked.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

model = dict(streams=('body',))
recipe = dict(input='body', mask=True)
