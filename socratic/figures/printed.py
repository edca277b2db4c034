"""The figures for print: PNG, SVG and PDF by matplotlib, from the same records and row scores.

Plotly's own export would need a Chrome on the server. No pyplot: figures are made side by side by
several threads.
"""

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from socratic import tables
from socratic.comparison import BINS, Comparison, TypeScore, between
from socratic.errors import UsageError
from socratic.figures.base import Point
from socratic.prompts import question_type
from socratic.results import KINDS, Record
from socratic.scoring.pairs import Pair

FORMATS = ("png", "svg", "pdf")
_DPI = 200
_INCHES = 7.0
_GREY = "#7A7A7A"
# A name may hold a dollar sign, which matplotlib would take for mathematics.
_PLAIN = {"parse_math": False}


def saved(figure: Figure, kind: str) -> bytes:
    """Return a figure as a file of `kind`; raise UsageError for another than `FORMATS`.

    The same figure gives the same bytes: no date is written into it.
    """
    if kind not in FORMATS:
        raise UsageError(f"There is no figure format {kind!r}; choose from {', '.join(FORMATS)}.")
    dated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=_DPI, bbox_inches="tight", metadata=dated)
    return file.getvalue()


def bars(records: Sequence[Record], metric: str) -> Figure:
    """Return a bar per system with its interval, published numbers as dashed lines."""
    chosen = sorted((r for r in records if r.metric == metric), key=lambda r: KINDS.index(r.kind))
    figure, axes = _axes(0.36 * len(chosen) + 1.2)
    for place, record in enumerate(chosen):
        if record.kind == "published":
            style = "--" if record.comparable else ":"
            axes.axvline(record.value, color=_GREY, ls=style, lw=0.8, zorder=0)
            axes.plot(record.value, place, "D", color=_GREY, ms=5)
        else:
            _bar(axes, place, record)
    axes.set_yticks(range(len(chosen)), [_name(r) for r in chosen], **_PLAIN)
    axes.set_ylim(len(chosen) - 0.4, -0.6)
    axes.set_xlabel(tables.metric(metric).label)
    return figure


def _bar(axes: Any, place: int, record: Record) -> None:
    low = record.value if record.low is None else record.low
    high = record.value if record.high is None else record.high
    axes.barh(
        place,
        record.value,
        height=0.6,
        xerr=[[record.value - low], [high - record.value]],
        color=record.colour,
        alpha=0.45 if record.kind == "zero_shot" or not record.comparable else 0.9,
        hatch="//" if record.kind == "floor" else None,
        error_kw={"ecolor": "black", "capsize": 3, "lw": 1},
    )


def by_type(scores: Sequence[TypeScore], metric: str) -> Figure:
    """Return the heat map: systems down, question types across, the value in each cell."""
    names = list(dict.fromkeys(score.system for score in scores))
    kinds = list(dict.fromkeys(score.type for score in scores))
    of = {(score.system, score.type): score.value for score in scores}
    grid = [[of[name, kind] for kind in kinds] for name in names]
    heads = [question_type(kind).label for kind in kinds]
    return _grid(grid, names, heads, tables.metric(metric).label)


def differences(group: Comparison, found: Sequence[Pair], metric: str) -> Figure:
    """Return the significance matrix: row minus column, a star where it is significant."""
    names = list(group.members)
    grid: list[list[float]] = []
    marks: list[list[str]] = []
    for a in names:
        tests = [between(found, metric, a, b) for b in names]
        grid.append([0.0 if test is None else test.difference for test in tests])
        marks.append(
            ["" if t is None else f"{t.difference:+.3f}{'*' * t.significant}" for t in tests]
        )
    label = f"{tables.metric(metric).label}, row minus column; * p < 0.05 after Holm"
    return _grid(grid, names, names, label, marks)


def spread(group: Comparison, metric: str) -> Figure:
    """Return how the row scores of each fine-tuned system are spread."""
    figure, axes = _axes(3.4)
    step = group.highest(metric) / BINS
    edges = [step * place for place in range(BINS + 1)]
    for name, bins in group.distribution(metric).items():
        record = group.members[name].record
        if record.kind == "own":
            shares = [count / max(sum(bins), 1) for count in bins]
            axes.stairs(shares, edges, color=record.colour, lw=1.6, label=name)
    axes.set_xlabel(f"{tables.metric(metric).label} of a row")
    axes.set_ylabel("share of rows")
    if axes.get_legend_handles_labels()[0]:
        for text in axes.legend(frameon=False, fontsize=8).get_texts():
            text.set(**_PLAIN)
    return figure


def dots(points: Sequence[Point], label: str, reach: Sequence[float] | None) -> Figure:
    """Return a dot per point with its interval, its numbers beside its name; reach: the axis."""
    figure, axes = _axes(0.5 * len(points) + 1.0)
    for place, point in enumerate(points):
        if point.low is not None and point.high is not None:
            axes.plot([point.low, point.high], [place, place], color=point.colour, lw=2)
        axes.plot(point.value, place, "o", color=point.colour, ms=8)
    names = [f"{point.name}\n{point.text}" for point in points]
    axes.set_yticks(range(len(points)), names, **_PLAIN)
    axes.set_ylim(len(points) - 0.4, -0.6)
    if reach:
        axes.set_xlim(*reach)
    axes.grid(axis="x", alpha=0.3, lw=0.5)
    axes.set_xlabel(label)
    return figure


def _axes(height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(_INCHES, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return figure, axes


def _grid(
    values: Sequence[Sequence[float]],
    rows: Sequence[str],
    heads: Sequence[str],
    label: str,
    texts: Sequence[Sequence[str]] | None = None,
) -> Figure:
    figure, axes = _axes(0.42 * len(rows) + 1.4)
    signed = texts is not None
    reach = max((abs(value) for line in values for value in line), default=1.0) or 1.0
    axes.imshow(
        values, cmap="PuOr" if signed else "Blues", aspect="auto",
        vmin=-reach if signed else 0, vmax=reach,
    )  # fmt: skip
    for i, line in enumerate(values):
        for j, value in enumerate(line):
            shown = texts[i][j] if texts else f"{value:.3f}"
            colour = "white" if abs(value) > 0.6 * reach else "black"
            axes.text(j, i, shown, ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(len(heads)), heads, rotation=30, ha="right", **_PLAIN)
    axes.set_yticks(range(len(rows)), rows, **_PLAIN)
    axes.set_title(label, fontsize=9)
    return figure


def _name(record: Record) -> str:
    return record.name if record.comparable else f"{record.name}{tables.MARK}"
