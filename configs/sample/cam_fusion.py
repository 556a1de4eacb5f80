# For docs/grad_cam.md: fusion.py's with a network a stream, longer, on larger
# images and without the last stride of the backbone, so that a Grad-CAM map
# has more places: 6 x 6. cam_224_fusion.py goes on from it.
_base_ = ['../_base_/runtime.py']

from emoreact_plugin.recipes import build

__recipe = build(
    input='fusion',
    arch='resnet18',
    init='scratch',
    shared=False,
    image_size=96,
    batch_size=16,
    max_epochs=20,
    data_root='data/sample',
)
for __stream in __recipe['model']['streams'].values():
    __stream['backbone']['strides'] = (1, 2, 2, 1)

globals().update(__recipe)

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05))
param_scheduler = dict(
    type='OneCycleLR', eta_max=1e-3, total_steps=20, pct_start=0.2, convert_to_iter_based=True
)
