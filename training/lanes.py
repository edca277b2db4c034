"""Parts of a batch side by side, a core each, and not all cores at one product after another.

Between its large products a training step is thousands of calls and small tensors, which one core
does while the others wait; with a part each they all have something to do.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from training import dropout

P = TypeVar("P")
R = TypeVar("R")


class Lanes:
    """Threads that share the cores torch may use evenly among them."""

    def __init__(self, count: int) -> None:
        each = max(1, torch.get_num_threads() // count)
        self._threads = ThreadPoolExecutor(count, "lane", torch.set_num_threads, (each,))

    def map(self, work: Callable[[P], R], parts: Sequence[P]) -> list[R]:
        """Return what `work` makes of each part, in their order.

        Masks drawn within follow from torch's seed, however many lanes there are. The last parts
        begin first: sorted by length, what is still under way at the end is short. A single part
        is done here, by all cores.
        """
        seeds = torch.randint(2**63 - 1, (len(parts),)).tolist()

        def drawn(part: P, seed: int) -> R:
            with dropout.drawing(seed):
                return work(part)

        if len(parts) == 1:
            return [drawn(parts[0], seeds[0])]
        begun = [
            self._threads.submit(drawn, part, seed)
            for part, seed in reversed(list(zip(parts, seeds, strict=True)))
        ]
        return [each.result() for each in reversed(begun)]
