# TSM with MobileNetV2 on the face.
_base_ = [
    '../_base_/models/tsm_mobilenetv2.py',
    '../_base_/datasets/emoreact_face.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

model = dict(streams=('face',))
recipe = dict(input='face', arch='mobilenet_v2', shift=True)
