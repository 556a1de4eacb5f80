# Video Swin on 32 frames of the face, beside TSN on 3 of the same frames of the body. Both are
# stock models, each read from a stock config. Their start weights are downloaded; `--init scratch`
# takes none.
_base_ = [
    '../_base_/datasets/emoreact_fusion.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]
from mmengine.hub import get_config

face = get_config(
    'mmaction::recognition/swin/swin-tiny-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb.py'
).model
face.cls_head.num_classes = 8
body = get_config(
    'mmaction::recognition/tsn/tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb.py'
).model
body.backbone.pretrained = None  # loaded by start_weights, which stops if a weight is missing
body.cls_head.num_classes = 8
model = dict(
    type='LateFusionRecognizer',
    streams=dict(face=face, body=body),
    start_weights=dict(body='imagenet'),
    partial_bn=True,
)

# In the base, step 0 samples the frames of all streams, and step 4 is ForEachStream.
train_pipeline = _base_.train_pipeline
train_pipeline[0] = dict(
    type='SampleStreamFrames',
    streams=dict(
        face=dict(type='SampleFrames', clip_len=32, frame_interval=2, num_clips=1),
        body=dict(share='face', num_frames=3),
    ),
)
__views = train_pipeline[4]['transforms'][:-1]
train_pipeline[4] = dict(
    type='ForEachStream',
    transforms=dict(
        face=[*__views, dict(type='FormatShape', input_format='NCTHW')],
        body=[*__views, dict(type='FormatShape', input_format='NCHW')],
    ),
)
val_pipeline = _base_.val_pipeline
val_pipeline[0] = dict(
    type='SampleStreamFrames',
    streams=dict(
        face=dict(type='SampleFrames', clip_len=32, frame_interval=2, num_clips=1, test_mode=True),
        body=dict(share='face', num_frames=3),
    ),
)
__views = val_pipeline[4]['transforms'][:-1]
val_pipeline[4] = dict(
    type='ForEachStream',
    transforms=dict(
        face=[*__views, dict(type='FormatShape', input_format='NCTHW')],
        body=[*__views, dict(type='FormatShape', input_format='NCHW')],
    ),
)
test_pipeline = val_pipeline
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# As for the stock Swin, but not tuned: SGD is for ResNets.
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.02)
)
