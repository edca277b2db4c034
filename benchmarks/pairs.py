"""Two sides measured in alternation -> their ratio and its spread.

Both sides get a round of warm-up that is not counted. Who goes first changes with every pair, so
that a machine that slows down, or a file that is now in memory, helps neither side.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from socratic.errors import UsageError

Measured = Mapping[str, float]
# A side does its work once and returns what it measured, `seconds` among it.
Side = Callable[[], Measured]
Report = Callable[[str], None]
SECONDS = "seconds"


@dataclass(frozen=True)
class Pair:
    """One round of both sides."""

    reference: Measured
    ours: Measured


@dataclass(frozen=True)
class Ratio:
    """The median over pairs, with the smallest and the largest pair."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} (from {self.low:.2f} to {self.high:.2f})"


def measure(
    reference: Side, ours: Side, count: int, report: Report, warm_up: Sequence[Side] = ()
) -> list[Pair]:
    """Return `count` pairs, measured after one round that is thrown away.

    report: told in a few words how far it is. warm_up: less work of both sides, where a whole round
    takes long. Raises UsageError for a count below 1.
    """
    if count < 1:
        raise UsageError(f"--pairs is {count}; it takes at least one.")
    report("warming up")
    for side in warm_up or (reference, ours):
        side()
    found = []
    for number in range(count):
        if number % 2:
            second = ours()
            first = reference()
        else:
            first = reference()
            second = ours()
        found.append(Pair(first, second))
        report(
            f"pair {number + 1} of {count}: reference {first[SECONDS]:.4g} s, "
            f"ours {second[SECONDS]:.4g} s"
        )
    return found


def ratio(pairs: Sequence[Pair], key: str = SECONDS, inverse: bool = False) -> Ratio:
    """Return reference over ours of what is called `key`; ours over reference when `inverse`."""
    values = [_divided(pair.reference[key], pair.ours[key], inverse) for pair in pairs]
    return Ratio(statistics.median(values), min(values), max(values))


def _divided(reference: float, ours: float, inverse: bool) -> float:
    return ours / reference if inverse else reference / ours


def median(measured: Sequence[Measured]) -> dict[str, float]:
    """Return the median of each thing that was measured."""
    return {key: statistics.median(each[key] for each in measured) for key in measured[0]}
