"""The measurements of a run as numbers that can be drawn: cut to an axis, smoothed, thinned out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from socratic.errors import UsageError

Floats = npt.NDArray[np.float64]
XAxis = Literal["step", "epoch", "time"]

MOST_POINTS = 2_000


class Axis(NamedTuple):
    """An x axis: its title, how its numbers read, and what the file's numbers are multiplied by."""

    title: str
    digits: str
    scale: float = 1.0


X_AXES: Mapping[XAxis, Axis] = {
    "step": Axis("step", ",d"),
    "epoch": Axis("epoch", ".2f"),
    "time": Axis("minutes", ".1f", 1 / 60),
}
MEASUREMENTS: Mapping[str, str] = {
    "loss": "loss (markers: validation)",
    "eval_loss": "validation loss",
    "rougeL": "validation ROUGE-L",
    "learning_rate": "learning rate",
    "grad_norm": "gradient norm",
    "samples_per_second": "rows per second",
    "tokens_per_second": "tokens per second",
    "gpu_utilisation": "GPU use (%)",
    "gpu_memory": "GPU memory (GB)",
    "cpu_utilisation": "processor use (%)",
    "memory": "memory (GB)",
}
# Measured now and then on the validation split: each point is shown, none is smoothed.
VALIDATION = ("eval_loss", "rougeL")
# What is drawn along with a measurement.
COMPANIONS: Mapping[str, str] = {"loss": "eval_loss"}


@dataclass(frozen=True)
class Curve:
    """The measurements of one run.

    title: of the run, unique in a figure. colour: of its model.
    points: the lines of metrics.jsonl: `step`, `epoch`, `time` (seconds) and what was measured.
    """

    title: str
    colour: str
    points: Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class Look:
    """How curves are drawn: along which axis, how smooth (0 to below 1), on a log y axis or not.

    Raises UsageError for a smoothing or an axis out of range.
    """

    x: XAxis = "step"
    smoothing: float = 0.0
    log_y: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing < 1:
            raise UsageError(f"Smoothing is {self.smoothing!r}; give a number from 0 to 0.99.")
        if self.x not in X_AXES:
            raise UsageError(f"There is no axis {self.x!r}; choose from {', '.join(X_AXES)}.")


def nothing(series: Sequence[Curve], metric: str) -> str:
    """Return the sentence that stands in place of a figure without a point."""
    if not series:
        return "No run is chosen; choose one to see its curves."
    named = MEASUREMENTS.get(metric, metric).partition(" (")[0]
    return f"No {named} has been measured yet; points appear here as a run goes on."


def measured(
    points: Sequence[Mapping[str, float]], metric: str, look: Look
) -> tuple[Floats, Floats]:
    """Return (n,) x and (n,) y of the points that have both, as numbers that can be drawn.

    A run that was resumed repeats steps: what was measured before the repeat is left out.
    """
    given = [
        (point[look.x], point[metric], point.get("step", 0.0))
        for point in points
        if metric in point and point.get(look.x) is not None
    ]
    table = np.asarray(given, dtype=np.float64).reshape(-1, 3)
    lowest = 0.0 if look.log_y else -math.inf
    table = table[np.isfinite(table[:, 1]) & (table[:, 1] > lowest)]
    later = np.minimum.accumulate(table[::-1, 2])[::-1]
    table = table[table[:, 2] <= later]
    return table[:, 0] * X_AXES[look.x].scale, table[:, 1]


def smoothed(values: Floats, weight: float) -> Floats:
    """(n,) -> (n,) running mean that forgets: each point weighs `weight` of the next one.

    The start is not drawn towards zero (the bias correction of Kingma & Ba 2015).
    """
    from scipy.signal import lfilter

    total: Floats = lfilter([1 - weight], [1, -weight], values)
    return total / (1 - weight ** np.arange(1, len(values) + 1))


def decimated(xs: Floats, ys: Floats, most: int = MOST_POINTS) -> tuple[Floats, Floats]:
    """Return at most `most` of the (n,) points: lowest and highest of each stretch, and the ends.

    A spike therefore stays a spike, however long the run.
    """
    if len(xs) <= most:
        return xs, ys
    stretches = np.array_split(np.arange(len(xs)), (most - 2) // 2)
    extremes = [part[[ys[part].argmin(), ys[part].argmax()]] for part in stretches]
    keep = np.unique(np.concatenate([[0], *extremes, [len(xs) - 1]]))
    return xs[keep], ys[keep]
