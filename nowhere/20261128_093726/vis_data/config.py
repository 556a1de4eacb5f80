auto_scale_lr = dict(base_batch_size=8, enable=False)
custom_hooks = [
    dict(type='ExactResumeHook'),
    dict(type='SplitsCheckHook'),
    dict(type='ConsoleHook'),
    dict(type='FinalTestHook'),
]
custom_imports = dict(
    allow_failed_imports=False,
    imports=[
        'emoreact_plugin',
    ],
)
default_hooks = dict(
    checkpoint=dict(
        interval=1,
        max_keep_ckpts=1,
        rule='greater',
        save_best='roc_auc/micro',
        type='CheckpointHook',
    ),
    logger=dict(interval=20, type='LoggerHook'),
    param_scheduler=dict(type='ParamSchedulerHook'),
    runtime_info=dict(type='RuntimeInfoHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    timer=dict(type='IterTimerHook'),
)
default_scope = 'mmaction'
env_cfg = dict(
    cudnn_benchmark=False,
    dist_cfg=dict(backend='nccl'),
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
)
load_from = None
log_level = 'INFO'
log_processor = dict(by_epoch=True, type='LogProcessor', window_size=20)
model = dict(
    fusion=dict(mode='mean', type='ScoreFusion'),
    joint_batch_norm=True,
    partial_bn=False,
    recognizer=dict(
        backbone=dict(
            depth=18,
            dilations=(1,),
            norm_eval=False,
            num_stages=1,
            out_indices=(0,),
            pretrained=None,
            strides=(1,),
            type='ResNet',
        ),
        cls_head=dict(
            average_clips='score',
            dropout_ratio=0.0,
            in_channels=64,
            loss_cls=dict(type='BCELossWithLogits'),
            multi_class=True,
            num_classes=8,
            type='TSNHead',
        ),
        data_preprocessor=dict(
            format_shape='NCHW',
            mean=[
                123.675,
                116.28,
                103.53,
            ],
            std=[
                58.395,
                57.12,
                57.375,
            ],
            type='ActionDataPreprocessor',
        ),
        type='Recognizer2D',
    ),
    start_weights=None,
    streams=('face',),
    type='LateFusionRecognizer',
)
optim_wrapper = dict(
    optimizer=dict(lr=0.01, momentum=0.9, type='SGD', weight_decay=0.0005), type='OptimWrapper'
)
randomness = dict(seed=0)
recipe = dict(
    arch='resnet18',
    classes=(
        'Curiosity',
        'Uncertainty',
        'Excitement',
        'Happiness',
        'Surprise',
        'Disgust',
        'Fear',
        'Frustration',
    ),
    image_size=32,
    init='scratch',
    input='face',
    mask=False,
    mask_kind='surgical',
    num_segments=3,
    pos_weight=False,
    shift=False,
    shift_div=8,
)
resume = False
runner_type = 'EmoReactRunner'
test_cfg = dict(type='TestLoop')
test_dataloader = dict(
    batch_size=8,
    dataset=dict(
        ann_file='test.csv',
        data_prefix=dict(video='videos'),
        data_root='/tmp/pytest-of-root/pytest-101/tiny0',
        metainfo=dict(
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
        ),
        pipeline=[
            dict(clip_len=1, frame_interval=1, num_clips=3, test_mode=True, type='SampleFrames'),
            dict(type='DecodeVideo'),
            dict(type='LoadLandmarks'),
            dict(regions=('face',), type='CropRegions'),
            dict(
                streams=('face',),
                transforms=[
                    dict(
                        keep_ratio=False,
                        scale=(
                            32,
                            32,
                        ),
                        type='Resize',
                    ),
                    dict(input_format='NCHW', type='FormatShape'),
                ],
                type='ForEachStream',
            ),
            dict(
                collect_keys=('face_imgs',),
                meta_keys=(
                    'video_id',
                    'valence',
                    'face_found',
                ),
                type='PackActionInputs',
            ),
        ],
        required=[
            'landmarks',
        ],
        test_mode=True,
        type='EmoReactDataset',
    ),
    num_workers=2,
    persistent_workers=True,
    sampler=dict(shuffle=False, type='DefaultSampler'),
)
test_evaluator = dict(type='ROCAUCMetric')
train_cfg = dict(max_epochs=12, type='EpochBasedTrainLoop', val_interval=1)
train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        ann_file='train.csv',
        data_prefix=dict(video='videos'),
        data_root='/tmp/pytest-of-root/pytest-101/tiny0',
        metainfo=dict(
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
        ),
        pipeline=[
            dict(clip_len=1, frame_interval=1, num_clips=3, test_mode=False, type='SampleFrames'),
            dict(type='DecodeVideo'),
            dict(type='LoadLandmarks'),
            dict(regions=('face',), type='CropRegions'),
            dict(
                streams=('face',),
                transforms=[
                    dict(
                        keep_ratio=False,
                        scale=(
                            37,
                            37,
                        ),
                        type='Resize',
                    ),
                    dict(flip_ratio=0.5, type='Flip'),
                    dict(size=32, type='RandomCrop'),
                    dict(input_format='NCHW', type='FormatShape'),
                ],
                type='ForEachStream',
            ),
            dict(
                collect_keys=('face_imgs',),
                meta_keys=(
                    'video_id',
                    'valence',
                    'face_found',
                ),
                type='PackActionInputs',
            ),
        ],
        required=[
            'landmarks',
        ],
        test_mode=False,
        type='EmoReactDataset',
    ),
    num_workers=2,
    persistent_workers=True,
    sampler=dict(shuffle=True, type='DefaultSampler'),
)
val_cfg = dict(type='ValLoop')
val_dataloader = dict(
    batch_size=8,
    dataset=dict(
        ann_file='val.csv',
        data_prefix=dict(video='videos'),
        data_root='/tmp/pytest-of-root/pytest-101/tiny0',
        metainfo=dict(
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
        ),
        pipeline=[
            dict(clip_len=1, frame_interval=1, num_clips=3, test_mode=True, type='SampleFrames'),
            dict(type='DecodeVideo'),
            dict(type='LoadLandmarks'),
            dict(regions=('face',), type='CropRegions'),
            dict(
                streams=('face',),
                transforms=[
                    dict(
                        keep_ratio=False,
                        scale=(
                            32,
                            32,
                        ),
                        type='Resize',
                    ),
                    dict(input_format='NCHW', type='FormatShape'),
                ],
                type='ForEachStream',
            ),
            dict(
                collect_keys=('face_imgs',),
                meta_keys=(
                    'video_id',
                    'valence',
                    'face_found',
                ),
                type='PackActionInputs',
            ),
        ],
        required=[
            'landmarks',
        ],
        test_mode=True,
        type='EmoReactDataset',
    ),
    num_workers=2,
    persistent_workers=True,
    sampler=dict(shuffle=False, type='DefaultSampler'),
)
val_evaluator = dict(type='ROCAUCMetric')
vis_backends = [
    dict(type='LocalVisBackend'),
]
visualizer = dict(
    type='ActionVisualizer',
    vis_backends=[
        dict(type='LocalVisBackend'),
    ],
)
work_dir = 'nowhere'
