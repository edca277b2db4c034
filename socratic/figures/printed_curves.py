"""Curves for print: matplotlib figures, sized and labelled for the text block of a thesis.

Matplotlib and not Plotly: its static export would need a browser on the server.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from socratic.errors import UsageError
from socratic.figures.measurements import (
    COMPANIONS,
    MEASUREMENTS,
    VALIDATION,
    X_AXES,
    Curve,
    Look,
    decimated,
    measured,
    nothing,
    smoothed,
)

Format = Literal["png", "svg", "pdf"]

# The width of an A4 text block, in inches; LaTeX then sets the figure without scaling its labels.
WIDTH, HEIGHT, PANEL_HEIGHT = 6.3, 3.4, 2.6
DOTS_PER_INCH = 300
_LINES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P")
# Type that can be searched and edited; numbers as a thesis sets them.
_STYLE = {
    "font.size": 10,
    "font.family": "serif",
    "mathtext.fontset": "stix",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "socratic",
}


@dataclass(frozen=True)
class Sheet:
    """What is printed: the curves of `metric`, overlaid, or each run in a panel of its own."""

    series: Sequence[Curve]
    metric: str = "loss"
    look: Look = Look()
    panels: bool = False


def printed(sheet: Sheet, form: Format) -> bytes:
    """Return a sheet as a file of that format; raise UsageError when it would be empty."""
    import matplotlib as mpl

    shown = [curve for curve in sheet.series if _has(curve, sheet)]
    if not shown:
        raise UsageError(nothing(sheet.series, sheet.metric))
    with mpl.rc_context(_STYLE):
        figure = _figure(sheet, shown)
        file = io.BytesIO()
        # Without a date, the same curves give the same file.
        undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(form)
        figure.savefig(file, format=form, dpi=DOTS_PER_INCH, metadata=undated)
    return file.getvalue()


def _has(curve: Curve, sheet: Sheet) -> bool:
    names = (sheet.metric, COMPANIONS.get(sheet.metric, sheet.metric))
    return any(len(measured(curve.points, name, sheet.look)[0]) for name in names)


def _figure(sheet: Sheet, shown: Sequence[Curve]) -> Any:
    # No pyplot: its state is shared by all threads of the server.
    from matplotlib.figure import Figure

    count = len(shown) if sheet.panels else 1
    height = PANEL_HEIGHT if sheet.panels else HEIGHT
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    for place, curve in enumerate(shown):
        axis = axes[place] if sheet.panels else axes[0]
        _draw(axis, curve, place, sheet)
        if sheet.panels:
            axis.set_title(curve.title, fontsize=10)
    for axis in axes:
        _label(axis, sheet)
    axes[0].set_ylabel(_name(sheet.metric))
    if not sheet.panels or sheet.metric in COMPANIONS:
        axes[0].legend()
    return figure


def _draw(axis: Any, curve: Curve, place: int, sheet: Sheet) -> None:
    style = {"color": curve.colour, "linewidth": 1.4}
    line = "-" if sheet.panels else _LINES[place % len(_LINES)]
    marker = _MARKERS[place % len(_MARKERS)]
    # A panel's title says whose curve it is, its legend what the marks are.
    name, other_name = ("training", "validation") if sheet.panels else _names(curve)
    xs, ys = measured(curve.points, sheet.metric, sheet.look)
    if sheet.metric in VALIDATION:
        axis.plot(xs, ys, line, marker=marker, markersize=4, label=name, **style)
        return
    if sheet.look.smoothing and len(xs):
        axis.plot(*decimated(xs, ys), line, alpha=0.25, label="_raw", **style | {"linewidth": 0.7})
        ys = smoothed(ys, sheet.look.smoothing)
    axis.plot(*decimated(xs, ys), line, label=name, **style)
    other = COMPANIONS.get(sheet.metric)
    if other:
        found = measured(curve.points, other, sheet.look)
        axis.plot(*found, linestyle="", marker=marker, markersize=4, mfc="none", label=other_name,
                  color=curve.colour)  # fmt: skip


def _names(curve: Curve) -> tuple[str, str]:
    return curve.title, f"{curve.title}, validation"


def _label(axis: Any, sheet: Sheet) -> None:
    axis.set_xlabel(X_AXES[sheet.look.x].title)
    if sheet.look.log_y:
        axis.set_yscale("log")
    else:
        axis.set_ylim(bottom=max(0.0, axis.get_ylim()[0]))
    axis.locator_params(axis="x", nbins=4 if sheet.panels else 8)


def _name(metric: str) -> str:
    return MEASUREMENTS.get(metric, metric).partition(" (markers")[0]
