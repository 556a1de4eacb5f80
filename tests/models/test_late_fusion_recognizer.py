import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from torch import nn

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.models import score_stream
from emoreact_plugin.recipes import edit
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from tests.factories import ROOT, recognizer2d, recognizer3d

pytestmark = pytest.mark.slow

STREAMS = ('face', 'body')
FROZEN = (
    ROOT / 'configs/emoreact/tsn_imagenet-pretrained-r50-frozen_1xb8-1x1x3-12e_emoreact-fusion.py'
)


def build(**kwargs):
    torch.manual_seed(0)
    model = MODELS.build(dict(type='LateFusionRecognizer', **kwargs))
    model.init_weights()
    return model


def shared(streams=STREAMS, recognizer=None, **kwargs):
    return build(streams=streams, recognizer=recognizer or recognizer2d(), **kwargs)


def batch(n=2, t=3, size=32, streams=STREAMS, classes=8):
    torch.manual_seed(1)
    inputs = {f'{s}_imgs': torch.randn(n, t, 3, size, size) for s in streams}
    samples = [
        ActionDataSample().set_gt_label(torch.randint(0, 2, (classes,)).float()) for _ in range(n)
    ]
    return inputs, samples


def tsn_by_hand(network, frames):
    """Pooling, the mean over segments and a linear layer, in plain torch."""
    n, t = frames.shape[:2]
    maps = network.backbone(frames.flatten(0, 1))
    features = maps.mean((2, 3)).view(n, t, -1).mean(1)
    head = network.cls_head.fc_cls
    return features @ head.weight.T + head.bias


@pytest.mark.parametrize('joint', [False, True])
def test_shared_network_in_eval(joint):
    model = shared(joint_batch_norm=joint).eval()
    inputs, samples = batch()
    with torch.no_grad():
        logits = model(inputs, mode='tensor')
        out = model(inputs, samples, mode='predict')
        expected = {
            s: tsn_by_hand(model.recognizers['shared'], inputs[f'{s}_imgs']) for s in STREAMS
        }
    assert list(logits) == list(STREAMS)
    for s in STREAMS:
        torch.testing.assert_close(logits[s], expected[s])
    for i, sample in enumerate(out):
        fused = (expected['face'][i] + expected['body'][i]) / 2
        torch.testing.assert_close(sample.pred_logits, fused)
        torch.testing.assert_close(sample.pred_score, 1 / (1 + (-fused).exp()))
        assert sample.pred_label.tolist() == [int(x >= 0) for x in fused]
        for s in STREAMS:
            torch.testing.assert_close(sample.stream_logits[s], expected[s][i])
            torch.testing.assert_close(sample.stream_scores[s], expected[s][i].sigmoid())


def test_a_shared_network_is_stored_once():
    one, two = shared(), shared(streams=('face',))
    assert set(one.state_dict()) == set(two.state_dict())
    separate = build(streams=dict(face=recognizer2d(), body=recognizer2d()))
    assert len(separate.state_dict()) == 2 * len(one.state_dict())


def test_losses_are_those_of_each_stream_and_add_up():
    model = shared().train()
    inputs, samples = batch()
    losses = model(inputs, samples, mode='loss')
    assert set(losses) == {'loss_face', 'loss_body'}
    labels = torch.stack([s.gt_label for s in samples])
    logits = model(inputs, mode='tensor')
    for s in STREAMS:
        p = logits[s].double().sigmoid()
        by_hand = -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
        by_hand = by_hand.float()
        torch.testing.assert_close(losses[f'loss_{s}'], by_hand, rtol=1e-4, atol=0)
    total, _ = model.parse_losses(losses)
    torch.testing.assert_close(total, sum(losses.values()))


