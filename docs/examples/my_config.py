# Face and hands, with the backbone and the fusion of my_parts.py.
_base_ = 'emoreact_plugin::_base_/default_runtime.py'

import my_parts  # noqa: F401  registers the region that build() looks up

from emoreact_plugin.recipes import build

# The resolved config is data only: this is how it finds the parts.
custom_imports = dict(imports=['emoreact_plugin', 'my_parts'], allow_failed_imports=False)

__recipe = build(input='face+hands', init='scratch', image_size=112)
__model = __recipe['model']
__model['recognizer']['backbone'] = dict(type='SmallCNN', channels=(32, 64, 128, 256))
__model['recognizer']['cls_head']['in_channels'] = 256
__model['fusion'] = dict(type='ClasswiseFusion')

globals().update(__recipe)
