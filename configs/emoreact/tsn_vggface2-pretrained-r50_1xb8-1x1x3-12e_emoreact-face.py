# TSN on the face, with a ResNet-50 that was trained on VGGFace2.
_base_ = [
    '../_base_/models/tsn_r50_vggface2.py',
    '../_base_/datasets/emoreact_face.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

model = dict(streams=('face',))
recipe = dict(input='face', network='VGGFace2', init='resnet50_ft_weight.pth')
