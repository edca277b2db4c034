"""Attention whose dropout costs a fifth: a CPU's own draws its mask on one core.

With dropout torch's `scaled_dot_product_attention` has no fast kernel on a CPU: it goes step by
step, looks for rows that see nothing, and draws one number after another. T5 has no such rows.
"""

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import (
    create_position_bias_mask,
    sdpa_attention_forward,
)
from transformers.masking_utils import sdpa_mask

from training.dropout import kept

NAME = "quick_dropout"


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **how: Any,
) -> tuple[torch.Tensor, None]:
    """Return (rows, queries, heads, width), as the library's attention for T5 does.

    query, key, value: (rows, heads, positions, width). how: what every layer of T5 hands over, its
    `position_bias` and `dropout` among it; without either it is the library's own.
    """
    dropout, bias = how.get("dropout", 0.0), how.get("position_bias")
    if not dropout or bias is None:
        found: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, **how
        )
        return found
    causal = bool(how.get("is_causal", getattr(module, "is_causal", False)))
    bias = create_position_bias_mask(bias, attention_mask, causal, query, key)
    scale = how.get("scaling", 1.0)
    scores = torch.matmul(query if scale == 1 else query * scale, key.transpose(2, 3)) + bias
    weights = scores.softmax(-1, dtype=torch.float32).to(value.dtype)
    weights = weights * kept(weights.shape, dropout, weights.dtype)
    seen = torch.matmul(weights, value) * (1 / (1 - dropout))
    return seen.transpose(1, 2).contiguous(), None


def use(model: Any) -> None:
    """Have every attention layer of `model` attend this way."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)
