import json
import pickle
import struct
import zipfile

import pytest
import torch

from emoreact_plugin import InputError
from emoreact_plugin.weights.checkpoints import (
    Checkpoint,
    check_recipe,
    latest_checkpoint,
    read_checkpoint,
    resolve_checkpoint,
)

CFG = """
work_dir = 'x'
recipe = dict(
    arch='resnet18', input='face', num_segments=3, shift=False, init='scratch')
model = dict(type='A')
"""


def of_run(cfg):
    """Make the checkpoint of a run with a configuration."""
    return Checkpoint('a.pth', dict(meta=dict(cfg=cfg)))


def test_the_latest_checkpoint_is_found_after_a_move(tmp_path):
    assert latest_checkpoint(str(tmp_path)) is None
    (tmp_path / 'last_checkpoint').write_text('/old/place/epoch_2.pth')
    assert latest_checkpoint(str(tmp_path)) is None
    (tmp_path / 'epoch_2.pth').touch()
    assert latest_checkpoint(str(tmp_path)) == str(tmp_path / 'epoch_2.pth')


def test_the_best_checkpoint_of_a_folder(tmp_path):
    folder = tmp_path / 'run [1]'
    folder.mkdir()
    file = str(folder / 'epoch_3.pth')
    assert resolve_checkpoint(file) == file  # whether it is there or not
    with pytest.raises(FileNotFoundError) as error:
        resolve_checkpoint(str(folder))
    assert str(error.value) == (
        f'{folder}: expected a folder with a checkpoint best_*.pth, or with '
        'the last_checkpoint of a training, found neither'
    )
    (folder / 'epoch_3.pth').touch()
    (folder / 'last_checkpoint').write_text('/elsewhere/epoch_3.pth')
    assert resolve_checkpoint(str(folder)) == file
    names = ['best_micro_epoch_2.pth', 'best_micro_epoch_3.pth']
    (folder / names[0]).touch()
    assert resolve_checkpoint(str(folder)) == str(folder / names[0])
    (folder / names[1]).touch()
    with pytest.raises(
        InputError, match=f'expected one checkpoint .* found {", ".join(names)}; name one'
    ):
        resolve_checkpoint(str(folder))
    metrics = folder / 'metrics.json'
    metrics.write_text(json.dumps(dict(checkpoint='/elsewhere/' + names[0])))
    assert resolve_checkpoint(str(folder)) == str(folder / names[0])
    for other in ('[]', '{', json.dumps(dict(checkpoint='epoch_3.pth'))):
        metrics.write_text(other)
        with pytest.raises(InputError, match='name one'):
            resolve_checkpoint(str(folder))


def test_a_folder_of_several_seeds_names_their_checkpoints(tmp_path):
    for seed in ('seed0', 'seed1'):
        (tmp_path / seed).mkdir()
        (tmp_path / seed / 'best_epoch_1.pth').touch()
    with pytest.raises(
        FileNotFoundError,
        match='found neither .but .*seed0.best_epoch_1.pth, .*seed1.best_epoch_1.pth.$',
    ):
        resolve_checkpoint(str(tmp_path))


@pytest.mark.parametrize('old_format', [False, True])
def test_meta(old_format, tmp_path):
    path, options = str(tmp_path / 'a.pth'), dict(_use_new_zipfile_serialization=not old_format)
    with pytest.raises(FileNotFoundError, match='a.pth: no such checkpoint or weight file'):
        read_checkpoint(path)
    torch.save(dict(meta=dict(seed=3), state_dict=dict(a=torch.zeros(2))), path, **options)
    assert read_checkpoint(path).meta == dict(seed=3)
    torch.save(dict(a=torch.zeros(2)), path, **options)
    assert read_checkpoint(path).meta == {}


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'.',
        b'\x80\x02.',
        b'\x80\x02h\x05.',
        b'\x80\x02K\x01K\x02b.',
        b'\x80\x02}K\x01u.',
        b'no pickle',
        b'PK\x03\x04 cut off',
        pickle.dumps([1], protocol=2),
        struct.pack('<q', 3),
    ],
)
def test_damaged_files(content, tmp_path):
    (tmp_path / 'a.pth').write_bytes(content)
    for foreign in (False, True):
        with pytest.raises(InputError, match='a.pth: cannot be read as a PyTorch'):
            read_checkpoint(str(tmp_path / 'a.pth'), foreign)


