"""A batch in parts of like length: a CPU spends as long on padding as on text."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch

from socratic.device import Plan
from socratic.estimates import passes_beside, tokens_per_pass
from socratic.loading import Loaded
from socratic.recipes import Hyperparameters
from training import together
from training.lanes import Lanes
from training.objective import IGNORED

R = TypeVar("R")
SOURCE = {"input_ids", "attention_mask"}
Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Passes:
    """How batches go through a model.

    tokens: of input at once; None: all. lanes: where parts go side by side; None: one by one.
    """

    tokens: int | None
    lanes: Lanes | None = None

    def map(self, work: Callable[[Tensors], R], inputs: Tensors) -> list[R]:
        """Return what `work` makes of each part of a batch, the shortest first."""
        found = list(split(inputs, self.tokens))
        return self.lanes.map(work, found) if self.lanes else [work(part) for part in found]


def passes(loaded: Loaded, chosen: Hyperparameters) -> Passes:
    """Return how a run's batches go through its model on this machine."""
    plan, weights = loaded.plan, loaded.model.num_parameters()
    if together.size() > 1:
        return Passes(None)  # all must go through the model equally often, or they wait
    tokens = limit(plan, weights, chosen.train_batch * chosen.input_tokens)
    # Activation checkpointing draws masks a second time, from torch's own generator put back.
    able = plan.parts and not plan.activation_checkpointing
    beside = passes_beside(weights, torch.get_num_threads()) if able else 1
    return Passes(tokens, Lanes(beside) if beside > 1 else None)


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
