# Our data and fusion with another backbone: torchvision's EfficientNet-B0,
# a network a stream. Its weights are downloaded when the model is built;
# `--init scratch` takes none.
_base_ = ['../_base_/runtime.py']

from emoreact_plugin.recipes import build

__recipe = build(input='fusion', shared=False)
__scratch = __recipe['recipe']['init'] == 'scratch'

for __stream in __recipe['model']['streams'].values():
    __stream['backbone'] = dict(
        type='torchvision.efficientnet_b0', weights=None if __scratch else 'IMAGENET1K_V1'
    )
    __stream['cls_head']['in_channels'] = 1280
__recipe['model']['start_weights'] = None  # torchvision loads its own

globals().update(__recipe)
