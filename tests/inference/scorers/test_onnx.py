import json
from pathlib import Path

import numpy as np
import pytest
import torch

import emoreact_plugin
from emoreact_plugin import InputError
from emoreact_plugin.clips.landmarks import Landmarks
from emoreact_plugin.inference import EmotionInferencer
from emoreact_plugin.inference.pipeline import ClipPipeline
from emoreact_plugin.inference.scorers.onnx_export import export_onnx
from emoreact_plugin.inference.scorers.onnx_scorer import OnnxScorer
from emoreact_plugin.inference.scorers.torch_scorer import TorchScorer
from mmaction.models.backbones.resnet import BasicBlock, ResNet
from mmaction.registry import MODELS
from tests.factories import small_config

pytestmark = pytest.mark.slow

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxscript')
pytest.importorskip('onnxruntime')


def build(cfg):
    """Build a random recognizer whose logits differ."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    for network in model.recognizers.values():
        torch.nn.init.normal_(network.cls_head.fc_cls.weight)
    return model


def clips_of(cfg, count=3):
    """Noise, with a face in all clips but the last."""
    rng, clips = np.random.default_rng(0), []
    pipeline = ClipPipeline(cfg)
    for k in range(count):
        sample = pipeline.sample(9)
        frames = rng.integers(0, 256, (3, 48, 64, 3)).astype(np.uint8)
        marks = Landmarks.none(3)
        if k < count - 1:
            marks.face[:] = rng.uniform(5, 40, (3, 68, 2))
            marks.body[:] = rng.uniform(5, 40, (3, 1, 2))
        clips.append(pipeline.pack(sample, frames, marks))
    return clips


@pytest.fixture(scope='module')
def shorter():
    """Give a ResNet-18 one block a stage: each layer takes long to export."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ResNet.arch_settings, 18, (BasicBlock, (1, 1, 1, 1)))
        yield


@pytest.fixture(scope='module')
def exported(shorter, tmp_path_factory):
    """Export a TSN of one stage beside a TSM, with a fusion that leaves missing streams out."""
    from mmengine.registry import init_default_scope

    init_default_scope('mmaction')
    cfg = small_config(input='fusion', shared=False, shift=True)
    cfg.model.streams.face = small_config(input='face').model.recognizer
    # Padded and coloured as the public weights of face networks need it.
    cfg.model.streams.face.backbone.update(
        type='UnpaddedPoolResNet', conv_cfg=dict(type='Conv2dAdaptivePadding')
    )
    cfg.model.streams.face.data_preprocessor.to_rgb = True
    cfg.model.fusion.skip_missing = True
    model = build(cfg)
    clips = clips_of(cfg)
    path = tmp_path_factory.mktemp('onnx') / 'model.onnx'
    export_onnx(TorchScorer(cfg, model, dict(masked=True)), clips, str(path))
    return cfg, model, clips, str(path)


def test_nothing_tells_where_it_was_exported(exported):
    package = Path(emoreact_plugin.__file__).parent
    assert str(package).encode() not in Path(exported[3]).read_bytes()


def test_the_same_logits_for_any_batch(exported):
    cfg, model, clips, path = exported
    ours, theirs = TorchScorer(cfg, model), OnnxScorer(path)
    for batch in (clips, clips[:1], clips * 2):
        one, two = ours(batch), theirs(batch)
        assert np.abs(one.logits).max() > 0.1
        np.testing.assert_allclose(two.logits, one.logits, rtol=1e-4, atol=1e-4)
        assert set(two.streams) == {'face', 'body'}
        for stream, logits in one.streams.items():
            np.testing.assert_allclose(two.streams[stream], logits, rtol=1e-4, atol=1e-4)
    # the streams of the last clip show no region: both are used
    mean = (one.streams['face'] + one.streams['body']) / 2
    np.testing.assert_allclose(one.logits[2], mean[2], rtol=1e-4)


def test_a_fusion_that_uses_all_streams(shorter, tmp_path):
    cfg = small_config(input='face')
    assert not cfg.model.fusion.get('skip_missing')
    model, clips = build(cfg), clips_of(cfg)
    scorer, path = TorchScorer(cfg, model), str(tmp_path / 'model.onnx')
    export_onnx(scorer, clips, path)
    ours, theirs = (each(clips) for each in (scorer, OnnxScorer(path)))
    np.testing.assert_allclose(theirs.logits, ours.logits, rtol=1e-4, atol=1e-4)


