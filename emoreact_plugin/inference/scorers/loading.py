"""Load the scorer of a checkpoint or of an ONNX file."""

import torch
from mmengine.config import Config

from emoreact_plugin.models import load_recognizer
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.weights.checkpoints import read_checkpoint

from .base import Scorer
from .torch_scorer import TorchScorer


def load_scorer(
    checkpoint: str, config: str | Config | None = None, device: str | None = None
) -> Scorer:
    """Load the ``TorchScorer`` of a checkpoint, or the ``OnnxScorer`` of an ONNX file.

    Args:
        checkpoint (str): Path of the file; that of an ONNX file ends in ``.onnx``.
        config (str | Config, optional): See ``load_recognizer``. Not for an ONNX file, which has
            its own.
        device (str, optional): Device, such as ``'cpu'``, the only one for ONNX files. Defaults to
            None: for a checkpoint, a GPU if there is one.

    Raises:
        FileNotFoundError, ImportError, InputError: See :func:`check_device`, ``load_recognizer``,
            :class:`TorchScorer` and ``OnnxScorer``. Also a ValueError for a config or another
            device than the CPU with an ONNX file.
    """
    if device is not None:
        check_device(device)
    if checkpoint.endswith('.onnx'):
        if config is not None:
            raise InputError(
                f'{checkpoint}: has its own configuration, expected no config, found {config}'
            )
        if device not in (None, 'cpu'):
            raise InputError(f'device: expected cpu, where ONNX files run, found {device}')
        from .onnx_scorer import OnnxScorer

        return OnnxScorer(checkpoint)
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    read = read_checkpoint(checkpoint)
    cfg, model = load_recognizer(read, config, device)
    return TorchScorer(cfg, model, read.dataset_meta, read.calibration, checkpoint)


def check_device(device: str) -> None:
    """Refuse a device that is not available.

    Args:
        device (str): Name of the device in PyTorch: ``'cpu'``, ``'cuda'``, ``'cuda:1'``.

    Raises:
        InputError: When the device is not available; the message names those that are.
    """
    try:
        torch.empty(1, device=device).cpu()  # 'meta' gives nothing back
    except Exception as error:  # torch raises many kinds
        there = ['cpu']
        if torch.cuda.is_available():
            there += [f'cuda:{k}' for k in range(torch.cuda.device_count())]
        if torch.backends.mps.is_available():
            there.append('mps')
        note = '' if torch.cuda.is_available() else ' (no CUDA device found)'
        raise InputError(f'device: expected {" or ".join(there)}{note}, found {device}') from error
