# The whole person: the crop round the body keypoints.
_base_ = ['../_base_/runtime.py']

from emoreact_plugin.recipes import build

globals().update(build(input='fullbody'))
