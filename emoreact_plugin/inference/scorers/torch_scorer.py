"""Score clips with a recognizer in PyTorch."""

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel

from emoreact_plugin.models import score_stream
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import class_of
from mmaction.registry import DATASETS

from ..pipeline import test_dataset
from .base import Scorer, Scores


class TorchScorer(Scorer):
    """Score packed clips with a recognizer in PyTorch.

    Args:
        cfg (Config): The configuration of the recognizer.
        model (BaseModel): A ``LateFusionRecognizer``, or a stock recognizer that was trained on
            several labels per clip.
        dataset_meta (dict, optional): What its checkpoint says about the training data.
        calibration (dict, optional): What its checkpoint says about temperature and thresholds.
        source (str): The checkpoint, for errors.

    Raises:
        InputError: For a recognizer whose classes compete (a softmax loss), so that it has no
            probability for each class.
    """

    def __init__(
        self,
        cfg: Config,
        model: BaseModel,
        dataset_meta: dict | None = None,
        calibration: dict | None = None,
        source: str = '',
    ) -> None:
        self.cfg = cfg
        self.model = model
        self.dataset_meta = dataset_meta or {}
        self.has_streams = hasattr(model, 'streams')
        if self.has_streams:
            heads = [each.cls_head for each in model.recognizers.values()]
        else:
            heads = [model.cls_head]
            loss = type(model.cls_head.loss_cls).__name__
            if loss == 'CrossEntropyLoss':
                raise InputError(
                    f'{type(model).__name__}: expected a recognizer of several labels a clip, such '
                    f'as one trained with BCELossWithLogits, found one trained with {loss}, whose '
                    'classes compete'
                )
        self.classes = classes_of(cfg, heads[0].num_classes, self.dataset_meta, source)
        self._set_thresholds(getattr(model, 'threshold', 0.5), calibration, source)

    @torch.no_grad()
    def __call__(self, clips: list[dict]) -> Scores:
        """Score a batch of N packed clips."""
        batch = pseudo_collate(clips)
        if not self.has_streams:
            inputs = self.model.data_preprocessor(batch)['inputs']
            logits = score_stream(self.model, inputs)[0]
            return Scores(_array(logits), {})
        samples = self.model.test_step(batch)
        return Scores(
            _array(torch.stack([each.pred_logits for each in samples])),
            {
                stream: _array(torch.stack([s.stream_logits[stream] for s in samples]))
                for stream in self.model.streams
            },
        )


def classes_of(cfg: Config, count: int, trained: dict, source: str = '') -> tuple[str, ...]:
    """Return the names of the classes of a recognizer.

    Args:
        cfg (Config): The configuration of the recognizer.
        count (int): Number of classes.
        trained (dict): What the checkpoint says about the training data.
        source (str): The checkpoint, for errors.

    Returns:
        tuple[str, ...]: The first of these that has ``count`` names: those in
        ``trained['classes']``, those that the test data set names, EmoReact's emotions for an
        ``EmoReactDataset``, ``'class 0'``, ...

    Raises:
        InputError: If the checkpoint names other classes than ``count`` different ones.
    """
    names = trained.get('classes')
    if names and not (
        isinstance(names, (list, tuple))
        and len(names) == count
        and all(isinstance(each, str) for each in names)
        and len(set(names)) == count
    ):
        raise InputError(
            f'{source}: expected the names of {count} classes in its dataset_meta, found '
            f'{str(names)[:200]}'
        )
    dataset = test_dataset(cfg)
    choices = [
        names,
        (dataset.get('metainfo') or {}).get('classes'),
        getattr(class_of(dataset, DATASETS), 'METAINFO', {}).get('classes'),
    ]
    for names in choices:
        if isinstance(names, (list, tuple)) and len(names) == count:
            return tuple(map(str, names))
    return tuple(f'class {k}' for k in range(count))


def _array(logits: torch.Tensor) -> np.ndarray:
    return logits.float().cpu().numpy()
