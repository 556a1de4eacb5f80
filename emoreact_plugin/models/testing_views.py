"""Find a ``max_testing_views`` that would fail in the first validation, before training."""

from torch import nn

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import is_a
from mmaction.models.recognizers import Recognizer2D
from mmaction.registry import MODELS
from mmaction.utils import ConfigType


def check_testing_views(network: nn.Module, place: str) -> None:
    """Refuse ``max_testing_views`` of a 2D recognizer, which fails in MMAction2.

    Args:
        network (nn.Module): A recognizer.
        place (str): Where it is, for the error message.

    Raises:
        InputError: For such a network.
    """
    views = (getattr(network, 'test_cfg', None) or {}).get('max_testing_views')
    if views and isinstance(network, Recognizer2D):
        raise InputError(
            f'{place}: test_cfg.max_testing_views: expected none in a '
            f'{type(network).__name__}, for which MMAction2 cannot do that, found {views}'
        )


def check_batch_sizes(cfg: ConfigType) -> None:
    """Refuse a config whose model takes one clip at a time in val and test, but gets more.

    A stock model with ``test_cfg.max_testing_views`` (CSN, MViT large) fails for a batch of two
    clips, in the first validation. ``LateFusionRecognizer`` takes any batch.

    Args:
        cfg (dict): A config with ``model``, ``val_dataloader`` and ``test_dataloader``.

    Raises:
        InputError: For such a config.
    """
    model = cfg.get('model') or {}
    views = (model.get('test_cfg') or {}).get('max_testing_views')
    if not views or is_a(model, 'LateFusionRecognizer', registry=MODELS):
        return
    for split in ('val', 'test'):
        size = (cfg.get(f'{split}_dataloader') or {}).get('batch_size', 1)
        if size > 1:
            raise InputError(
                f'{split}_dataloader.batch_size: expected 1, because of '
                f'model.test_cfg.max_testing_views={views}, found {size}'
            )