def test_pos_weight():
    weight = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    model = shared(streams=('face',), pos_weight=weight).eval()
    inputs, samples = batch(streams=('face',))
    loss = model(inputs, samples, mode='loss')['loss_face']
    x = model(inputs, mode='tensor')['face']
    labels = torch.stack([s.gt_label for s in samples])
    p = x.double().sigmoid()
    by_hand = (
        -(torch.tensor(weight) * labels * p.log() + (1 - labels) * (1 - p).log()).mean().float()
    )
    torch.testing.assert_close(loss, by_hand, rtol=1e-4, atol=0)
    assert not any('pos_weight' in name for name in model.state_dict())


def test_norms_see_each_stream_apart_or_all_jointly():
    inputs, samples = batch(n=4)
    inputs['body_imgs'] = 5 * inputs['body_imgs'] + 3
    means = {}
    for joint in (False, True):
        model = shared(joint_batch_norm=joint).train()
        model(inputs, samples, mode='loss')
        norm = model.recognizers['shared'].backbone.conv1.bn
        means[joint] = norm.running_mean.clone()
        assert norm.num_batches_tracked == (1 if joint else 2)
    conv = model.recognizers['shared'].backbone.conv1.conv
    with torch.no_grad():
        m = [conv(inputs[f'{s}_imgs'].flatten(0, 1)).mean((0, 2, 3)) for s in STREAMS]
    # momentum 0.1, from 0
    torch.testing.assert_close(means[True], 0.05 * (m[0] + m[1]))
    torch.testing.assert_close(means[False], 0.09 * m[0] + 0.1 * m[1])


@pytest.mark.parametrize(
    'backbone, channels',
    [
        (dict(type='ResNet', pretrained=None, depth=18), 512),
        (dict(type='MobileNetV2', pretrained=None), 1280),
    ],
)
def test_partial_bn_freezes_all_norms_but_the_first(backbone, channels):
    model = shared(
        streams=('face',),
        partial_bn=True,
        recognizer=recognizer2d(backbone=backbone, channels=channels),
    )
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) > 15
    before = [n.running_mean.clone() for n in norms]
    for _ in range(2):  # also after eval and back
        model.eval()
        model.train()
        assert [n.training for n in norms] == [True] + [False] * (len(norms) - 1)
    assert [n.weight.requires_grad for n in norms] == [True] + [False] * (len(norms) - 1)
    inputs, samples = batch(streams=('face',))
    sum(model(inputs, samples, mode='loss').values()).backward()
    changed = [bool((n.running_mean != b).any()) for n, b in zip(norms, before, strict=True)]
    assert changed == [True] + [False] * (len(norms) - 1)
    assert all(n.weight.grad is None for n in norms[1:])


def test_without_partial_bn_all_norms_train():
    model = shared().train()
    assert all(
        m.training and m.weight.requires_grad
        for m in model.modules()
        if isinstance(m, nn.BatchNorm2d)
    )


