# TSN with ResNet-50 on the face, masked.
_base_ = [
    '../_base_/models/tsn_r50.py',
    '../_base_/datasets/emoreact_face_masked.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

model = dict(streams=('face',))
recipe = dict(input='face', mask=True)
