# What every experiment shares: hooks, logging, environment.
custom_imports = dict(imports=['emoreact_plugin'], allow_failed_imports=False)
__import__('emoreact_plugin')  # MMEngine does not read custom_imports in a pure-Python config
default_scope = 'mmaction'

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='SafeCheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        save_best='roc_auc/micro',
        rule='greater',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
)
custom_hooks = [
    dict(type='ExactResumeHook'),
    dict(type='WorkDirHook'),
    dict(type='FiniteHook'),
    dict(type='SplitsCheckHook'),
    dict(type='ConsoleHook'),
    dict(type='FinalTestHook'),
]
# Checks first, and keeps the long log off the console; 'Runner' is MMEngine's own.
runner_type = 'EmoReactRunner'

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='ActionVisualizer', vis_backends=vis_backends)
log_level = 'INFO'
load_from = None
resume = False

# What tells networks apart whose weights have the same names and shapes: the tools check a
# checkpoint against it. A leaf says what differs; the flags keep it up to date.
recipe = dict(
    input='fusion',
    mask=False,
    num_segments=3,
    arch='resnet50',
    shift=False,
    shift_div=8,
    init='imagenet',
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
    image_size=224,
    mask_kind='surgical',
    pos_weight=False,
)
