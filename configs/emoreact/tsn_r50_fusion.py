# Face and body, scored by one shared network, scores averaged.
_base_ = ['../_base_/runtime.py']

from emoreact_plugin.recipes import build

globals().update(build(input='fusion'))
