import numpy as np
import pytest
import torch

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.explanation.cam import METHODS, clip_maps
from emoreact_plugin.explanation.cam_clip import Explainer
from emoreact_plugin.explanation.cam_frames import sample_clip
from mmaction.registry import DATASETS, MODELS
from tests.explanation.color_cues import COLORS, FEWER_BODIES, SIZE, ColorClip, color_model, peak
from tests.factories import small_config, stock_config

pytestmark = pytest.mark.slow


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('shared', [True, False])
def test_the_map_is_of_its_frame_class_and_stream(method, shared):
    cfg, model = color_model(shared=shared)
    explainer, clip = Explainer(cfg, model, method), ColorClip(9)
    sampled = sample_clip(explainer, clip, 'color_model')
    maps = explainer.explain(sampled.packed, range(COLORS))
    assert sampled.inds.tolist() == [1, 4, 7]
    assert list(maps) == ['face', 'body']
    for stream, each in maps.items():
        for i, frame in enumerate(sampled.inds):
            places = clip.places[stream][frame]
            if method == 'eigencam':  # any of the three colours
                assert peak(each.maps[0, i]) in set(map(tuple, places))
                continue
            for k in range(COLORS):
                assert peak(each.maps[k, i]) == tuple(places[k])
    assert explainer.layers == dict(face='backbone', body='backbone')


def test_networks_of_their_own():
    cfg, model = color_model(shared=False)
    # The body's network takes red for emotion 1.
    head = model.recognizers['body'].cls_head.fc_cls
    head.weight.data[[0, 1]] = head.weight.data[[1, 0]].clone()
    explainer, clip = Explainer(cfg, model), ColorClip(3)
    sampled = sample_clip(explainer, clip, 'color_model')
    maps = explainer.explain(sampled.packed, [0])
    assert peak(maps['face'].maps[0, 1]) == tuple(clip.places['face'][1, 0])
    assert peak(maps['body'].maps[0, 1]) == tuple(clip.places['body'][1, 1])


@pytest.fixture
def trained(tiny):
    torch.manual_seed(0)
    cfg = small_config(input='fusion', image_size=64, data_root=str(tiny.root))
    model = MODELS.build(cfg.model)
    model.init_weights()
    return cfg, model.eval()


def test_inputs_are_normalized_as_in_training(trained, tiny):
    cfg, model = trained
    explainer = Explainer(cfg, model)
    path = tiny.root / 'videos' / tiny.videos['test'][2]
    sampled = sample_clip(explainer, Clip(str(path)), path.name)
    sample = DATASETS.build(cfg.test_dataloader.dataset)[2]
    maps = explainer.explain(sampled.packed, [0, 1])
    for stream in ('face', 'body'):
        raw = sample['inputs'][f'{stream}_imgs']
        np.testing.assert_array_equal(sampled.packed.images[stream], raw.permute(0, 2, 3, 1))
        mean = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
        std = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
        normal = (raw - mean) / std
        torch.testing.assert_close(sampled.packed.inputs[stream], normal[None])
        network = model.recognizer_of(stream)
        expected = clip_maps(network, normal[None], 'backbone', [0, 1]).maps
        np.testing.assert_allclose(maps[stream].maps, expected, rtol=1e-5)
        without = clip_maps(network, raw[None].float(), 'backbone', [0, 1])
        assert not np.allclose(without.maps, expected, rtol=0.1)


def test_the_scores_are_the_models(trained, tiny):
    cfg, model = trained
    explainer = Explainer(cfg, model)
    path = tiny.root / 'videos' / tiny.videos['test'][2]
    sampled = sample_clip(explainer, Clip(str(path)), path.name)
    scores = explainer.score(sampled.packed)
    maps = explainer.explain(sampled.packed, [0])
    for stream, logits in scores.streams.items():
        np.testing.assert_allclose(maps[stream].logits, logits[0], rtol=1e-4, atol=1e-6)


def test_masks_as_the_configuration_draws_them(tiny):
    shown = []
    path = tiny.root / 'videos' / tiny.videos['test'][2]
    for mask in (True, False):
        cfg = small_config(input='face', mask=mask)
        explainer = Explainer(cfg, MODELS.build(cfg.model).eval())
        assert explainer.mask == ('surgical' if mask else None)
        sampled = sample_clip(explainer, Clip(str(path)), path.name)
        shown.append(sampled.packed.images['face'])
    assert (shown[0] != shown[1]).any()


SEVERAL = dict(loss_cls=dict(type='BCELossWithLogits'), multi_class=True, average_clips='score')


def test_a_stock_recognizer():
    cfg = stock_config(dict(type='Resize', scale=(64, 64), keep_ratio=False), head=SEVERAL)
    explainer = Explainer(cfg, MODELS.build(cfg.model).eval())
    clip = ColorClip(6)
    sampled = sample_clip(explainer, clip, 'color_model')
    maps = explainer.explain(sampled.packed, [0, 7])
    assert maps['input'].maps.shape == (2, 3, 2, 2)
    np.testing.assert_allclose(
        explainer.score(sampled.packed).logits[0], maps['input'].logits, rtol=1e-4, atol=1e-5
    )


def test_several_crops_of_a_frame_are_refused():
    cfg = stock_config(dict(type='ThreeCrop', crop_size=SIZE), head=SEVERAL)
    explainer = Explainer(cfg, MODELS.build(cfg.model).eval())
    with pytest.raises(InputError, match='input: .*found 9 of 3 frames.*CenterCrop'):
        sample_clip(explainer, ColorClip(6), 'planted')


def test_frames_of_a_streams_own():
    cfg = small_config(input='fusion', sampling=FEWER_BODIES)
    explainer = Explainer(cfg, MODELS.build(cfg.model).eval())
    sampled = sample_clip(explainer, ColorClip(8), 'color_model')
    assert sampled.inds.tolist() == [1, 3, 5, 7]
    assert sampled.packed.places['face'].tolist() == [0, 1, 2, 3]
    assert sampled.packed.places['body'].tolist() == [1, 3]
    maps = explainer.explain(sampled.packed, [0])
    assert maps['face'].maps.shape[1] == 4 and maps['body'].maps.shape[1] == 2


def test_an_unknown_layer_names_the_stream():
    cfg, model = color_model()
    explainer = Explainer(cfg, model, layer='backbone.conv2')
    with pytest.raises(InputError, match="--layer, face: 'backbone.conv2' .*backbone.conv, "):
        explainer.explain(sample_clip(explainer, ColorClip(3), 'x').packed, [0])
