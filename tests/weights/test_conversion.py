import numpy as np
import pytest
import torch

from emoreact_plugin import InputError
from emoreact_plugin.weights.checkpoints import read_checkpoint
from emoreact_plugin.weights.conversion import to_checkpoint, write_checkpoint
from emoreact_plugin.weights.weight_files import read_weight_file
from tests.factories import save_checkpoint, small_config

pytestmark = pytest.mark.slow

ABOUT = dict(classes=('a', 'b'), drawn_sample_data=True, masked=True)


def config(**options):
    return small_config(**{'classes': ('a', 'b'), **options})


@pytest.fixture
def run(tmp_path):
    """Return a function that writes and reads the weight file of a run of this package."""

    def make(about=None, **options):
        path = save_checkpoint(tmp_path / 'run.pth', about or ABOUT, config(**options))
        return read_weight_file(path)

    return make


def test_what_a_run_says_of_its_data_is_kept(run, tmp_path):
    content, _ = to_checkpoint(run(), config())
    path = str(tmp_path / 'out.pth')
    write_checkpoint(content, path, str(tmp_path / 'run.pth'))
    assert read_checkpoint(path).dataset_meta == ABOUT
    # A configuration that does not say the classes leaves the file's.
    cfg = config()
    cfg.test_dataloader = None
    about = to_checkpoint(run(), cfg)[0]['meta']['dataset_meta']
    assert about == ABOUT
    # A head that was left out had other classes.
    cfg = config(classes=('a', 'b', 'c'))
    cfg.test_dataloader = cfg.recipe = None
    about = to_checkpoint(run(), cfg, ('head',))[0]['meta']['dataset_meta']
    assert about == dict(drawn_sample_data=True, masked=True)


def test_what_is_not_plain_is_not_kept(run):
    file = run(dict(ABOUT, size=np.float64(3)))
    assert 'dataset_meta' not in file.meta
    about = to_checkpoint(file, config())[0]['meta']['dataset_meta']
    assert about == dict(classes=('a', 'b'))


def test_a_run_of_other_options_is_refused(run):
    file = run(input='body')
    with pytest.raises(InputError) as error:
        to_checkpoint(file, config(input='face', num_segments=5))
    assert str(error.value).startswith(file.path)
    assert "input 'body' (found), 'face' (expected)" in str(error.value)
    assert 'num_segments 3 (found), 5 (expected)' in str(error.value)
    to_checkpoint(file, config(input='body', init='imagenet', mask=True))


def test_a_stream_of_a_run_for_a_config_of_its_input(run):
    file = run(shared=False)
    content, _ = to_checkpoint(file, config(input='face'), stream='face')
    for name in ('backbone.conv1.conv.weight', 'cls_head.fc_cls.bias'):
        (found,) = (x for n, x in content['state_dict'].items() if n.endswith(name))
        face = file.networks['face'].tensors
        key = name.replace('conv1.conv', 'conv1')
        assert torch.equal(found, face[key])
    with pytest.raises(InputError, match="input 'fusion' .found., 'face'"):
        to_checkpoint(file, config(input='face'), stream='body')
    with pytest.raises(InputError, match='num_segments 3 .found., 5'):
        to_checkpoint(file, config(input='face', num_segments=5), stream='face')
    # A shared network was trained on both.
    with pytest.raises(InputError, match="input 'fusion' .found., 'face'"):
        to_checkpoint(run(), config(input='face'), stream='face')
