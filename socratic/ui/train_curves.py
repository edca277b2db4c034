"""The curves of runs on the Train tab: which runs, which measurements, how drawn, as files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from socratic import curve_files, figures, runs
from socratic.access import OWNER, Access
from socratic.figures.printed_curves import Sheet
from socratic.ui import parts, run_views, train_replay
from socratic.ui.boundary import wire
from socratic.ui.drawn import Drawn
from socratic.ui.parts import Part
from socratic.ui.run_views import Board, View
from socratic.workspace import Workspace

Inputs = Mapping[Any, Any]
# The chart of the training loss shows the validation loss as markers.
CHARTS = {
    "loss": "Training and validation loss",
    "rougeL": "ROUGE-L on validation rows",
    "learning_rate": "Learning rate",
    "grad_norm": "Gradient norm",
    "samples_per_second": "Rows per second",
    "tokens_per_second": "Tokens per second",
    "memory": "Memory",
    "cpu_utilisation": "Processor use",
    "gpu_memory": "GPU memory",
    "gpu_utilisation": "GPU use",
}
FIRST = ("loss", "rougeL")
LOGARITHMIC = ("loss", "learning_rate", "grad_norm")
FORMATS = {
    "PDF": "pdf",
    "SVG": "svg",
    "PNG": "png",
    "LaTeX figure": "tex",
    "CSV": "csv",
}


@dataclass(frozen=True)
class Curves:
    """The controls. charts: by measurement, each in its column, hidden unless it is picked.

    drawn: the charts last sent to any browser.
    """

    board: Board
    shown: Any
    picked: Any
    x: Any
    smoothing: Any
    log_y: Any
    columns: Mapping[str, Any]
    charts: Mapping[str, Any]
    drawn: Drawn = field(default_factory=Drawn)

    @property
    def settings(self) -> list[Any]:
        """What decides how the curves are drawn."""
        return [self.shown, self.picked, self.x, self.smoothing, self.log_y]

    @property
    def outputs(self) -> list[Any]:
        """What a refresh may change."""
        return [self.shown, *self.columns.values(), *self.charts.values()]

    def look(self, inputs: Inputs) -> figures.Look:
        """Return how curves are to be drawn."""
        return figures.Look(inputs[self.x], inputs[self.smoothing], inputs[self.log_y])

    def parts(self, lines: Sequence[View], inputs: Inputs) -> list[Part]:
        """Return the charts that are picked, with what changes whenever one of them does."""
        versions = tuple((view.run.id, view.version) for view in lines)
        look = self.look(inputs)
        found = []
        for metric, column in self.columns.items():
            visible = metric in (inputs[self.picked] or ())
            found.append(Part(column, visible, partial(gr.update, visible=visible)))
            if visible:
                stamp = (versions, look)
                draw = partial(_chart, self.board, metric, lines, look)
                once = partial(self.drawn.get, (metric, stamp), draw)
                found.append(Part(self.charts[metric], stamp, once))
        return found


def build(board: Board, access: Access = OWNER) -> Curves:
    """Draw the controls, the charts, and a replay where it is public, else files of the curves."""
    # Known from the start, not only once a page has asked: a browser that was open while the app
    # was restarted still sends what it had chosen.
    choices, value = offer(board.views())
    with gr.Row(elem_classes="controls"):
        shown = gr.Dropdown(
            choices,
            value=value,
            multiselect=True,
            label="Curves of",
            scale=3,
            min_width=300,
            elem_id="train-shown",
        )
        picked = gr.Dropdown(
            [(title, metric) for metric, title in CHARTS.items()],
            value=list(FIRST),
            multiselect=True,
            label="Charts",
            scale=2,
            min_width=260,
            elem_id="train-charts",
        )
    with gr.Row(elem_classes="controls"):
        x = gr.Radio(["step", "epoch", "time"], value="step", label="Across", min_width=220)
        smoothing = gr.Slider(
            0, 0.95, value=0.0, step=0.05, label="Smoothing", min_width=220, buttons=[]
        )
        log_y = gr.Checkbox(False, label="Logarithmic", min_width=160)
    if access.public:
        train_replay.build()
    columns, charts = {}, {}
    with gr.Row(elem_classes="charts"):
        for metric, title in CHARTS.items():
            visible = metric in FIRST
            with gr.Column(min_width=300, visible=visible, elem_id=f"place-{metric}") as column:
                name = f"{title} of the runs chosen above; their newest values are in the table"
                charts[metric] = parts.chart(f"chart-{metric}", name)
            columns[metric] = column
    made = Curves(board, shown, picked, x, smoothing, log_y, columns, charts)
    if not access.public:
        _export(made)
    return made


def offer(views: Sequence[View]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the runs that have curves, and those shown to begin with."""
    trained = [view for view in views if view.kind == "training" and view.manifest]
    choices = [(run_views.name(view), view.run.id) for view in trained]
    return choices, run_views.newest_per_model(trained)


def _chart(board: Board, metric: str, lines: Sequence[View], look: figures.Look) -> str:
    titles = [view.title for view in lines]
    series = [
        figures.Curve(
            title=view.title if titles.count(view.title) == 1 else f"{view.title} {view.run.id}",
            colour=view.colour,
            points=board.points(view.run),
        )
        for view in lines
    ]
    log_y = look.log_y and metric in LOGARITHMIC
    return parts.figure_json(
        figures.curves(series, metric, figures.Look(look.x, look.smoothing, log_y))
    )


def _export(made: Curves) -> None:
    with (
        gr.Accordion("Download these curves", open=False, elem_id="train-export"),
        gr.Row(elem_classes="controls"),
    ):
        metric = gr.Dropdown(
            [(title, metric) for metric, title in CHARTS.items()],
            value=FIRST[0],
            label="Chart",
            filterable=False,
            min_width=220,
        )
        kind = gr.Radio(list(FORMATS), value="PDF", label="Format", min_width=300)
        panels = gr.Checkbox(
            False,
            label="A panel per run",
            info="side by side, on one scale; else all in one figure",
            min_width=220,
        )
        ask = gr.Button("Make the file", elem_id="curves-make", scale=0, min_width=150)
        file = gr.DownloadButton(
            "Download",
            interactive=False,
            elem_id="curves-download",
            scale=0,
            min_width=150,
            size="md",
        )

    def make(inputs: Inputs) -> dict[Any, Any]:
        sheet = Sheet((), inputs[metric], made.look(inputs), inputs[panels])
        path = to_file(made.board.workspace, sheet, inputs[made.shown], FORMATS[inputs[kind]])
        return {file: gr.update(value=path, label=f"Download {Path(path).name}", interactive=True)}

    wire(ask.click, make, {metric, kind, panels, *made.settings}, [file])


def to_file(workspace: Workspace, sheet: Sheet, run_ids: Sequence[str], form: str) -> str:
    """Return a file with the curves of runs, as `sheet` says they are drawn."""
    found = [runs.find(workspace, run_id) for run_id in run_ids or ()]
    drawn = Sheet(curve_files.distinct(found), sheet.metric, sheet.look, sheet.panels)
    stem = f"curves-{sheet.metric.replace('_', '-')}"
    name, content = curve_files.packed(curve_files.files(drawn, found, form, stem), stem)
    return parts.download(content, name)
