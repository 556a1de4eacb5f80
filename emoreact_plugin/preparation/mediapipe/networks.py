"""Run the model files of mediapipe with LiteRT, whole or in parts."""

from __future__ import annotations

import os
import os.path as osp
from copy import copy
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from emoreact_plugin.utils.errors import MissingPackageError

RUNTIME = 'ai-edge-litert'
# The last release of mediapipe whose wheel holds its models. Only these files of it are used.
HOLDER = 'mediapipe==0.10.14'
FILES = dict(
    faces='face_detection/face_detection_short_range.tflite',
    small_faces='face_detection/face_detection_full_range_sparse.tflite',
    mesh='face_landmark/face_landmark_with_attention.tflite',
    bodies='pose_detection/pose_detection.tflite',
    pose='pose_landmark/pose_landmark_full.tflite',
)
# Names the folder of the models, where they are not in the installed mediapipe.
FOLDER_VARIABLE = 'EMOREACT_LANDMARK_MODELS'
HINT = (
    "pip install 'emoreact_plugin[landmarks]'; from Python 3.13 on docs/landmarks.md says how to "
    'get the model files'
)


def find_models() -> str | None:
    """Find the folder of mediapipe's model files.

    Returns:
        str | None: The folder that the environment variable ``EMOREACT_LANDMARK_MODELS`` names, or
        that of the installed mediapipe, which is not imported; None if there are no models in it.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        try:
            spec = find_spec('mediapipe')
        except ValueError:  # it was taken out of sys.modules
            return None
        if spec is None or not spec.submodule_search_locations:
            return None
        folder = osp.join(spec.submodule_search_locations[0], 'modules')
    there = all(osp.isfile(osp.join(folder, name)) for name in FILES.values())
    return folder if there else None


def has_landmark_models() -> bool:
    """Tell whether landmarks can be found: there are the models, and LiteRT to run them."""
    return find_models() is not None and find_spec('ai_edge_litert') is not None


def require_models() -> str:
    """Return the folder of the model files.

    Raises:
        MissingPackageError: If they, or LiteRT, are not there.
    """
    try:
        import ai_edge_litert.interpreter  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(f'finding landmarks needs {RUNTIME}: {HINT}; {error}') from error
    folder = find_models()
    if folder is None:
        looked = os.environ.get(FOLDER_VARIABLE) or 'the installed mediapipe'
        raise MissingPackageError(
            f'finding landmarks needs the model files of {HOLDER}: {HINT}; not found in {looked}'
        )
    return folder


class Network:
    """Run a model, or a part of it, in one thread.

    Args:
        model (bytes | str): The model, or the path of its file.

    Attributes:
        side (int): Side in pixels of the square input.
    """

    def __init__(self, model: bytes | str) -> None:
        from ai_edge_litert.interpreter import Interpreter

        source: Any = (
            dict(model_path=model) if isinstance(model, str) else dict(model_content=model)
        )
        self._net = Interpreter(**source, num_threads=1)
        self._net.allocate_tensors()
        self._inputs = [each['index'] for each in self._net.get_input_details()]
        self._outputs = [each['index'] for each in self._net.get_output_details()]
        self.side = int(self._net.get_input_details()[0]['shape'][1])

    def __call__(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """Return copies of the outputs, for inputs in the order of the model."""
        for index, each in zip(self._inputs, inputs, strict=True):
            self._net.set_tensor(index, each)
        self._net.invoke()
        return [self._net.get_tensor(index) for index in self._outputs]


@lru_cache(None)
def part_of(path: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> bytes:
    """Return the part of a model that computes some tensors from others, as a model of its own.

    Args:
        path (str): The model file.
        inputs (tuple[str, ...]): Names of the tensors that are given.
        outputs (tuple[str, ...]): Names of the tensors that are computed.
    """
    import flatbuffers

    model = _read(path)
    graph = copy(model.subgraphs[0])
    number = {tensor.name.decode(): k for k, tensor in enumerate(graph.tensors)}
    graph.inputs = [number[name] for name in inputs]
    graph.outputs = [number[name] for name in outputs]
    # Backwards from the outputs: operators are in the order of their work.
    wanted, kept = set(graph.outputs) - set(graph.inputs), []
    for operator in reversed(graph.operators):
        if wanted.intersection(map(int, operator.outputs)):
            kept.append(operator)
            wanted.update({*map(int, operator.inputs)} - set(graph.inputs))
    graph.operators = kept[::-1]
    model = copy(model)
    model.subgraphs, model.signatureDefs = [graph], None
    builder = flatbuffers.Builder(osp.getsize(path))
    builder.Finish(model.Pack(builder), b'TFL3')
    return bytes(builder.Output())


@lru_cache(None)
def options_of(path: str, operator: str) -> list[dict]:
    """Return the options of each operator of a custom kind, in the order of their work."""
    from flatbuffers import flexbuffers

    model = _read(path)
    codes = [each.customCode for each in model.operatorCodes]
    return [
        flexbuffers.Loads(bytes(each.customOptions))
        for each in model.subgraphs[0].operators
        if codes[each.opcodeIndex] == operator.encode()
    ]


@lru_cache(1)
def _read(path: str) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    with open(path, 'rb') as file:
        data = bytearray(file.read())
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
