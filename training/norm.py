"""T5's layer norm in half the time: x / rms(x) * weight, rounded as the library does.

Forth and back the library's own took one core 3.9 ms for 714 tokens of width 512 in bf16, longer
than a projection with its adapter; it goes over its input many times, often in fp32. This: 2.0 ms.
"""

from types import MethodType
from typing import Any

import torch
from transformers.models.t5.modeling_t5 import T5LayerNorm


class RMSNorm(torch.autograd.Function):
    """x (..., width) over its root mean square, times the frozen weight (width)."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, epsilon: float
    ) -> torch.Tensor:
        """Return (..., width) in the weight's precision; the mean square in fp32 or better."""
        norm = torch.linalg.vector_norm(
            x, dim=-1, keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32)
        )
        inverse = norm.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        unit = (x * inverse).to(weight.dtype)
        ctx.save_for_backward(unit, inverse, weight)
        ctx.dtype = x.dtype
        made: torch.Tensor = unit * weight
        return made

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:  # type: ignore[override]
        """Return the gradient for x."""
        unit, inverse, weight = ctx.saved_tensors
        weighted = grad * weight
        along = torch.linalg.vecdot(weighted, unit).unsqueeze(-1)
        across = torch.addcmul(weighted, unit, along, value=-1 / unit.shape[-1])
        return (across * inverse).to(ctx.dtype), None, None


def _forward(self: Any, hidden_states: torch.Tensor) -> torch.Tensor:
    if not torch.is_grad_enabled():
        made: torch.Tensor = T5LayerNorm.forward(self, hidden_states)
        return made
    done: torch.Tensor = RMSNorm.apply(hidden_states, self.weight, self.variance_epsilon)  # type: ignore[no-untyped-call]
    return done


def use(model: torch.nn.Module) -> None:
    """Have every layer norm of `model` compute this way in training."""
    for module in model.modules():
        if isinstance(module, T5LayerNorm):
            module.forward = MethodType(_forward, module)
