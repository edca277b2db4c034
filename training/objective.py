"""The loss of a run: cross entropy per real target token, and nothing computed for padding."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional

IGNORED = -100


def token_mean(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Return the cross entropy per real target token of the whole accumulated batch.

    outputs: with logits (real targets, vocabulary), as `RealPositions` leaves them. labels:
    (rows, positions), -100 where padded. num_items_in_batch: real targets of all its parts.

    T5 ignores `num_items_in_batch`; left to itself the Trainer would add up the means of the
    accumulated batches and report a loss as many times too large.
    """
    logits = outputs.logits if hasattr(outputs, "logits") else outputs["logits"]
    targets = labels[labels != IGNORED]
    total = functional.cross_entropy(logits, targets, reduction="sum")
    return total / (targets.numel() if num_items_in_batch is None else num_items_in_batch)


class _Own(threading.local):
    real: torch.Tensor | None = None


class RealPositions:
    """Has an output head compute only where a target token is.

    Exact, and much less work: the head has 32,128 rows, padding is up to half of a batch's
    positions, and the loss would throw their logits away. Threads select for themselves.
    """

    def __init__(self, head: torch.nn.Module) -> None:
        self._own = _Own()
        head.register_forward_pre_hook(self._select)

    @contextmanager
    def of(self, labels: torch.Tensor) -> Iterator[None]:
        """Select the real positions of `labels` (rows, positions) in what is computed within."""
        self._own.real = labels != IGNORED
        try:
            yield
        finally:
            self._own.real = None

    def _select(self, _: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> Any:
        return None if self._own.real is None else (given[0][self._own.real],)
