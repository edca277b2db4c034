"""A batch in parts of like length: a CPU spends as long on padding as on text."""

import math
from collections.abc import Iterator, Mapping

import torch

from socratic.device import Plan
from socratic.estimates import tokens_per_pass
from training.objective import IGNORED

SOURCE = {"input_ids", "attention_mask"}
Tensors = Mapping[str, torch.Tensor]


def limit(plan: Plan, weights: int, longest_batch: int) -> int | None:
    """Return how many input tokens go through a model at once when training; None: any number.

    weights: of the model. longest_batch: input tokens of a batch of the longest rows.
    """
    if plan.parts:
        return tokens_per_pass(weights)
    return math.ceil(longest_batch / plan.passes) if plan.passes > 1 else None


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
