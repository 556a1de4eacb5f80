"""Take a clip through a recognizer, and map its frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from torch import Tensor

from emoreact_plugin.clips.landmarks import Landmarks
from emoreact_plugin.evaluation.calibration import probabilities_of
from emoreact_plugin.inference.pipeline import ClipPipeline, mask_kind_of, test_pipeline
from emoreact_plugin.inference.scorers.base import Scores
from emoreact_plugin.inference.scorers.torch_scorer import TorchScorer
from emoreact_plugin.plots.pipeline_view import ONLY_INPUT, images_of
from emoreact_plugin.utils.errors import InputError

from .cam import Maps, clip_maps
from .cam_layers import choose_layer


@dataclass(frozen=True, eq=False)
class Packed:
    """The n frames of a clip as the recognizer takes them.

    Attributes:
        sample (dict): The sample as the pipeline packed it.
        images (dict[str, np.ndarray]): Stream -> (F, H, W, 3) uint8, RGB: the images that it sees,
            before they are normalised.
        places (dict[str, np.ndarray]): Stream -> (F, ) int: which of the n frames each image is
            made of.
        inputs (dict[str, Tensor]): Stream -> (1, T, 3, H, W), or (1, V, 3, T, H, W) for 3D,
            normalised as in training.
    """

    sample: dict
    images: dict[str, np.ndarray]
    places: dict[str, np.ndarray]
    inputs: dict[str, Tensor]


class Explainer:
    """Map the clips of one configuration by one method.

    Frames are sampled, masked, cropped and normalised as in testing.

    Args:
        cfg (Config): The configuration.
        model (BaseModel): Its recognizer in eval mode, see
            :func:`~emoreact_plugin.models.load_recognizer`.
        method (str): One of :data:`~.cam.METHODS`. Defaults to ``'gradcam'``.
        layer (str, optional): The layer of every stream's network. Defaults to None: the last
            block.
        calibration (dict, optional): What the checkpoint says about temperature and thresholds.

    Attributes:
        pipeline (ClipPipeline): The pipeline of the configuration.
        mask (str | None): The kind of mask that it draws on the frames.
        classes (tuple[str, ...]): C names.
        layers (dict[str, str]): Stream -> its layer; known once the first clip is explained.

    Raises:
        InputError: For a configuration without a test pipeline, or a recognizer whose classes
            compete.
    """

    def __init__(
        self,
        cfg: Config,
        model: BaseModel,
        method: str = 'gradcam',
        layer: str | None = None,
        calibration: dict | None = None,
    ) -> None:
        self.mask = mask_kind_of(test_pipeline(cfg))
        self.pipeline = ClipPipeline(cfg, mask=self.mask)
        self.model = model
        self.method = method
        self._layer = layer
        self._scorer = TorchScorer(cfg, model, calibration=calibration)
        self.classes = self._scorer.classes
        self.layers: dict[str, str] = {}

    def pack(self, sample: dict, frames: Sequence[np.ndarray], landmarks: Landmarks) -> Packed:
        """Turn frames into what the recognizer takes.

        Args:
            sample (dict): A sample from ``pipeline.sample``.
            frames (Sequence[np.ndarray]): n frames (H, W, 3) uint8, RGB.
            landmarks (Landmarks): The landmarks of these frames.

        Raises:
            InputError: For a pipeline that makes several images of a frame, such as ThreeCrop.
        """
        packed = self.pipeline.pack(sample, frames, landmarks)
        batch = self.model.data_preprocessor(pseudo_collate([packed]))
        raw, inputs = (
            each if isinstance(each, dict) else {f'{ONLY_INPUT}_imgs': each}
            for each in (packed['inputs'], batch['inputs'])
        )
        images, places = {}, {}
        for key in inputs:
            stream = key[: -len('_imgs')]
            images[stream] = images_of(raw[key], stream)
            own = sample.get('stream_frames', {}).get(stream, {})
            places[stream] = own.get('inds', np.arange(len(frames)))
            if len(images[stream]) != len(places[stream]):
                raise InputError(
                    f'{stream}: expected one image a frame, found {len(images[stream])} of '
                    f'{len(places[stream])} frames; of a test pipeline with ThreeCrop or TenCrop '
                    'there are no maps, CenterCrop in its place gives some'
                )
        return Packed(
            packed, images, places, {key[: -len('_imgs')]: value for key, value in inputs.items()}
        )

    def score(self, packed: Packed) -> Scores:
        """Return the logits of a clip, (1, C) each."""
        return self._scorer([packed.sample])

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the probabilities of logits of any shape, calibrated if it is known how."""
        return probabilities_of(logits, self._scorer.calibration)

    def explain(
        self, packed: Packed, classes: Sequence[int], like: dict[str, Maps] | None = None
    ) -> dict[str, Maps]:
        """Compute the maps of a clip's frames, with one forward pass per stream.

        Args:
            packed (Packed): The clip.
            classes (Sequence[int]): K classes.
            like (dict[str, Maps], optional): Maps of other frames of the clip, whose components are
                used by Eigen-CAM.

        Returns:
            dict[str, Maps]: Stream -> maps (K, F, h, w).

        Raises:
            InputError: For a layer that does not exist, see :func:`~.cam_layers.choose_layer`.
        """
        maps = {}
        for stream, inputs in packed.inputs.items():
            one = stream == ONLY_INPUT and not self._scorer.has_streams
            recognizer = self.model if one else self.model.recognizer_of(stream)
            if stream not in self.layers:
                self.layers[stream] = choose_layer(
                    recognizer, inputs, self._layer, f'--layer, {stream}'
                )
            component = like[stream].component if like else None
            maps[stream] = clip_maps(
                recognizer, inputs, self.layers[stream], classes, self.method, component
            )
        return maps
