"""The measurements of runs -> their curves, overlaid."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from socratic.figures.base import drawn, empty, plain
from socratic.figures.measurements import (
    COMPANIONS,
    MEASUREMENTS,
    VALIDATION,
    X_AXES,
    Curve,
    Floats,
    Look,
    decimated,
    measured,
    nothing,
    smoothed,
)

# On a phone each curve takes a line of the legend; the plot must not shrink for it.
_HEIGHT, _LEGEND_LINE = 320, 20
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
# From this many points on, a line is seen without markers.
_FEW = 20


def curves(series: Sequence[Curve], metric: str, look: Look) -> go.Figure:
    """Return the curves of `metric` of several runs, overlaid.

    metric: a name in metrics.jsonl; `loss` brings the validation loss along, as markers.
    The raw line under a smoothed one stays, faint; on a logarithmic axis values of zero or less
    are left out. Runs of one colour differ in dash.
    """
    pairs = zip(series, dashes(series), strict=True)
    traces = [trace for curve, dash in pairs for trace in _traces(curve, dash, metric, look)]
    if not traces:
        return empty(nothing(series, metric))
    return drawn(
        traces,
        height=_HEIGHT + _LEGEND_LINE * len(series),
        # Constant while the axes mean the same, so that a redraw keeps the reader's zoom.
        uirevision=f"{metric} {look.x} {'log' if look.log_y else 'linear'}",
        showlegend=True,
        xaxis={"title": {"text": X_AXES[look.x].title}},
        yaxis={
            "title": {"text": MEASUREMENTS.get(metric, metric)},
            "type": "log" if look.log_y else "linear",
            # Nothing here is ever negative; a run that only got zeros would read from -1 to 1.
            "rangemode": "nonnegative",
        },
    )


def dashes(series: Sequence[Curve]) -> list[str]:
    """Return a dash per curve: the next one for each further curve of the same colour."""
    seen: dict[str, int] = {}
    chosen = []
    for curve in series:
        seen[curve.colour] = seen.get(curve.colour, -1) + 1
        chosen.append(_DASHES[seen[curve.colour] % len(_DASHES)])
    return chosen


def _traces(curve: Curve, dash: str, metric: str, look: Look) -> list[go.Scatter]:
    """Return a curve's traces: raw, smoothed, validation; the strongest stands in the legend."""
    line = {"color": curve.colour, "dash": dash, "width": 2}
    found = []
    drawn = measured(curve.points, metric, look)
    if len(drawn[0]):
        smooth = look.smoothing > 0 and metric not in VALIDATION
        if smooth:
            found.append(_trace(curve, drawn, look, opacity=0.28, line=line | {"width": 1}))
            drawn = drawn[0], smoothed(drawn[1], look.smoothing)
        # A line through one or two points cannot be seen.
        few = metric in VALIDATION or len(drawn[0]) < _FEW
        mode = "lines+markers" if few else "lines"
        found.append(_trace(curve, drawn, look, mode=mode, line=line))
    validation = measured(curve.points, COMPANIONS.get(metric, ""), look)
    if len(validation[0]):
        marker = {"symbol": "circle-open", "size": 8, "line": {"width": 2}, "color": curve.colour}
        found.append(_trace(curve, validation, look, mode="markers", marker=marker))
    for place, trace in enumerate(found):
        trace.showlegend = place == (1 if len(found) > 1 and found[0].opacity else 0)
    return found


def _trace(curve: Curve, drawn: tuple[Floats, Floats], look: Look, **style: Any) -> go.Scatter:
    xs, ys = decimated(*drawn)
    title = plain(curve.title)
    axis = X_AXES[look.x]
    hover = f"{axis.title} %{{x:{axis.digits}}}: %{{y:.4~g}}<extra>{title}</extra>"
    given: dict[str, Any] = {"mode": "lines", "hovertemplate": hover, **style}
    if "opacity" in style:  # the raw line under a smoothed one is scenery
        given |= {"hovertemplate": None, "hoverinfo": "skip"}
    return go.Scatter(x=xs.tolist(), y=ys.tolist(), name=title, legendgroup=title, **given)
