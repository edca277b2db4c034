"""The Compare tab's views of row scores: by question type, spread, learning curves beside them."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from socratic import figures, tables
from socratic.comparison import BINS, Comparison, TypeScore
from socratic.figures import Curve
from socratic.prompts import question_type
from socratic.runs import Run
from socratic.ui import parts
from socratic.ui.bench import Bench
from socratic.ui.boundary import wire
from socratic.ui.run_views import Board

Inputs = Mapping[Any, Any]
NO_ROWS = "No predictions of these evaluations are on this machine; evaluate a system below."


def build(bench: Bench, board: Board, group: Any, tab: Any) -> None:
    """Draw the views and connect them; `group` chooses the data, `tab` is the one they are in."""
    metric = gr.Dropdown(
        [("ROUGE-L", "rougeL")], value="rougeL", label="Metric", allow_custom_value=True,
        elem_id="views-metric",
    )  # fmt: skip
    told = parts.markup("views-told")
    gr.HTML("<h3>By question type</h3>", apply_default_css=False)
    heat = parts.chart("views-types", "the metric by system and question type, as in the table")
    by_type = parts.markup("views-types-table")
    with gr.Row(elem_classes="charts"):
        with gr.Column(min_width=300):
            gr.HTML("<h3>How the rows score</h3>", apply_default_css=False)
            spread = parts.chart("views-spread", "share of rows by their score, per system")
            quartiles = parts.markup("views-spread-table")
        with gr.Column(min_width=300):
            gr.HTML("<h3>How they learnt</h3>", apply_default_css=False)
            learning = parts.chart("views-learning", "validation ROUGE-L of these runs by step")
            learnt = parts.markup("views-learning-told")

    def look(inputs: Inputs) -> dict[Any, Any]:
        compared = bench.comparison(inputs[group])
        keys = compared.metrics()
        key = inputs[metric] if inputs[metric] in keys else next(iter(keys), "rougeL")
        found = compared.by_type(key)
        offered = [(tables.metric(one).label, one) for one in keys] or [("ROUGE-L", "rougeL")]
        curves = _curves(compared, board)
        return {
            metric: parts.offered(offered, key, inputs[metric]),
            told: parts.notices([*compared.left_out, *([] if keys else [NO_ROWS])]),
            heat: parts.figure_json(figures.heat_map(found, key)) if found else "",
            by_type: _types(compared, found),
            spread: parts.figure_json(figures.spread(compared, key)) if found else "",
            quartiles: _quartiles(compared, key),
            learning: parts.figure_json(_drawn(curves)) if curves else "",
            learnt: _learnt(curves),
        }

    outputs = [metric, told, heat, by_type, spread, quartiles, learning, learnt]
    wire([tab.select, group.change, metric.input], look, {group, metric}, outputs, told=told)


def _types(compared: Comparison, found: Sequence[TypeScore]) -> str:
    """Return what the heat map shows, with intervals and rows."""
    of = {(score.system, score.type): score for score in found}
    kinds = list(dict.fromkeys(score.type for score in found))
    rows = [
        [
            name,
            *(
                f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"
                for kind in kinds
                if (score := of.get((name, kind)))
            ),
        ]
        for name in dict.fromkeys(score.system for score in found)
    ]
    counts = {score.type: score.n for score in found}
    heads = ["System", *(f"{question_type(kind).label} ({counts[kind]:,} rows)" for kind in kinds)]
    return _folded("The same in numbers, with 95 % intervals", heads, rows)


def _quartiles(compared: Comparison, metric: str) -> str:
    rows = []
    for name, bins in compared.distribution(metric).items():
        total, step = sum(bins), compared.highest(metric) / BINS
        zero, top = bins[0] / max(total, 1), bins[-1] / max(total, 1)
        rows.append([name, f"{_middle(bins) * step:.2f}", f"{zero:.1%}", f"{top:.1%}"])
    heads = ["System", "Median, about", "Lowest twentieth", "Highest twentieth"]
    return _folded("The same in numbers", heads, rows)


def _middle(bins: Sequence[int]) -> float:
    """Return where the median lies, in bins."""
    passed, half = 0, sum(bins) / 2
    for place, count in enumerate(bins):
        if count and passed + count >= half:
            return place + (half - passed) / count
        passed += count
    return 0.0


def _folded(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>" for row in rows
    )
    return (
        f'<details><summary>{escape(title)}</summary><div class="scroll"><table><thead><tr>{head}'
        f"</tr></thead><tbody>{body}</tbody></table></div></details>"
    )


def _curves(compared: Comparison, board: Board) -> list[Curve]:
    """Return the validation curve of each fine-tuned system whose run is on this machine."""
    found = []
    for name, member in compared.members.items():
        if member.record.kind == "own":
            points = board.points(Run(Path(member.record.stored).parent.parent))
            if any("rougeL" in point for point in points):
                found.append(Curve(title=name, colour=member.record.colour, points=points))
    return found


def _drawn(curves: Sequence[Curve]) -> Any:
    return figures.curves(curves, "rougeL", figures.Look())


def _learnt(curves: Sequence[Curve]) -> str:
    if not curves:
        return parts.empty("No curve", "The runs of these systems are not on this machine.")
    said = []
    for curve in curves:
        best = max((p["rougeL"], p["step"]) for p in curve.points if "rougeL" in p)
        said.append(f"{curve.title}: best {best[0]:.3f} at step {best[1]:,}")
    return f'<p class="caption">Validation ROUGE-L. {escape("; ".join(said))}.</p>'
