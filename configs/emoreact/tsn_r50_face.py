# The face: a crop round the 68 face landmarks.
_base_ = ['../_base_/runtime.py']

from emoreact_plugin.recipes import build

globals().update(build(input='face'))
