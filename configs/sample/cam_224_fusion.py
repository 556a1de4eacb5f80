# For docs/grad_cam.md: goes on from a training of cam_fusion.py (`--init`)
# with larger images, of which a place of the last block sees a smaller part;
# maps of 14 x 14.
_base_ = './cam_fusion.py'

train_pipeline = [
    dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=3, test_mode=False),
    dict(type='DecodeVideo'),
    dict(type='LoadLandmarks'),
    dict(type='CropRegions', regions=('face', 'body')),
    dict(
        type='ForEachStream',
        streams=('face', 'body'),
        transforms=[
            dict(type='Resize', scale=(256, 256), keep_ratio=False),
            dict(type='Flip', flip_ratio=0.5),
            dict(type='RandomCrop', size=224),
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
            dict(type='Resize', scale=(224, 224), keep_ratio=False),
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

train_cfg = dict(max_epochs=4)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = dict(eta_max=5e-4, total_steps=4)
recipe = dict(image_size=224)
