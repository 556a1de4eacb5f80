# A linear probe: TSN with a frozen ResNet-50 on the face and the body. Only the classifier learns;
# the weights and the batch norms' statistics of the backbone stay those of ImageNet.
_base_ = [
    '../_base_/models/tsn_r50.py',
    '../_base_/datasets/emoreact_fusion.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

model = dict(recognizer=dict(backbone=dict(frozen_stages=4)))
