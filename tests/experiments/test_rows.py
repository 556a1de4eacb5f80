import pytest

from emoreact_plugin import InputError
from emoreact_plugin.experiments import make_rows
from emoreact_plugin.experiments.reproduction import describe_runs
from tests.factories import small_config

BASE = 'configs/emoreact/tsn_imagenet-pretrained-r50_1xb8-1x1x3-12e_emoreact-fusion.py'


def test_the_five_published_rows():
    rows = make_rows(['table'], BASE)
    assert [(r.title, r.published) for r in rows] == [
        ('TSN face, masked', 0.733),
        ('TSN body, masked', 0.736),
        ('TSN full body, masked', 0.758),
        ('TSM fusion, masked', 0.768),
        ('TSN face, unmasked', 0.769),
    ]
    assert rows[3].training.flags == (
        '--input',
        'fusion',
        '--num-segments',
        '3',
        '--shift',
        '--shift-div',
        '8',
        '--mask',
    )
    assert rows[4].training.flags == ('--input', 'face', '--num-segments', '3')


def test_rows_turn_off_what_the_config_has(tmp_path):
    config = tmp_path / 'mine.py'
    config.write_text('recipe = dict(shift=True, mask=True)')
    face, fusion = make_rows(['tsn-face', 'tsm-fusion-masked'], str(config))
    assert face.training.flags[-2:] == ('--no-shift', '--no-mask')
    assert not {'--no-shift', '--no-mask'} & {*fusion.training.flags}


def test_the_grid_has_every_model_input_and_mask_once():
    rows = make_rows(['grid', 'table'], BASE)
    assert len(rows) == len({row.name for row in rows}) == 16
    assert len({row.training for row in rows}) == 16


def test_trained_unmasked_and_tested_masked_shares_the_training():
    plain, masked = make_rows(['tsn-body', 'tsn-body-tested-masked'], BASE)
    assert plain.training == masked.training
    assert masked.test_mask and not plain.test_mask
    assert '--mask' not in masked.training.flags


def test_three_segments_are_the_same_training_however_asked_for():
    plain, three, five = make_rows(
        ['tsn-face-masked', 'tsn-face-masked-segments3', 'tsn-face-masked-segments5'], BASE
    )
    assert plain.training == three.training != five.training
    assert five.title == 'TSN face, masked, 5 segments'


def test_two_seeds_need_two_trainings_a_run():
    (row,) = make_rows(['tsn-face-masked-two-seeds'], BASE)
    assert row.seeds_a_run == 2
    assert row.training.name == 'tsn-face-masked'
    assert make_rows(['tsn-face'], BASE)[0].seeds_a_run == 1


def test_three_streams_and_another_shift():
    (row,) = make_rows(['tsm4-face+body+fullbody-masked'], BASE)
    assert row.training.flags[:2] == ('--input', 'face+body+fullbody')
    assert row.training.flags[-3:] == ('--shift-div', '4', '--mask')


def test_a_config_is_a_row_as_it_is(tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text('')
    (row,) = make_rows([str(path)], BASE)
    assert row.name == 'mine' and row.training.flags == ()
    assert row.training.config == str(path)
    other = tmp_path / 'other' / 'mine.py'
    other.parent.mkdir()
    other.write_text('')
    with pytest.raises(InputError, match="both be called 'mine'"):
        make_rows([str(path), str(other)], BASE)


@pytest.mark.parametrize(
    'name, error, message',
    [
        ('tsn-hands', InputError, 'face, body, fullbody, fusion, or'),
        ('r50-face', InputError, "unknown row 'r50-face', expected one of table"),
        ('tsn-face-masked-segments4', InputError, '1, 3, 5, 10 segments'),
        ('no/such.py', FileNotFoundError, 'no/such.py: no such config'),
    ],
)
def test_names_that_are_none(name, error, message):
    with pytest.raises(error, match=message):
        make_rows([name], BASE)


@pytest.mark.parametrize('shared', [True, False])
def test_a_backbone_with_fewer_stages_is_said(shared):
    (row,) = make_rows(['tsn-fusion'], BASE)
    cfg = small_config(input='fusion', shared=shared)
    assert 'backbone: resnet18 (1 stage); ' in describe_runs([row], {row.training: cfg}, 1)
