import pytest
import torch

from emoreact_plugin import InputError
from emoreact_plugin.models import ScoreFusion

FACE = torch.tensor([[1.0, -2.0, 0.0], [4.0, 4.0, 4.0]])
BODY = torch.tensor([[3.0, -4.0, 2.0], [0.0, 8.0, -4.0]])
LOGITS = dict(face=FACE, body=BODY)


@pytest.mark.parametrize(
    'mode, expected',
    [
        ('mean', [[2.0, -3.0, 1.0], [2.0, 6.0, 0.0]]),
        ('max', [[3.0, -2.0, 2.0], [4.0, 8.0, 4.0]]),
    ],
)
def test_mean_and_max(mode, expected):
    torch.testing.assert_close(ScoreFusion(mode)(LOGITS), torch.tensor(expected))


def test_given_weights_are_brought_to_a_sum_of_one():
    fusion = ScoreFusion('weighted', streams=('face', 'body'), weights=dict(face=3, body=1))
    # 0.75 * face + 0.25 * body
    torch.testing.assert_close(fusion(LOGITS), torch.tensor([[1.5, -2.5, 0.5], [3.0, 5.0, 2.0]]))
    assert not list(fusion.parameters())


def test_weights_go_by_name_not_by_order():
    fusion = ScoreFusion('weighted', streams=('face', 'body'), weights=dict(body=1, face=0))
    swapped = dict(body=BODY, face=FACE)
    torch.testing.assert_close(fusion(swapped), BODY)


def test_learned_weights_start_equal_and_get_a_gradient():
    fusion = ScoreFusion('weighted', streams=('face', 'body'))
    fused = fusion(LOGITS)
    torch.testing.assert_close(fused, (FACE + BODY) / 2)
    losses = fusion.loss(fused, torch.zeros(2, 3), torch.nn.functional.mse_loss)
    losses['loss_fusion'].backward()
    assert fusion.weight_logits.grad.abs().min() > 0
    assert 'weight_logits' in fusion.state_dict()


def test_nothing_to_learn_means_no_loss():
    assert ScoreFusion('mean').loss(FACE, FACE, None) == {}


NONE = torch.tensor([True, False])  # the second clip shows none of it


@pytest.mark.parametrize(
    'options, expected',
    [
        # clip 2: body alone, whatever the mode
        (dict(mode='mean'), [[2.0, -3.0, 1.0], [0.0, 8.0, -4.0]]),
        (dict(mode='max'), [[3.0, -2.0, 2.0], [0.0, 8.0, -4.0]]),
        (dict(mode='weighted', weights=dict(face=3, body=1)), [[1.5, -2.5, 0.5], [0.0, 8.0, -4.0]]),
        (dict(mode='weighted'), [[2.0, -3.0, 1.0], [0.0, 8.0, -4.0]]),
    ],
)
def test_a_missing_stream_is_left_out_of_its_clip(options, expected):
    fusion = ScoreFusion(streams=('face', 'body'), skip_missing=True, **options)
    fused = fusion(LOGITS, valid=dict(face=NONE))
    torch.testing.assert_close(fused, torch.tensor(expected))


def test_a_missing_stream_is_scored_by_default():
    torch.testing.assert_close(ScoreFusion()(LOGITS, valid=dict(face=NONE)), (FACE + BODY) / 2)


@pytest.mark.parametrize('options', [dict(), dict(mode='weighted', weights=dict(face=1, body=0))])
def test_a_clip_without_any_stream_keeps_all(options):
    """Also where the only stream that is there has a weight of 0."""
    fusion = ScoreFusion(streams=('face', 'body'), skip_missing=True, **options)
    valid = dict(face=NONE)
    if not options:
        valid['body'] = NONE
    expected = ScoreFusion(streams=('face', 'body'), **options)(LOGITS)
    torch.testing.assert_close(fusion(LOGITS, valid=valid), expected)


def test_learned_weights_learn_from_the_clips_that_show_both():
    fusion = ScoreFusion('weighted', streams=('face', 'body'), skip_missing=True)
    fused = fusion(LOGITS, valid=dict(face=NONE))
    fused[1].sum().backward(retain_graph=True)
    assert fusion.weight_logits.grad.abs().max() == 0
    fused[0].sum().backward()
    assert fusion.weight_logits.grad.abs().min() > 0


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(mode='median'), "'median', expected one of mean, max, weighted"),
        (dict(mode='mean', weights=dict(face=1)), "expected 'weighted'"),
        (dict(mode='weighted'), 'needs the names'),
        (
            dict(mode='weighted', streams=('face', 'body'), weights=dict(face=1)),
            'each of face, body, found them for face',
        ),
        (dict(mode='weighted', streams=('face',), weights=dict(face=-1)), 'not negative'),
        (dict(mode='weighted', streams=('face',), weights=dict(face=0)), 'not all 0'),
        (dict(mode='weighted', streams=('face',), weights=dict(face=1e999)), 'finite'),
    ],
)
def test_errors(options, message):
    with pytest.raises(InputError, match=message):
        ScoreFusion(**options)
