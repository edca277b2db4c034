"""The Train tab's lower half: every run as it is, curves, log, and what one can do to a run.

Where a pulse tells of news the run folders are looked at; what did not change is not sent again, so
that nothing on the page moves while one reads. All of it comes from disk: a reload or a restart
shows the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from socratic import differences, jobs
from socratic.access import OWNER, Access
from socratic.ui import (
    parts,
    publishing,
    pulse,
    run_facts,
    run_table,
    run_views,
    train_curves,
    train_run,
)
from socratic.ui.boundary import after, sent, wire
from socratic.ui.parts import Part
from socratic.ui.run_table import Order
from socratic.ui.run_views import Board, View
from socratic.ui.train_curves import Curves

Inputs = Mapping[Any, Any]
Updates = dict[Any, Any]
EMPTY = parts.empty(
    "No run yet",
    "Choose models and data above and press start. The curves of every run grow here, and stay "
    "when you close the page or restart the app.",
)


@dataclass(frozen=True)
class Live:
    """The controls of the lower half. order: how this browser sorts the table, as a dictionary.

    seen: what this browser was last sent, by part. pulse: tells of news, and holds the last word.
    """

    board: Board
    curves: Curves
    apart: Any
    words: Any
    table: Any
    chosen: Any
    samples: Any
    log: Any
    actions: Mapping[str, Any]
    asking: Any
    selected: Any
    order: Any
    seen: Any
    pulse: Any

    @property
    def inputs(self) -> set[Any]:
        """What decides what is shown."""
        return {*self.curves.settings, self.words, self.selected, self.order, self.seen}

    @property
    def outputs(self) -> list[Any]:
        """What a refresh may change."""
        fixed = [self.table, self.apart, self.chosen, self.samples, self.log]
        return [*fixed, self.selected, self.seen, *self.curves.outputs, *self.actions.values()]


def build(page: Any, board: Board, access: Access = OWNER) -> Live:
    """Draw the lower half and connect it; loading the `page` restores it."""
    gr.HTML("<h2>Runs</h2>", apply_default_css=False)
    curves = train_curves.build(board, access)
    drawn: dict[str, Any] = {"apart": parts.markup("runs-apart")}
    with gr.Row(elem_classes="controls"):
        drawn["words"] = gr.Textbox(
            label="Show runs with",
            placeholder="a model, a state, a recipe, data",
            max_lines=1,
            min_width=240,
            elem_id="runs-filter",
        )
        clearing = {} if access.public else {"clear": _clear_button()}
    drawn["table"] = parts.markup("train-runs", script=run_table.SCRIPT)
    drawn |= train_run.build(access)
    drawn["actions"] |= clearing
    states = {"selected": gr.State(None), "order": gr.State({}), "seen": gr.State({})}
    live = Live(board=board, curves=curves, pulse=pulse.build(), **states, **drawn)
    _connect(page, live)
    if not access.public:
        publishing.build(board.workspace, live.selected)
    return live


def _clear_button() -> Any:
    return gr.Button(
        "Clear the queue", interactive=False, scale=0, min_width=150, elem_id="queue-clear"
    )


def _connect(page: Any, live: Live) -> None:
    def look(inputs: Inputs) -> Updates:
        return refresh(live, inputs)

    def press(event: gr.EventData, order: dict[str, Any]) -> Updates:
        column = sent(event, "sort")
        if column:
            return {live.order: asdict(Order(**order).pressed(column))}
        return {live.selected: sent(event, "run")}

    def act(name: str) -> Any:
        return lambda run_id: train_run.act(live.board.workspace, name, run_id)

    def hear(inputs: Inputs, event: gr.EventData) -> Updates:
        return {**refresh(live, inputs), live.pulse: sent(event, "word")}

    wire(live.pulse.click, hear, live.inputs, [*live.outputs, live.pulse], quiet=True)
    wire(page.load, look, live.inputs, live.outputs, quiet=True)
    settings = [*(control.input for control in live.curves.settings), live.words.change]
    wire(settings, look, live.inputs, live.outputs, trigger_mode="always_last")
    changes = [wire(live.table.click, press, live.order, [live.selected, live.order])]
    changes += [
        wire(live.actions[name].click, act(name), live.selected, live.asking)
        for name in ("stop", "stop-now", "resume", "earlier", "later", "score", "yes")
        if live.actions
    ]
    if live.actions:
        changes += [wire(live.actions["clear"].click, lambda: clear(live.board), None, None)]
    for change in changes:
        after(change, look, live.inputs, live.outputs)
    if not live.actions:
        return
    wire(live.actions["delete"].click, lambda: gr.update(visible=True), None, live.asking)
    wire(live.actions["no"].click, lambda: gr.update(visible=False), None, live.asking)


def clear(board: Board) -> None:
    """Take every waiting run off the queue."""
    taken = jobs.clear(board.workspace)
    gr.Info(f"{len(taken)} waiting runs were taken off the queue; they can be resumed.")


def refresh(live: Live, inputs: Inputs) -> Updates:
    """Return an update for each part of the page whose data changed since it was last sent."""
    updates, changed, seen = _changed(live, inputs)
    updates |= {part.component: part.render() for part in changed}
    if seen != inputs[live.seen]:
        updates[live.seen] = seen
    return updates or {live.seen: gr.skip()}


def _changed(live: Live, inputs: Inputs) -> tuple[Updates, list[Part], dict[str, Any]]:
    """Return settings to update, parts to render, and what the browser will then have seen."""
    views = live.board.views()
    seen = dict(inputs[live.seen])
    known = set(seen.get("known", ()))
    shown, updates = _follow_new_runs(live, views, inputs[live.curves.shown], seen)
    # Somebody started a run: that is the one to look at now.
    new = known and not set(seen["known"]) <= known
    selected = _selection(views, None if new else inputs[live.selected])
    if selected != inputs[live.selected]:
        updates[live.selected] = selected
    lines = [view for view in views if view.run.id in shown]
    view = next((view for view in views if view.run.id == selected), None)
    order = Order(**{**inputs[live.order], "words": inputs[live.words] or ""})
    listed = [
        _table_part(live, views, selected, order),
        Part(live.apart, tuple(view.run.id for view in lines), partial(apart, lines)),
    ]
    every = [*listed, *_run_parts(live, views, view), *live.curves.parts(lines, inputs)]
    changed = [part for part in every if seen.get(part.component.elem_id) != part.stamp]
    seen |= {part.component.elem_id: part.stamp for part in changed}
    return updates, changed, seen


def _table_part(live: Live, views: Sequence[View], selected: str | None, order: Order) -> Part:
    stamp = (run_views.stamp(views), selected, order)
    return Part(live.table, stamp, partial(_table, views, selected, order))


def _run_parts(live: Live, views: Sequence[View], view: View | None) -> list[Part]:
    run_id = view.run.id if view else None
    waiting = any(other.state == "queued" for other in views)
    possible = train_run.possible(view) | {"clear": waiting}
    buttons = [
        Part(live.actions[name], (run_id, can), partial(gr.update, interactive=can))
        for name, can in possible.items()
        if live.actions
    ]
    return [
        Part(live.chosen, train_run.chosen_stamp(view), partial(train_run.chosen, view)),
        Part(live.samples, run_facts.samples_stamp(view), partial(run_facts.samples, view)),
        Part(live.log, train_run.log_stamp(view), partial(train_run.log, view)),
        *buttons,
    ]


def apart(lines: Sequence[View]) -> str:
    """Return the settings in which the runs whose curves are shown differ."""
    told = [view for view in lines if view.manifest]
    if len(told) < 2:
        return ""
    found = differences.between([view.manifest for view in told if view.manifest])
    count = f"{len(found)} setting{'' if len(found) == 1 else 's'}"
    heads = "".join(
        f"<th>{parts.dot(view.colour)}{escape(run_views.name(view))}</th>" for view in told
    )
    rows = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, cells in found
    )
    return (
        f"<details><summary>What sets these {len(told)} runs apart: {count}</summary>"
        f'<div class="scroll"><table><thead><tr><th></th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _table(views: Sequence[View], selected: str | None, order: Order) -> str:
    return run_table.table(views, selected, order) if views else EMPTY


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
        value = train_curves.offer(views)[1]
    else:
        added = [run_id for run_id in models if run_id not in known]
        replaced = {models[run_id] for run_id in added}
        kept = [key for key in shown or [] if key in models and models[key] not in replaced]
        value = [*kept, *added]
    choices, _ = train_curves.offer(views)
    return value, {live.curves.shown: gr.update(choices=choices, value=value)}
