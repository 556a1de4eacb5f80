# VideoMAE on 16 frames of the face, a stock model that is read from a stock config. It starts from
# the weights that MMAction2 trained on Kinetics-400, which are downloaded; `--init scratch` takes
# none.
_base_ = [
    '../_base_/datasets/emoreact_face.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]
from mmengine.hub import get_config

face = get_config(
    'mmaction::recognition/videomae/vit-base-p16_videomae-k400-pre_16x4x1_kinetics-400.py'
).model
face.cls_head.num_classes = 8
face.backbone.init_cfg = dict(
    type='Pretrained',
    checkpoint='https://download.openmmlab.com/mmaction/v1.0/recognition/videomae/vit-base-p16_videomae-k400-pre_16x4x1_kinetics-400_20221013-860a3cd3.pth',
    prefix='backbone.',
)
model = dict(type='LateFusionRecognizer', streams=dict(face=face))

# In the base, step 0 samples frames, and the last transform of step 4, ForEachStream, packs them.
__clip = dict(type='SampleFrames', clip_len=16, frame_interval=4, num_clips=1)
__format = dict(type='FormatShape', input_format='NCTHW')
train_pipeline = _base_.train_pipeline
train_pipeline[0] = __clip
train_pipeline[4]['transforms'][-1] = __format
val_pipeline = _base_.val_pipeline
val_pipeline[0] = dict(__clip, test_mode=True)
val_pipeline[4]['transforms'][-1] = __format
test_pipeline = val_pipeline
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# Usual for a transformer, but not tuned: SGD is for ResNets.
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05)
)
recipe = dict(input='face')
