"""Train the auxiliary head of a stream's neck with several labels a clip."""

import torch
from torch import Tensor, nn

from emoreact_plugin.utils.errors import InputError


class AuxiliaryLoss(nn.Module):
    """Compute the loss of a late-fusion recognizer on the logits of a neck's auxiliary head.

    Args:
        loss_cls (nn.Module): The recognizer's own loss.
        pos_weight (Tensor, optional): (C, ) factors of the positive labels' losses.
        place (str): Stream and neck, for the error message.
    """

    def __init__(self, loss_cls: nn.Module, pos_weight: Tensor | None, place: str) -> None:
        super().__init__()
        self.loss_cls = loss_cls
        self.register_buffer('pos_weight', pos_weight, persistent=False)
        self.place = place

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss of logits (N, C) against labels of N * C values.

        Raises:
            InputError: If the auxiliary head has another number of classes.
        """
        if logits.numel() != labels.numel():
            raise InputError(
                f'LateFusionRecognizer: {self.place}: expected an auxiliary head with '
                f'{labels.numel() // len(logits)} classes, found {logits.shape[-1]}'
            )
        # TPN's squeeze() takes the axis of a batch of one clip away.
        labels = labels.reshape(logits.shape)
        if self.pos_weight is None:
            return self.loss_cls(logits, labels)
        return self.loss_cls(logits, labels, pos_weight=self.pos_weight)


def replace_losses(
    neck: nn.Module, loss_cls: nn.Module, pos_weight: Tensor | None, place: str
) -> bool:
    """Give the auxiliary heads of a neck the recognizer's loss.

    Args:
        neck (nn.Module): A stock neck, such as ``TPN``.
        loss_cls (nn.Module): The recognizer's loss.
        pos_weight (Tensor, optional): (C, ) factors of the positive labels' losses.
        place (str): Stream and neck, for error messages.

    Returns:
        bool: Whether the neck has a loss.
    """
    heads = [
        each for each in neck.modules() if isinstance(getattr(each, 'loss_cls', None), nn.Module)
    ]
    for head in heads:
        weight = None if pos_weight is None else torch.clone(pos_weight)
        head.loss_cls = AuxiliaryLoss(loss_cls, weight, place)
    return bool(heads)
