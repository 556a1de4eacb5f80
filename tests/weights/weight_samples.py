"""Make weight files with random weights, as other systems write them, and files that run code."""

import copy
import functools
import os
import pathlib
import re
import subprocess
import sys
import types
from collections import OrderedDict

import numpy as np
import torch
import torchvision

from mmaction.registry import MODELS
from tests.factories import recognizer2d

RESNET_CHILDREN = dict(conv1='0', bn1='1', layer1='4', layer2='5', layer3='6', layer4='7')
CHANNELS = dict(resnet18=512, resnet50=2048, mobilenet_v2=1280)


def random_model(name, num_classes=8, seed=0):
    """Of torchvision, with weights and statistics that are all different."""
    model, state = made_once(name, num_classes, seed)
    torch.set_rng_state(state)  # as if it had been made now
    return copy.deepcopy(model)


@functools.cache
def made_once(name, num_classes, seed):
    """Return the model, and the state of the random numbers after it."""
    torch.manual_seed(seed)
    model = getattr(torchvision.models, name)(weights=None, num_classes=num_classes)
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.weight.data.uniform_(0.5, 1.5)
        norm.bias.data.uniform_(-0.1, 0.1)
        norm.momentum = 1.0
    # Statistics of some data: with made-up ones, what the frames show is lost
    # on its way through 50 layers.
    with torch.no_grad():
        model.train()(torch.randn(8, 3, 64, 64))
    for norm in norms:
        norm.running_mean += norm.running_var.sqrt() * torch.empty_like(norm.running_mean).uniform_(
            -0.1, 0.1
        )
        norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.8, 1)
        norm.momentum = 0.1
    model.eval()
    head = model.classifier[1] if name == 'mobilenet_v2' else model.fc
    torch.nn.init.uniform_(head.weight, -0.1, 0.1)
    torch.nn.init.uniform_(head.bias, -1, 1)
    return model, torch.get_rng_state()


def sequential(state, prefix, shift=False):
    """Names of a ResNet in a Sequential, without its head."""
    renamed = OrderedDict()
    for name, tensor in state.items():
        child, rest = name.split('.', 1)
        if child != 'fc':
            if shift:
                rest = re.sub(r'\bconv1\.', 'conv1.net.', rest)
            renamed[f'{prefix}{RESNET_CHILDREN[child]}.{rest}'] = tensor
    return renamed


def original_state(model, shift=False, parallel=False):
    """Give the tensors of a torchvision model the original's names."""
    state = model.state_dict()
    if 'fc.weight' in state:
        renamed, head = sequential(state, 'base_model.', shift), 'fc.'
    else:
        renamed = OrderedDict(
            (n.replace('features.', 'base_model.0.', 1), x)
            for n, x in state.items()
            if n.startswith('features.')
        )
        head = 'classifier.1.'
    for name in ('weight', 'bias'):
        renamed[f'new_fc.{name}'] = state[head + name]
    renamed['threshold'] = torch.full((8,), 0.5)
    if parallel:
        return OrderedDict((f'module.{n}', x) for n, x in renamed.items())
    return renamed


def original_checkpoint(model, **options):
    """With the config object, whose class is gone when it returns."""
    module = types.ModuleType('parse_config')
    kind = type('ConfigParser', (), dict(__module__='parse_config'))
    module.ConfigParser = kind
    config = kind()
    config._config = OrderedDict(name='EmoReact', trainer=dict(epochs=12))
    config._save_dir = pathlib.Path('saved/models')
    config.resume = None
    config.log_levels = {0: 30, 1: 20, 2: 10}
    return dict(
        arch='TSN',
        epoch=7,
        state_dict=original_state(model, **options),
        optimizer=dict(state={}, param_groups=[dict(lr=0.01)]),
        monitor_best=np.float64(0.75),
        config=config,
    ), module


def save_original(path, model, old_format=False, **options):
    content, module = original_checkpoint(model, **options)
    sys.modules['parse_config'] = module
    try:
        torch.save(content, path, _use_new_zipfile_serialization=not old_format)
    finally:
        del sys.modules['parse_config']
    return str(path)


def affectnet_state(model, shift=False):
    """Its heads have the size of ours, and are of other labels."""
    state = model.state_dict()
    if 'fc.weight' in state:
        renamed = sequential(state, 'features.', shift)
    else:
        renamed = OrderedDict(
            (f'module.{n}', x) for n, x in state.items() if n.startswith('features.')
        )
    width = state['fc.weight' if 'fc.weight' in state else 'classifier.1.weight'].shape[1]
    for head, size in (('classifier.0', 8), ('categorical_layer', 8), ('continuous_layer', 2)):
        renamed[f'{head}.weight'] = torch.zeros(size, width)
        renamed[f'{head}.bias'] = torch.zeros(size)
    return renamed


class Calls:
    """Calls something when it is unpickled."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def hostile(path):
    """Make objects that would create the file ``path``, each in another way."""
    file = pathlib.PosixPath(path)
    return {
        'open': Calls(open, str(path), 'w'),
        'system': Calls(os.system, f'touch {path}'),
        'exec': Calls(exec, f'open({str(path)!r}, "w")'),
        'Popen': Calls(subprocess.Popen, ['touch', str(path)]),
        # of names that are harmless one by one
        'getattr': Calls(file.touch),
        'Path.touch': Calls(pathlib.Path.touch, file),
        'numpy': Calls(np.save, str(path), np.zeros(1)),
        'nested': [Calls(Calls, Calls(open, str(path), 'w'))],
    }


def separate(streams, **options):
    torch.manual_seed(3)
    return MODELS.build(
        dict(type='LateFusionRecognizer', streams={s: recognizer2d() for s in streams}, **options)
    )


def shared(arch='resnet18', shift=False, fusion='mean', num_classes=8):
    tsm = dict(num_segments=3, pretrained2d=False) if shift else {}
    backbone = (
        dict(type='MobileNetV2')
        if arch == 'mobilenet_v2'
        else dict(type='ResNet', depth=int(arch[6:]))
    )
    backbone['type'] += 'TSM' * shift
    return MODELS.build(
        dict(
            type='LateFusionRecognizer',
            streams=('face', 'body'),
            recognizer=recognizer2d(
                num_classes, dict(backbone, pretrained=None, **tsm), channels=CHANNELS[arch]
            ),
            fusion=dict(type='ScoreFusion', mode=fusion),
        )
    )