def test_of_a_frozen_backbone_only_the_classifier_changes():
    cfg = Config.fromfile(FROZEN)
    edit(cfg, dict(arch='resnet18', init='scratch'))
    model = MODELS.build(cfg.model)
    learn = [name for name, p in model.named_parameters() if p.requires_grad]
    assert learn == [f'recognizers.shared.cls_head.fc_cls.{name}' for name in ('weight', 'bias')]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for _ in range(2):
        model.eval()
        model.train()
        sum(model(*batch(), mode='loss').values()).backward()
        optimizer.step()
    changed = {name for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert changed == set(learn)


def test_a_3d_stream_beside_a_2d_one():
    model = build(streams=dict(face=recognizer3d(), body=recognizer2d()))
    inputs, samples = batch()
    # N, views, C, T, H, W
    inputs['face_imgs'] = torch.randn(2, 4, 3, 8, 32, 32)
    losses = model(inputs, samples, mode='loss')
    assert set(losses) == {'loss_face', 'loss_body'}
    model.eval()
    with torch.no_grad():
        logits = model(inputs, mode='tensor')
        views = [
            model(dict(inputs, face_imgs=inputs['face_imgs'][:, v : v + 1]), mode='tensor')['face']
            for v in range(4)
        ]
    assert logits['face'].shape == logits['body'].shape == (2, 8)
    torch.testing.assert_close(logits['face'], sum(views) / 4)


def test_the_streams_preprocessors_are_honored():
    body = recognizer2d()
    body['data_preprocessor'] = dict(
        type='ActionDataPreprocessor', mean=[0, 0, 0], std=[10, 10, 10]
    )
    model = build(streams=dict(face=recognizer2d(), body=body))
    frames = torch.full((3, 3, 4, 4), 100, dtype=torch.uint8)
    out = model.data_preprocessor(
        dict(inputs=dict(face_imgs=[frames], body_imgs=[frames]), data_samples=[ActionDataSample()])
    )['inputs']
    assert out['body_imgs'].unique().tolist() == [10]
    torch.testing.assert_close(
        out['face_imgs'][0, 0, :, 0, 0],
        torch.tensor([(100 - 123.675) / 58.395, (100 - 116.28) / 57.12, (100 - 103.53) / 57.375]),
    )


def test_torchvision_backbones_can_be_built_twice():
    config = recognizer2d(backbone=dict(type='torchvision.resnet18', weights=None))
    model = build(streams=dict(face=config, body=config))
    inputs, _ = batch()
    assert model(inputs)['body'].shape == (2, 8)


def test_learned_weights_add_a_loss_and_learn():
    model = shared(fusion=dict(type='ScoreFusion', mode='weighted'))
    inputs, samples = batch()
    losses = model(inputs, samples, mode='loss')
    assert set(losses) == {'loss_face', 'loss_body', 'loss_fusion'}
    losses['loss_fusion'].backward()
    assert model.fusion.weight_logits.grad.abs().sum() > 0


def test_tsm_refuses_frames_that_would_mix_clips():
    tsm = recognizer2d(
        backbone=dict(
            type='ResNetTSM', pretrained=None, depth=18, num_segments=3, pretrained2d=False
        ),
        head=dict(type='TSMHead', num_segments=3),
    )
    model = shared(streams=('face',), recognizer=tsm)
    with pytest.raises(InputError, match='multiple of the 3 segments.*4'):
        model(dict(face_imgs=torch.randn(3, 4, 3, 32, 32)))


def test_pooled_features_are_those_that_the_head_sees():
    model = shared().eval()
    network = model.recognizers['shared']
    inputs, _ = batch()
    logits, pooled, _ = score_stream(network, inputs['face_imgs'])
    assert pooled.shape == (2, 512)
    torch.testing.assert_close(
        F.linear(pooled, network.cls_head.fc_cls.weight, network.cls_head.fc_cls.bias), logits
    )


def test_half_precision_scores_are_ranked_in_single():
    model = shared().eval()
    inputs, samples = batch()
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        out = model(inputs, samples, mode='predict')
    assert out[0].pred_logits.dtype == torch.float32


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(streams=()), 'at least one stream'),
        (dict(streams=STREAMS), 'expected `recognizer`'),
        (dict(streams=dict(face=recognizer2d()), recognizer=recognizer2d()), 'not both'),
        (dict(streams=('face', 'face'), recognizer=recognizer2d()), 'twice'),
        (
            dict(streams=dict(face=recognizer2d(8), body=recognizer2d(7))),
            "differ in num_classes.*'face': 8, 'body': 7",
        ),
        (dict(streams=dict(face=dict(recognizer2d(), cls_head=None))), "'face'.*no cls_head"),
        (dict(streams=('keys',), recognizer=recognizer2d()), "'keys' cannot be"),
        (dict(streams=('a.b',), recognizer=recognizer2d()), "'a.b' cannot be"),
        (
            dict(streams=('face',), recognizer=recognizer2d(), start_weights=dict(face='x.pth')),
            'need a network a stream',
        ),
        (
            dict(streams=dict(face=recognizer2d()), start_weights=dict(fase='x.pth')),
            'some of face, found fase',
        ),
        (
            dict(streams=('face',), recognizer=recognizer2d(), pos_weight=[2.0]),
            r'pos_weight: expected 8 values, one a class, found \(1,\)',
        ),
        (
            dict(streams=('face',), recognizer=recognizer2d(), threshold=5),
            'threshold: expected a probability, found 5',
        ),
    ],
)
def test_options_that_contradict_each_other(options, message):
    with pytest.raises(InputError, match=message):
        MODELS.build(dict(type='LateFusionRecognizer', **options))


