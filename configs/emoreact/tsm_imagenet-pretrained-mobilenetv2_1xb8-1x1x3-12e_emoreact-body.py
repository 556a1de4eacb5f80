# TSM with MobileNetV2 on the body, with the face blacked out.
_base_ = [
    '../_base_/models/tsm_mobilenetv2.py',
    '../_base_/datasets/emoreact_body.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

model = dict(streams=('body',))
recipe = dict(input='body', arch='mobilenet_v2', shift=True)
