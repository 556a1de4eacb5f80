# For docs/grad_cam.md: fusion.py's with a network a stream, of all four stages, longer, in larger
# batches, on larger images and without the last stride of the backbone, so that a Grad-CAM map has
# more places: 6 x 6. cam_224_fusion.py goes on from it.
_base_ = [
    '../_base_/models/tsn_r18_two_networks.py',
    '../_base_/datasets/sample_fusion.py',
    '../_base_/schedules/adam_one_cycle_7e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    streams=dict(
        face=dict(backbone=dict(strides=(1, 2, 2, 1))),
        body=dict(backbone=dict(strides=(1, 2, 2, 1))),
    )
)

train_pipeline = [
    dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=3, test_mode=False),
    dict(type='DecodeVideo'),
    dict(type='LoadLandmarks'),
    dict(type='CropRegions', regions=('face', 'body')),
    dict(
        type='ForEachStream',
        streams=('face', 'body'),
        transforms=[
            dict(type='Resize', scale=(110, 110), keep_ratio=False),
            dict(type='Flip', flip_ratio=0.5),
            dict(type='RandomCrop', size=96),
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
            dict(type='Resize', scale=(96, 96), keep_ratio=False),
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
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

train_cfg = dict(max_epochs=20)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05))
param_scheduler = dict(total_steps=20)
auto_scale_lr = dict(base_batch_size=16)
recipe = dict(arch='resnet18', init='scratch', image_size=96)
