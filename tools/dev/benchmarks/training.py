"""Measure how long a training step and scoring a clip take.

Two streams are compared with one, and mixed precision with single.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper, OptimWrapper

from emoreact_plugin.recipes import build, streams_of
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from .timing import Comparison, Group

FACE, SHARED, SEPARATE = 'face', 'fusion, shared network', 'fusion, two networks'
AMP = f'{SHARED}, mixed precision'
BARE = 'the same in plain PyTorch'
# Of the published system, which shares one network, on another machine:
# seconds of the fusion by those of the face.
PUBLISHED_STEP = dict(resnet50=9.5 / 4.0, mobilenet_v2=3.0 / 1.2)
PUBLISHED_CLIP = dict(resnet50=248 / 119, mobilenet_v2=63 / 31)


class TrainingSize(NamedTuple):
    """Size of what is trained.

    Attributes:
        archs (tuple[str, ...]): Backbones, of the recipe's options.
        batch_size (int): Number of clips of a step.
        num_segments (int): Number of frames of a clip.
        image_size (int): Side of a frame, pixels.
    """

    archs: tuple = ('resnet50', 'mobilenet_v2')
    batch_size: int = 8
    num_segments: int = 3
    image_size: int = 224


def build_network(arch: str, input: str, shared: bool, device: str) -> torch.nn.Module:
    """Build the recipe's recognizer with random weights.

    All of its batch norms except for the first are frozen, as when it starts from ImageNet's
    weights.
    """
    cfg = build(input=input, arch=arch, shared=shared)['model']
    return MODELS.build(cfg).to(device)


def make_batch(input: str, clips: int, size: TrainingSize) -> dict:
    """Make a batch of random frames, as a data loader gives them, on the CPU."""
    generator = torch.Generator().manual_seed(0)
    shape = (size.num_segments, 3, size.image_size, size.image_size)
    samples = []
    for _ in range(clips):
        label = torch.randint(0, 2, (8,), generator=generator).float()
        samples.append(
            dict(
                inputs={
                    f'{stream}_imgs': torch.randint(
                        0, 256, shape, generator=generator, dtype=torch.uint8
                    )
                    for stream in streams_of(input)
                },
                data_samples=ActionDataSample().set_gt_label(label),
            )
        )
    return pseudo_collate(samples)


def finished(work: Callable[[], object], device: str) -> Callable[[int], None]:
    """Make a call that ends when the device has done its work."""

    def call(k: int) -> None:
        work()
        if device != 'cpu':
            torch.cuda.synchronize(device)

    return call


def train_step_of(model: torch.nn.Module, batch: dict, amp: bool) -> Callable[[], dict]:
    """Make a call that does one step of SGD by the published recipe."""
    wrapper = AmpOptimWrapper if amp else OptimWrapper
    optimizer = wrapper(
        optimizer=torch.optim.SGD(
            (p for p in model.parameters() if p.requires_grad),
            lr=1e-4,
            momentum=0.9,
            weight_decay=5e-4,
        )
    )
    model.train()
    return lambda: model.train_step(batch, optimizer)


def bare_step_of(model: torch.nn.Module, batch: dict) -> Callable[[], None]:
    """Make a call that does the same step on the same network in plain PyTorch: one stream."""
    network, frames = model.recognizer_of('face'), batch['inputs']['face_imgs']
    about = model.data_preprocessor.preprocessors['face_imgs']
    labels = torch.stack([sample.gt_label for sample in batch['data_samples']])
    mean, std = (each.reshape(1, 3, 1, 1) for each in (about.mean, about.std))
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=1e-4, momentum=0.9, weight_decay=5e-4)
    model.train()

    def step() -> None:
        images = torch.cat([(clip.to(mean.device) - mean) / std for clip in frames])
        features = network.backbone(images).mean((2, 3)).unflatten(0, (len(frames), -1)).mean(1)
        logits = network.cls_head.fc_cls(features)
        truth = labels.to(logits.device)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _bare_group(arch: str, device: str, size: TrainingSize) -> Group:
    batch = make_batch('face', size.batch_size, size)
    # Networks of their own: either step changes the weights.
    ours, bare = (build_network(arch, 'face', True, device) for _ in range(2))
    calls = {
        BARE: finished(bare_step_of(bare, batch), device),
        FACE: finished(train_step_of(ours, batch, False), device),
    }
    title = f'training step, {arch}, {size.image_size} pixels'
    return Group(title, calls, {}, [Comparison(FACE, BARE)])


def training_groups(device: str, size: TrainingSize) -> Iterator[Group]:
    """Yield the groups of calls that measure training and scoring.

    Args:
        device (str): ``'cpu'`` or a CUDA device. Mixed precision is left out on the CPU of a
            machine with a GPU: there, MMEngine's is for the GPU.
        size (TrainingSize): What is trained.
    """
    for small in (32, 112):  # where our share of a step is largest
        yield _bare_group('resnet18', device, size._replace(image_size=small))
    networks = {FACE: ('face', True), SHARED: ('fusion', True), SEPARATE: ('fusion', False)}
    for arch in size.archs:
        models = {
            name: build_network(arch, input_, shared, device)
            for name, (input_, shared) in networks.items()
        }
        yield _step_group(arch, models, networks, device, size)
        yield _clip_group(arch, models, networks, device, size)


def _step_group(
    arch: str, models: dict[str, torch.nn.Module], networks: dict, device: str, size: TrainingSize
) -> Group:
    calls = {}
    for name, (input_, _) in networks.items():
        batch = make_batch(input_, size.batch_size, size)
        calls[name] = finished(train_step_of(models[name], batch, False), device)
        if name == SHARED and device.split(':')[0] == get_device():
            calls[AMP] = finished(train_step_of(models[name], batch, True), device)
    rows = [Comparison(SHARED, FACE, PUBLISHED_STEP.get(arch)), Comparison(SEPARATE, FACE)]
    if AMP in calls:
        rows.append(Comparison(AMP, SHARED))
    return Group(
        f'training step, {arch}, {size.batch_size} clips of {size.num_segments} frames',
        calls,
        {},
        rows,
    )


def _clip_group(
    arch: str, models: dict[str, torch.nn.Module], networks: dict, device: str, size: TrainingSize
) -> Group:

    def scores(model, batch):

        def work():
            model.eval()
            with torch.no_grad():
                return model.test_step(batch)

        return work

    calls = {
        name: finished(scores(models[name], make_batch(input_, 1, size)), device)
        for name, (input_, _) in networks.items()
    }
    return Group(
        f'scoring one clip, {arch}',
        calls,
        {},
        [Comparison(SHARED, FACE, PUBLISHED_CLIP.get(arch)), Comparison(SEPARATE, FACE)],
    )
