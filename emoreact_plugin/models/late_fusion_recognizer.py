"""Score each stream of a clip with a recognizer, and fuse the scores."""

from collections.abc import Sequence
from copy import deepcopy
from difflib import get_close_matches
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch
from mmengine.model import BaseModel, ModuleDict
from torch import Tensor

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import is_a
from emoreact_plugin.weights.load_weights import load_start_weights
from mmaction.registry import MODELS
from mmaction.utils import ConfigType, SampleList

from .auxiliary_loss import replace_losses
from .partial_bn import freeze_affine, freeze_statistics
from .stream_configs import (
    assemble_preprocessor,
    check_stream_names,
    has_plain_start,
    stream_configs,
)
from .stream_preprocessor import StreamDataPreprocessor
from .stream_scores import score_stream
from .testing_views import check_testing_views

if TYPE_CHECKING:
    from mmaction.models.recognizers import BaseRecognizer

SHARED = 'shared'


@MODELS.register_module()
class LateFusionRecognizer(BaseModel):
    """Score each stream with a recognizer and fuse the scores.

    There are two forms::

        # a network for each stream, any stock recognizers
        dict(type='LateFusionRecognizer',
             streams=dict(face=dict(type='Recognizer2D', ...),
                          body=dict(type='Recognizer3D', ...)))
        # one network that all streams share, as in the published system
        dict(type='LateFusionRecognizer', streams=('face', 'body'),
             recognizer=dict(type='Recognizer2D', ...))

    The streams' own ``loss_cls`` is not used: every stream gets ``loss_cls``
    of this recognizer on its logits, and so does the auxiliary head of a neck
    (``TPN``); the losses are summed. Labels are multi-hot floats (C, ). The
    classifier of a ``TSNHead`` or ``TSMHead`` without ``init_std`` starts as
    torch's ``Linear`` does, as published.

    A ``blending`` in the streams' ``data_preprocessor`` has to be the same in
    all of them. Then it draws once for all streams, and labels and images
    agree.

    Args:
        streams (dict[str, dict] | Sequence[str]): Stream -> config of a
            recognizer with a head, or the names of the streams that share
            ``recognizer``.
        recognizer (dict, optional): Config of the shared recognizer.
        fusion (dict): Config of the fusion. Its ``streams`` and
            ``num_classes`` are filled in if it takes them. Defaults to
            ``dict(type='ScoreFusion', mode='mean')``.
        loss_cls (dict): Config of the loss. Defaults to
            ``dict(type='BCELossWithLogits')``.
        pos_weight (Sequence[float], optional): C factors of the positive
            labels' losses, see ``torch.nn.BCEWithLogitsLoss``.
        partial_bn (bool): Freeze all 2D batch norms of every backbone except
            the first. Leave it off for a network without start weights: its
            frozen statistics would be those of no data. Defaults to False.
        joint_batch_norm (bool): Let streams that share a network go through
            it as one batch in training, so that batch norm sees all of them
            together, instead of one after the other. Defaults to False, the
            published way. Makes no difference in eval mode.
        start_weights (str | dict[str, str], optional): ``'imagenet'`` or the
            path of a weight file for the backbones, or one for each stream.
            None leaves it to the recognizers' own configs, which means random
            weights if they say nothing.
        threshold (float): Probability from which on a label is predicted.
            Defaults to 0.5.
        data_preprocessor (dict, optional): Put together from the streams' own
            by default.
        init_cfg (dict, optional): As everywhere in MMEngine.

    Raises:
        InputError: For options that contradict each other, a stream without a
            head, streams with different ``blending``, or, in ``forward``,
            inputs that do not fit the streams, or a neck with a loss that is
            no ``loss_cls``.
        InputError: For a fusion that is not registered.
    """

    def __init__(
        self,
        streams: dict[str, ConfigType] | Sequence[str],
        recognizer: ConfigType | None = None,
        fusion: ConfigType | None = None,
        loss_cls: ConfigType | None = None,
        pos_weight: Sequence[float] | None = None,
        partial_bn: bool = False,
        joint_batch_norm: bool = False,
        start_weights: str | dict[str, str] | None = None,
        threshold: float = 0.5,
        data_preprocessor: ConfigType | None = None,
        init_cfg: ConfigType | None = None,
    ) -> None:
        configs = stream_configs(streams, recognizer)
        check_stream_names(configs)
        if data_preprocessor is None:
            data_preprocessor = assemble_preprocessor(configs)
        elif is_a(data_preprocessor, 'MultiModalDataPreprocessor'):
            data_preprocessor = dict(data_preprocessor, type=StreamDataPreprocessor)
        super().__init__(data_preprocessor, init_cfg)
        self.streams = tuple(configs)
        self.shared = recognizer is not None
        if self.shared:
            configs = {SHARED: recognizer}
        # Building takes keys out of the configs of torchvision backbones.
        self.recognizers = ModuleDict(
            {name: MODELS.build(deepcopy(config)) for name, config in configs.items()}
        )
        self._check_recognizers()
        self.fusion = self._build_fusion(fusion or dict(type='ScoreFusion', mode='mean'))
        self.loss_cls = MODELS.build(deepcopy(loss_cls or dict(type='BCELossWithLogits')))
        self.register_buffer(
            'pos_weight',
            None if pos_weight is None else torch.tensor(pos_weight, dtype=torch.float32),
            persistent=False,
        )
        self.partial_bn = partial_bn
        self.joint_batch_norm = joint_batch_norm
        self.start_weights = start_weights
        self.threshold = threshold
        self._started = False
        self._plain_start = {name for name, each in configs.items() if has_plain_start(each)}
        self._check_options()
        self._auxiliary = {
            name
            for name, network in self.recognizers.items()
            if getattr(network, 'with_neck', False)
            and replace_losses(
                network.neck,
                self.loss_cls,
                self.pos_weight,
                f"stream '{name}', neck {type(network.neck).__name__}",
            )
        }
        if partial_bn:
            for network in self.recognizers.values():
                freeze_affine(network.backbone)
        # A stock backbone freezes its `frozen_stages` here, and DDP has to see them frozen.
        self.train()

    def _build_fusion(self, config: ConfigType) -> torch.nn.Module:
        """Build the fusion, and tell it the streams and the number of classes.

        It is told them only if it takes them and the config leaves them out.
        """
        config = dict(deepcopy(config))
        kind = config['type']
        if isinstance(kind, str):
            kind = MODELS.get(kind)
        if kind is None:
            near = get_close_matches(config['type'], MODELS.module_dict)
            raise InputError(
                f"LateFusionRecognizer: fusion: '{config['type']}' is no "
                f'registered model{"; " * bool(near)}{" or ".join(near)}'
                f'{" is" * bool(near)}; one of your own needs custom_imports'
            )
        takes = signature(kind).parameters
        head = next(iter(self.recognizers.values())).cls_head
        for name, value in dict(streams=self.streams, num_classes=head.num_classes).items():
            if name in takes:
                config.setdefault(name, value)
        return MODELS.build(config)

    def _check_recognizers(self) -> None:
        for name, network in self.recognizers.items():
            if not getattr(network, 'with_cls_head', False):
                raise InputError(
                    f"LateFusionRecognizer: the recognizer of stream '{name}' "
                    f'({type(network).__name__}) has no cls_head, which is needed to score it'
                )
            check_testing_views(network, f"LateFusionRecognizer: stream '{name}'")
        classes = {name: network.cls_head.num_classes for name, network in self.recognizers.items()}
        if len(set(classes.values())) > 1:
            raise InputError(f'LateFusionRecognizer: the heads differ in num_classes: {classes}')

    def _check_options(self) -> None:
        if isinstance(self.start_weights, dict) and (
            self.shared or not set(self.start_weights) <= set(self.streams)
        ):
            raise InputError(
                'LateFusionRecognizer: start_weights by stream need a network a stream; expected '
                f'some of {", ".join(self.streams)}{" and no shared recognizer" * self.shared}, '
                f'found {", ".join(self.start_weights)}'
            )
        classes = next(iter(self.recognizers.values())).cls_head.num_classes
        if self.pos_weight is not None and self.pos_weight.shape != (classes,):
            raise InputError(
                f'LateFusionRecognizer: pos_weight: expected {classes} values, one a class, found '
                f'{tuple(self.pos_weight.shape)}'
            )
        if not 0 <= self.threshold <= 1:
            raise InputError(
                f'LateFusionRecognizer: threshold: expected a probability, found {self.threshold}'
            )

    def recognizer_of(self, stream: str) -> 'BaseRecognizer':
        """Return the network that scores a stream."""
        return self.recognizers[SHARED if self.shared else stream]

    def init_weights(self) -> None:
        """Initialise once, then load ``start_weights`` into the backbones.

        Raises:
            InputError, FileNotFoundError: If the start weights are not available
                or do not fit; nothing is trained from half a backbone.
        """
        if self._started:
            return
        super().init_weights()
        for name, network in self.recognizers.items():
            if name in self._plain_start:
                network.cls_head.fc_cls.reset_parameters()
            source = self.start_weights
            if isinstance(source, dict):
                source = source.get(name)
            if source is not None:
                own = dict(getattr(self.data_preprocessor, 'preprocessors', {}))
                preprocessor = own.get(f'{name}_imgs', self.data_preprocessor)
                load_start_weights(network.backbone, source, name, preprocessor)
        self._started = True

    def train(self, mode: bool = True) -> 'LateFusionRecognizer':
        """Set the mode; with ``partial_bn``, keep the later batch norms in eval mode."""
        super().train(mode)
        if mode and self.partial_bn:
            for network in self.recognizers.values():
                freeze_statistics(network.backbone)
        return self

    def forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: SampleList | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | SampleList:
        """Score a batch.

        Args:
            inputs (dict[str, Tensor]): ``<stream>_imgs`` -> (N, T, C, H, W)
                for 2D, (N, V, C, T, H, W) for 3D recognizers, V views.
            data_samples (list[:obj:`ActionDataSample`], optional): N samples,
                with ``gt_label`` (C, ) for ``mode='loss'``.
            mode (str): ``'tensor'``, ``'loss'`` or ``'predict'``.

        Returns:
            dict[str, Tensor] | list[:obj:`ActionDataSample`]: ``'tensor'``:
            stream -> logits (N, C). ``'loss'``: a loss for each stream and those
            of the fusion. ``'predict'``: the samples with ``pred_score`` (C, )
            probabilities, ``pred_logits`` (C, ), ``pred_label`` (C, ) 0/1,
            ``stream_logits`` and ``stream_scores``: stream -> (C, ).
        """
        if mode not in ('tensor', 'loss', 'predict'):
            raise InputError(f"mode: expected 'tensor', 'loss' or 'predict', found '{mode}'")
        missing = [s for s in self.streams if f'{s}_imgs' not in inputs]
        if missing:
            raise InputError(
                f'inputs: expected {missing[0]}_imgs, found {", ".join(inputs) or "nothing"}'
            )
        logits, features, losses = self._score(inputs, data_samples)
        if mode == 'tensor':
            return logits
        if mode == 'loss':
            return self._loss(logits, features, losses, data_samples)
        return self._predict(logits, features, data_samples)

    def extract_feat(self, inputs: Tensor | dict[str, Tensor], **_: Any) -> tuple[Tensor, ...]:
        """Score every stream, for MMAction2's ``get_flops.py``, which has one input for a model.

        Args:
            inputs (Tensor | dict[str, Tensor]): Inputs of the streams as in ``forward``, or one
                tensor that is the input of every stream.
            **_: Not used.

        Returns:
            tuple[Tensor, ...]: The logits (N, C) of each stream.
        """
        if isinstance(inputs, Tensor):
            inputs = {f'{stream}_imgs': inputs for stream in self.streams}
        # The tool puts this method in the place of forward().
        return tuple(self._score(inputs, None)[0].values())

    def _score(self, inputs: dict, data_samples: SampleList | None) -> tuple[dict, dict, dict]:
        """Score the streams of a batch.

        Returns:
            tuple[dict, dict, dict]: Stream -> logits (N, C); stream -> pooled
            features (N, D), for the streams that have any; and the auxiliary
            losses.
        """
        logits, features, losses = {}, {}, {}
        if self.joint_batch_norm and self.training and self.shared:
            joint = torch.cat([inputs[f'{s}_imgs'] for s in self.streams])
            samples = data_samples and list(data_samples) * len(self.streams)
            y, pooled, aux = score_stream(self.recognizers[SHARED], joint, samples)
            self._check_losses(SHARED, aux)
            logits = dict(zip(self.streams, y.chunk(len(self.streams)), strict=True))
            if pooled is not None:
                features = dict(zip(self.streams, pooled.chunk(len(self.streams)), strict=True))
            return logits, features, aux
        for stream in self.streams:
            logits[stream], pooled, aux = score_stream(
                self.recognizer_of(stream), inputs[f'{stream}_imgs'], data_samples
            )
            if pooled is not None:
                features[stream] = pooled
            self._check_losses(SHARED if self.shared else stream, aux)
            losses.update({f'{stream}_{k}': v for k, v in aux.items()})
        return logits, features, losses

    def _check_losses(self, name: str, losses: dict) -> None:
        if losses and name not in self._auxiliary:
            raise InputError(
                f"LateFusionRecognizer: stream '{name}': expected a neck whose loss is a module "
                "`loss_cls`, which is replaced by the recognizer's own, found "
                f'{type(self.recognizers[name].neck).__name__} with {", ".join(losses)}'
            )

    def _valid(self, data_samples: SampleList) -> dict[str, Tensor]:
        """Tell for each stream in which clips a frame showed its region.

        Returns:
            dict[str, Tensor]: Stream -> (N, ) bool, only for the streams whose
            samples say so (``<stream>_found``).
        """
        valid = {}
        for stream in self.streams:
            found = [s.get(f'{stream}_found') for s in data_samples]
            if all(f is not None for f in found):
                valid[stream] = torch.tensor([bool(any(f)) for f in found])
        return valid

    def _bce(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.pos_weight is None:
            return self.loss_cls(logits, labels)
        return self.loss_cls(logits, labels, pos_weight=self.pos_weight)

    def _loss(
        self, logits: dict, features: dict, losses: dict, data_samples: SampleList
    ) -> dict[str, Tensor]:
        first = next(iter(logits.values()))
        labels = torch.stack([s.gt_label for s in data_samples])
        labels = labels.to(first.device)
        if labels.shape != first.shape or not labels.is_floating_point():
            raise InputError(
                f'gt_label: expected multi-hot float labels {tuple(first.shape)}, found '
                f'{labels.dtype} {tuple(labels.shape)}'
            )
        losses = dict(losses)
        for stream, x in logits.items():
            losses[f'loss_{stream}'] = self._bce(x, labels)
        fusion_loss = getattr(self.fusion, 'loss', None)
        if fusion_loss is not None:
            fused = self.fusion(logits, features, self._valid(data_samples))
            losses.update(fusion_loss(fused, labels, self._bce))
        return losses

    def _predict(self, logits: dict, features: dict, data_samples: SampleList) -> SampleList:
        # Scores are ranked, and half precision ties them.
        logits = {name: x.float() for name, x in logits.items()}
        fused = self.fusion(logits, features, self._valid(data_samples))
        scores = fused.sigmoid()
        for i, sample in enumerate(data_samples):
            sample.set_pred_score(scores[i])
            sample.set_pred_label((scores[i] >= self.threshold).long())
            sample.set_field(fused[i], 'pred_logits')
            sample.set_field({s: x[i] for s, x in logits.items()}, 'stream_logits')
            sample.set_field({s: x[i].sigmoid() for s, x in logits.items()}, 'stream_scores')
        return data_samples
