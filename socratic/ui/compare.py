"""The Compare tab: the answer, every number with its interval and source, and what is behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from socratic import answer, figures, results, tables
from socratic.access import OWNER, Access
from socratic.results import Record
from socratic.ui import (
    compare_evaluate,
    compare_export,
    compare_ratings,
    compare_rows,
    compare_tests,
    compare_views,
    parts,
    scores,
)
from socratic.ui.bench import Bench, Tested
from socratic.ui.boundary import wire
from socratic.ui.run_views import Board
from socratic.ui.scores import Choice, Library, Shelf, Shown
from socratic.ui.ticking import follow

Inputs = Mapping[Any, Any]
SECONDS = 2
KINDS = [(label, kind) for kind, label in tables.KIND_LABELS.items()]
NOTHING = parts.empty(
    "No number to show",
    "Nothing here has the words you search for, was evaluated on this data, or is of a kind that "
    "is switched on. Train with “Score on the test split”, or evaluate an adapter below.",
)


@dataclass(frozen=True)
class Controls:
    """The controls of the tab, by name. seen: what this browser was last sent."""

    bench: Bench
    group: Any
    answer: Any
    metrics: Any
    kinds: Any
    search: Any
    table: Any
    caption: Any
    picked: Any
    chart: Any
    seen: Any

    @property
    def inputs(self) -> set[Any]:
        """What decides what is shown."""
        return {self.group, self.metrics, self.kinds, self.search, self.picked, self.seen}

    @property
    def outputs(self) -> list[Any]:
        """What a refresh may change."""
        chosen = [self.group, self.metrics, self.picked]
        return [*chosen, self.answer, self.table, self.caption, self.chart, self.seen]


def build(page: Any, board: Board, library: Library, access: Access = OWNER) -> None:
    """Draw the tab and connect it; loading the `page` restores it."""
    bench = Bench(library, board.workspace)
    shelf = library.shelf()
    groups = list(shelf.groups())
    # Known from the start: a browser open while the app was restarted sends what it had chosen.
    group = gr.Dropdown(
        groups,
        value=groups[0],
        label="Data",
        info="numbers of other rows are never mixed in unmarked",
        interactive=True,
        filterable=False,
        elem_id="compare-data",
    )
    told = parts.markup("compare-answer")
    with gr.Tabs(elem_id="compare-views"):
        with gr.Tab("Scores", id="scores"):
            drawn = _scores(scores.records(shelf, Choice(None)))
        with gr.Tab("Types and curves", id="views") as tab:
            compare_views.build(bench, board, group, tab)
        with gr.Tab("Differences", id="differences") as tab:
            compare_tests.build(bench, group, tab)
        with gr.Tab("Questions", id="rows") as tab:
            compare_rows.build(bench, group, tab)
        with gr.Tab("Fairness", id="fairness") as tab:
            compare_tests.build_fairness(bench, group, tab)
        with gr.Tab("Human ratings", id="human") as tab:
            compare_ratings.build(board.workspace, tab)
        with gr.Tab("Export", id="export") as tab:
            compare_export.build(bench, group, drawn["metrics"], tab)
    controls = Controls(bench=bench, group=group, answer=told, seen=gr.State({}), **drawn)
    _connect(page, controls)
    if not access.public:
        compare_evaluate.build(page, board)


def _scores(found: list[Record]) -> dict[str, Any]:
    offered, headline = scores.metric_choices(found), scores.headline(found)
    with gr.Row(elem_classes="controls"):
        metrics = gr.Dropdown(
            offered,
            value=headline,
            multiselect=True,
            label="Metrics",
            interactive=True,
            min_width=280,
            elem_id="compare-metrics",
        )
        kinds = gr.CheckboxGroup(
            KINDS,
            value=list(results.KINDS),
            label="Systems",
            min_width=280,
            elem_id="compare-kinds",
        )
        search = gr.Textbox(
            label="Search", placeholder="name, run, source", min_width=180, elem_id="compare-search"
        )
    table = parts.markup("compare-table", script=scores.TABLE_SCRIPT)
    caption = parts.markup("compare-caption")
    picked = gr.Dropdown(
        offered,
        value=offered[0][1],
        label="Chart of",
        filterable=False,
        interactive=True,
        elem_id="compare-metric",
    )
    chart = parts.chart("compare-chart", "the chosen metric, as in the table above")
    chosen = {"metrics": metrics, "kinds": kinds, "search": search, "picked": picked}
    return chosen | {"table": table, "caption": caption, "chart": chart}


def _connect(page: Any, controls: Controls) -> None:
    def look(inputs: Inputs) -> dict[Any, Any]:
        return refresh(controls, inputs)

    follow(page, SECONDS, look, controls.inputs, controls.outputs)
    changed = (controls.group, controls.metrics, controls.kinds, controls.picked)
    wire(
        # A textbox's input is not told of where text is pasted or deleted.
        [controls.search.change, *(control.input for control in changed)],
        look,
        controls.inputs,
        controls.outputs,
        trigger_mode="always_last",
    )


def refresh(controls: Controls, inputs: Inputs) -> dict[Any, Any]:
    """Return what changed: nothing at all while neither a choice nor a file did."""
    seen, bench = inputs[controls.seen], controls.bench
    shelf = bench.shelf()
    tested = bench.tested(inputs[controls.group])
    now = {"stamp": shelf.stamp, "group": inputs[controls.group], "ready": tested.ready}
    now |= {"metrics": inputs[controls.metrics], "kinds": inputs[controls.kinds]}
    now |= {"search": inputs[controls.search] or "", "picked": inputs[controls.picked]}
    if now == seen:
        return {controls.seen: gr.skip()}
    renewed = not seen or seen["stamp"] != shelf.stamp or seen["group"] != now["group"]
    updates = _choose(controls, shelf, now) if renewed else {}
    if renewed or seen["ready"] != now["ready"]:
        updates |= {controls.answer: card(bench, tested, now["group"])}
    choice = Choice(now["group"], tuple(now["metrics"] or ()), tuple(now["kinds"]))
    found = scores.records(shelf, choice)
    shown = Shown(choice.metrics, tested.findings, now["search"], scores.absences(shelf))
    updates |= _table(controls, found, shown, shelf)
    if renewed or any(now[key] != seen[key] for key in ("picked", "kinds", "metrics")):
        updates |= {controls.chart: _chart(found, now["picked"])}
    return updates | {controls.seen: now}


def card(bench: Bench, tested: Tested, group: str | None) -> str:
    """Return the answer card: a paragraph to read and to copy."""
    if not tested.ready:
        return '<div class="answer"><p class="quiet">Testing the differences…</p></div>'
    made = answer.answer(bench.comparison(group), tested.pairs)
    labels = "".join(f"<li>{escape(label)}</li>" for label in made.labels)
    sentences = [text for text in made.sentences if text not in made.labels]
    return (
        f'<div class="answer"><p class="asked">{escape(answer.QUESTION)}</p>'
        f"<p><b>{escape(made.opening)}</b> {escape(' '.join(sentences))}</p>"
        f"{f'<ul>{labels}</ul>' if labels else ''}{parts.copy_button(made.text)}</div>"
    )


def _choose(controls: Controls, shelf: Shelf, now: dict[str, Any]) -> dict[Any, Any]:
    """Offer the data and metrics there are; `now` is made to name only such."""
    groups = list(shelf.groups())
    if now["group"] not in groups:
        now["group"] = groups[0]
    found = scores.records(shelf, Choice(now["group"]))
    offered = scores.metric_choices(found)
    keys = [key for _, key in offered]
    kept = [key for key in now["metrics"] or [] if key in keys]
    now["metrics"] = kept or scores.headline(found)
    if now["picked"] not in keys:
        now["picked"] = next(iter(now["metrics"]), None)
    return {
        controls.group: gr.update(choices=groups, value=now["group"]),
        controls.metrics: gr.update(choices=offered, value=now["metrics"]),
        controls.picked: gr.update(choices=offered, value=now["picked"]),
    }


def _table(controls: Controls, found: list[Record], shown: Shown, shelf: Shelf) -> dict[Any, Any]:
    markup = scores.table(found, shown)
    return {
        controls.table: markup or NOTHING,
        controls.caption: parts.notices(shelf.damaged, "bad")
        + (_caption(found, shown) if markup else ""),
    }


def _caption(found: list[Record], choice: Shown) -> str:
    shown = [record for record in found if record.metric in choice.metrics]
    notes = "".join(f"<li>{escape(note)}</li>" for note in tables.notes(shown))
    reasons = f"<p>{tables.MARK} not comparable:</p><ul>{notes}</ul>" if notes else ""
    meanings = "".join(
        f"<li><b>{escape(metric.label)}</b>: {escape(metric.meaning)}</li>"
        for metric in map(tables.metric, choice.metrics)
    )
    return (
        f'<p class="caption">{escape(tables.caption(shown, choice.findings))}</p>{reasons}'
        f"<details><summary>What the metrics measure</summary><ul>{meanings}</ul></details>"
    )


def _chart(found: list[Record], metric: str | None) -> str:
    shown = [record for record in found if record.metric == metric]
    return parts.figure_json(figures.metric_chart(shown, metric)) if metric and shown else ""
