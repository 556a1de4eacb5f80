"""Prepare the inputs of all streams, and blend them with one draw."""

from copy import deepcopy

import torch

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.random_state import get_random_state, set_random_state
from mmaction.models.data_preprocessors import MultiModalDataPreprocessor
from mmaction.models.utils.blending_utils import BaseMiniBatchBlending
from mmaction.registry import MODELS
from mmaction.utils import ConfigType


@MODELS.register_module()
class StreamDataPreprocessor(MultiModalDataPreprocessor):
    """Prepare the inputs of every stream with a stock preprocessor, and blend all with one draw.

    In MMAction2, each stream would blend with a draw of its own, and the labels with all of them.
    Here the same clips are blended in the same proportions in all streams, and in the labels.

    Args:
        preprocessors (dict[str, dict]): ``<stream>_imgs`` -> config of a preprocessor. All of them
            have the same ``blending``, or none has any.

    Raises:
        InputError: For streams with different ``blending``; in training, for streams whose labels
            come out different, as with ``CutmixBlending`` of frames of two sizes.
    """

    def __init__(self, preprocessors: dict[str, ConfigType]) -> None:
        preprocessors = {name: dict(deepcopy(each)) for name, each in preprocessors.items()}
        blendings = {name: each.pop('blending', None) for name, each in preprocessors.items()}
        first, *others = blendings.values()
        if any(other != first for other in others):
            found = '; '.join(
                f'{name.removesuffix("_imgs")}: {dict(each) if each else None}'
                for name, each in blendings.items()
            )
            raise InputError(
                'LateFusionRecognizer: data_preprocessor.blending: expected the same in all '
                f'streams, whose clips share their labels, or None in all, found {found}'
            )
        super().__init__(preprocessors)
        self.blending = None if first is None else MODELS.build(first)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch; blend it in training.

        Args:
            data (dict): ``inputs``: ``<stream>_imgs`` -> list of N tensors; ``data_samples``: N
                samples.
            training (bool): Whether to blend. Defaults to False.

        Returns:
            dict: ``inputs``: ``<stream>_imgs`` -> tensor (N, ...); ``data_samples``.
        """
        if torch.compiler.is_compiling():
            # With `compile` in a config. Compiling the samples would fail at the arrays in them,
            # and begin anew with each clip's name.
            return torch.compiler.disable(self._prepare)(data, training)
        return self._prepare(data, training)

    def _prepare(self, data: dict, training: bool) -> dict:
        data = super().forward(data, training)
        if training and self.blending is not None:
            self._blend(data, self.blending)
        return data

    @staticmethod
    def _blend(data: dict, blending: BaseMiniBatchBlending) -> None:
        inputs, samples = data['inputs'], data['data_samples']
        labels = torch.stack([sample.gt_label for sample in samples])
        state, blended = get_random_state(), {}
        for name, imgs in inputs.items():
            set_random_state(state)
            inputs[name], blended[name] = blending.do_blending(imgs, labels)
        first = next(iter(blended.values()))
        if any(not torch.equal(each, first) for each in blended.values()):
            sizes = ', '.join(f'{name} {tuple(imgs.shape)}' for name, imgs in inputs.items())
            raise InputError(
                f'LateFusionRecognizer: {type(blending).__name__}: expected streams with '
                f'frames of one size, whose labels are blended alike, found {sizes}'
            )
        for sample, label in zip(samples, first, strict=True):
            sample.set_gt_label(label)