@pytest.mark.parametrize('name', ['backbone.conv1.weight', 'cls_head.fc_cls.bias'])
@pytest.mark.parametrize('dtype', [torch.int64, torch.uint8, torch.bool, torch.complex64])
def test_weights_are_real_numbers(name, dtype, tmp_path):
    path = str(tmp_path / 'a.pth')
    # counts and indices may be whole numbers
    state = {'bn.num_batches_tracked': torch.tensor(3), 'index': torch.zeros(2, dtype=torch.int64)}
    torch.save(dict(state_dict={name: torch.zeros(2, dtype=torch.float16), **state}), path)
    assert len(read_checkpoint(path).state) == 3
    torch.save(dict(state_dict={name: torch.zeros(2, dtype=dtype), **state}), path)
    with pytest.raises(InputError, match=f'a.pth: {name}: expected real numbers, found {dtype}'):
        _ = read_checkpoint(path).state


def test_a_damaged_pickle_in_an_archive(tmp_path):
    torch.save(dict(meta=dict(seed=3)), tmp_path / 'good.pth')
    with (
        zipfile.ZipFile(tmp_path / 'good.pth') as good,
        zipfile.ZipFile(tmp_path / 'bad.pth', 'w') as bad,
    ):
        for name in good.namelist():
            bad.writestr(name, b'\x80\x02K\x01Q.' if name.endswith('.pkl') else good.read(name))
    with pytest.raises(InputError, match='bad.pth: .*AssertionError'):
        read_checkpoint(str(tmp_path / 'bad.pth'))


def test_the_recipe_is_read_and_nothing_is_run(tmp_path):
    assert of_run(CFG).recipe == dict(
        arch='resnet18', input='face', num_segments=3, shift=False, init='scratch'
    )
    for text in (
        None,
        '',
        'model = 1',
        'not python (',
        f"recipe = dict(input=open('{tmp_path}/x', 'w'))",
    ):
        assert of_run(text).recipe is None
    assert not list(tmp_path.iterdir())


def test_other_options_are_refused():
    recipe = of_run(CFG).recipe
    check_recipe(of_run(CFG), recipe)
    check_recipe(of_run(CFG), dict(recipe, init='imagenet'))
    check_recipe(of_run(CFG.replace('shift=', 'mask=True, shift=')), dict(recipe, mask=False))
    check_recipe(of_run(CFG), None)
    check_recipe(Checkpoint('a.pth', {}), recipe)
    check_recipe(of_run('recipe = 3'), recipe)
    check_recipe(of_run(CFG), 3)
    check_recipe(of_run("recipe = dict(classes=['a', 'b'])"), dict(classes=('a', 'b')))
    with pytest.raises(InputError) as error:
        check_recipe(of_run(CFG), dict(recipe, input='body', num_segments=5))
    assert 'a.pth' in str(error.value)
    assert "input 'face' (found), 'body' (expected)" in str(error.value)
    assert 'num_segments 3 (found), 5 (expected)' in str(error.value)


@pytest.mark.parametrize(
    'option, before, after',
    [('mask', False, True), ('mask_kind', 'surgical', 'kn95'), ('pos_weight', True, False)],
)
def test_going_on_needs_what_a_test_may_change(option, before, after):
    checkpoint = of_run(CFG.replace('shift=', f'{option}={before!r}, shift='))
    recipe = {**checkpoint.recipe, option: after}
    check_recipe(checkpoint, recipe)
    with pytest.raises(InputError, match=f'{option} {before!r} .found., {after!r} .expected.'):
        check_recipe(checkpoint, recipe, resume=True)
