"""Compute what public face networks compute, in plain functions, and make files of their names.

Written from how the networks are described: the ResNet-50 of Caffe (VGGFace2), and the same in
Keras, which pads and rounds in another way (EMO-AffectNet).
"""

import torch
from torch.nn import functional

from tests.weights.weight_samples import random_model

MEAN_BGR = (91.4953, 103.8827, 131.0912)
BLOCKS = (3, 4, 6, 3)
NORM = ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')
# names of the stem's convolution and norm, of a block's norms, and of a shortcut
NAMES = dict(
    affectnet=('conv_layer_s2_same', 'batch_norm1', 'batch_norm', 'i_downsample'),
    vggface2=('conv1', 'bn1', 'bn', 'downsample'),
)


def face_state(kind):
    """Make a file of random weights: ``(name in the file, torchvision's name)`` for every tensor.

    The first norm is as for pixels from 0 to 255.
    """
    weights = random_model('resnet50').state_dict()
    weights['bn1.running_mean'] *= 70
    weights['bn1.running_var'] *= 70**2
    stem, stem_norm, norm, shortcut = NAMES[kind]
    pairs = {f'{stem}.weight': 'conv1.weight'}
    pairs.update({f'{stem_norm}.{x}': f'bn1.{x}' for x in NORM})
    for stage, count in enumerate(BLOCKS, start=1):
        for block in range(count):
            at = f'layer{stage}.{block}'
            for i in (1, 2, 3):
                pairs[f'{at}.conv{i}.weight'] = f'{at}.conv{i}.weight'
                pairs.update({f'{at}.{norm}{i}.{x}': f'{at}.bn{i}.{x}' for x in NORM})
        first = f'layer{stage}.0'
        pairs[f'{first}.{shortcut}.0.weight'] = f'{first}.downsample.0.weight'
        pairs.update({f'{first}.{shortcut}.1.{x}': f'{first}.downsample.1.{x}' for x in NORM})
    state = {name: weights[old] for name, old in pairs.items()}
    heads = dict(fc1=(512, 2048), fc2=(7, 512)) if kind == 'affectnet' else dict(fc=(8631, 2048))
    for name, shape in heads.items():
        state[f'{name}.weight'] = torch.zeros(shape)
        state[f'{name}.bias'] = torch.zeros(shape[0])
    return state


def face_features(kind, state, frames):
    """Compute the features (N, 2048) of RGB frames (N, 3, H, W) of 0 to 255."""
    keras = kind == 'affectnet'
    eps = 1e-3 if keras else 1e-5
    stem, stem_norm, norm, shortcut = NAMES[kind]

    def normed(x, name):
        mean, var, weight, bias = (
            state[f'{name}.{each}'][:, None, None]
            for each in ('running_mean', 'running_var', 'weight', 'bias')
        )
        return (x - mean) / torch.sqrt(var + eps) * weight + bias

    def convolved(x, name, **options):
        return functional.conv2d(x, state[f'{name}.weight'], **options)

    x = torch.stack([frames[:, 2 - i] - MEAN_BGR[i] for i in range(3)], 1).double()
    if keras:  # so many pixels that all are seen; the odd one right and below
        sides = []
        for size in (x.shape[3], x.shape[2]):
            missing = (-(-size // 2) - 1) * 2 + 7 - size
            sides += [missing // 2, missing - missing // 2]
        x = functional.pad(x, sides)
    x = convolved(x, stem, stride=2, padding=0 if keras else 3)
    x = normed(x, stem_norm).relu()
    x = functional.max_pool2d(x, 3, 2, ceil_mode=not keras)
    for stage, count in enumerate(BLOCKS, start=1):
        for block in range(count):
            at, stride = f'layer{stage}.{block}', 2 if stage > 1 and block == 0 else 1
            y = normed(convolved(x, f'{at}.conv1', stride=stride), f'{at}.{norm}1').relu()
            y = normed(convolved(y, f'{at}.conv2', padding=1), f'{at}.{norm}2').relu()
            y = normed(convolved(y, f'{at}.conv3'), f'{at}.{norm}3')
            if block == 0:
                x = convolved(x, f'{at}.{shortcut}.0', stride=stride)
                x = normed(x, f'{at}.{shortcut}.1')
            x = (x + y).relu()
    return x.mean((2, 3))
