import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.models import load_recognizer
from emoreact_plugin.models.load_recognizer import _without_start_weights
from emoreact_plugin.recipes import build
from emoreact_plugin.weights.checkpoints import read_checkpoint
from mmaction.registry import MODELS
from tests.factories import small_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Save a checkpoint; return its configuration, its model and its path."""
    torch.manual_seed(0)
    init_default_scope('mmaction')
    cfg = small_config()
    model = MODELS.build(cfg.model)
    path = tmp_path_factory.mktemp('trained') / 'epoch_1.pth'
    save(path, cfg.pretty_text, model.state_dict())
    return cfg, model, str(path)


def save(path, text, state=None):
    torch.save(dict(meta=dict(cfg=text), state_dict=state or {}), path)
    return str(path)


def test_the_config_in_a_checkpoint_is_the_runs(trained):
    cfg, _, path = trained
    assert read_checkpoint(path).config.to_dict() == cfg.to_dict()


def test_all_forms_of_values_that_mmengine_writes(tmp_path):
    values = dict(
        numbers=(1, -2.5, 1e-4, float('inf'), float('-inf')),
        nothing=None,
        flag=True,
        words='it\'s "so"\n',
        empty={},
        one=(1,),
        nested=dict(a=[dict(b=(dict(c=1),))], d=[]),
        odd={'a b': dict(c=1), 'd.e': 2},
        keys={1: 'x', 2: dict(y=3)},
    )
    path = save(tmp_path / 'x.pth', Config(values).pretty_text)
    assert read_checkpoint(path).config.to_dict() == values


@pytest.mark.parametrize(
    'text, found',
    [
        ('model = dict(type=open("made", "w"))', 'line 1: a call'),
        ('import os\nmodel = dict()', 'line 1: no assignment'),
        ('a = dict(**{})', r'line 1: \*\*'),
        ('a = [x for x in (1, )]', 'malformed'),
        ('a = (', 'never closed'),
    ],
    ids=['call', 'import', 'stars', 'comprehension', 'syntax'],
)
def test_a_config_that_is_more_than_data_is_not_run(text, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = save(tmp_path / 'x.pth', text)
    with pytest.raises(InputError, match=f'x.pth.*plain values.*{found}.*give the config file'):
        _ = read_checkpoint(path).config
    assert not (tmp_path / 'made').exists()


def test_a_checkpoint_without_a_config(tmp_path):
    torch.save(dict(state_dict={}), tmp_path / 'x.pth')
    with pytest.raises(InputError, match='x.pth.*found none in it'):
        load_recognizer(str(tmp_path / 'x.pth'))


@pytest.mark.parametrize('with_config', [False, True])
def test_all_weights_are_loaded(with_config, trained):
    cfg, model, path = trained
    found_cfg, found = load_recognizer(path, cfg if with_config else None)
    assert found_cfg.recipe == cfg.recipe
    assert not found.training
    state = found.state_dict()
    assert set(state) == set(model.state_dict())
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(state[name], tensor)


def test_start_weights_are_not_fetched(tmp_path, monkeypatch):
    """All weights are in the checkpoint, also of a torchvision backbone."""
    recipe = build(input='face', init='no such file.pth', image_size=32)
    recipe['model']['recognizer']['backbone'] = dict(
        type='torchvision.resnet18', weights='IMAGENET1K_V1'
    )
    recipe['model']['recognizer']['cls_head']['in_channels'] = 512
    cfg = Config(recipe)
    plain = Config(recipe)
    plain.model.recognizer.backbone.weights = None
    state = MODELS.build(plain.model).state_dict()
    monkeypatch.setattr('torch.hub.download_url_to_file', pytest.fail)
    path = save(tmp_path / 'x.pth', cfg.pretty_text, state)
    _, model = load_recognizer(path)
    assert set(model.state_dict()) == set(state)


@pytest.mark.parametrize(
    'change, name',
    [
        (lambda c: c.model.recognizer.backbone.update(type='subprocess.Popen'), 'subprocess.Popen'),
        (
            lambda c: c.model.fusion.update(type='mmengine.utils.call_command'),
            'mmengine.utils.call_command',
        ),
        (lambda c: c.model.fusion.update(type='NoSuchFusion'), 'NoSuchFusion'),
        (lambda c: c.model.recognizer.cls_head.update(_scope_='os'), 'os'),
        (
            lambda c: c.model.recognizer.cls_head.update(type='torchvision.get_model'),
            'torchvision.get_model',
        ),
        (
            lambda c: c.model.recognizer.backbone.update(
                type='torchvision.get_model', name='fcn_resnet50', weights_backbone='DEFAULT'
            ),
            'torchvision.get_model',
        ),
        (
            lambda c: c.model.recognizer.backbone.update(type='torchvision.nosuch'),
            'torchvision.nosuch',
        ),
        (lambda c: c.test_dataloader.dataset.pipeline[0].update(type='os.system'), 'os.system'),
    ],
    ids=[
        'import',
        'ours',
        'unknown',
        'scope',
        'torchvision',
        'get_model',
        'no such model',
        'pipeline',
    ],
)
def test_a_stored_config_names_registered_parts_only(change, name, trained, tmp_path):
    cfg = Config(trained[0].to_dict())
    change(cfg)
    path = save(tmp_path / 'x.pth', cfg.pretty_text)
    with pytest.raises(InputError, match=f"x.pth.*names '{name}'.*give the config file"):
        load_recognizer(path)


def test_the_consensus_that_stock_heads_name_is_known(trained, tmp_path):
    cfg, model, _ = trained
    cfg = Config(cfg.to_dict())
    cfg.model.recognizer.cls_head.consensus = dict(type='AvgConsensus', dim=1)
    load_recognizer(save(tmp_path / 'x.pth', cfg.pretty_text, model.state_dict()))


def test_a_torchvision_backbone_is_built_without_weights():
    options = dict(
        weights='DEFAULT', weights_backbone='DEFAULT', pretrained=True, pretrained_backbone=True
    )
    model = dict(backbone=dict(type='torchvision.resnet18', **options))
    assert _without_start_weights(model) == dict(
        backbone=dict(type='torchvision.resnet18', weights=None)
    )
    assert set(options) < set(model['backbone'])


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(model=3), 'the model 3, expected a dict'),
        (dict(test_dataloader=3), 'the test_dataloader 3, expected a dict'),
        (dict(test_dataloader=dict(dataset=[1])), r'the dataset \[1\], expected a dict'),
        (dict(custom_imports=[1]), r'the custom_imports \[1\], expected a dict'),
        (dict(custom_imports=dict(imports=3)), "wants '3' imported"),
        (dict(custom_imports=dict(imports=[[]])), r"wants '\[\]' imported"),
        (dict(model=dict(type='Recognizer2D')), 'cannot be built: TypeError'),
        (dict(model=dict(type='LateFusionRecognizer', streams=3)), 'cannot be built: '),
    ],
)
def test_a_stored_config_of_another_shape(change, message, trained, tmp_path):
    values = {**trained[0].to_dict(), **change}
    path = save(tmp_path / 'x.pth', Config(values).pretty_text)
    with pytest.raises(InputError, match=f'x.pth: .*{message}'):
        load_recognizer(path)


def test_a_stored_config_has_a_known_scope(trained, tmp_path):
    cfg = Config(dict(trained[0].to_dict(), default_scope='antigravity'))
    path = save(tmp_path / 'x.pth', cfg.pretty_text)
    with pytest.raises(InputError, match="default_scope 'antigravity'"):
        load_recognizer(path)
    assert 'antigravity' not in sys.modules


def test_a_stored_config_imports_nothing(trained, tmp_path, monkeypatch):
    (tmp_path / 'my_own_parts.py').write_text('raise SystemExit("imported")')
    monkeypatch.syspath_prepend(tmp_path)
    cfg = Config(dict(trained[0].to_dict(), custom_imports=dict(imports=['my_own_parts'])))
    path = save(tmp_path / 'x.pth', cfg.pretty_text)
    with pytest.raises(InputError, match="wants 'my_own_parts' imported"):
        load_recognizer(path)
    assert 'my_own_parts' not in sys.modules


def test_weights_that_do_not_fit(trained, tmp_path):
    cfg, model, _ = trained
    state = dict(model.state_dict())
    state.pop('recognizers.shared.cls_head.fc_cls.bias')
    path = save(tmp_path / 'x.pth', cfg.pretty_text, state)
    with pytest.raises(InputError, match='x.pth: (?s:.*)fc_cls.bias'):
        load_recognizer(path)


@pytest.mark.parametrize('state', [3, [1], {'recognizers': 3}])
def test_weights_that_are_none(state, trained, tmp_path):
    path = save(tmp_path / 'x.pth', trained[0].pretty_text, state)
    with pytest.raises(InputError, match='x.pth: (its weights do not fit|expected a dict)'):
        load_recognizer(path)


def test_a_config_of_other_options_is_refused(trained):
    other = small_config(num_segments=5)
    with pytest.raises(InputError, match='num_segments 3 .found., 5'):
        load_recognizer(trained[2], other)


def test_a_config_without_a_model(tmp_path):
    path = save(tmp_path / 'x.pth', 'a = 1\n')
    with pytest.raises(InputError, match='with a model, found a'):
        load_recognizer(path)


def test_types_as_paths_of_registered_classes(trained, tmp_path):
    """Pure-Python configs name their parts so; what is registered may be named so as well."""
    cfg, model, _ = trained
    text = cfg.pretty_text.replace(
        "'LateFusionRecognizer'", "'emoreact_plugin.models.LateFusionRecognizer'"
    ).replace("'TSNHead'", "'mmaction.models.heads.TSNHead'")
    path = save(tmp_path / 'paths.pth', text, model.state_dict())
    _, loaded = load_recognizer(path)
    assert type(loaded) is type(model)
    assert not hasattr(sys.modules['mmaction.models.heads'], 'Popen')
    for other in (
        'mmengine.runner.Runner',  # registered, but no model
        'subprocess.Popen',
        'torch.nn.Linear.forward',
        'mmaction.models.heads.NoHead',
    ):
        changed = text.replace('mmaction.models.heads.TSNHead', other)
        with pytest.raises(InputError, match=other):
            load_recognizer(save(tmp_path / 'other.pth', changed, model.state_dict()))
