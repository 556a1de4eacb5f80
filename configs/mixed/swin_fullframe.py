# A stock config, Video Swin, on whole frames: only the data, the loss and the metric are ours. It
# needs no landmarks. Its start weights are downloaded; `--cfg-options
# model.backbone.pretrained=None model.backbone.pretrained2d=False` takes none.
_base_ = (
    'mmaction::recognition/swin/swin-tiny-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb.py'
)
custom_imports = dict(imports=['emoreact_plugin'], allow_failed_imports=False)

model = dict(
    cls_head=dict(
        num_classes=8,
        loss_cls=dict(type='BCELossWithLogits'),
        average_clips='score',  # the mean of the logits; 'prob' would be a softmax
    )
)

__loader = dict(batch_size=8, num_workers=2, persistent_workers=True)
__data = dict(type='EmoReactDataset', data_root='data/EmoReact')
train_dataloader = dict(
    __loader,
    _delete_=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(__data, ann_file='train.csv', pipeline=_base_.train_pipeline),
)
val_dataloader = dict(
    __loader,
    _delete_=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(__data, ann_file='val.csv', pipeline=_base_.val_pipeline, test_mode=True),
)
test_dataloader = dict(
    __loader,
    _delete_=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(__data, ann_file='test.csv', pipeline=_base_.test_pipeline, test_mode=True),
)

val_evaluator = dict(_delete_=True, type='ROCAUCMetric', scores='logits')
test_evaluator = dict(_delete_=True, type='ROCAUCMetric', scores='logits')
default_hooks = dict(checkpoint=dict(save_best='roc_auc/micro', rule='greater'))
