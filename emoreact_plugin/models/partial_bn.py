"""Freeze batch norms as in the partial batch normalisation of TSN (Wang et al., ECCV 2016)."""

from torch import nn


def later_batch_norms(backbone: nn.Module) -> list[nn.Module]:
    """List the 2D batch norms of a backbone except the first, in order of definition.

    Args:
        backbone (nn.Module): Any 2D backbone. One without 2D batch norms (a
            transformer, a 3D network) gives an empty list.

    Returns:
        list[nn.Module]: The batch norms.
    """
    kinds = (nn.BatchNorm2d, nn.SyncBatchNorm)
    norms: list[nn.Module] = [m for m in backbone.modules() if isinstance(m, kinds)]
    return norms[1:]


def freeze_affine(backbone: nn.Module) -> None:
    """Stop the gradients of scale and shift of the later batch norms.

    Call it once, before the optimizer is built and DDP wraps the model.
    """
    for norm in later_batch_norms(backbone):
        for parameter in norm.parameters():
            parameter.requires_grad = False


def freeze_statistics(backbone: nn.Module) -> None:
    """Keep the running mean and variance of the later batch norms as they are.

    Call it after every ``train()``.
    """
    for norm in later_batch_norms(backbone):
        norm.eval()
