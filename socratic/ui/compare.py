"""The Compare tab: every number with its interval and its source, on the same rows or marked."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from socratic import figures, printing, results, tables
from socratic.access import OWNER, Access
from socratic.errors import UsageError
from socratic.results import Record
from socratic.ui import compare_evaluate, parts, scores
from socratic.ui.boundary import wire
from socratic.ui.run_views import Board
from socratic.ui.scores import Choice, Library, Shelf

Inputs = Mapping[Any, Any]
SECONDS = 2
FORMATS = {"LaTeX": "tex", "Markdown": "md", "CSV": "csv"}
KINDS = [(label, kind) for kind, label in tables.KIND_LABELS.items()]
NOTHING = parts.empty(
    "No number to show",
    "Nothing was evaluated on this data, or every kind of system is switched off. Train with "
    "“Score on the test split”, or evaluate an adapter below.",
)


@dataclass(frozen=True)
class Controls:
    """The controls of the tab, by name. seen: what this browser was last sent."""

    library: Library
    group: Any
    metrics: Any
    kinds: Any
    table: Any
    caption: Any
    picked: Any
    chart: Any
    format: Any
    text: Any
    download: Any
    seen: Any

    @property
    def inputs(self) -> set[Any]:
        """What decides what is shown."""
        return {self.group, self.metrics, self.kinds, self.picked, self.format, self.seen}

    @property
    def outputs(self) -> list[Any]:
        """What a refresh may change."""
        chosen = [self.group, self.metrics, self.picked]
        shown = [self.table, self.caption, self.chart, self.text, self.download]
        return [*chosen, *shown, self.seen]


def build(page: Any, board: Board, library: Library, access: Access = OWNER) -> None:
    """Draw the tab and connect it; loading the `page` restores it."""
    drawn = _choices(library.shelf())
    drawn["table"] = parts.markup("compare-table", script=scores.SORT_SCRIPT)
    drawn["caption"] = parts.markup("compare-caption")
    offered = drawn["metrics"].choices
    drawn["picked"] = gr.Dropdown(
        offered,
        value=offered[0][1],
        label="Chart of",
        filterable=False,
        interactive=True,
        elem_id="compare-metric",
    )
    drawn["chart"] = parts.chart("compare-chart", "the chosen metric, as in the table above")
    drawn |= _export()
    controls = Controls(library=library, seen=gr.State({}), **drawn)
    _connect(page, controls)
    if not access.public:
        compare_evaluate.build(page, board)


def _choices(shelf: Shelf) -> dict[str, Any]:
    # Known from the start: a browser open while the app was restarted sends what it had chosen.
    groups = list(shelf.groups())
    found = scores.records(shelf, Choice(None))
    offered, headline = scores.metric_choices(found), scores.headline(found)
    with gr.Row(elem_classes="controls"):
        group = gr.Dropdown(
            groups,
            value=groups[0],
            label="Data",
            info="numbers of other rows are never mixed in unmarked",
            interactive=True,
            filterable=False,
            min_width=280,
            elem_id="compare-data",
        )
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
    return {"group": group, "metrics": metrics, "kinds": kinds}


def _export() -> dict[str, Any]:
    with gr.Accordion("Export the table", open=False, elem_id="compare-export"):
        with gr.Row():
            kind = gr.Radio(list(FORMATS), value="LaTeX", label="Format")
            download = gr.DownloadButton("Download", size="sm", scale=0, min_width=160)
        text = gr.Code(
            label="Table", interactive=False, max_lines=18, buttons=["copy"], elem_id="export-text"
        )
    return {"format": kind, "download": download, "text": text}


def _connect(page: Any, controls: Controls) -> None:
    def look(inputs: Inputs) -> dict[Any, Any]:
        return refresh(controls, inputs)

    wire([page.load, gr.Timer(SECONDS).tick], look, controls.inputs, controls.outputs, quiet=True)
    changed = (controls.group, controls.metrics, controls.kinds, controls.picked, controls.format)
    wire(
        [control.input for control in changed],
        look,
        controls.inputs,
        controls.outputs,
        trigger_mode="always_last",
    )


def refresh(controls: Controls, inputs: Inputs) -> dict[Any, Any]:
    """Return what changed: nothing at all while neither a choice nor a file did."""
    seen = inputs[controls.seen]
    shelf = controls.library.shelf()
    now = {"stamp": shelf.stamp, "group": inputs[controls.group]}
    now |= {"metrics": inputs[controls.metrics], "kinds": inputs[controls.kinds]}
    now |= {"picked": inputs[controls.picked], "format": inputs[controls.format]}
    if now == seen:
        return {controls.seen: gr.skip()}
    renewed = not seen or seen["stamp"] != shelf.stamp or seen["group"] != now["group"]
    updates = _choose(controls, shelf, now) if renewed else {}
    choice = Choice(now["group"], tuple(now["metrics"] or ()), tuple(now["kinds"]))
    found = scores.records(shelf, choice)
    updates |= _table(controls, found, choice, shelf)
    if renewed or {**now, "format": None} != {**seen, "format": None}:
        updates |= {controls.chart: _chart(found, now["picked"])}
    return updates | _exported(controls, found, choice, now["format"]) | {controls.seen: now}


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


def _table(controls: Controls, found: list[Record], choice: Choice, shelf: Shelf) -> dict[Any, Any]:
    markup = scores.table(found, choice.metrics)
    return {
        controls.table: markup or NOTHING,
        controls.caption: parts.notices(shelf.damaged, "bad")
        + (_caption(found, choice) if markup else ""),
    }


def _caption(found: list[Record], choice: Choice) -> str:
    shown = [record for record in found if record.metric in choice.metrics]
    notes = "".join(f"<li>{escape(note)}</li>" for note in tables.notes(shown))
    reasons = f"<p>{tables.MARK} not comparable:</p><ul>{notes}</ul>" if notes else ""
    meanings = "".join(
        f"<li><b>{escape(metric.label)}</b>: {escape(metric.meaning)}</li>"
        for metric in map(tables.metric, choice.metrics)
    )
    return (
        f'<p class="caption">{escape(tables.caption(shown))}</p>{reasons}'
        f"<details><summary>What the metrics measure</summary><ul>{meanings}</ul></details>"
    )


def _chart(found: list[Record], metric: str | None) -> str:
    shown = [record for record in found if record.metric == metric]
    return parts.figure_json(figures.metric_chart(shown, metric)) if metric and shown else ""


def _exported(controls: Controls, found: list[Record], choice: Choice, kind: str) -> dict[Any, Any]:
    makers = {
        "LaTeX": lambda: printing.as_latex(found, metrics=choice.metrics),
        "Markdown": lambda: printing.as_markdown(found, metrics=choice.metrics),
        "CSV": lambda: printing.as_csv(found),
    }
    if kind not in makers:
        raise UsageError(f"There is no format {kind!r}; choose from {', '.join(makers)}.")
    text = makers[kind]()
    folder = Path(tempfile.mkdtemp(prefix="socratic-"))
    path = folder / f"scores.{FORMATS[kind]}"
    path.write_text(text, encoding="utf-8")
    return {controls.text: text, controls.download: gr.update(value=str(path))}
