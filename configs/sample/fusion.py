# Face and body of the drawn sample data: small enough for two CPU cores.
_base_ = ['../_base_/runtime.py']

from emoreact_plugin.recipes import build

globals().update(
    build(
        input='fusion',
        arch='resnet18',
        init='scratch',
        image_size=112,
        max_epochs=6,
        data_root='data/sample'))
