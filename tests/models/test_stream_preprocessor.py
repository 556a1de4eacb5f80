"""Blending of MMAction2 with several streams: one draw, and labels that fit the images."""

import pytest
import torch
import torch.nn.functional as F

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from tests.factories import recognizer2d, recognizer3d

pytestmark = pytest.mark.slow

MIXUP = dict(type='MixupBlending', num_classes=8, alpha=1.0)
CUTMIX = dict(type='CutmixBlending', num_classes=8, alpha=1.0)
BOTH = dict(type='RandomBatchAugment', augments=[MIXUP, CUTMIX], probs=[0.5, 0.4])
N, SIZE = 4, 32


def network(make, blending, shape='NCHW'):
    config = make()
    # The pixels stay what they are.
    config['data_preprocessor'] = dict(
        type='ActionDataPreprocessor', blending=blending, format_shape=shape
    )
    return config


def build(face=MIXUP, body=MIXUP, **options):
    streams = dict(
        face=network(recognizer2d, face), body=network(recognizer3d, body, 'NCTHW'), **options
    )
    return MODELS.build(dict(type='LateFusionRecognizer', streams=streams))


def batch(body_size=SIZE):
    """Make clip i of the brightness i in the face and 10 i in the body, with the label i."""
    faces = [torch.full((3, 3, SIZE, SIZE), i, dtype=torch.uint8) for i in range(N)]
    bodies = [
        torch.full((1, 3, 4, body_size, body_size), 10 * i, dtype=torch.uint8) for i in range(N)
    ]
    labels = F.one_hot(torch.arange(N), 8).float()
    return dict(
        inputs=dict(face_imgs=faces, body_imgs=bodies),
        data_samples=[ActionDataSample().set_gt_label(label) for label in labels],
    )


@pytest.mark.parametrize('blending', [MIXUP, CUTMIX, BOTH])
def test_both_streams_and_the_labels_are_blended_alike(blending):
    model = build(blending, blending)
    torch.manual_seed(0)
    blended = 0
    for _ in range(20):
        data = model.data_preprocessor(batch(), True)
        labels = torch.stack([sample.gt_label for sample in data['data_samples']])
        # The share of each clip in a label is its share in the pixels.
        share = labels[:, :N]
        assert (share.gt(0).sum(1) <= 2).all()
        torch.testing.assert_close(share.sum(1), torch.ones(N))
        brightness = share @ torch.arange(N).float()
        face, body = data['inputs']['face_imgs'], data['inputs']['body_imgs']
        torch.testing.assert_close(face.mean((1, 2, 3, 4)), brightness, rtol=0, atol=1e-4)
        torch.testing.assert_close(body.mean((1, 2, 3, 4, 5)), 10 * brightness, rtol=0, atol=1e-3)
        # ... and in each single pixel of both.
        pixels = face[:, 0, 0], body[:, 0, 0, 0]
        torch.testing.assert_close(10 * pixels[0], pixels[1], rtol=0, atol=1e-3)
        blended += not torch.equal(labels[:, :N], torch.eye(N))
    assert blended > 5


def test_the_blended_labels_reach_the_loss():
    model = build().train()
    torch.manual_seed(3)
    data = model.data_preprocessor(batch(), True)
    labels = torch.stack([sample.gt_label for sample in data['data_samples']])
    assert ((labels > 0) & (labels < 1)).any()
    losses = model(**data, mode='loss')
    logits = model(data['inputs'])
    for stream in ('face', 'body'):
        expected = F.binary_cross_entropy_with_logits(logits[stream], labels)
        torch.testing.assert_close(losses[f'loss_{stream}'], expected, rtol=1e-3, atol=1e-4)


def test_nothing_is_blended_in_val_and_test():
    data = build().data_preprocessor(batch(), False)
    for i, sample in enumerate(data['data_samples']):
        assert sample.gt_label.tolist() == [float(k == i) for k in range(8)]
        assert (data['inputs']['face_imgs'][i] == i).all()


@pytest.mark.parametrize('body', [None, CUTMIX, dict(MIXUP, alpha=0.2)])
def test_streams_with_different_blending_are_refused(body):
    with pytest.raises(InputError, match='blending.*face.*MixupBlending.*body'):
        build(MIXUP, body)


def test_a_preprocessor_of_ones_own_blends_with_one_draw_as_well():
    streams = dict(face=recognizer2d(), body=recognizer3d())
    parts = {
        'face_imgs': dict(type='ActionDataPreprocessor', blending=MIXUP),
        'body_imgs': dict(type='ActionDataPreprocessor', format_shape='NCTHW', blending=MIXUP),
    }
    model = MODELS.build(
        dict(
            type='LateFusionRecognizer',
            streams=streams,
            data_preprocessor=dict(type='MultiModalDataPreprocessor', preprocessors=parts),
        )
    )
    data = model.data_preprocessor(batch(), True)
    face, body = data['inputs']['face_imgs'], data['inputs']['body_imgs']
    torch.testing.assert_close(10 * face[:, 0, 0, 0, 0], body[:, 0, 0, 0, 0, 0])


def test_cutmix_of_frames_of_two_sizes_is_refused():
    model = build(CUTMIX, CUTMIX)
    torch.manual_seed(0)
    with pytest.raises(InputError, match='CutmixBlending.*face_imgs.*body_imgs'):
        for _ in range(5):
            model.data_preprocessor(batch(body_size=48), True)


ONE_STAGE = dict(strides=(1,), dilations=(1,), out_indices=(0,))


@pytest.mark.slow
def test_the_networks_are_compiled_and_the_samples_are_not():
    """As ``compile=True`` of a config: MMEngine compiles train_step and val_step."""
    import numpy as np
    from mmengine.optim import OptimWrapper

    graphs = []

    def backend(graph, inputs):
        graphs.append(sum(isinstance(m, torch.nn.Conv2d) for m in graph.modules()))
        graphs[-1] += sum('conv2d' in str(node.target) for node in graph.graph.nodes)
        return graph.forward

    def run(compiled):
        torch.manual_seed(0)
        torch._dynamo.reset()
        config = dict(type='LateFusionRecognizer', streams=('face', 'body'))
        backbone = dict(type='ResNet', depth=18, pretrained=None, num_stages=1, **ONE_STAGE)
        model = MODELS.build(dict(config, recognizer=recognizer2d(8, backbone, channels=64)))
        model.init_weights()
        optim = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
        train, val = model.train_step, model.val_step
        if compiled:
            train, val = (torch.compile(step, backend=backend) for step in (train, val))
        losses, scores = [], []
        for k in range(3):
            data = batch()
            for key, imgs in data['inputs'].items():
                data['inputs'][key] = [(x.reshape(-1, 3, SIZE, SIZE)[:1] + 9) * 5 for x in imgs]
            for i, sample in enumerate(data['data_samples']):
                found = dict(video_id=f'{k}_{i}', face_found=np.array([True, k > 1]))
                sample.set_metainfo(found)
            model.train()
            losses.append(train(data, optim)['loss'].item())
            if k == 2:
                model.eval()
                with torch.no_grad():
                    scores = [sample.pred_score for sample in val(data)]
        return losses, torch.stack(scores)

    expected, scores = run(compiled=False)
    found, found_scores = run(compiled=True)
    assert found == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(found_scores, scores, rtol=1e-3, atol=1e-4)
    # The five convolutions of the stem and a stage are in graphs: twice, for training and for val.
    assert sum(graphs) >= 2 * 5
    # ... and were not compiled anew for other names of clips.
    assert sum(graphs) <= 4 * 5
