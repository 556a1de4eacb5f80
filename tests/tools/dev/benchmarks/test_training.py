import pytest
import torch
from benchmarks import training
from benchmarks.training import (
    AMP,
    BARE,
    FACE,
    SEPARATE,
    SHARED,
    TrainingSize,
    bare_step_of,
    build_network,
    make_batch,
    train_step_of,
    training_groups,
)
from mmengine.device import get_device

pytestmark = pytest.mark.slow

SIZE = TrainingSize(('resnet18',), 2, 3, 32)


def test_networks():
    face, shared, separate = (
        sum(p.numel() for p in build_network('resnet18', *each, 'cpu').parameters())
        for each in (('face', True), ('fusion', True), ('fusion', False))
    )
    assert face == shared and separate == 2 * face


def test_norms_are_frozen_as_with_start_weights():
    model = build_network('resnet18', 'fusion', True, 'cpu').train()
    norms = [m.training for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms[0] and not any(norms[1:])


def test_batch():
    batch = make_batch('fusion', 2, SIZE)
    assert set(batch['inputs']) == {'face_imgs', 'body_imgs'}
    frames = batch['inputs']['body_imgs']
    assert [f.shape for f in frames] == [(3, 3, 32, 32)] * 2
    assert frames[0].dtype == torch.uint8
    assert batch['data_samples'][0].gt_label.shape == (8,)


@pytest.mark.parametrize('amp', [False, True])
def test_a_step_trains(amp):
    model, seen = build_network('resnet18', 'face', True, 'cpu'), []
    network = model.recognizers['shared']
    network.backbone.register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    before = network.cls_head.fc_cls.weight.clone()
    log = train_step_of(model, make_batch('face', 2, SIZE), amp)()
    assert torch.isfinite(log['loss']) and model.training
    assert not torch.equal(before, network.cls_head.fc_cls.weight)
    assert len(seen) == 1 and (seen[0] != torch.float32) == amp


def test_the_bare_step_is_the_same_step():
    models = [build_network('resnet18', 'face', True, 'cpu') for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    batch = make_batch('face', 2, SIZE)
    train_step_of(models[0], batch, False)()
    bare_step_of(models[1], batch)()
    for ours, bare in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(ours, bare)


def test_groups(monkeypatch):
    *bare, step, clip = training_groups('cpu', SIZE)
    assert [list(group.calls) for group in bare] == [[BARE, FACE]] * 2
    assert list(step.calls) == [FACE, SHARED, AMP, SEPARATE]
    assert list(clip.calls) == [FACE, SHARED, SEPARATE]
    assert get_device() == 'cpu'
    for group in (step, clip):
        for call in group.calls.values():
            call(0)
        assert all({c.name, c.yardstick} <= set(group.calls) for c in group.comparisons)
    assert 'resnet18, 2 clips of 3 frames' in step.title
    assert step.comparisons[0].published is None
    # With a GPU, MMEngine's mixed precision is not for the CPU.
    monkeypatch.setattr(training, 'get_device', lambda: 'cuda')
    *_, step, _ = training_groups('cpu', SIZE)
    assert AMP not in step.calls


def test_published_ratios():
    size = TrainingSize(('mobilenet_v2',), 1, 1, 32)
    *_, step, clip = training_groups('cpu', size)
    assert step.comparisons[0].published == pytest.approx(3.0 / 1.2)
    assert clip.comparisons[0].published == pytest.approx(63 / 31)


def test_a_gpu_is_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, 'synchronize', waited.append)
    training.finished(lambda: waited.append('work'), 'cuda')(0)
    training.finished(lambda: waited.append('work'), 'cpu')(0)
    assert waited == ['work', 'cuda', 'work']
