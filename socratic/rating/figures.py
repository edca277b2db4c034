"""Results of a round as figures: a dot and its interval per model, in the model's colour."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from socratic.errors import UsageError
from socratic.figures.base import Point, drawn, empty, plain
from socratic.rating.analysis import CRITERIA, Results
from socratic.rating.report import with_interval

_ROW_PIXELS, _HEAD_PIXELS = 44, 90
STRENGTH = "strength"


def choices(results: Results) -> list[tuple[str, str]]:
    """Return what can be drawn, as (label, key)."""
    found = [(one.label, one.key) for one in CRITERIA]
    return [*found, ("Bradley-Terry strength", STRENGTH)] if results.strengths else found


def figure(results: Results, key: str, kind: str | None = None) -> go.Figure:
    """Return the figure of a criterion, for all items or one type, or of the strengths."""
    points = _points(results, key, kind)
    if not points:
        return empty("Nothing has been rated yet.")
    return drawn(
        [_dot(point, -place) for place, point in enumerate(points)],
        annotations=[_row_label(point, -place) for place, point in enumerate(points)],
        height=_HEAD_PIXELS + _ROW_PIXELS * len(points),
        showlegend=False,
        uirevision=f"rating {key}",
        xaxis={"title": {"text": _label(key)}, "range": _reach(points, key)},
        yaxis={"visible": False, "range": [0.3 - len(points), 0.9], "fixedrange": True},
    )


def _row_label(point: Point, y: int) -> dict[str, Any]:
    text = f"{plain(point.name)}  {plain(point.text)}"
    left = {"x": 0, "xref": "paper", "xanchor": "left"}
    return {"text": text, **left, "y": y, "yshift": 16, "showarrow": False}


def printed(results: Results, key: str, kind: str | None, form: str) -> bytes:
    """Return the same figure as a file; raise UsageError when there is nothing in it."""
    from socratic.figures import printed as paper

    points = _points(results, key, kind)
    if not points:
        raise UsageError("Nothing of that has been rated yet, so there is no figure.")
    return paper.saved(paper.dots(points, _label(key), _reach(points, key)), form)


def _points(results: Results, key: str, kind: str | None) -> list[Point]:
    return _strengths(results) if key == STRENGTH else _means(results, key, kind)


def _dot(point: Point, y: int) -> go.Scatter:
    bounds = None
    if point.low is not None and point.high is not None:
        bounds = {
            "array": [point.high - point.value],
            "arrayminus": [point.value - point.low],
            "thickness": 2.5,
        }
    return go.Scatter(
        x=[point.value],
        y=[y],
        error_x=bounds,
        mode="markers",
        marker={"color": point.colour, "size": 13},
        hovertemplate=f"{plain(point.name)}: {plain(point.text)}<extra></extra>",
    )


def _means(results: Results, key: str, kind: str | None) -> list[Point]:
    percent = next((one.percent for one in CRITERIA if one.key == key), False)
    found = {one.system: one for one in results.means if (one.criterion, one.type) == (key, kind)}
    scale = 100 if percent else 1
    return [
        Point(
            name=system.title,
            colour=system.colour,
            value=mean.value * scale,
            low=None if mean.low is None else mean.low * scale,
            high=None if mean.high is None else mean.high * scale,
            text=with_interval(mean.value, mean.low, mean.high, percent),
        )
        for system in results.round.systems
        if (mean := found.get(system.key)) is not None
    ]


def _strengths(results: Results) -> list[Point]:
    systems = {one.key: one for one in results.round.systems}
    return [
        Point(
            name=systems[one.system].title,
            colour=systems[one.system].colour,
            value=one.value,
            low=one.low,
            high=one.high,
            text=with_interval(one.value, one.low, one.high, False),
        )
        for one in results.strengths
    ]


def _label(key: str) -> str:
    found = {one.key: f"{one.label}{', %' * one.percent}" for one in CRITERIA}
    return found.get(key, "log-strength, adding up to zero")


def _reach(points: Sequence[Point], key: str) -> list[float] | None:
    if key == STRENGTH:
        return None
    return [0, 100] if _label(key).endswith("%") else [1, 5]
