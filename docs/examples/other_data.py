# A folder of videos and CSV files with columns of their own.
_base_ = 'emoreact_plugin::emoreact/tsn_imagenet-pretrained-r50_1xb8-1x1x3-12e_emoreact-face.py'

classes = ('calm', 'angry', 'sad')
model = dict(recognizer=dict(cls_head=dict(num_classes=len(classes))))

data = dict(
    data_root='talks',
    data_prefix=dict(video='clips', landmarks='landmarks'),
    columns=dict(video='file', start='from', end='to'),
    metainfo=dict(classes=classes),
    group_names=None,  # the names of the videos say nothing about series, unlike EmoReact's
)
train_dataloader = dict(dataset=data)
val_dataloader = dict(dataset=data)
test_dataloader = dict(dataset=data)
recipe = dict(classes=classes)
