# Streams with a clip layout of their own: the face as 8 frames of a stock 3D
# network, SlowOnly, beside the body as 3 of the same frames, TSN.
# Both start from ImageNet weights, which are downloaded; `--init scratch`
# takes none.
_base_ = ['../_base_/runtime.py', 'mmaction::_base_/models/slowonly_r50.py']

from emoreact_plugin.recipes import build

# A config keeps all its names but those that begin with two underscores.
__recipe = build(
    input='fusion',
    recognizers=dict(face=_base_.model),
    sampling=dict(
        face=dict(type='SampleFrames', clip_len=8, frame_interval=8, num_clips=1),
        body=dict(share='face', num_frames=3),
    ),
)
__recipe['model']['_delete_'] = True  # not to be merged with the base's

globals().update(__recipe)
