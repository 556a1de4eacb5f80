# For tools/reproduce_table.py on the drawn sample data: longer than fusion.py,
# on smaller images, and with a network a stream: from random weights a shared
# one learns more slowly.
_base_ = [
    '../_base_/models/tsn_r18_two_networks.py',
    '../_base_/datasets/sample_fusion.py',
    '../_base_/schedules/adam_one_cycle_8e.py',
    '../_base_/default_runtime.py',
]

train_pipeline = [
    dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=3, test_mode=False),
    dict(type='DecodeVideo'),
    dict(type='LoadLandmarks'),
    dict(type='CropRegions', regions=('face', 'body')),
    dict(
        type='ForEachStream',
        streams=('face', 'body'),
        transforms=[
            dict(type='Resize', scale=(55, 55), keep_ratio=False),
            dict(type='Flip', flip_ratio=0.5),
            dict(type='RandomCrop', size=48),
            dict(type='FormatShape', input_format='NCHW'),
        ],
    ),
    dict(
        type='PackActionInputs',
        collect_keys=('face_imgs', 'body_imgs'),
        meta_keys=('video_id', 'valence', 'groups', 'face_found', 'body_found'),
    ),
]
val_pipeline = [
    dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=3, test_mode=True),
    dict(type='DecodeVideo'),
    dict(type='LoadLandmarks'),
    dict(type='CropRegions', regions=('face', 'body')),
    dict(
        type='ForEachStream',
        streams=('face', 'body'),
        transforms=[
            dict(type='Resize', scale=(48, 48), keep_ratio=False),
            dict(type='FormatShape', input_format='NCHW'),
        ],
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

train_cfg = dict(max_epochs=12)
param_scheduler = dict(total_steps=12)
recipe = dict(arch='resnet18', init='scratch', image_size=48)
