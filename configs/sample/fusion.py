# Face and body of the drawn sample data: small enough for two CPU cores.
_base_ = ['../_base_/runtime.py']

from emoreact_plugin.recipes import build

globals().update(
    build(
        input='fusion',
        arch='resnet18',
        init='scratch',
        image_size=64,
        batch_size=16,
        max_epochs=8,
        data_root='data/sample',
    )
)

# Random weights learn faster so than by the published recipe.
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = dict(
    type='OneCycleLR', eta_max=1e-3, total_steps=8, pct_start=0.2, convert_to_iter_based=True
)
