"""The order in which a run meets its rows."""

from collections.abc import Iterator

import torch
from transformers.trainer_pt_utils import LengthGroupedSampler


class EpochGroupedSampler(LengthGroupedSampler):  # type: ignore[misc]
    """Rows of one length together, in an order that depends on seed and epoch alone.

    The library's own draws from the global generator: a run that goes on in the middle of its
    second epoch would meet the rows in another order than one that was never stopped.
    """

    def __init__(self, batch_size: int, lengths: list[int], seed: int) -> None:
        super().__init__(batch_size, lengths=lengths, generator=torch.Generator())
        self._seed = seed
        # Not `set_epoch`: accelerate would call that with a count of its own, and does not reach
        # a sampler beneath two others, as when several processes go on in the middle of an epoch.
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        """Return the row numbers of the epoch."""
        self.generator.manual_seed(self._seed + self.epoch)
        rows: Iterator[int] = super().__iter__()
        return rows
