"""A batch in parts of like length: a CPU spends as long on padding as on text."""

import math
from collections.abc import Iterator, Mapping

import torch

from training.objective import IGNORED

# Tokens of a pass with which a model of so many weights trains fastest, measured on two cores.
_TOKENS, _WEIGHTS = 768, 77e6
SOURCE = {"input_ids", "attention_mask"}
Tensors = Mapping[str, torch.Tensor]


def tokens_per_pass(weights: int) -> int:
    """Return how many input tokens should go through a model of `weights` weights at once.

    Every pass costs calls and every longer one padding, so the best length falls with the square
    root of what a token costs: the smallest models take a whole batch.
    """
    return round(_TOKENS * math.sqrt(_WEIGHTS / weights))


def split(inputs: Tensors, tokens: int | None) -> Iterator[Tensors]:
    """Return the rows of a padded batch, shortest first, `tokens` input tokens at once.

    inputs: `input_ids` and `attention_mask` (rows, input positions), `labels` (rows, target
    positions, -100 where padded) and what else there is per target position. tokens: padding
    among them; a longer row goes alone; None: all of it as it is.
    """
    if tokens is None:
        yield inputs
        return
    lengths = inputs["attention_mask"].sum(dim=1)
    rows: list[int] = []
    for row in lengths.argsort(stable=True).tolist():
        if rows and (len(rows) + 1) * int(lengths[row]) > tokens:
            yield _only(inputs, rows)
            rows = []
        rows.append(row)
    yield _only(inputs, rows)


def _only(inputs: Tensors, rows: list[int]) -> Tensors:
    source = _longest(inputs["attention_mask"][rows] != 0)
    target = _longest(inputs["labels"][rows] != IGNORED)
    return {
        name: values[rows, : source if name in SOURCE else target].contiguous()
        for name, values in inputs.items()
    }


def _longest(real: torch.Tensor) -> int:
    """Return how many of the first positions of (rows, positions) hold all that is real."""
    return int(real.any(dim=0).nonzero().max()) + 1
