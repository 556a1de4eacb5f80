"""``max_testing_views`` of MMAction2: any batch as a stream, checked before training else."""

import pytest
import torch
from mmengine.config import Config

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.models import LateFusionRecognizer, check_batch_sizes
from mmaction.models.recognizers import Recognizer3D
from mmaction.registry import MODELS
from tests.factories import recognizer2d, recognizer3d

pytestmark = pytest.mark.slow


@pytest.mark.parametrize('views', [1, 2, 5])
def test_a_stream_with_max_testing_views_takes_any_batch(views):
    def build(**options):
        torch.manual_seed(0)
        streams = dict(face=dict(recognizer3d(), **options))
        return MODELS.build(dict(type='LateFusionRecognizer', streams=streams)).eval()

    inputs = dict(face_imgs=torch.rand(3, 3, 3, 4, 32, 32))
    with torch.no_grad():
        one = build(test_cfg=dict(max_testing_views=views))(inputs)['face']
        expected = build()(inputs)['face']
    torch.testing.assert_close(one, expected, rtol=1e-3, atol=1e-4)


def test_max_testing_views_of_a_2d_stream_are_refused():
    streams = dict(face=dict(recognizer2d(), test_cfg=dict(max_testing_views=2)))
    with pytest.raises(InputError, match="'face'.*max_testing_views.*Recognizer2D.*2"):
        MODELS.build(dict(type='LateFusionRecognizer', streams=streams))


def config(kind, batch_size, views=4):
    loader = dict(batch_size=batch_size)
    return Config(
        dict(
            model=dict(type=kind, test_cfg=dict(max_testing_views=views)),
            val_dataloader=dict(batch_size=1),
            test_dataloader=loader,
        )
    )


def test_a_stock_model_that_takes_one_clip_at_a_time_needs_such_batches():
    for kind in ('Recognizer3D', 'mmaction.Recognizer3D', Recognizer3D):
        with pytest.raises(InputError, match=r'test_dataloader.batch_size.*1.*=4.*2'):
            check_batch_sizes(config(kind, 2))
        check_batch_sizes(config(kind, 1))
        check_batch_sizes(config(kind, 2, views=None))
    check_batch_sizes(config('LateFusionRecognizer', 2))
    check_batch_sizes(config(LateFusionRecognizer, 2))
    check_batch_sizes(Config(dict(model=dict(type='Recognizer3D'))))
