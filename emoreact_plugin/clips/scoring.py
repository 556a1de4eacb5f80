"""From packed clips to logits."""

from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from torch import nn

from emoreact_plugin.checkpoints import read_meta
from emoreact_plugin.datasets.annotations import EMOTIONS
from emoreact_plugin.models import load_recognizer, score_stream


class Scores(NamedTuple):
    """Of N clips and C classes.

    Attributes:
        logits (np.ndarray): (N, C) float32, fused.
        streams (dict[str, np.ndarray]): Stream -> (N, C) float32 logits;
            empty for a recognizer without streams.
    """

    logits: np.ndarray
    streams: dict[str, np.ndarray]


def load_scorer(checkpoint: str, config: str | Config | None = None, device: str | None = None):
    """What scores clips with a checkpoint or an ONNX file.

    Args:
        checkpoint (str): Its path; that of an ONNX file ends in ``.onnx``.
        config (str | Config, optional): See ``load_recognizer``. An ONNX file
            has its own.
        device (str, optional): Such as ``'cpu'``, which is where ONNX files
            run. Defaults to None: a GPU where there is one, for a checkpoint.

    Returns:
        TorchScorer | OnnxScorer: It has ``cfg``, ``classes``, ``threshold``
        and ``dataset_meta``, what is known of the data it was trained on.
        Called with packed clips, it gives their :class:`Scores`.

    Raises:
        FileNotFoundError, ImportError, ValueError: See :func:`check_device`,
            ``load_recognizer``, :class:`TorchScorer` and ``OnnxScorer``.
    """
    if device is not None:
        check_device(device)
    if checkpoint.endswith('.onnx'):
        if config is not None:
            raise ValueError(
                f'{checkpoint}: has its own configuration, expected no config, found {config}'
            )
        if device not in (None, 'cpu'):
            raise ValueError(f'device: expected cpu, where ONNX files run, found {device}')
        from .onnx_scoring import OnnxScorer

        return OnnxScorer(checkpoint)
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    cfg, model = load_recognizer(checkpoint, config, device)
    return TorchScorer(cfg, model, read_meta(checkpoint).get('dataset_meta'))


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Args:
        device (str): As PyTorch calls it: ``'cpu'``, ``'cuda'``,
            ``'cuda:1'``.

    Raises:
        ValueError: Naming those that are there.
    """
    try:
        torch.empty(1, device=device)
    except Exception as error:  # torch raises many kinds
        there = ['cpu']
        if torch.cuda.is_available():
            there += [f'cuda:{k}' for k in range(torch.cuda.device_count())]
        if torch.backends.mps.is_available():
            there.append('mps')
        note = '' if torch.cuda.is_available() else ' (no CUDA device found)'
        raise ValueError(f'device: expected {" or ".join(there)}{note}, found {device}') from error


class TorchScorer:
    """Scores packed clips with a recognizer in PyTorch.

    Args:
        cfg (Config): Its configuration.
        model (nn.Module): A ``LateFusionRecognizer``, or a stock recognizer
            that was trained on several labels a clip.
        dataset_meta (dict, optional): What its checkpoint says of the data
            that it was trained on.

    Attributes:
        classes (tuple[str, ...]): C names.
        threshold (float): Probability from which a label is predicted.

    Raises:
        ValueError: For a recognizer whose classes compete (a softmax loss),
            so that it has no probability for each.
    """

    def __init__(self, cfg: Config, model: nn.Module, dataset_meta: dict | None = None) -> None:
        self.cfg, self.model = cfg, model
        self.dataset_meta = dataset_meta if isinstance(dataset_meta, dict) else {}
        self.has_streams = hasattr(model, 'streams')
        self.threshold = getattr(model, 'threshold', 0.5)
        if self.has_streams:
            heads = [each.cls_head for each in model.recognizers.values()]
        else:
            heads = [model.cls_head]
            loss = type(model.cls_head.loss_cls).__name__
            if loss == 'CrossEntropyLoss':
                raise ValueError(
                    f'{type(model).__name__}: expected a recognizer of '
                    'several labels a clip, such as one trained with '
                    f'BCELossWithLogits, found one trained with {loss}, '
                    'whose classes compete'
                )
        self.classes = classes_of(cfg, heads[0].num_classes, self.dataset_meta)

    @torch.no_grad()
    def __call__(self, clips: list[dict]) -> Scores:
        """Score a batch.

        Args:
            clips (list[dict]): N packed clips, see ``ClipPipeline.pack``.

        Returns:
            Scores
        """
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


def classes_of(cfg: Config, count: int, trained: dict) -> tuple[str, ...]:
    """The names of the classes of a recognizer.

    Args:
        cfg (Config): Its configuration.
        count (int): How many there are.
        trained (dict): What the checkpoint says of its data.

    Returns:
        tuple[str, ...]: The first of these that are as many: those in
        ``trained['classes']``, those that the test data set names, EmoReact's
        emotions for an ``EmoReactDataset``, ``'class 0'``, ...
    """
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    choices = [
        trained.get('classes'),
        (dataset.get('metainfo') or {}).get('classes'),
        EMOTIONS if dataset.get('type') == 'EmoReactDataset' else None,
    ]
    for names in choices:
        if isinstance(names, (list, tuple)) and len(names) == count:
            return tuple(map(str, names))
    return tuple(f'class {k}' for k in range(count))


def _array(logits: torch.Tensor) -> np.ndarray:
    return logits.float().cpu().numpy()
