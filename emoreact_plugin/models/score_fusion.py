"""Fuse the scores of several streams into one."""

from collections.abc import Callable, Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor

from emoreact_plugin.utils.errors import InputError
from mmaction.registry import MODELS

MODES = ('mean', 'max', 'weighted')


@MODELS.register_module()
class ScoreFusion(BaseModule):
    """Fuse the logits of all streams to one score for each class (late fusion).

    Your own fusion can be any registered module with this ``forward`` and an
    optional ``loss(fused_logits, labels, loss_cls)`` that returns a dict of
    losses to add.

    Args:
        mode (str): ``'mean'`` (the published system), ``'max'`` or
            ``'weighted'``. Defaults to ``'mean'``.
        streams (Sequence[str], optional): Names of the streams; the
            recognizer gives them. Needed for ``'weighted'``.
        weights (dict[str, float], optional): One weight for each stream with
            ``'weighted'``, not negative; they are scaled to a sum of 1. Without
            them the weights are learned (a softmax over one parameter for each
            stream, equal at first) from a loss on the fused logits.
        skip_missing (bool): Leave a stream out of a clip's fusion if no
            frame of the clip showed its region, instead of scoring whole
            frames as if they were the region. A clip without any region
            keeps all its streams. Defaults to False, as published.
        init_cfg (dict, optional): As everywhere in MMEngine.

    Raises:
        InputError: For an unknown mode, or weights that do not fit.
    """

    def __init__(
        self,
        mode: str = 'mean',
        streams: Sequence[str] | None = None,
        weights: dict[str, float] | None = None,
        skip_missing: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if mode not in MODES:
            raise InputError(
                f"ScoreFusion: unknown mode '{mode}', expected one of {', '.join(MODES)}"
            )
        if weights is not None and mode != 'weighted':
            raise InputError(
                f"ScoreFusion: weights were given, but the mode is '{mode}', expected 'weighted'"
            )
        self.mode = mode
        self.streams = tuple(streams or ())
        self.learned = mode == 'weighted' and weights is None
        self.skip_missing = skip_missing
        if mode == 'weighted':
            self._init_weighted(weights)

    def _init_weighted(self, weights: dict[str, float] | None) -> None:
        if not self.streams:
            raise InputError("ScoreFusion: mode 'weighted' needs the names of the streams")
        if weights is None:
            self.weight_logits = torch.nn.Parameter(torch.zeros(len(self.streams)))
            return
        if set(weights) != set(self.streams):
            raise InputError(
                f'ScoreFusion: expected a weight for each of {", ".join(self.streams)}, found them '
                f'for {", ".join(weights) or "none"}'
            )
        given = torch.tensor([float(weights[name]) for name in self.streams])
        if (
            not bool(torch.isfinite(given).all())
            or bool((given < 0).any())
            or float(given.sum()) == 0
        ):
            raise InputError(
                'ScoreFusion: weights must be finite, not '
                f'negative and not all 0, found {dict(weights)}'
            )
        self.register_buffer('given_weights', given / given.sum())

    def stream_weights(self) -> dict[str, Tensor]:
        """Return the weight of each stream with the mode 'weighted'.

        Returns:
            dict[str, Tensor]: Stream -> weight, (); they sum to 1.
        """
        weights = self.weight_logits.softmax(0) if self.learned else self.given_weights
        return dict(zip(self.streams, weights, strict=True))

    def forward(
        self,
        logits: dict[str, Tensor],
        features: dict[str, Tensor] | None = None,
        valid: dict[str, Tensor] | None = None,
    ) -> Tensor:
        """Fuse the streams.

        Args:
            logits (dict[str, Tensor]): Stream -> (N, C) float.
            features (dict[str, Tensor], optional): Stream -> pooled features
                (N, D), for the streams that have any. Not used here.
            valid (dict[str, Tensor], optional): Stream -> (N, ) bool, False
                where no frame of the clip showed the region. A stream that is
                not in it counts as shown. Used with ``skip_missing``.

        Returns:
            Tensor: Fused logits (N, C).
        """
        scores = torch.stack(list(logits.values()))  # (S, N, C)
        weights = scores.new_ones(scores.shape[:2])  # (S, N)
        if self.mode == 'weighted':
            given = self.stream_weights()
            weights = weights * torch.stack([given[s] for s in logits])[:, None]
        if self.skip_missing:
            weights = self._without_missing(weights, logits, valid or {})
        if self.mode == 'max':
            return scores.masked_fill((weights == 0)[..., None], -torch.inf).amax(0)
        return ((weights / weights.sum(0))[..., None] * scores).sum(0)

    @staticmethod
    def _without_missing(
        weights: Tensor, logits: dict[str, Tensor], valid: dict[str, Tensor]
    ) -> Tensor:
        """Set the weights (S, N) of missing streams to 0.

        Every stream is still scored, and only its score is weighted: several
        ranks would fall out of step if one of them left a network out.
        """
        there = torch.stack(
            [
                valid[name].to(weights.device)
                if name in valid
                else torch.ones_like(w, dtype=torch.bool)
                for name, w in zip(logits, weights, strict=True)
            ]
        )
        left = weights * there
        return torch.where(left.sum(0) > 0, left, weights)

    def loss(
        self, fused_logits: Tensor, labels: Tensor, loss_cls: Callable[[Tensor, Tensor], Tensor]
    ) -> dict[str, Tensor]:
        """Compute the loss that learned weights need.

        Args:
            fused_logits (Tensor): (N, C).
            labels (Tensor): (N, C) float in 0..1.
            loss_cls (callable): (logits, labels) -> scalar.

        Returns:
            dict[str, Tensor]: ``loss_fusion``; empty if no weights are learned.
        """
        if not self.learned:
            return {}
        return dict(loss_fusion=loss_cls(fused_logits, labels))
