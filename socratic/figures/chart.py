"""Records -> the bar chart of one metric."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

from socratic import tables
from socratic.figures.base import GREY, drawn, empty, plain, wrapped
from socratic.results import KINDS, Record

_ROW_PIXELS, _HEAD_PIXELS = 38, 80


def metric_chart(records: Sequence[Record], metric: str) -> go.Figure:
    """Return one row per system: bar with interval, published numbers as dashed lines.

    Each row carries its name and numbers in words, as in the table. Bars have their model's
    colour, zero-shot ones paler, floors hatched; what is not comparable is faint and has a dagger.
    Raises UsageError for a metric that is not in the catalogue.
    """
    named = tables.metric(metric)
    found = sorted((r for r in records if r.metric == metric), key=lambda r: KINDS.index(r.kind))
    if not found:
        return empty(f"No {named.label} has been measured yet.")
    bars = sum(record.kind != "published" for record in found)
    rows = [_traces(record, -place, bars) for place, record in enumerate(found)]
    return drawn(
        chain(*rows),
        annotations=[_row_label(record, -place) for place, record in enumerate(found)],
        height=_HEAD_PIXELS + _ROW_PIXELS * len(found),
        showlegend=False,
        bargap=0,
        uirevision=f"metric {metric}",
        xaxis={"title": {"text": _with_direction(named)}, "range": _reach(found)},
        yaxis={"visible": False, "range": [0.75 - len(found), 0.75], "fixedrange": True},
    )


def _with_direction(named: tables.Metric) -> str:
    better = "" if named.better == "neither" else f" ({named.better} is better)"
    return f"{named.label}{better}"


def _reach(found: Sequence[Record]) -> list[float]:
    """Return the range of the value axis: zero, every value, every interval, and some air."""
    ends = [end for r in found for end in (r.value, r.low, r.high) if end is not None]
    lowest, highest = min(0.0, *ends), max(0.0, *ends)
    air = 0.04 * (highest - lowest) or 0.04
    return [lowest - (air if lowest < 0 else 0.0), highest + air]


def _traces(record: Record, place: int, bars: int) -> Sequence[BaseTraceType]:
    published = record.kind == "published"
    return _published(record, place, bars) if published else [_bar(record, place)]


def _bar(record: Record, place: int) -> go.Bar:
    low = record.value if record.low is None else record.low
    high = record.value if record.high is None else record.high
    pattern = "/" if record.kind == "floor" else ""
    return go.Bar(
        x=[record.value],
        y=[place],
        orientation="h",
        width=0.34,
        opacity=1.0 if record.comparable else 0.45,
        marker={
            "color": record.colour if record.kind != "zero_shot" else _pale(record.colour),
            "line": {"color": record.colour, "width": 1},
            "pattern": {"shape": pattern, "fgcolor": GREY, "bgcolor": "rgba(0,0,0,0)", "size": 6},
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - record.value],
            "arrayminus": [record.value - low],
            "visible": record.low is not None,
            "color": GREY,
            "thickness": 2,
            "width": 9,
        },
        hovertemplate=_hover(record),
    )


def _pale(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.35)"


def _published(record: Record, place: int, bars: int) -> list[go.Scatter]:
    """Return the diamond in the record's own row, and its dashed line across the `bars` above.

    The dashes lie on the bars alone, so that no line runs through the words between them.
    """
    style = "solid" if record.comparable else "dot"
    strength = 0.9 if record.comparable else 0.45
    rows = [*range(0, -bars, -1), place]
    line = go.Scatter(
        x=[x for _ in rows for x in (record.value, record.value, None)],
        y=[y for row in rows for y in (row - 0.26, row + 0.2, None)],
        mode="lines",
        opacity=strength,
        line={"color": GREY, "width": 1.5, "dash": style},
        hoverinfo="skip",
    )
    point = go.Scatter(
        x=[record.value],
        y=[place],
        mode="markers",
        opacity=strength,
        marker={"symbol": "diamond", "size": 9, "color": GREY},
        hovertemplate=_hover(record),
    )
    return [line, point]


def _row_label(record: Record, place: int) -> dict[str, Any]:
    # Numbers of other rows say which, in place of the interval: both do not fit on a phone.
    elsewhere = not record.comparable and record.kind != "published"
    where = f" \u00b7 {record.rows}" if elsewhere else ""
    numbers = tables.cell(record, interval=not elsewhere)
    text = f"<b>{plain(record.name)}</b> {numbers}{plain(where)}"
    return {
        "text": text,
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": place + 0.2,
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 12},
        "align": "left",
    }


def _hover(record: Record) -> str:
    parts = [
        f"<b>{plain(record.name)}</b> {tables.cell(record)}",
        f"{tables.KIND_LABELS[record.kind]}, {record.rows}",
        f"decoding: {record.decoding}",
        record.implementation,
        record.reason,
    ]
    lines = [parts[0], *(wrapped(part, 60) for part in parts[1:] if part)]
    return "<br>".join(lines) + "<extra></extra>"