def test_what_the_file_says_of_itself(exported):
    cfg, model, _, path = exported
    scorer = OnnxScorer(path)
    assert scorer.cfg.recipe == cfg.recipe
    assert scorer.classes == tuple(cfg.recipe.classes)
    assert scorer.thresholds.tolist() == [0.5] * 8
    assert scorer.dataset_meta == dict(masked=True)


def test_a_file_that_differs_is_not_kept(exported, tmp_path, monkeypatch):
    cfg, model, clips, path = exported
    monkeypatch.setattr(
        'torch.onnx.export', lambda module, values, part, **_: onnx.save(onnx.load(path), part)
    )
    with torch.no_grad():
        for network in model.recognizers.values():
            network.cls_head.fc_cls.bias += 1e-2
    try:
        with pytest.raises(InputError, match='other logits.*expected .*found'):
            export_onnx(TorchScorer(cfg, model), clips, str(tmp_path / 'x.onnx'))
    finally:
        with torch.no_grad():
            for network in model.recognizers.values():
                network.cls_head.fc_cls.bias -= 1e-2
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported(exported, tmp_path, monkeypatch):
    cfg, model, clips, _ = exported

    def fail(*args, **kwargs):
        raise RuntimeError('no such operator\nmore')

    monkeypatch.setattr('torch.onnx.export', fail)
    with pytest.raises(InputError, match=': no such operator$'):
        export_onnx(TorchScorer(cfg, model), clips, str(tmp_path / 'x.onnx'))
    with pytest.raises(InputError, match='at least two clips.*found 1'):
        export_onnx(TorchScorer(cfg, model), clips[:1], str(tmp_path / 'x.onnx'))


def with_props(path, out, **changes):
    file = onnx.load(path)
    props = {p.key: p.value for p in file.metadata_props}
    props.update(changes)
    del file.metadata_props[:]
    onnx.helper.set_model_props(file, {k: v for k, v in props.items() if v is not None})
    onnx.save(file, out)
    return str(out)


@pytest.mark.parametrize(
    'changes, found',
    [
        (dict(config=None), "found one without 'config'"),
        (dict(classes='nonsense'), 'found one without'),
        (dict(config='model = open("made", "w")'), 'line 1: a call'),
        (dict(config='model = dict(type="os.system")'), "names 'os.system'"),
    ],
    ids=['no config', 'classes', 'code', 'import'],
)
def test_a_file_of_others_is_refused(changes, found, exported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = with_props(exported[3], tmp_path / 'x.onnx', **changes)
    with pytest.raises(InputError, match=f'x.onnx.*{found}'):
        OnnxScorer(path)
    assert not (tmp_path / 'made').exists()


def test_no_file_or_no_onnx(tmp_path):
    with pytest.raises(FileNotFoundError, match='no.onnx'):
        OnnxScorer(str(tmp_path / 'no.onnx'))
    (tmp_path / 'x.onnx').write_text('nothing')
    with pytest.raises(InputError, match='x.onnx: cannot be read as an ONNX'):
        OnnxScorer(str(tmp_path / 'x.onnx'))


def test_without_onnxruntime(monkeypatch, exported):
    monkeypatch.setitem(__import__('sys').modules, 'onnxruntime', None)
    with pytest.raises(ImportError, match='emoreact_plugin.onnx.'):
        OnnxScorer(exported[3])


def test_the_metadata_is_plain_text(exported):
    props = {p.key: p.value for p in onnx.load(exported[3]).metadata_props}
    assert json.loads(props['classes'])[0] == 'Curiosity'
    assert {'config', 'threshold', 'emoreact_plugin'} <= set(props)


def test_the_inferencer_runs_it(exported, tiny):
    cfg, model, _, path = exported
    torch_file = path[: -len('.onnx')] + '.pth'
    torch.save(dict(meta=dict(cfg=cfg.pretty_text), state_dict=model.state_dict()), torch_file)
    video = str(tiny.root / 'videos' / tiny.videos['test'][2])
    ours, theirs = (
        EmotionInferencer(file)([video], progress=False)[0] for file in (torch_file, path)
    )
    assert theirs.error is None and theirs.landmarks == 'files'
    for one, two in (
        (ours.probabilities, theirs.probabilities),
        (ours.streams['body'], theirs.streams['body']),
    ):
        assert two == pytest.approx(one, abs=1e-5)
    assert EmotionInferencer(path).about['trained_with_masks'] is True
    with pytest.raises(InputError, match='has its own configuration'):
        EmotionInferencer(path, config=cfg)
