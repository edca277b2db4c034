"""What all figures share: the template, the sentence in place of a plot."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

GREY = "#808080"
_GRID = "rgba(128, 128, 128, 0.25)"

_AXIS = {
    "gridcolor": _GRID,
    "zerolinecolor": _GRID,
    "zerolinewidth": 2,
    "automargin": True,
    "title": {"font": {"size": 13}, "standoff": 8},
}

# Not a `Template`: making one takes a fifth of a second, which a page starting up can do without.
NEUTRAL = {
    "layout": {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": GREY, "size": 13},
        "hoverlabel": {
            "bgcolor": "rgba(30,30,30,0.94)",
            "font": {"color": "#f2f2f2"},
            "align": "left",
        },
        "autotypenumbers": "strict",
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        # The top margin is where Plotly's tool bar comes up.
        "margin": {"l": 8, "r": 12, "t": 30, "b": 8},
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
        },
    }
}


@dataclass(frozen=True)
class Point:
    """One dot: whose it is, its value and interval, the numbers in words."""

    name: str
    colour: str
    value: float
    low: float | None
    high: float | None
    text: str


def empty(sentence: str) -> go.Figure:
    """Return a figure that shows `sentence` in place of a plot."""
    said = {"text": wrapped(sentence), "x": 0.5, "y": 0.5, "showarrow": False}
    unseen = {"visible": False}
    return drawn(
        (), height=160, xaxis=unseen, yaxis=unseen,
        annotations=[said | {"xref": "paper", "yref": "paper"}],
    )  # fmt: skip


def drawn(traces: Iterable[BaseTraceType], **layout: Any) -> go.Figure:
    """Return a figure of these traces; layout: as `plotly.graph_objects.Layout` takes it.

    Given at once, not by `update_layout`: that merges the template with Plotly's own, entry by
    entry, and takes twenty times as long.
    """
    return go.Figure(list(traces), {"template": NEUTRAL, **layout})


def plain(text: str) -> str:
    """Return `text` so that Plotly shows it as it is: neither as markup nor as a variable."""
    return escape(text).replace("%{", "%&#123;")


def wrapped(sentence: str, width: int = 40) -> str:
    """Return `sentence` in lines of at most `width` characters: Plotly does not wrap."""
    lines = [""]
    for word in sentence.split():
        if len(lines[-1]) + len(word) >= width and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(plain(line) for line in lines)
