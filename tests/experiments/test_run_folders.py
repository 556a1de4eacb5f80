import pytest

from emoreact_plugin.experiments import dumps_of


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_where_dumps_are_found(tmp_path):
    touch(
        tmp_path / 'other.npz',
        tmp_path / 'run' / 'test.npz',
        tmp_path / 'run' / 'val.npz',
        *(tmp_path / 'row' / f'seed{k}' / 'test.npz' for k in (0, 2, 10)),
    )
    (tmp_path / 'row' / 'seeds.txt').touch()
    assert dumps_of(str(tmp_path / 'other.npz')) == [str(tmp_path / 'other.npz')]
    run = tmp_path / 'run'
    assert dumps_of(str(run)) == [str(run / 'test.npz')]
    assert dumps_of(str(run), 'val.npz') == [str(run / 'val.npz')]
    row = tmp_path / 'row'
    assert dumps_of(str(row)) == [str(row / f'seed{k}' / 'test.npz') for k in (0, 2, 10)]


def test_what_is_missing_is_said_with_the_command(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match='nowhere: expected a dump '
        r'\(.npz\) or the folder of a run, found neither',
    ):
        dumps_of(str(tmp_path / 'nowhere'))
    with pytest.raises(FileNotFoundError) as error:
        dumps_of(str(tmp_path))
    assert str(error.value) == (
        f'{tmp_path}: expected a dump test.npz in it, found none; write it with\n  python '
        f'tools/test.py CONFIG CHECKPOINT --work-dir {tmp_path} --dump {tmp_path}/test.npz'
    )
    touch(
        tmp_path / 'epoch_2.pth',
        tmp_path / 'best_x.pth',
        tmp_path / 'small.py',
        tmp_path / 'test.npz',
    )
    with pytest.raises(FileNotFoundError) as error:
        dumps_of(str(tmp_path), 'val.npz')
    assert 'found none (but test.npz: name one by --dump-name)' in str(error.value)
    assert str(error.value).endswith(
        f'python tools/test.py {tmp_path}/small.py {tmp_path}/best_x.pth '
        f'--split val --work-dir {tmp_path} --dump {tmp_path}/val.npz'
    )


def test_a_seed_without_a_dump_is_named(tmp_path):
    touch(tmp_path / 'seed0' / 'test.npz', tmp_path / 'seed1' / 'x.txt')
    with pytest.raises(FileNotFoundError, match='seed1: expected a dump'):
        dumps_of(str(tmp_path))
