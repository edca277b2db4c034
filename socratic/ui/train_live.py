"""The Train tab's lower half: every run as it is, curves, log, and what one can do to a run.

A timer looks at the run folders; what did not change is not sent again, so that nothing on the
page moves while one reads. All of it comes from disk: a reload or a restart shows the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from socratic import figures
from socratic.access import OWNER, Access
from socratic.ui import parts, publishing, run_views, train_run
from socratic.ui.boundary import after, sent, wire
from socratic.ui.run_views import Board, View

Inputs = Mapping[Any, Any]
Updates = dict[Any, Any]
SECONDS = 1.5
# The chart of the training loss shows the validation loss as markers.
CHARTS = {"loss": "Training and validation loss", "rougeL": "ROUGE-L on validation rows"}
LOGARITHMIC = ("loss",)
PICK_SCRIPT = """
element.addEventListener("click", (event) => {
  const row = event.target.closest("[data-run]");
  if (row) trigger("click", { run: row.dataset.run });
});
"""
EMPTY = parts.empty(
    "No run yet",
    "Choose models and data above and press start. The curves of every run grow here, and stay "
    "when you close the page or restart the app.",
)


@dataclass(frozen=True)
class Look:
    """How the curves are drawn."""

    x: figures.XAxis
    smoothing: float
    log_y: bool


@dataclass(frozen=True)
class Live:
    """The controls of the lower half. seen: what this browser was last sent, by part."""

    board: Board
    shown: Any
    x: Any
    smoothing: Any
    log_y: Any
    charts: Mapping[str, Any]
    table: Any
    chosen: Any
    log: Any
    actions: Mapping[str, Any]
    asking: Any
    selected: Any
    seen: Any

    @property
    def inputs(self) -> set[Any]:
        """What decides what is shown."""
        return {self.shown, self.x, self.smoothing, self.log_y, self.selected, self.seen}

    @property
    def outputs(self) -> list[Any]:
        """What a refresh may change."""
        fixed = [self.shown, self.table, self.chosen, self.log, self.selected, self.seen]
        return [*fixed, *self.charts.values(), *self.actions.values()]


def build(page: Any, board: Board, access: Access = OWNER) -> Live:
    """Draw the lower half and connect it; loading the `page` restores it."""
    gr.HTML("<h2>Runs</h2>", apply_default_css=False)
    drawn = _curves(board)
    drawn["table"] = parts.markup("train-runs", script=PICK_SCRIPT)
    drawn |= train_run.build(access)
    live = Live(board=board, selected=gr.State(None), seen=gr.State({}), **drawn)
    _connect(page, live)
    if not access.public:
        publishing.build(board.workspace, live.selected)
    return live


def _curves(board: Board) -> dict[str, Any]:
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
        x = gr.Radio(["step", "epoch", "time"], value="step", label="Across", min_width=220)
        smoothing = gr.Slider(
            0, 0.95, value=0.0, step=0.05, label="Smoothing", min_width=220, buttons=[]
        )
        log_y = gr.Checkbox(False, label="Logarithmic losses", min_width=160)
    with gr.Row(elem_classes="charts"):
        charts = {}
        for metric, title in CHARTS.items():
            with gr.Column(min_width=300):
                name = f"{title} of the runs chosen above; their newest values are in the table"
                charts[metric] = parts.chart(f"chart-{metric}", name)
    return {"shown": shown, "x": x, "smoothing": smoothing, "log_y": log_y, "charts": charts}


def _connect(page: Any, live: Live) -> None:
    def look(inputs: Inputs) -> Updates:
        return refresh(live, inputs)

    def pick(event: gr.EventData) -> str:
        return sent(event, "run")

    def act(name: str) -> Any:
        return lambda run_id: train_run.act(live.board.workspace, name, run_id)

    timer = gr.Timer(SECONDS)
    wire([timer.tick, page.load], look, live.inputs, live.outputs, quiet=True)
    settings = [live.shown.input, live.x.input, live.smoothing.input, live.log_y.input]
    wire(settings, look, live.inputs, live.outputs, trigger_mode="always_last")
    changes = [wire(live.table.click, pick, None, live.selected)]
    changes += [
        wire(live.actions[name].click, act(name), live.selected, live.asking)
        for name in ("stop", "now", "resume", "yes")
        if live.actions
    ]
    for change in changes:
        after(change, look, live.inputs, live.outputs)
    if not live.actions:
        return
    wire(live.actions["delete"].click, lambda: gr.update(visible=True), None, live.asking)
    wire(live.actions["no"].click, lambda: gr.update(visible=False), None, live.asking)


@dataclass(frozen=True)
class Part:
    """A part of the page, what changes whenever it does, and how to make it anew."""

    component: Any
    stamp: Any
    render: Callable[[], Any]


def refresh(live: Live, inputs: Inputs) -> Updates:
    """Return an update for each part of the page whose data changed since it was last sent."""
    views = live.board.views()
    seen = dict(inputs[live.seen])
    known = set(seen.get("known", ()))
    shown, updates = _follow_new_runs(live, views, inputs[live.shown], seen)
    # Somebody started a run: that is the one to look at now.
    new = known and not set(seen["known"]) <= known
    selected = _selection(views, None if new else inputs[live.selected])
    if selected != inputs[live.selected]:
        updates[live.selected] = selected
    lines = [view for view in views if view.run.id in shown]
    view = next((view for view in views if view.run.id == selected), None)
    for part in [*_run_parts(live, views, view), *_chart_parts(live, lines, inputs)]:
        key = part.component.elem_id
        if seen.get(key) != part.stamp:
            seen[key] = part.stamp
            updates[part.component] = part.render()
    if seen != inputs[live.seen]:
        updates[live.seen] = seen
    return updates or {live.seen: gr.skip()}


def _run_parts(live: Live, views: Sequence[View], view: View | None) -> list[Part]:
    run_id, state = (view.run.id, view.state) if view else (None, "")
    table = run_views.stamp(views)
    buttons = [
        Part(live.actions[name], (run_id, can), partial(gr.update, interactive=can))
        for name, can in train_run.possible(view).items()
        if live.actions
    ]
    return [
        Part(live.table, (table, run_id), partial(_table, views, run_id)),
        Part(live.chosen, (run_id, state), partial(train_run.chosen, view)),
        Part(live.log, train_run.log_stamp(view), partial(train_run.log, view)),
        *buttons,
    ]


def _chart_parts(live: Live, lines: Sequence[View], inputs: Inputs) -> list[Part]:
    versions = tuple((view.run.id, view.version) for view in lines)
    look = Look(inputs[live.x], inputs[live.smoothing], inputs[live.log_y])
    return [
        Part(chart, (versions, look), partial(_chart, live.board, metric, lines, look))
        for metric, chart in live.charts.items()
    ]


def _table(views: Sequence[View], selected: str | None) -> str:
    return run_views.table(views, selected) if views else EMPTY


def _selection(views: Sequence[View], wanted: str | None) -> str | None:
    """Return the run one looks at: the wanted one, else one at work, else the newest."""
    ids = [view.run.id for view in views]
    if wanted in ids:
        return wanted
    busy = [view.run.id for view in views if view.alive]
    return next(iter([*busy, *ids]), None)


def _follow_new_runs(
    live: Live, views: Sequence[View], shown: list[str] | None, seen: dict[str, Any]
) -> tuple[list[str], Updates]:
    """Return whose curves to show: what was chosen, a new run in place of its model's old one."""
    models = {v.run.id: v.manifest.model for v in views if v.kind == "training" and v.manifest}
    known = seen.get("known")
    if known is not None and set(known) == set(models):
        return list(shown or []), {}
    seen["known"] = list(models)
    if known is None:
        value = offer(views)[1]
    else:
        added = [run_id for run_id in models if run_id not in known]
        replaced = {models[run_id] for run_id in added}
        kept = [key for key in shown or [] if key in models and models[key] not in replaced]
        value = [*kept, *added]
    choices, _ = offer(views)
    return value, {live.shown: gr.update(choices=choices, value=value)}


def offer(views: Sequence[View]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the runs that have curves, and those shown to begin with."""
    trained = [view for view in views if view.kind == "training" and view.manifest]
    choices = [(run_views.name(view), view.run.id) for view in trained]
    return choices, run_views.newest_per_model(trained)


def _chart(board: Board, metric: str, lines: Sequence[View], look: Look) -> str:
    titles = [view.title for view in lines]
    series = [
        figures.Curve(
            title=view.title if titles.count(view.title) == 1 else f"{view.title} {view.run.id}",
            colour=view.colour,
            points=board.points(view.run),
        )
        for view in lines
    ]
    figure = figures.curves(
        series,
        metric,
        x=look.x,
        smoothing=look.smoothing,
        log_y=look.log_y and metric in LOGARITHMIC,
    )
    return parts.figure_json(figure)
