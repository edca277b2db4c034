"""Dropout whose masks cost a fifth: a CPU draws torch's one number after another, on one core.

Profiled on two cores, masks took a quarter of a training step: LoRA has one per projection.
"""

from collections.abc import Sequence

import torch
from torch import nn

_STEPS = 2**16


def kept(shape: Sequence[int], share: float, dtype: torch.dtype) -> torch.Tensor:
    """Return 1 where an element is kept and 0 where it is dropped.

    Four elements are decided by each 64-bit random number. share: of those dropped, to the nearest
    1/65536. In whole numbers up to the end: torch is five times slower with truth values.
    """
    count = torch.Size(shape).numel()
    draws = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
    numbers = draws.view(torch.int16)[:count].view(*shape)
    last = round(share * _STEPS) - _STEPS // 2 - 1  # of those that mean: dropped
    return numbers.clamp(last, last + 1).sub_(last).to(dtype)


class QuickDropout(nn.Module):
    """As `nn.Dropout`. share: the probability of zeroing, to the nearest 1/65536."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = round(share * _STEPS) / _STEPS

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x` of any shape, its elements zeroed or scaled up when training."""
        if not self.training:
            return x
        return x * kept(x.shape, self.share, x.dtype) * (1 / (1 - self.share))


def use(model: nn.Module) -> None:
    """Replace every `nn.Dropout` within a model on the CPU; one that drops nothing stays."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout) and 0 < child.p < 1:
                module.register_module(name, QuickDropout(child.p).train(child.training))
