# TSN with ResNet-50 on the face, with all of the published system that a config can turn on.
# docs/fidelity.md tells what differs otherwise, and what cannot be turned on.
_base_ = './tsn_imagenet-pretrained-r50_1xb8-1x1x3-12e_emoreact-face.py'


def __as_published(pipeline):
    """Count one frame less, and resize with antialiasing."""
    streams = pipeline[-2]
    streams.transforms[0] = dict(type='PublishedResize', scale=streams.transforms[0].scale)
    return [dict(type='PublishedFrameCount'), *pipeline]


train_pipeline = __as_published(_base_.train_pipeline)
val_pipeline = __as_published(_base_.val_pipeline)
test_pipeline = val_pipeline
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# All checkpoints are kept, and the scores of every epoch.
default_hooks = dict(checkpoint=dict(max_keep_ckpts=-1))
custom_hooks = [*_base_.custom_hooks, dict(type='EpochScoresHook')]
