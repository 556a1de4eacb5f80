import numpy as np
import pytest
from mmengine.registry import init_default_scope

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import ROCAUCMetric
from emoreact_plugin.models import check_stock_head
from mmaction.evaluation import AccMetric
from mmaction.registry import MODELS
from tests.factories import tpn_neck

BCE = dict(type='BCELossWithLogits')
MULTI = np.array([[1, 1, 0], [0, 0, 0]])
SINGLE = np.array([[1, 0, 0], [0, 0, 1]])
LOGITS = [ROCAUCMetric(scores='logits')]


def recognizer(neck=None, **head):
    """Build a recognizer whose head fits several labels a clip, except for what is given."""
    init_default_scope('mmaction')
    settings = dict(num_classes=3, multi_class=True, loss_cls=BCE, average_clips='score')
    return MODELS.build(
        dict(
            type='Recognizer3D',
            backbone=dict(type='ResNet3dSlowOnly', depth=18, pretrained=None, base_channels=8),
            neck=neck,
            cls_head=dict(type='I3DHead', in_channels=64, **{**settings, **head}),
            data_preprocessor=dict(type='ActionDataPreprocessor', mean=[9] * 3, std=[9] * 3),
        )
    )


def test_the_head_of_the_documentation_is_accepted():
    check_stock_head(recognizer(), MULTI, LOGITS)
    check_stock_head(recognizer(neck=tpn_neck(out_channels=3, loss_cls=BCE)), MULTI, LOGITS)


@pytest.mark.parametrize(
    'model, fact',
    [
        (dict(num_classes=400), 'num_classes: expected 3.*found 400'),
        (dict(loss_cls=dict(type='CrossEntropyLoss')), r'model\.cls_head\.loss_cls.*softmax'),
        # the auxiliary head has a softmax by default
        (dict(neck=tpn_neck(out_channels=3)), r'model\.neck\.aux_head\.loss_cls.*softmax'),
        (dict(average_clips='prob'), "average_clips: expected 'score'.*found 'prob'"),
        (dict(average_clips=None), "average_clips: expected 'score'.*found None"),
    ],
)
def test_what_takes_a_clip_for_one_with_a_single_label_is_refused(model, fact):
    with pytest.raises(InputError, match=fact):
        check_stock_head(recognizer(**model), MULTI, LOGITS)


def test_the_heads_of_streams_need_the_number_of_labels():
    network = dict(type='Recognizer2D', backbone=dict(type='ResNet', depth=18))
    network['cls_head'] = dict(type='TSNHead', num_classes=4, in_channels=512)
    shared = dict(type='LateFusionRecognizer', streams=('face', 'body'), recognizer=network)
    two = dict(type='LateFusionRecognizer', streams=dict(face=network, body=network))
    for model, name in ((shared, 'recognizer'), (two, 'streams.face')):
        built = MODELS.build(model)
        with pytest.raises(InputError, match=rf'model\.{name}\.cls_head.*expected 3.*found 4'):
            check_stock_head(built, MULTI, [ROCAUCMetric()])
        check_stock_head(built, np.zeros((2, 4)), [ROCAUCMetric()])


def test_the_metric_has_to_take_the_logits_of_a_stock_model():
    with pytest.raises(InputError, match="expected ROCAUCMetric.*'logits'.*found 'probabilities'"):
        check_stock_head(recognizer(), MULTI, [AccMetric(), ROCAUCMetric()])


def test_a_softmax_is_right_for_clips_with_one_label():
    model = recognizer(loss_cls=dict(type='CrossEntropyLoss'), average_clips='prob')
    check_stock_head(model, SINGLE, [AccMetric()])
    with pytest.raises(InputError, match='softmax'):
        check_stock_head(model, MULTI, [AccMetric()])
