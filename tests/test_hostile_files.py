"""Give files that would run code when unpickled to every part that reads weights or checkpoints.

All parts refuse them, and nothing is run.
"""

import ast

import pytest
import torch

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.inference import EmotionInferencer
from emoreact_plugin.models import load_recognizer
from emoreact_plugin.weights.checkpoints import read_checkpoint
from emoreact_plugin.weights.load_weights import load_weights
from mmaction.registry import MODELS
from tests.factories import ROOT, call_tool, recognizer2d, write_config
from tests.weights.weight_samples import hostile, original_state, random_model

pytestmark = pytest.mark.slow


def tool(name, *arguments):
    """Return a function that returns a tool's error.

    ``{file}``, ``{config}`` and ``{tmp}`` in the arguments are filled in.
    """

    def run(**values):
        code, _, error = call_tool(name, *(a.format(**values) for a in arguments))
        assert code == 1, error
        return error

    return run


def function(call):
    """Return a function that returns the error of a call with the path of the file."""

    def run(file, **values):
        with pytest.raises(InputError) as error:
            call(file)
        return str(error.value)

    return run


def as_load_from(file):
    """Load a file as MMEngine does for `load_from`, a resume or a test."""
    from mmengine.runner import load_checkpoint

    load_checkpoint(MODELS.build(recognizer2d()), file)


# Whatever reads a checkpoint has a line here.
READERS = {
    'load_weights': function(lambda file: load_weights(MODELS.build(recognizer2d()), file)),
    'read_checkpoint': function(read_checkpoint),
    'foreign files': function(lambda file: read_checkpoint(file, foreign=True)),
    'MMEngine': function(as_load_from),
    'convert to start weights': tool('convert_checkpoint', '{file}', '--out', '{tmp}/out.pth'),
    'convert to a checkpoint': tool(
        'convert_checkpoint', '{config}', '{file}', '--out', '{tmp}/out.pth'
    ),
    'test': tool('test', '{config}', '{file}', '--work-dir', '{tmp}/work'),
    'resume': tool('train', '{config}', '--resume', '{file}', '--work-dir', '{tmp}/work'),
    'load_recognizer': function(load_recognizer),
    'Grad-CAM': tool('visualize_cam', '{config}', '{file}', '{video}', '--work-dir', '{tmp}/work'),
    'inference': function(EmotionInferencer),
    'inference with a config': tool(
        'demo', '{file}', '{video}', '--config', '{config}', '--out', '{tmp}/work'
    ),
    'ONNX': tool('export_onnx', '{file}', '{video}', '{video}'),
}


def contents(evil):
    """Put a hostile object into the places of the three kinds of checkpoints."""
    state = original_state(random_model('resnet18'))
    return {
        'original': dict(arch='TSN', epoch=7, state_dict=state, config=evil),
        'ours': dict(
            meta=dict(epoch=1, iter=2, cfg='a = 1'),
            state_dict=state,
            message_hub=dict(log_scalars=evil),
        ),
        'tensors': dict(state, evil=evil),
    }


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """All hostile files, and what they would create."""
    folder = tmp_path_factory.mktemp('hostile')
    created = folder / 'created'
    ways = hostile(created)
    paths = []
    for old_format in (False, True):
        for way, kind in (
            ('open', 'original'),
            ('getattr', 'original'),
            ('system', 'ours'),
            ('Popen', 'tensors'),
        ):
            path = folder / f'{kind}-{way}-{old_format}.pth'
            torch.save(
                contents(ways[way])[kind], path, _use_new_zipfile_serialization=not old_format
            )
            paths.append(str(path))
    return paths, created


@pytest.fixture
def config(tmp_path):
    return str(write_config(tmp_path / 'small.py', more=''))


@pytest.mark.parametrize('reader', READERS)
def test_it_is_refused_and_nothing_is_run(reader, files, config, tmp_path, tiny, monkeypatch):
    paths, created = files
    if reader != 'MMEngine':  # our own parts do not listen to it
        monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    for file in paths:
        error = READERS[reader](
            file=file,
            config=config,
            tmp=str(tmp_path),
            video=str(tiny.root / 'videos' / tiny.videos['test'][0]),
        )
        assert file in error
        assert not created.exists(), file
    assert not (tmp_path / 'out.pth').exists()


def test_the_files_do_create_one_elsewhere(files):
    """Or the tests above would say nothing."""
    import pickle
    import zipfile

    paths, created = files

    class Reader(pickle.Unpickler):
        def persistent_load(self, pid):
            return None

        def find_class(self, module, name):
            if module.startswith('torch'):
                return lambda *args: None
            return super().find_class(module, name)

    file = next(p for p in paths if 'open-False' in p)
    with zipfile.ZipFile(file) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith('/data.pkl'))
        Reader(archive.open(name)).load()
    assert created.exists()
    created.unlink()


def unsafe_calls(tree):
    """Find calls of pickle, and calls of a `load` that sets or may take weights_only=False."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        text = ast.unparse(node.func)
        flags = {k.arg: k.value for k in node.keywords}
        safe = isinstance(flags.get('weights_only'), ast.Constant) and (
            flags['weights_only'].value is True
        )
        if (
            'weights_only' in flags
            and not safe
            or text == 'torch.load'
            and not safe
            or text in ('pickle.load', 'pickle.loads', 'pickle.Unpickler')
        ):
            yield node


def test_no_file_of_ours_is_read_unsafely():
    for folder in ('emoreact_plugin', 'tools', 'configs'):
        for path in (ROOT / folder).rglob('*.py'):
            tree = ast.parse(path.read_text(encoding='utf-8'))
            found = [f'{path}:{node.lineno}' for node in unsafe_calls(tree)]
            assert not found
    for text in (
        'torch.load(x)',
        'torch.load(x, weights_only=False)',
        'pickle.load(x)',
        'f(weights_only=y)',
    ):
        assert list(unsafe_calls(ast.parse(text)))
    assert not list(unsafe_calls(ast.parse('torch.load(x, weights_only=True)')))
