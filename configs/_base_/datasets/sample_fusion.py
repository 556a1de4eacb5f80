# The drawn sample data: the face and the body, as small images.
dataset_type = 'EmoReactDataset'
data_root = 'data/sample'
data_prefix = dict(video='videos')
metainfo = dict(
    classes=(
        'Curiosity',
        'Uncertainty',
        'Excitement',
        'Happiness',
        'Surprise',
        'Disgust',
        'Fear',
        'Frustration',
    )
)
group_names = (
    r'(?P<child>(?P<series>\w*[A-Za-z])\d+)_\d+'  # TOYS101_2: child TOYS101 of series TOYS
)
required = ['keypoints', 'landmarks']  # files that every clip has to have

train_pipeline = [
    dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=3, test_mode=False),
    dict(type='DecodeVideo'),
    dict(type='LoadLandmarks'),
    dict(type='CropRegions', regions=('face', 'body'), in_place=True),
    dict(
        type='ForEachStream',
        streams=('face', 'body'),
        transforms=[
            dict(type='Resize', scale=(37, 37), keep_ratio=False),
            dict(type='Flip', flip_ratio=0.5),
            dict(type='RandomCrop', size=32),
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
    dict(type='CropRegions', regions=('face', 'body'), in_place=True),
    dict(
        type='ForEachStream',
        streams=('face', 'body'),
        transforms=[
            dict(type='Resize', scale=(32, 32), keep_ratio=False),
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

train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        ann_file='train.csv',
        data_root=data_root,
        data_prefix=data_prefix,
        metainfo=metainfo,
        group_names=group_names,
        required=required,
        pipeline=train_pipeline,
        test_mode=False,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        ann_file='val.csv',
        data_root=data_root,
        data_prefix=data_prefix,
        metainfo=metainfo,
        group_names=group_names,
        required=required,
        pipeline=val_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        ann_file='test.csv',
        data_root=data_root,
        data_prefix=data_prefix,
        metainfo=metainfo,
        group_names=group_names,
        required=required,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)

val_evaluator = dict(type='ROCAUCMetric')
test_evaluator = dict(type='ROCAUCMetric')
