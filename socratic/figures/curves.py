"""The measurements of runs -> their curves, overlaid."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from socratic.errors import UsageError
from socratic.figures.base import NEUTRAL, empty, plain

Floats = npt.NDArray[np.float64]
XAxis = Literal["step", "epoch", "time"]

MOST_POINTS = 2_000
# On a phone each curve takes a line of the legend; the plot must not shrink for it.
_HEIGHT, _LEGEND_LINE = 320, 20
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
# From this many points on, a line is seen without markers.
_FEW = 20


class _Axis(NamedTuple):
    """An x axis: its title, how its numbers read, and what the file's numbers are multiplied by."""

    title: str
    digits: str
    scale: float = 1.0


_X_AXES: Mapping[XAxis, _Axis] = {
    "step": _Axis("step", ",d"),
    "epoch": _Axis("epoch", ".2f"),
    "time": _Axis("minutes", ".1f", 1 / 60),
}
_MEASUREMENTS: Mapping[str, str] = {
    "loss": "loss (markers: validation)",
    "eval_loss": "validation loss",
    "rougeL": "validation ROUGE-L",
    "learning_rate": "learning rate",
    "grad_norm": "gradient norm",
    "samples_per_second": "rows per second",
    "tokens_per_second": "tokens per second",
    "gpu_utilisation": "GPU use (%)",
    "gpu_memory": "GPU memory (GB)",
}
# Measured now and then on the validation split: each point is shown, none is smoothed.
_VALIDATION = ("eval_loss", "rougeL")
# What is drawn along with a measurement.
_COMPANIONS: Mapping[str, str] = {"loss": "eval_loss"}


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
class _Look:
    """How curves are drawn: see `curves`."""

    x: XAxis
    smoothing: float
    log_y: bool


def curves(
    series: Sequence[Curve], metric: str, x: XAxis, smoothing: float, log_y: bool
) -> go.Figure:
    """Return the curves of `metric` of several runs, overlaid.

    metric: a name in metrics.jsonl; `loss` brings the validation loss along, as markers.
    x: the axis. smoothing: 0 for none, below 1; the raw line then stays, faint.
    log_y: logarithmic; values of zero or less are left out. Runs of one colour differ in dash.
    Raises UsageError for a smoothing or an axis out of range.
    """
    if not 0 <= smoothing < 1:
        raise UsageError(f"Smoothing is {smoothing!r}; give a number from 0 to 0.99.")
    if x not in _X_AXES:
        raise UsageError(f"There is no axis {x!r}; choose from {', '.join(_X_AXES)}.")
    look = _Look(x, smoothing, log_y)
    figure = go.Figure()
    for curve, dash in zip(series, _dashes(series), strict=True):
        figure.add_traces(_traces(curve, dash, metric, look))
    if not figure.data:
        return empty(_nothing(series, metric))
    figure.update_layout(
        template=NEUTRAL,
        height=_HEIGHT + _LEGEND_LINE * len(series),
        # Constant while the axes mean the same, so that a redraw keeps the reader's zoom.
        uirevision=f"{metric} {x} {'log' if log_y else 'linear'}",
        showlegend=True,
        xaxis={"title": {"text": _X_AXES[x].title}},
        yaxis={
            "title": {"text": _MEASUREMENTS.get(metric, metric)},
            "type": "log" if log_y else "linear",
        },
    )
    return figure


def _nothing(series: Sequence[Curve], metric: str) -> str:
    if not series:
        return "No run is chosen; choose one to see its curves."
    named = _MEASUREMENTS.get(metric, metric).partition(" (")[0]
    return f"No {named} has been measured yet; points appear here as a run goes on."


def _dashes(series: Sequence[Curve]) -> list[str]:
    """Return a dash per curve: the next one for each further curve of the same colour."""
    seen: dict[str, int] = {}
    chosen = []
    for curve in series:
        seen[curve.colour] = seen.get(curve.colour, -1) + 1
        chosen.append(_DASHES[seen[curve.colour] % len(_DASHES)])
    return chosen


def _traces(curve: Curve, dash: str, metric: str, look: _Look) -> list[go.Scatter]:
    """Return a curve's traces: raw, smoothed, validation; the strongest stands in the legend."""
    line = {"color": curve.colour, "dash": dash, "width": 2}
    found = []
    measured = _measured(curve.points, metric, look)
    if len(measured[0]):
        smooth = look.smoothing > 0 and metric not in _VALIDATION
        if smooth:
            found.append(_trace(curve, measured, look, opacity=0.28, line=line | {"width": 1}))
            measured = measured[0], smoothed(measured[1], look.smoothing)
        # A line through one or two points cannot be seen.
        few = metric in _VALIDATION or len(measured[0]) < _FEW
        mode = "lines+markers" if few else "lines"
        found.append(_trace(curve, measured, look, mode=mode, line=line))
    validation = _measured(curve.points, _COMPANIONS.get(metric, ""), look)
    if len(validation[0]):
        marker = {"symbol": "circle-open", "size": 8, "line": {"width": 2}, "color": curve.colour}
        found.append(_trace(curve, validation, look, mode="markers", marker=marker))
    for place, trace in enumerate(found):
        trace.showlegend = place == (1 if len(found) > 1 and found[0].opacity else 0)
    return found


def _trace(curve: Curve, measured: tuple[Floats, Floats], look: _Look, **style: Any) -> go.Scatter:
    xs, ys = decimated(*measured)
    title = plain(curve.title)
    axis = _X_AXES[look.x]
    hover = f"{axis.title} %{{x:{axis.digits}}}: %{{y:.4~g}}<extra>{title}</extra>"
    given: dict[str, Any] = {"mode": "lines", "hovertemplate": hover, **style}
    if "opacity" in style:  # the raw line under a smoothed one is scenery
        given |= {"hovertemplate": None, "hoverinfo": "skip"}
    return go.Scatter(x=xs.tolist(), y=ys.tolist(), name=title, legendgroup=title, **given)


def _measured(
    points: Sequence[Mapping[str, float]], metric: str, look: _Look
) -> tuple[Floats, Floats]:
    """Return (n,) x and (n,) y of the points that have both, as numbers that can be drawn.

    A run that was resumed repeats steps: what was measured before the repeat is left out.
    """
    kept: list[tuple[float, float, float]] = []
    for point in points:
        x, y, step = point.get(look.x), point.get(metric), point.get("step", 0.0)
        if x is None or y is None or not math.isfinite(y) or (look.log_y and y <= 0):
            continue
        while kept and kept[-1][2] > step:
            kept.pop()
        kept.append((x * _X_AXES[look.x].scale, y, step))
    table = np.asarray(kept, dtype=np.float64).reshape(-1, 3)
    return table[:, 0], table[:, 1]


def smoothed(values: Floats, weight: float) -> Floats:
    """(n,) -> (n,) running mean that forgets: each point weighs `weight` of the next one.

    The start is not drawn towards zero (the bias correction of Kingma & Ba 2015).
    """
    out = np.empty_like(values)
    total = mass = 0.0
    for place, value in enumerate(values):
        total = weight * total + (1 - weight) * value
        mass = weight * mass + (1 - weight)
        out[place] = total / mass
    return out


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
