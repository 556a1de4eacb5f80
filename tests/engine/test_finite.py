from types import SimpleNamespace

import pytest
import torch
from mmengine.structures import BaseDataElement

from emoreact_plugin import InputError
from emoreact_plugin.engine import FiniteHook

RUNNER = SimpleNamespace(epoch=2, iter=41)


def batch(*names):
    return dict(data_samples=[BaseDataElement(metainfo=dict(video_id=name)) for name in names])


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_a_loss_that_is_not_finite_names_epoch_iteration_and_clips(value):
    hook = FiniteHook()
    hook.after_train_iter(RUNNER, 0, batch('fine'), dict(loss=torch.tensor(0.5)))
    with pytest.raises(InputError, match=r'epoch 3, iteration 42: .*loss_face.*\ba, b\b'):
        losses = dict(loss=torch.tensor(0.5), loss_face=torch.tensor(value))
        hook.after_train_iter(RUNNER, 1, batch('a', 'b'), losses)


def test_weights_that_are_not_finite_are_not_saved():
    good = dict(a=torch.ones(2), steps=torch.tensor(3))
    bad = dict(good, b=torch.tensor([1.0, float('nan')]))
    hook = FiniteHook()
    hook.before_save_checkpoint(RUNNER, dict(meta=dict(epoch=7), state_dict=good))
    with pytest.raises(InputError, match='epoch 7: .*1 of 2 values of b'):
        hook.before_save_checkpoint(RUNNER, dict(meta=dict(epoch=7), state_dict=bad))


def test_scores_that_are_not_finite_name_the_clip():
    sample, other = batch('good', 'bad')['data_samples']
    sample.pred_logits, other.pred_logits = torch.zeros(8), torch.full((8,), float('inf'))
    hook = FiniteHook()
    hook.after_test_iter(RUNNER, 0, None, [sample])
    with pytest.raises(InputError, match='^clip bad: .*pred_logits'):
        hook.after_test_iter(RUNNER, 0, None, [sample, other])
    hook.before_train(RUNNER)
    with pytest.raises(InputError, match='^epoch 2, clip bad: '):
        hook.after_val_iter(RUNNER, 0, None, [sample, other])
