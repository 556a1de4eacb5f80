# A stock recognizer as it is, TSN, on the crops of one region: KeyMapper gives them the name `imgs`
# that stock transforms expect. There are no streams and no LateFusionRecognizer.
_base_ = [
    'mmaction::_base_/models/tsn_r50.py',
    '../_base_/datasets/emoreact_face.py',
    '../_base_/schedules/sgd_12e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    cls_head=dict(
        num_classes=8,
        multi_class=True,
        loss_cls=dict(type='BCELossWithLogits'),
        average_clips='score',  # the mean of the logits; 'prob' would be a softmax
    )
)

__rename = dict(type='KeyMapper', mapping=dict(imgs='face_imgs'), remapping=dict(imgs='imgs'))
__pack = [
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'valence', 'groups', 'face_found')),
]
# The first four sample, decode, load the landmarks and crop.
train_pipeline = [
    *_base_.train_pipeline[:4],
    __rename,
    dict(type='Resize', scale=(256, 256), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='RandomCrop', size=224),
    *__pack,
]
val_pipeline = [
    *_base_.val_pipeline[:4],
    __rename,
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    *__pack,
]
test_pipeline = val_pipeline
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

val_evaluator = dict(scores='logits')
test_evaluator = val_evaluator
recipe = dict(input='face')
