"""A LoRA projection in one piece: x W' + s dropout(x) A' B', with no copies in between.

The library's own casts x to the adapter's fp32 and back, and goes over the whole output three times
more; on a CPU that takes as long as the products. The result and its gradients are the same.
"""

from types import MethodType
from typing import Any

import torch
from peft.tuners.lora import Linear
from torch.nn import functional

from training.dropout import QuickDropout, kept


class Projection(torch.autograd.Function):
    """The product and its gradients for x, A and B; W is frozen.

    x: (..., in). weight: (out, in). a: (rank, in). b: (out, rank).
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
        how: tuple[float, float, torch.dtype],
    ) -> torch.Tensor:
        """Return (..., out). how: LoRA's scale, the share of x dropped before A, the precision."""
        scale, share, dtype = how
        flat, wide = x.reshape(-1, x.shape[-1]).to(dtype), weight.to(dtype)
        left, right = a.to(dtype), b.to(dtype)
        mask = kept(flat.shape, share, dtype) if share else None
        thinned = flat if mask is None else flat * mask
        inner = thinned @ left.T
        made = (flat @ wide.T).addmm_(inner, right.T, alpha=scale)
        ctx.save_for_backward(thinned, inner, wide, left, right, mask)
        ctx.scale, ctx.dtypes = scale, (x.dtype, a.dtype, b.dtype)
        return made.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:  # type: ignore[override]
        """Return the gradients for x, A and B."""
        thinned, inner, wide, left, right, mask = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1]).to(wide.dtype)
        to_inner = (flat @ right).mul_(ctx.scale)
        to_b = (inner.T @ flat).mul_(ctx.scale).T.contiguous()
        to_a = to_inner.T @ thinned
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x, way = flat @ wide, to_inner @ left
            to_x = to_x.add_(way) if mask is None else to_x.addcmul_(way, mask)
            to_x = to_x.view(*grad.shape[:-1], -1).to(ctx.dtypes[0])
        return to_x, None, to_a.to(ctx.dtypes[1]), to_b.to(ctx.dtypes[2]), None


def _forward(self: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    if self.disable_adapters or self.merged:
        made: torch.Tensor = Linear.forward(self, x, *args, **kwargs)
        return made
    autocast = torch.is_autocast_enabled("cpu")
    (name,) = self.active_adapters
    if not (self.training or autocast):
        return _asked(self, x, name)
    layer = self.lora_dropout[name]
    share = layer.share if self.training and isinstance(layer, QuickDropout) else 0.0
    dtype = torch.get_autocast_dtype("cpu") if autocast else x.dtype
    how = (self.scaling[name] / (1 - share), share, dtype)
    a, b = self.lora_A[name].weight, self.lora_B[name].weight
    with torch.autocast("cpu", enabled=False):
        done: torch.Tensor = Projection.apply(x, self.get_base_layer().weight, a, b, how)  # type: ignore[no-untyped-call]
    return done


def _asked(self: Any, x: torch.Tensor, name: str) -> torch.Tensor:
    """Return what the library's own layer does, bit by bit, in fewer calls: a token is little work.

    Asked for a question, with no autocast, an adapter computes in its own precision.
    """
    left, right = self.lora_A[name].weight, self.lora_B[name].weight
    made = functional.linear(x, self.get_base_layer().weight)
    moved = functional.linear(functional.linear(x.to(left.dtype), left), right)
    done: torch.Tensor = (made + moved * self.scaling[name]).to(made.dtype)
    return done


def use(model: torch.nn.Module) -> None:
    """Have every LoRA projection of `model` compute this way in training and validation."""
    for module in model.modules():
        if isinstance(module, Linear):
            module.forward = MethodType(_forward, module)