@MODELS.register_module(force=True)
class KeepsWhatItGets(nn.Module):
    """A fusion of a user's own."""

    def __init__(self):
        super().__init__()
        self.got = []

    def forward(self, logits, features=None, valid=None):
        self.got.append((features, valid))
        return logits['face']


class TakesNumClasses(torch.nn.Module):
    def __init__(self, num_classes, streams=('mine',)):
        super().__init__()
        self.num_classes, self.streams = num_classes, streams


def test_a_fusion_is_told_what_it_takes_and_its_config_leaves_out():
    model = shared(fusion=dict(type=TakesNumClasses))
    assert model.fusion.num_classes == 8
    assert model.fusion.streams == ('face', 'body')
    model = shared(fusion=dict(type=TakesNumClasses, streams=('one',)))
    assert model.fusion.streams == ('one',)


def test_an_unknown_fusion_names_what_is_alike():
    with pytest.raises(
        InputError,
        match="'ScoreFusoin' is no registered model;"
        ' ScoreFusion.* is; one of your own needs custom_imp',
    ):
        shared(fusion=dict(type='ScoreFusoin'))


def test_a_fusion_of_ones_own_gets_features_and_validity():
    model = shared(fusion=dict(type='KeepsWhatItGets')).eval()
    inputs, samples = batch()
    for sample, found in zip(samples, ([True, False], [False, False]), strict=True):
        sample.set_metainfo(dict(face_found=found))
    out = model(inputs, samples, mode='predict')
    features, valid = model.fusion.got[0]
    assert {k: v.tolist() for k, v in valid.items()} == dict(face=[True, False])
    assert {k: v.shape for k, v in features.items()} == dict(face=(2, 512), body=(2, 512))
    torch.testing.assert_close(out[0].pred_logits, out[0].stream_logits['face'])
    assert set(model(inputs, samples, mode='loss')) == {'loss_face', 'loss_body'}


def test_wrong_inputs_and_labels_are_named():
    model = shared()
    inputs, samples = batch()
    with pytest.raises(InputError, match='expected body_imgs, found face'):
        model(dict(face_imgs=inputs['face_imgs']))
    with pytest.raises(InputError, match="found 'train'"):
        model(inputs, samples, mode='train')
    samples = [ActionDataSample().set_gt_label([1, 0]) for _ in range(2)]
    with pytest.raises(InputError, match=r'\(2, 8\), found torch.int64'):
        model(inputs, samples, mode='loss')


def test_flops_are_those_of_all_streams():
    """As MMAction2's get_flops.py counts them: model.forward = model.extract_feat."""
    from mmengine.analysis import get_model_complexity_info

    def flops(model, shape=(3, 3, 32, 32)):
        model.forward = model.extract_feat
        return get_model_complexity_info(model.eval(), shape, show_table=False, show_arch=False)

    one = flops(MODELS.build(recognizer2d()))
    two = flops(shared())
    separate = flops(build(streams=dict(face=recognizer2d(), body=recognizer2d())))
    # A stock recognizer's extract_feat stops before its head.
    head = 512 * 8
    assert two['flops'] == separate['flops']
    assert two['flops'] - 2 * one['flops'] in range(2 * head, 2 * (head + 3 * 512) + 1)
    assert (two['params'], separate['params']) == (one['params'], 2 * one['params'])
