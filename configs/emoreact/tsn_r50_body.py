# The body without the face: the crop round the body keypoints, face black.
_base_ = ['../_base_/runtime.py']

from emoreact_plugin.recipes import build

globals().update(build(input='body'))
