# A stock config as it is, Video Swin on whole frames, with only our data and
# metric. It needs no landmarks. Its start weights are downloaded;
# `--cfg-options model.backbone.pretrained=None` takes none.
_base_ = (
    'mmaction::recognition/swin/swin-tiny-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb.py'
)
custom_imports = dict(imports=['emoreact_plugin'], allow_failed_imports=False)

model = dict(
    cls_head=dict(
        num_classes=8,
        multi_class=True,
        loss_cls=dict(type='BCELossWithLogits'),
        # The mean of the views' logits. The stock 'prob' is a softmax: it
        # lets the emotions of a clip compete.
        average_clips='score',
    )
)

__data = dict(type='EmoReactDataset', data_root='data/EmoReact', data_prefix=dict(video='videos'))
train_dataloader = dict(dataset=dict(__data, ann_file='train.csv'))
val_dataloader = dict(dataset=dict(__data, ann_file='val.csv'))
test_dataloader = dict(dataset=dict(__data, ann_file='test.csv'))

val_evaluator = dict(_delete_=True, type='ROCAUCMetric', scores='logits')
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='roc_auc/micro', rule='greater'))
