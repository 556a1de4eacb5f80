# EmoReact: the face, with a medical mask drawn on every frame.
_base_ = './emoreact_face.py'

required = ['landmarks']

# After the landmarks are loaded, before the regions are cut out. A clip gets another mask in every
# epoch of training, and always the same one in validation and test.
train_pipeline = _base_.train_pipeline
train_pipeline.insert(3, dict(type='DrawFaceMask', kind='surgical', seed=None))
val_pipeline = _base_.val_pipeline
val_pipeline.insert(3, dict(type='DrawFaceMask', kind='surgical', seed=0))
test_pipeline = val_pipeline

train_dataloader = dict(dataset=dict(pipeline=train_pipeline, required=required))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline, required=required))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline, required=required))
