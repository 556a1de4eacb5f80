# Streams with a clip layout of their own: the face as 8 frames of a stock 3D
# network, SlowOnly, beside the body as 3 of the same frames, TSN.
# Both start from ImageNet weights, which are downloaded; `--init scratch`
# takes none.
_base_ = [
    'mmaction::_base_/models/slowonly_r50.py',
    '../_base_/datasets/emoreact_fusion.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

face = _base_.model
face.cls_head.num_classes = 8
body = dict(
    type='Recognizer2D',
    backbone=dict(type='ResNet', depth=50, norm_eval=False, pretrained=None),
    cls_head=dict(
        type='TSNHead',
        num_classes=8,
        in_channels=2048,
        dropout_ratio=0.0,
        multi_class=True,
        loss_cls=dict(type='BCELossWithLogits'),
        average_clips='score',
    ),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCHW',
    ),
)
model = dict(
    _delete_=True,  # not to be merged with the base's
    type='LateFusionRecognizer',
    streams=dict(face=face, body=body),
    fusion=dict(type='ScoreFusion', mode='mean'),
    start_weights=dict(body='imagenet'),
    partial_bn=True,
)

train_pipeline = [
    dict(
        type='SampleStreamFrames',
        streams=dict(
            face=dict(
                type='SampleFrames', clip_len=8, frame_interval=8, num_clips=1, test_mode=False
            ),
            body=dict(share='face', num_frames=3),
        ),
    ),
    dict(type='DecodeVideo'),
    dict(type='LoadLandmarks'),
    dict(type='CropRegions', regions=('face', 'body')),
    dict(
        type='ForEachStream',
        transforms=dict(
            face=[
                dict(type='Resize', scale=(256, 256), keep_ratio=False),
                dict(type='Flip', flip_ratio=0.5),
                dict(type='RandomCrop', size=224),
                dict(type='FormatShape', input_format='NCTHW'),
            ],
            body=[
                dict(type='Resize', scale=(256, 256), keep_ratio=False),
                dict(type='Flip', flip_ratio=0.5),
                dict(type='RandomCrop', size=224),
                dict(type='FormatShape', input_format='NCHW'),
            ],
        ),
    ),
    dict(
        type='PackActionInputs',
        collect_keys=('face_imgs', 'body_imgs'),
        meta_keys=('video_id', 'valence', 'groups', 'face_found', 'body_found'),
    ),
]
val_pipeline = [
    dict(
        type='SampleStreamFrames',
        streams=dict(
            face=dict(
                type='SampleFrames', clip_len=8, frame_interval=8, num_clips=1, test_mode=True
            ),
            body=dict(share='face', num_frames=3),
        ),
    ),
    dict(type='DecodeVideo'),
    dict(type='LoadLandmarks'),
    dict(type='CropRegions', regions=('face', 'body')),
    dict(
        type='ForEachStream',
        transforms=dict(
            face=[
                dict(type='Resize', scale=(224, 224), keep_ratio=False),
                dict(type='FormatShape', input_format='NCTHW'),
            ],
            body=[
                dict(type='Resize', scale=(224, 224), keep_ratio=False),
                dict(type='FormatShape', input_format='NCHW'),
            ],
        ),
    ),
    dict(
        type='PackActionInputs',
        collect_keys=('face_imgs', 'body_imgs'),
        meta_keys=('video_id', 'valence', 'groups', 'face_found', 'body_found'),
    ),
]
test_pipeline = val_pipeline
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
