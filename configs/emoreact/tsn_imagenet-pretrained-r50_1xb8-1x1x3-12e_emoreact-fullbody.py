# TSN with ResNet-50 on the whole body, face included.
_base_ = [
    '../_base_/models/tsn_r50.py',
    '../_base_/datasets/emoreact_fullbody.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

model = dict(streams=('fullbody',))
recipe = dict(input='fullbody')
