"""Public weights of face networks, against plain functions that compute what those do."""

import pickle
import re

import pytest
import torch
from mmengine.config import Config

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.recipes import edit
from emoreact_plugin.weights.checkpoints import Checkpoint, check_recipe
from emoreact_plugin.weights.conversion import to_start_weights
from emoreact_plugin.weights.load_weights import load_weights
from emoreact_plugin.weights.weight_files import read_weight_file
from mmaction.registry import MODELS
from tests.factories import ROOT
from tests.weights.face_weight_samples import face_features, face_state

pytestmark = pytest.mark.slow

LEAF = 'tsn_{}-pretrained-r50_1xb8-1x1x3-12e_emoreact-face.py'
KINDS = ('affectnet', 'vggface2')
LEFT_OUT = dict(
    affectnet=['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias'],
    vggface2=['fc.weight', 'fc.bias'],
)


def config(kind):
    return Config.fromfile(ROOT / 'configs' / 'emoreact' / LEAF.format(kind))


def with_weights(model, path):
    model = MODELS.build(dict(model, start_weights=path)).eval()
    model.init_weights()
    return model


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Kind -> the tensors of a file, and the file."""
    folder, made = tmp_path_factory.mktemp('faces'), {}
    for kind in KINDS:
        state = face_state(kind)
        torch.save(state, folder / f'{kind}.pt')
        made[kind] = state, str(folder / f'{kind}.pt')
    return made


@pytest.mark.parametrize('kind', KINDS)
def test_the_features_of_the_published_network(kind, files):
    state, path = files[kind]
    cfg = config(kind)
    edit(cfg, dict(init=path))
    model = with_weights(cfg.model, cfg.model.start_weights)
    torch.manual_seed(0)
    # An even side is padded in another way than an odd one.
    frames = torch.randint(0, 256, (2, 3, 64, 75), dtype=torch.uint8)
    inputs = model.data_preprocessor(dict(inputs=dict(face_imgs=[frames]), data_samples=[None]))[
        'inputs'
    ]['face_imgs']
    with torch.no_grad():
        # In double precision: rounding would hide small differences of 50 layers.
        found = model.recognizers['shared'].backbone.double()(inputs[0].double()).mean((2, 3))
        expected = face_features(kind, {n: x.double() for n, x in state.items()}, frames)
    assert found.shape == (2, 2048)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 0.01  # frames do matter
    assert (expected[0] - expected[1]).abs().max() > 0.01


@pytest.mark.parametrize('kind', KINDS)
def test_heads_are_left_out_and_named(kind, files, monkeypatch):
    said = []
    monkeypatch.setattr(
        'emoreact_plugin.weights.load_weights.print_log', lambda text, logger: said.append(text)
    )
    backbone = MODELS.build(config(kind).model.recognizer.backbone)
    loaded = load_weights(backbone, files[kind][1])
    assert loaded.left_out == LEFT_OUT[kind]
    assert loaded.count == 53 * 5  # 53 convolutions, each with a norm of four tensors
    assert f'not used: {", ".join(LEFT_OUT[kind])}' in said[0]


@pytest.mark.parametrize(
    'kind, change, fact',
    [
        ('affectnet', dict(backbone=dict(norm_cfg=dict(eps=1e-5))), r'eps .* \[0.001\], .*1e-05'),
        ('affectnet', dict(backbone=dict(style='pytorch')), r'stride 2: .*\[1, 7\], .*\[1, 3, 7\]'),
        ('affectnet', dict(backbone=dict(conv_cfg=dict(type='Conv'))), 'same, found 3'),
        ('affectnet', dict(backbone=dict(pool_ceil_mode=True)), 'ceil_mode.*False, found True'),
        ('affectnet', dict(data_preprocessor=dict(to_rgb=False)), 'channels.*BGR, found RGB'),
        ('vggface2', dict(backbone=dict(type='ResNet')), 'max pooling: expected 0, found 1'),
        ('vggface2', dict(backbone=dict(pool_ceil_mode=False)), 'ceil_mode.*True, found False'),
        (
            'vggface2',
            dict(data_preprocessor=dict(mean=[131.0912, 103.8827, 91.4953])),
            r'mean: expected \(91.495, .*found \(131.091',
        ),
        ('vggface2', dict(data_preprocessor=dict(std=[2.0] * 3)), r'std: .*\(2.0, 2.0, 2.0\)'),
        (
            'vggface2',
            dict(data_preprocessor=dict(_delete_=True, type='ActionDataPreprocessor')),
            'mean: .*found None',
        ),
    ],
)
def test_another_network_or_normalization_is_refused(kind, change, fact, files):
    cfg = config(kind)
    if change.get('backbone', {}).get('type') == 'ResNet':
        del cfg.model.recognizer.backbone['pool_ceil_mode']
    cfg.merge_from_dict(dict(model=dict(recognizer=change)))
    with pytest.raises(InputError, match=fact) as error:
        with_weights(cfg.model, files[kind][1])
    assert files[kind][1] in str(error.value) and LEAF.format(kind) in str(error.value)


@pytest.mark.parametrize('kind', KINDS)
def test_a_stock_network_is_refused_and_a_stream_is_told_apart(kind, files):
    path = files[kind][1]
    stock = Config.fromfile(ROOT / 'configs' / '_base_' / 'models' / 'tsn_r50.py').model
    with pytest.raises(InputError, match=LEAF.format(kind)):
        with_weights(stock, path)
    fitting = config(kind).model.recognizer
    model = dict(type='LateFusionRecognizer', streams=dict(face=fitting, body=stock.recognizer))
    with_weights(model, dict(face=path))
    with pytest.raises(InputError, match=LEAF.format(kind)):
        with_weights(model, dict(body=path))


@pytest.mark.parametrize('kind', KINDS)
def test_flags_that_would_take_another_network_are_refused(kind):
    cfg = config(kind)
    edit(cfg, dict(input='body', num_segments=5))
    assert cfg.model.streams == ('body',)
    for options in (dict(shift=True), dict(arch='mobilenet_v2')):
        with pytest.raises(InputError, match='with a backbone ResNet'):
            edit(cfg, options)


def test_torchscript_is_refused(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / 'program.pth'))
    with pytest.raises(InputError, match='program.pth: cannot be read'):
        read_weight_file(str(tmp_path / 'program.pth'))


@pytest.mark.parametrize('kind', KINDS)
def test_a_converted_file_is_still_of_its_kind(kind, files, tmp_path):
    once, twice = str(tmp_path / 'once.pth'), str(tmp_path / 'twice.pth')
    torch.save(to_start_weights(read_weight_file(files[kind][1])), once)
    torch.save(to_start_weights(read_weight_file(once)), twice)
    backbone = config(kind).model.recognizer.backbone
    for path in (once, twice):
        assert load_weights(MODELS.build(backbone), path).count == 53 * 5
        with pytest.raises(InputError, match=LEAF.format(kind)):
            load_weights(MODELS.build(dict(type='ResNet', depth=50)), path)


@pytest.mark.parametrize(
    'change, problem',
    [
        (lambda s: s.update({'layer1.0.conv1.bias': torch.zeros(64)}), '1 left over: .*conv1.bias'),
        (lambda s: s.pop('layer3.5.batch_norm2.bias'), '1 missing: layer3.5.conv2.bn.bias'),
    ],
    ids=['left over', 'missing'],
)
def test_tensors_that_do_not_fit_are_refused(change, problem, files, save):
    state = dict(files['affectnet'][0])
    change(state)
    backbone = MODELS.build(config('affectnet').model.recognizer.backbone)
    with pytest.raises(InputError, match=problem):
        load_weights(backbone, save(state))


def test_a_pickle_of_arrays_tells_how_it_is_converted(files, tmp_path, monkeypatch):
    state, _ = files['vggface2']
    arrays = {n: x.numpy() for n, x in state.items() if 'num_batches' not in n}
    (tmp_path / 'IN.pkl').write_bytes(pickle.dumps(arrays, protocol=2))
    backbone = MODELS.build(config('vggface2').model.recognizer.backbone)
    with pytest.raises(InputError, match='IN.pkl: .*NumPy arrays') as error:
        load_weights(backbone, str(tmp_path / 'IN.pkl'))
    monkeypatch.chdir(tmp_path)
    command = re.search('`(.*)`', str(error.value))[1]
    page = (ROOT / 'docs' / 'weights.md').read_text(encoding='utf-8')
    assert re.sub(r'\b(IN|OUT)\.', 'resnet50_ft_weight.', f'python -c "{command}"') in page
    exec(command, {})
    assert load_weights(backbone, 'OUT.pth').kind == 'vggface2'
    assert torch.equal(backbone.layer4[2].conv3.bn.weight, state['layer4.2.bn3.weight'])


def test_a_run_of_another_network_is_not_tested_by_mistake():
    """The tensors have the same names and shapes."""
    stock = config('affectnet')
    stock.recipe.pop('network')
    for run, cfg in ((config('affectnet'), stock), (stock, config('vggface2'))):
        checkpoint = Checkpoint('a.pth', dict(meta=dict(cfg=run.pretty_text)))
        check_recipe(checkpoint, run.recipe)
        with pytest.raises(InputError, match='network .* .found., .* .expected.'):
            check_recipe(checkpoint, cfg.recipe)
