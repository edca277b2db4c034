"""A metric measured on rows: numbers that add up over rows, and what turns sums into the score.

Because the numbers add up, a bootstrap resample is a weighted sum of rows and nothing is scored
twice: a thousand resamples of 10,573 rows are one matrix product.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Aggregate: TypeAlias = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Measure:
    """A metric of one system, row by row.

    metric: its key. columns: (n, k), additive over rows. aggregate: (b, k) sums -> (b,) scores.
    implementation: see `Score`.
    """

    metric: str
    columns: Floats
    aggregate: Aggregate
    implementation: str

    @property
    def value(self) -> float:
        """The score over all rows."""
        return float(self.aggregate(self.columns.sum(axis=0, keepdims=True))[0])


def ratio(sums: Floats) -> Floats:
    """(b, 2) sums of parts and wholes -> (b,) share, 0 where there is no whole."""
    parts, wholes = sums[:, 0], sums[:, 1]
    return np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)


def mean(metric: str, values: Sequence[float] | Floats, implementation: str) -> Measure:
    """Return the measure whose score is the mean of `values`, one per row."""
    rows = np.asarray(values, dtype=np.float64)
    return Measure(metric, np.column_stack([rows, np.ones_like(rows)]), ratio, implementation)


def share(
    metric: str, parts: Sequence[float], wholes: Sequence[float], implementation: str
) -> Measure:
    """Return the measure whose score is the sum of `parts` over the sum of `wholes`."""
    columns = np.column_stack([parts, wholes]).astype(np.float64)
    return Measure(metric, columns, ratio, implementation)
