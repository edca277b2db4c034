"""Dropout that costs a sixth: a CPU draws torch's one number after another, on one core.

Profiled on two cores, masks took a quarter of a training step: LoRA has one per projection.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

_STEPS = 2**16
# The bits of bf16's 1. To multiply whole numbers by it is much faster than to convert them.
_ONE_IN_BF16 = 0x3F80


class _Own(threading.local):
    numbers: np.random.Generator | None = None


_own = _Own()


@contextmanager
def drawing(seed: int) -> Iterator[None]:
    """Draw the masks of this thread from `seed` on; elsewhere they follow torch's global one."""
    _own.numbers = _numbers(seed)
    try:
        yield
    finally:
        _own.numbers = None


def _numbers(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def kept(shape: Sequence[int], share: float, dtype: torch.dtype) -> torch.Tensor:
    """Return 1 where an element is kept and 0 where it is dropped.

    Four elements are decided by each 64-bit random number. share: of those dropped, to the nearest
    1/65536. In whole numbers up to the end: torch is five times slower with truth values.
    """
    count = torch.Size(shape).numel()
    source = _own.numbers or _numbers(int(torch.randint(2**63 - 1, ())))
    draws = source.integers(-(2**63), 2**63, -(-count // 4), dtype=np.int64)
    numbers = torch.from_numpy(draws.view(np.int16)[:count]).view(*shape)
    last = round(share * _STEPS) - _STEPS // 2 - 1  # of those that mean: dropped
    ones = numbers.clamp_(last, last + 1).sub_(last)
    return ones.mul_(_ONE_IN_BF16).view(dtype) if dtype == torch.bfloat16 else ones.to(dtype)


class _Dropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, share: float) -> torch.Tensor:  # type: ignore[override]
        mask, ctx.scale = kept(x.shape, share, x.dtype), 1 / (1 - share)
        ctx.save_for_backward(mask)  # activation checkpointing lets go of what is saved this way
        return _masked(x, mask, ctx.scale)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:  # type: ignore[override]
        (mask,) = ctx.saved_tensors
        return _masked(grad, mask, ctx.scale), None


def _masked(x: torch.Tensor, mask: torch.Tensor, scale: float) -> torch.Tensor:
    # One pass over memory where x * mask * scale makes two.
    return torch.addcmul(x.new_zeros(()), x, mask, value=scale)


class QuickDropout(nn.Module):
    """As `nn.Dropout`. share: the probability of zeroing, to the nearest 1/65536."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = round(share * _STEPS) / _STEPS

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x` of any shape, its elements zeroed or scaled up when training."""
        if not self.training:
            return x
        made: torch.Tensor = _Dropped.apply(x, self.share)  # type: ignore[no-untyped-call]
        return made


def use(model: nn.Module) -> None:
    """Replace every `nn.Dropout` within a model on the CPU; one that drops nothing stays."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout) and 0 < child.p < 1:
                module.register_module(name, QuickDropout(child.p).train(child.training))
