"""The auxiliary head of a neck learns several labels a clip."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from torch import nn

import emoreact_plugin  # noqa: F401
import mmaction
from emoreact_plugin import InputError
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from tests.factories import recognizer2d, tpn_neck

pytestmark = pytest.mark.slow


def tpn(classes=8):
    """Make a small network as in MMAction2's configs of TPN (its tpn_slowonly_r50.py)."""
    return dict(
        type='Recognizer3D',
        backbone=dict(
            type='ResNet3dSlowOnly',
            depth=18,
            pretrained=None,
            lateral=False,
            base_channels=8,
            out_indices=(2, 3),
            conv1_kernel=(1, 7, 7),
            conv1_stride_t=1,
            pool1_stride_t=1,
            inflate=(0, 0, 1, 1),
        ),
        neck=tpn_neck(out_channels=classes, loss_weight=0.5),
        cls_head=dict(type='TPNHead', num_classes=8, in_channels=2048),
        data_preprocessor=dict(type='ActionDataPreprocessor', format_shape='NCTHW'),
    )


def build(classes=8, **options):
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='LateFusionRecognizer',
            streams=dict(face=tpn(classes), body=recognizer2d()),
            **options,
        )
    )


def batch(n):
    torch.manual_seed(1)
    inputs = dict(face_imgs=torch.rand(n, 1, 3, 8, 64, 64), body_imgs=torch.rand(n, 3, 3, 32, 32))
    labels = torch.randint(0, 2, (n, 8)).float()
    return inputs, [ActionDataSample().set_gt_label(label) for label in labels], labels


@pytest.mark.parametrize('n', [1, 2])
@pytest.mark.parametrize('pos_weight', [None, [2.0, 1.0, 1.0, 3.0, 1.0, 1.0, 1.0, 0.5]])
def test_the_auxiliary_loss_of_tpn_is_that_of_each_label(n, pos_weight):
    model = build(pos_weight=pos_weight).train()
    aux = model.recognizers['face'].neck.aux_head
    aux.dropout.p = 0.0
    seen = []
    aux.fc.register_forward_hook(lambda module, args, out: seen.append(out))
    inputs, samples, labels = batch(n)
    losses = model(inputs, samples, mode='loss')
    weight = None if pos_weight is None else torch.tensor(pos_weight)
    expected = 0.5 * F.binary_cross_entropy_with_logits(
        seen[0].view(n, 8), labels, pos_weight=weight
    )
    assert set(losses) == {'loss_face', 'loss_body', 'face_loss_aux'}
    torch.testing.assert_close(losses['face_loss_aux'], expected)


def test_an_auxiliary_head_of_other_classes_is_refused():
    inputs, samples, _ = batch(2)
    with pytest.raises(InputError, match="'face', neck TPN: .*8 classes, found 400"):
        build(400).train()(inputs, samples, mode='loss')


def test_the_checkpoint_of_a_model_with_tpn_has_no_keys_of_the_loss():
    keys = build(pos_weight=[1.0] * 8).state_dict()
    assert not [key for key in keys if 'loss' in key or 'pos_weight' in key]


@MODELS.register_module(force=True)
class NeckWithItsOwnLoss(nn.Module):
    def forward(self, x, data_samples=None):
        return x, dict(loss_of_mine=torch.zeros(()))


def test_a_loss_that_cannot_be_replaced_is_refused():
    face = tpn()
    face['neck'] = dict(type='NeckWithItsOwnLoss')
    face['backbone']['out_indices'] = (3,)
    face['cls_head'] = dict(type='I3DHead', num_classes=8, in_channels=64)
    model = MODELS.build(dict(type='LateFusionRecognizer', streams=dict(face=face))).train()
    inputs, samples, _ = batch(2)
    with pytest.raises(InputError, match="'face'.*NeckWithItsOwnLoss with loss_of_mine"):
        model(inputs, samples, mode='loss')
    model.eval()(inputs, samples, mode='predict')


def test_mmaction2s_own_config_of_tpn_is_a_stream():

    path = mmaction.__path__[0] + '/.mim/configs/_base_/models/tpn_slowonly_r50.py'
    face = Config.fromfile(path).model
    face.cls_head.num_classes = face.neck.aux_head_cfg.out_channels = 8
    face.backbone.pretrained = None
    model = MODELS.build(dict(type='LateFusionRecognizer', streams=dict(face=face))).train()
    inputs, samples, _ = batch(2)
    losses = model(dict(face_imgs=inputs['face_imgs']), samples, mode='loss')
    assert set(losses) == {'loss_face', 'face_loss_aux'}
    # softmax of eight classes and labels of about four would be near 0.5 * 4 * log(8)
    assert 0.2 < losses['face_loss_aux'] < 0.6
