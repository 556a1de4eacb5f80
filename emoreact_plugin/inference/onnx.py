"""Trained recognizers as ONNX files (https://onnx.ai), and what runs them."""
import json
import os
import os.path as osp
from copy import deepcopy
from typing import Dict, List, Tuple

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor, nn

from emoreact_plugin.checkpoints import parse_config
from emoreact_plugin.models import check_names, score_stream
from emoreact_plugin.version import __version__
from .scoring import Scores, TorchScorer

INSTALL = "pip install 'emoreact_plugin[onnx]'"
# How far the two may be apart, of the largest logit.
TOLERANCE = 1e-4
ONLY_INPUT, FUSED = 'imgs', 'logits'


class _Exported(nn.Module):
    """A recognizer as a function of images, with their normalisation."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.streams = tuple(getattr(model, 'streams', ()))
        self.skips = getattr(getattr(model, 'fusion', None), 'skip_missing',
                             False)
        self.inputs = [f'{s}_imgs' for s in self.streams] or [ONLY_INPUT]
        found = [f'{s}_found' for s in self.streams] if self.skips else []
        self.input_names = [*self.inputs, *found]
        self.output_names = [FUSED, *(f'{s}_logits' for s in self.streams)]

    def forward(self, *values: Tensor) -> Tuple[Tensor, ...]:
        images = dict(zip(self.inputs, values))
        if not self.streams:
            x = self._normalised(ONLY_INPUT, images[ONLY_INPUT])
            return (score_stream(self.model, x)[0], )
        logits, features = {}, {}
        for stream, (name, x) in zip(self.streams, images.items()):
            logits[stream], pooled, _ = score_stream(
                self.model.recognizer_of(stream), self._normalised(name, x))
            if pooled is not None:
                features[stream] = pooled
        valid = dict(zip(self.streams, values[len(self.inputs):]))
        fused = self.model.fusion(logits, features, valid)
        return (fused, *logits.values())

    def _normalised(self, name: str, x: Tensor) -> Tensor:
        preprocessor = self.model.data_preprocessor
        if self.streams:
            preprocessor = preprocessor.preprocessors[name]
        x = x.float()
        if preprocessor._enable_normalize:
            x = (x - preprocessor.mean) / preprocessor.std
        return x


def export_onnx(cfg: Config, model: nn.Module, clips: List[dict],
                path: str) -> float:
    """Write a recognizer as ONNX, once it is shown to give the same logits.

    The file takes the images of each stream as ``ClipPipeline`` packs them,
    ``<stream>_imgs`` (N, T, 3, H, W) uint8, or ``imgs`` of a stock
    recognizer; any number N of clips. (With ``ScoreFusion(skip_missing=True)``
    also ``<stream>_found`` (N, ) bool.) It normalises them, and gives
    ``logits`` (N, C), fused, and ``<stream>_logits`` (N, C). The
    configuration, classes and threshold are in its metadata.

    Args:
        cfg (Config): The configuration.
        model (nn.Module): See :class:`~.scoring.TorchScorer`; in eval mode.
        clips (list[dict]): Real clips to compare both on, at least two, see
            ``ClipPipeline.pack``.
        path (str): The file; written to another name first.

    Returns:
        float: The largest difference of a logit.

    Raises:
        ImportError: Without the packages of the extra ``onnx``.
        ValueError: For fewer clips than two, for a recognizer that cannot be
            exported, or when the two differ by more than 1e-4 of the largest
            logit; no file is left then.
    """
    if len(clips) < 2:
        raise ValueError('expected at least two clips to compare the ONNX '
                         f'file on, found {len(clips)}')
    try:
        import onnx
        import onnxscript  # noqa: F401  torch's exporter needs it
    except ImportError as error:
        raise ImportError(f'{error}. For ONNX files: {INSTALL}') from error
    scorer = TorchScorer(cfg, model)
    exported = _Exported(deepcopy(model).cpu()).eval()
    values = tuple(
        torch.from_numpy(each) for each in _feed(
            clips, exported.input_names).values())
    batch = torch.export.Dim('batch', min=1)
    folder, name = osp.split(osp.abspath(path))
    os.makedirs(folder, exist_ok=True)
    part = osp.join(folder, f'.{name}.part')
    try:
        try:
            torch.onnx.export(
                exported, values, part, dynamo=True, verbose=False,
                input_names=exported.input_names,
                output_names=exported.output_names,
                dynamic_shapes=(tuple({0: batch} for _ in values), ),
                external_data=False)
        except Exception as error:  # the exporter raises many kinds
            reason = (str(error).strip() or type(error).__name__)
            raise ValueError(
                f'{type(model).__name__}: cannot be exported as ONNX: '
                f'{reason.splitlines()[0][:300]}') from error
        file = onnx.load(part)
        onnx.helper.set_model_props(file, {
            'emoreact_plugin': __version__,
            'config': cfg.pretty_text,
            'classes': json.dumps(scorer.classes),
            'threshold': repr(scorer.threshold),
            'dataset_meta': json.dumps(getattr(cfg, 'dataset_meta', {})),
        })
        onnx.save(file, part)
        difference = _compare(scorer, OnnxScorer(part), clips)
        os.replace(part, path)
    finally:
        if osp.exists(part):
            os.remove(part)
    return difference


def _compare(scorer: TorchScorer, other: 'OnnxScorer',
             clips: List[dict]) -> float:
    """In one batch and clip by clip: the batch is free."""
    largest = 0.
    for batch in (clips, *([clip] for clip in clips)):
        ours, theirs = scorer(batch), other(batch)
        pairs = [(ours.logits, theirs.logits)] + [
            (ours.streams[s], theirs.streams[s]) for s in ours.streams]
        for one, two in pairs:
            difference = float(np.abs(one - two).max())
            allowed = TOLERANCE * max(1., float(np.abs(one).max()))
            if not difference <= allowed:
                raise ValueError(
                    'the ONNX file gives other logits than the recognizer: '
                    f'expected differences up to {allowed:.1e}, found '
                    f'{difference:.1e}, with {len(batch)} clips in the batch')
            largest = max(largest, difference)
    return largest


class OnnxScorer:
    """Scores packed clips with an ONNX file of :func:`export_onnx`.

    In place of a :class:`~.scoring.TorchScorer`.

    Args:
        path (str): The file.

    Attributes:
        cfg (Config): The configuration in its metadata, parsed as data.
        dataset_meta (dict): What it says of the data it was trained on.
        classes (tuple[str, ...]): C names.
        threshold (float): Probability from which a label is predicted.

    Raises:
        ImportError: Without onnxruntime.
        FileNotFoundError: When there is no such file.
        ValueError: When it cannot be read, or was not made by this package.
    """

    def __init__(self, path: str) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(f'{error}. For ONNX files: {INSTALL}') from error
        if not osp.isfile(path):
            raise FileNotFoundError(f'{path}: no such ONNX file')
        try:
            self._session = onnxruntime.InferenceSession(
                path, providers=['CPUExecutionProvider'])
        except Exception as error:  # onnxruntime has many kinds of its own
            raise ValueError(f'{path}: cannot be read as an ONNX file '
                             f'({type(error).__name__})') from error
        about = self._session.get_modelmeta().custom_metadata_map
        try:
            self.cfg = parse_config(about['config'], path)
            self.classes = tuple(json.loads(about['classes']))
            self.threshold = float(about['threshold'])
            self.dataset_meta = json.loads(about['dataset_meta'])
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(
                f'{path}: expected an ONNX file of tools/export_onnx.py, with '
                f'its configuration, found one without {error}') from error
        check_names(self.cfg, path)

    def __call__(self, clips: List[dict]) -> Scores:
        """Score a batch; as ``TorchScorer`` does."""
        names = [each.name for each in self._session.get_inputs()]
        outputs = [each.name for each in self._session.get_outputs()]
        values = dict(zip(outputs, self._session.run(
            outputs, _feed(clips, names))))
        return Scores(values.pop(FUSED), {
            name[:-len('_logits')]: value for name, value in values.items()})


def _feed(clips: List[dict], names: List[str]) -> Dict[str, np.ndarray]:
    """Name of an input -> its values of N clips."""
    feed = {}
    for name in names:
        if name.endswith('_found'):
            found = [clip['data_samples'].get(name) for clip in clips]
            feed[name] = np.array([f is None or bool(np.any(f))
                                   for f in found])
            continue
        inputs = [clip['inputs'] for clip in clips]
        if name != ONLY_INPUT:
            inputs = [each[name] for each in inputs]
        feed[name] = torch.stack(inputs).numpy()
    return feed
