"""Compare the networks with torchvision's, pooled and averaged in plain PyTorch.

The original system's weights come from its own files.
"""

import pytest
import torch

import emoreact_plugin  # noqa: F401
from emoreact_plugin.recipes import build
from emoreact_plugin.weights.load_weights import load_weights
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from tests.weights.weight_samples import random_model, save_original

pytestmark = pytest.mark.slow

SEGMENTS = 3
NETWORKS = [
    *(('resnet50', None), ('resnet50', 8)),
    *(('mobilenet_v2', None), ('mobilenet_v2', 8), ('mobilenet_v2', 4)),
]


def shift(x, div):
    """Shift channels in the frames of each clip, as in the paper.

    The frames are (N * T, C, H, W). The first 1/div of the channels come from the next frame, the
    second from the one before; they are zero if there is no such frame.
    """
    fold = x.shape[1] // div
    y = x.clone()
    for start in range(0, len(x), SEGMENTS):
        for t in range(SEGMENTS):
            i = start + t
            y[i, :fold] = x[i + 1, :fold] if t + 1 < SEGMENTS else 0
            y[i, fold : 2 * fold] = x[i - 1, fold : 2 * fold] if t else 0
    return y


def shift_residual_branches(model, div):
    """Shift before the first convolution of each residual branch.

    These are the branches of all blocks of a ResNet, and of those of MobileNetV2 that expand and
    have a shortcut.
    """
    count = 0
    for block in model.modules():
        conv = getattr(block, 'conv1', None)
        if type(block).__name__ == 'InvertedResidual':
            conv = block.conv[0] if block.use_res_connect and len(block.conv) == 4 else None
        elif type(block).__name__ != 'Bottleneck':
            continue
        if conv is not None:
            conv.register_forward_pre_hook(lambda module, args: (shift(args[0], div),))
            count += 1
    return count


def plain_logits(model, frames):
    """Compute logits with torchvision's backbone, (N, T, 3, H, W) -> (N, 8).

    It is the backbone, its pooling, the linear layer and the mean over segments.
    """
    scores = model.eval()(frames.flatten(0, 1))
    return scores.view(len(frames), -1, scores.shape[1]).mean(1)


def our_model(arch, shift_div, **options):
    if shift_div:
        options.update(shift=True, shift_div=shift_div)
    model = dict(build(arch=arch, **options)['model'], start_weights=None)
    return MODELS.build(model).eval()


def clips():
    torch.manual_seed(1)
    return {f'{s}_imgs': torch.randn(2, SEGMENTS, 3, 32, 32) for s in ('face', 'body')}


@pytest.mark.parametrize('arch, shift_div', NETWORKS)
def test_same_weights_same_frames_same_logits(arch, shift_div, tmp_path):
    reference = random_model(arch)
    # --shift on MobileNetV2 does nothing in the original, nor to its names.
    path = save_original(
        tmp_path / 'model_best.pth', reference, shift=bool(shift_div) and arch == 'resnet50'
    )
    model = our_model(arch, shift_div)
    network = model.recognizers['shared']
    if arch == 'mobilenet_v2' and shift_div:
        load_weights(network.backbone, path)
        network.cls_head.fc_cls.load_state_dict(reference.classifier[1].state_dict())
    else:
        load_weights(model, path)
    if shift_div:
        expected = dict(resnet50=16, mobilenet_v2=10)[arch]
        assert shift_residual_branches(reference, shift_div) == expected
    inputs = clips()
    samples = [ActionDataSample() for _ in range(2)]
    with torch.no_grad():
        plain = {s: plain_logits(reference, inputs[f'{s}_imgs']) for s in model.streams}
        logits = model(inputs, mode='tensor')
        fused = torch.stack([s.pred_logits for s in model(inputs, samples, mode='predict')])
    assert tuple(logits) == ('face', 'body')
    size = max(x.abs().max() for x in plain.values())
    for s, x in plain.items():
        assert (logits[s] - x).abs().max() <= 1e-4 * size
    mean = (plain['face'] + plain['body']) / 2
    assert (fused - mean).abs().max() <= 1e-4 * size
    # frames do tell clips and streams apart, so the comparison says something
    assert (plain['face'] - plain['body']).abs().max() > 1e-2 * size
    assert (plain['face'][0] - plain['face'][1]).abs().max() > 1e-2 * size


@pytest.mark.parametrize(
    'arch, shift_div',
    [('resnet50', None), ('resnet50', 8), ('mobilenet_v2', None), ('mobilenet_v2', 8)],
)
def test_partial_bn_freezes_all_norms_but_the_first(arch, shift_div):
    model = our_model(arch, shift_div, input='face').train()
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    plain = [m for m in random_model(arch).modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(norms) == len(plain) == dict(resnet50=53, mobilenet_v2=52)[arch]
    first = model.recognizers['shared'].backbone.conv1.bn
    assert norms[0] is first
    before = [{n: x.clone() for n, x in m.state_dict().items()} for m in norms]
    face = clips()['face_imgs']
    labels = [ActionDataSample().set_gt_label(torch.tensor([1.0, 0] * 4)) for _ in face]
    model(dict(face_imgs=face), labels, mode='loss')['loss_face'].backward()
    for i, norm in enumerate(norms):
        assert norm.training == (i == 0)
        for parameter in (norm.weight, norm.bias):
            assert parameter.requires_grad == (i == 0)
            assert (parameter.grad is not None) == (i == 0)
        same = torch.equal(norm.running_mean, before[i]['running_mean'])
        assert same == (i > 0)
    frozen = {id(p) for m in norms[1:] for p in m.parameters()}
    assert all(p.grad is not None for p in model.parameters() if id(p) not in frozen)
