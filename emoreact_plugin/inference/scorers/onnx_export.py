"""Export trained recognizers as ONNX files (https://onnx.ai)."""

import json
import warnings
from copy import deepcopy
from types import ModuleType

import numpy as np
import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from emoreact_plugin.models import score_stream
from emoreact_plugin.utils.errors import InputError, MissingPackageError
from emoreact_plugin.utils.files import write_whole
from emoreact_plugin.version import __version__

from .onnx_scorer import FUSED, INSTALL, ONLY_INPUT, OnnxScorer, feed_of
from .torch_scorer import TorchScorer

# How far the two may be apart; of the largest logit, where that is above 1.
TOLERANCE = 1e-4


class _Exported(nn.Module):
    """Wrap a recognizer as a function of images that also normalises them."""

    def __init__(self, model: BaseModel) -> None:
        super().__init__()
        self.model = model
        self.streams = tuple(getattr(model, 'streams', ()))
        self.skips = getattr(getattr(model, 'fusion', None), 'skip_missing', False)
        self.inputs = [f'{s}_imgs' for s in self.streams] or [ONLY_INPUT]
        found = [f'{s}_found' for s in self.streams] if self.skips else []
        self.input_names = [*self.inputs, *found]
        self.output_names = [FUSED, *(f'{s}_logits' for s in self.streams)]

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        images = dict(zip(self.inputs, values, strict=False))
        if not self.streams:
            x = self._normalized(ONLY_INPUT, images[ONLY_INPUT])
            return (score_stream(self.model, x)[0],)
        logits, features = {}, {}
        for stream, (name, x) in zip(self.streams, images.items(), strict=True):
            logits[stream], pooled, _ = score_stream(
                self.model.recognizer_of(stream), self._normalized(name, x)
            )
            if pooled is not None:
                features[stream] = pooled
        # Only a fusion that skips missing streams is told which ones are there.
        valid = (
            dict(zip(self.streams, values[len(self.inputs) :], strict=True)) if self.skips else {}
        )
        fused = self.model.fusion(logits, features, valid)
        return (fused, *logits.values())

    def _normalized(self, name: str, x: Tensor) -> Tensor:
        preprocessor = self.model.data_preprocessor
        if self.streams:
            preprocessor = preprocessor.preprocessors[name]
        x = x.float()
        if preprocessor.to_rgb:  # swaps red and blue, whatever they are
            x = x.flip(-3 if preprocessor.format_shape == 'NCHW' or x.ndim == 4 else -4)
        if preprocessor._enable_normalize:
            x = (x - preprocessor.mean) / preprocessor.std
        return x


def require_onnx() -> ModuleType:
    """Import the package onnx and return it.

    Raises:
        MissingPackageError: When it, or what PyTorch's export needs besides, is not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  torch's exporter needs it
    except ImportError as error:
        raise MissingPackageError(f'{error}. For ONNX files: {INSTALL}') from error
    return onnx


def export_onnx(scorer: TorchScorer, clips: list[dict], path: str) -> float:
    """Write a recognizer as an ONNX file, provided that the file gives the same logits.

    The file takes the images of each stream as ``ClipPipeline`` packs them: ``<stream>_imgs`` (N,
    T, 3, H, W) uint8, or ``imgs`` for a stock recognizer, with any number N of clips. With
    ``ScoreFusion(skip_missing=True)`` it also takes ``<stream>_found`` (N, ) bool. It normalises
    the images, and gives ``logits`` (N, C), fused, and ``<stream>_logits`` (N, C). The
    configuration, classes, threshold, calibration and training data are described in its metadata.

    Args:
        scorer (TorchScorer): Scores with the recognizer, which is in eval mode.
        clips (list[dict]): Real clips on which both are compared, at least two, see
            ``ClipPipeline.pack``.
        path (str): Path of the file, which is written under another name first.

    Returns:
        float: The largest difference of a logit.

    Raises:
        MissingPackageError: Without the packages of the extra ``onnx``.
        InputError: For fewer than two clips, for a recognizer that cannot be exported, or when
            logits differ by more than 1e-4, or 1e-4 of the largest logit if that is above 1. No
            file is left then.
    """
    if len(clips) < 2:
        raise InputError(
            f'expected at least two clips to compare the ONNX file on, found {len(clips)}'
        )
    onnx = require_onnx()
    model, calibration = scorer.model, scorer.calibration
    exported = _Exported(deepcopy(model).cpu()).eval()
    with write_whole(path) as temporary:
        _write(exported, clips, temporary)
        file = onnx.load(temporary)
        for node in file.graph.node:
            # PyTorch notes the files on this computer that each node comes from.
            kept = [each for each in node.metadata_props if 'stack_trace' not in each.key]
            del node.metadata_props[:]
            node.metadata_props.extend(kept)
        onnx.helper.set_model_props(
            file,
            {
                'emoreact_plugin': __version__,
                'config': scorer.cfg.pretty_text,
                'classes': json.dumps(scorer.classes),
                'threshold': repr(float(getattr(model, 'threshold', 0.5))),
                'calibration': json.dumps(calibration and calibration.to_meta()),
                'dataset_meta': json.dumps(scorer.dataset_meta),
            },
        )
        onnx.save(file, temporary)
        difference = _compare(scorer, OnnxScorer(temporary), clips)
    return difference


def _write(exported: _Exported, clips: list[dict], path: str) -> None:
    """Let PyTorch write the file, for any number of clips."""
    values = tuple(torch.from_numpy(each) for each in feed_of(clips, exported.input_names).values())
    batch = torch.export.Dim('batch', min=1)
    try:
        with warnings.catch_warnings():
            # One axis of several inputs has one name: as wanted.
            warnings.filterwarnings('ignore', '# The axis name')
            torch.onnx.export(
                exported,
                values,
                path,
                dynamo=True,
                verbose=False,
                input_names=exported.input_names,
                output_names=exported.output_names,
                dynamic_shapes=(tuple({0: batch} for _ in values),),
                external_data=False,
            )
    except Exception as error:  # the exporter raises many kinds
        reason = str(error).strip() or type(error).__name__
        raise InputError(
            f'{type(exported.model).__name__}: cannot be exported as ONNX: '
            f'{reason.splitlines()[0][:300]}'
        ) from error


def _compare(scorer: TorchScorer, other: OnnxScorer, clips: list[dict]) -> float:
    """Return the largest difference of a logit, in one batch and clip by clip.

    Both are compared because the file takes any batch size.

    Raises:
        InputError: When the difference is more than 1e-4, or 1e-4 of the largest logit if that is
            above 1.
    """
    largest = 0.0
    for batch in (clips, *([clip] for clip in clips)):
        ours, theirs = scorer(batch), other(batch)
        pairs = [(ours.logits, theirs.logits)] + [
            (ours.streams[s], theirs.streams[s]) for s in ours.streams
        ]
        for one, two in pairs:
            difference = float(np.abs(one - two).max())
            allowed = TOLERANCE * max(1.0, float(np.abs(one).max()))
            if not difference <= allowed:
                raise InputError(
                    'the ONNX file gives other logits than the recognizer: '
                    f'expected differences up to {allowed:.1e}, found '
                    f'{difference:.1e}, with {len(batch)} clips in the batch'
                )
            largest = max(largest, difference)
    return largest
