# TSN on the face, with a ResNet-50 that was trained on AffectNet (EMO-AffectNet).
_base_ = [
    '../_base_/models/tsn_r50_affectnet.py',
    '../_base_/datasets/emoreact_face.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

model = dict(streams=('face',))
recipe = dict(input='face', network='EMO-AffectNet', init='FER_static_ResNet50_AffectNet.pt')
