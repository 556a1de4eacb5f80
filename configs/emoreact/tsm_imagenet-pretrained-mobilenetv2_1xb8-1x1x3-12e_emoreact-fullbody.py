# TSM with MobileNetV2 on the whole body, face included.
_base_ = [
    '../_base_/models/tsm_mobilenetv2.py',
    '../_base_/datasets/emoreact_fullbody.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

model = dict(streams=('fullbody',))
recipe = dict(input='fullbody', arch='mobilenet_v2', shift=True)
