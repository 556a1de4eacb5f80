"""Score clips with an ONNX file."""

import json
import os.path as osp

import numpy as np
import torch

from emoreact_plugin.models import check_names
from emoreact_plugin.utils.errors import InputError, MissingPackageError
from emoreact_plugin.weights.config_text import parse_config

from .base import Scorer, Scores

INSTALL = "pip install 'emoreact_plugin[onnx]'"
ONLY_INPUT, FUSED = 'imgs', 'logits'


class OnnxScorer(Scorer):
    """Score packed clips with an ONNX file from ``tools/export_onnx.py``.

    The configuration in its metadata is parsed as data.

    Args:
        path (str): Path of the file.

    Raises:
        MissingPackageError: Without onnxruntime.
        FileNotFoundError: When there is no such file.
        InputError: When it cannot be read, or was not made by this package.
    """

    def __init__(self, path: str) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingPackageError(f'{error}. For ONNX files: {INSTALL}') from error
        if not osp.isfile(path):
            raise FileNotFoundError(f'{path}: no such ONNX file')
        try:
            self._session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
        except Exception as error:  # onnxruntime has many kinds of its own
            raise InputError(
                f'{path}: cannot be read as an ONNX file ({type(error).__name__})'
            ) from error
        about = self._session.get_modelmeta().custom_metadata_map
        try:
            self.cfg = parse_config(about['config'], path)
            self.classes = tuple(json.loads(about['classes']))
            self.dataset_meta = json.loads(about['dataset_meta'])
            calibration = json.loads(about.get('calibration', 'null'))
            self._set_thresholds(float(about['threshold']), calibration, path)
        except (KeyError, TypeError, RecursionError, json.JSONDecodeError) as error:
            raise InputError(
                f'{path}: expected an ONNX file of tools/export_onnx.py, with '
                f'its configuration, found one without {error}'
            ) from error
        check_names(self.cfg, path)

    def __call__(self, clips: list[dict]) -> Scores:
        """Score a batch of N packed clips on the CPU."""
        names = [each.name for each in self._session.get_inputs()]
        outputs = [each.name for each in self._session.get_outputs()]
        values = dict(zip(outputs, self._session.run(outputs, feed_of(clips, names)), strict=True))
        return Scores(
            values.pop(FUSED), {name[: -len('_logits')]: value for name, value in values.items()}
        )


def feed_of(clips: list[dict], names: list[str]) -> dict[str, np.ndarray]:
    """Collect the inputs of the ONNX file for N clips.

    Args:
        clips (list[dict]): Packed clips, see ``ClipPipeline.pack``.
        names (list[str]): Names of the inputs: ``<stream>_imgs``, ``imgs``, ``<stream>_found``.

    Returns:
        dict[str, np.ndarray]: Name -> (N, ...).
    """
    feed = {}
    for name in names:
        if name.endswith('_found'):
            found = [clip['data_samples'].get(name) for clip in clips]
            feed[name] = np.array([f is None or bool(np.any(f)) for f in found])
            continue
        inputs = [clip['inputs'] for clip in clips]
        if name != ONLY_INPUT:
            inputs = [each[name] for each in inputs]
        feed[name] = torch.stack(inputs).numpy()
    return feed
