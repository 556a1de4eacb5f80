# For tools/reproduce_table.py on the drawn sample data: longer than fusion.py,
# on smaller images, and with a network a stream: from random weights a shared
# one learns more slowly.
_base_ = ['../_base_/runtime.py']

from emoreact_plugin.recipes import build

globals().update(
    build(
        input='fusion',
        arch='resnet18',
        init='scratch',
        shared=False,
        image_size=48,
        batch_size=16,
        max_epochs=12,
        data_root='data/sample',
    )
)

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = dict(
    type='OneCycleLR', eta_max=1e-3, total_steps=12, pct_start=0.2, convert_to_iter_based=True
)
