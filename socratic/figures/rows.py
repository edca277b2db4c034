"""Row scores -> figures: a heat map by question type, and how the scores are spread."""

from collections.abc import Sequence

import plotly.graph_objects as go

from socratic import tables
from socratic.comparison import BINS, Comparison, TypeScore
from socratic.figures.base import drawn, empty, plain
from socratic.prompts import question_type

# One hue from pale to dark: told apart in grey print and by colour-blind readers. Its darkest
# still lets dark numbers be read, in the light and in the dark page.
SCALE = [[0.0, "#f2f5fa"], [1.0, "#7fb3dc"]]
_INK = "#1a1a1a"
_ROW_PIXELS, _HEAD_PIXELS = 44, 70


def heat_map(scores: Sequence[TypeScore], metric: str) -> go.Figure:
    """Return one row per system, one column per question type; each cell with value and n."""
    named = tables.metric(metric)
    if not scores:
        return empty(f"No {named.label} row by row on this data.")
    names = list(dict.fromkeys(score.system for score in scores))
    kinds = list(dict.fromkeys(score.type for score in scores))
    of = {(score.system, score.type): score for score in scores}
    grid = [[of[name, kind] for kind in kinds] for name in names]
    places = max(3 - named.coarse, 0)
    cells = go.Heatmap(
        z=[[score.value for score in line] for line in grid],
        x=[question_type(kind).label for kind in kinds],
        y=[plain(name) for name in names],
        text=[[f"{score.value:.{places}f}" for score in line] for line in grid],
        customdata=[[f"[{s.low:.3f}, {s.high:.3f}], {s.n:,} rows" for s in r] for r in grid],
        texttemplate="%{text}",
        textfont={"color": _INK},
        hovertemplate="%{y}, %{x}: %{text} %{customdata}<extra></extra>",
        colorscale=SCALE,
        showscale=False,
        xgap=2,
        ygap=2,
    )
    return drawn(
        [cells],
        height=_HEAD_PIXELS + _ROW_PIXELS * len(names),
        uirevision=f"heat {metric}",
        yaxis={"autorange": "reversed", "fixedrange": True},
        xaxis={"side": "top", "fixedrange": True},
        margin={"t": 50},
    )


def spread(group: Comparison, metric: str) -> go.Figure:
    """Return, per system, the share of rows in each of `BINS` equal parts of the scale."""
    named = tables.metric(metric)
    counts = group.distribution(metric)
    if not counts:
        return empty(f"No {named.label} row by row on this data.")
    step = group.highest(metric) / BINS
    lines = []
    for name, bins in counts.items():
        record = group.members[name].record
        lines.append(
            go.Scatter(
                x=[step * (place + 0.5) for place in range(BINS)],
                y=[count / max(sum(bins), 1) for count in bins],
                name=plain(name),
                mode="lines",
                visible=True if record.kind == "own" else "legendonly",
                line={
                    "color": record.colour,
                    "shape": "hvh",
                    "dash": "solid" if record.kind == "own" else "dot",
                },
                hovertemplate=f"{plain(name)}: %{{y:.1%}} of rows near %{{x:.2f}}<extra></extra>",
            )
        )
    return drawn(
        lines,
        height=420,
        uirevision=f"spread {metric}",
        xaxis={"title": {"text": f"{named.label} of a row"}},
        yaxis={"title": {"text": "share of rows"}, "tickformat": ".0%", "rangemode": "tozero"},
    )
