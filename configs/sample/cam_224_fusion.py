# For docs/grad_cam.md: goes on from a training of cam_fusion.py (`--init`)
# with larger images, of which a place of the last block sees a smaller part;
# maps of 14 x 14.
_base_ = ['../_base_/runtime.py']

from emoreact_plugin.recipes import build

__recipe = build(
    input='fusion',
    arch='resnet18',
    init='scratch',
    shared=False,
    image_size=224,
    batch_size=16,
    max_epochs=4,
    data_root='data/sample',
)
for __stream in __recipe['model']['streams'].values():
    __stream['backbone']['strides'] = (1, 2, 2, 1)

globals().update(__recipe)

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.05))
param_scheduler = dict(
    type='OneCycleLR', eta_max=5e-4, total_steps=4, pct_start=0.2, convert_to_iter_based=True
)
