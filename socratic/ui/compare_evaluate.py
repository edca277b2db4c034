"""The Compare tab's lower part: score a system, and see how far that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from socratic import catalog, data, jobs, plans, systems
from socratic.errors import UsageError
from socratic.scoring import extras
from socratic.scoring.extras import AUTO, ENCODER, OFF, Extras
from socratic.systems import System
from socratic.ui import parts, run_table, run_views
from socratic.ui.boundary import wire
from socratic.ui.run_views import Board
from socratic.ui.ticking import follow
from socratic.workspace import Workspace

Inputs = Mapping[Any, Any]
SECONDS = 2
SHOWN = 10
EMPTY = parts.empty(
    "No evaluation yet",
    "Choose a system above. What it asks on the chosen split is scored by a process of its own, "
    "and the numbers appear in the table.",
)


@dataclass(frozen=True)
class Controls:
    """The controls, by name. seen: what this browser was last sent."""

    board: Board
    system: Any
    data: Any
    split: Any
    limit: Any
    encoder: Any
    labels: Any
    start: Any
    told: Any
    table: Any
    seen: Any


def build(page: Any, board: Board) -> None:
    """Draw the part and connect it; loading the `page` restores it."""
    gr.HTML("<h2>Evaluate a system</h2>", apply_default_css=False)
    drawn = _choices(board.workspace)
    with gr.Row():
        start = gr.Button(
            "Evaluate", variant="primary", scale=0, min_width=220, elem_id="evaluate-start"
        )
    told = parts.markup("evaluate-told")
    table = parts.markup("evaluate-runs")
    controls = Controls(board, start=start, told=told, table=table, seen=gr.State(()), **drawn)
    _connect(page, controls)


def _choices(workspace: Workspace) -> dict[str, Any]:
    with gr.Row(elem_classes="controls"):
        offered = choices(workspace)
        return {
            "system": gr.Dropdown(
                offered,
                value=offered[0][1],
                label="System",
                info="an adapter, or a base model alone",
                min_width=260,
                elem_id="evaluate-system",
            ),
            "data": gr.Dropdown(
                parts.data_choices(workspace),
                value="sample",
                label="Data",
                info="files are given on the Train tab",
                filterable=False,
                min_width=200,
                elem_id="evaluate-data",
            ),
            "split": gr.Radio(list(data.SPLITS), value="test", label="Split", min_width=240),
            "limit": gr.Number(
                0,
                precision=0,
                label="Rows at most",
                info="0 for all",
                min_width=140,
                elem_id="evaluate-limit",
            ),
            "encoder": gr.Textbox(
                AUTO,
                label="BERTScore encoder",
                info=f"Hub id or folder; auto: {ENCODER} where it is here; off",
                min_width=200,
                elem_id="evaluate-encoder",
            ),
            "labels": gr.Textbox(
                AUTO,
                label="Labels for type fidelity",
                info="a file of labelled questions; auto: MTurk's where fetched; off",
                min_width=200,
                elem_id="evaluate-labels",
            ),
        }


def choices(workspace: Workspace) -> list[tuple[str, str]]:
    """Return the systems that can be scored: adapters, then base models alone."""
    bases = [systems.base(spec.key) for spec in reversed(catalog.MODELS)]
    return [*parts.system_choices(workspace), *((base.title, base.key) for base in bases)]


def system_of(key: str | None, workspace: Workspace) -> System:
    """Return the system of a choice; raise UsageError when nothing is chosen or it is gone."""
    if not key:
        raise UsageError("No system is chosen; choose an adapter or a base model.")
    bases = {base.key: base for base in (systems.base(spec.key) for spec in catalog.MODELS)}
    return bases.get(key) or systems.resolve(key, workspace)


def _connect(page: Any, controls: Controls) -> None:
    def evaluate(inputs: Inputs) -> dict[Any, Any]:
        return {controls.told: _submit(controls, inputs)}

    def look(inputs: Inputs) -> dict[Any, Any]:
        return _refresh(controls, inputs)

    chosen = {controls.system, controls.data, controls.split, controls.limit}
    chosen |= {controls.encoder, controls.labels}
    wire(controls.start.click, evaluate, chosen, [controls.told], told=controls.told)
    follow(
        page,
        SECONDS,
        look,
        {controls.seen, controls.system, controls.data},
        [controls.table, controls.system, controls.data, controls.seen],
    )


def _submit(controls: Controls, inputs: Inputs) -> str:
    workspace = controls.board.workspace
    system = system_of(inputs[controls.system], workspace)
    source = parts.check_data(inputs[controls.data])
    split, limit = inputs[controls.split], inputs[controls.limit] or 0
    if limit < 0:
        raise UsageError(f"{limit} rows cannot be scored; give 1 or more, or 0 for all.")
    data.load(source, workspace).split(split)
    wanted = Extras(
        bertscore=(inputs[controls.encoder] or "").strip() or OFF,
        labels=extras.given((inputs[controls.labels] or "").strip() or OFF),
    )
    manifest = plans.evaluation(system, source, split, limit or None, extras=wanted)
    jobs.submit(workspace, [manifest])
    return parts.notice(f"The evaluation of {system.title} is in the queue.")


def _refresh(controls: Controls, inputs: Inputs) -> dict[Any, Any]:
    workspace = controls.board.workspace
    views = [view for view in controls.board.views() if view.kind == "evaluation"][:SHOWN]
    offered, files = choices(workspace), parts.data_choices(workspace)
    now = (run_views.stamp(views), offered, files)
    seen = inputs[controls.seen]
    if seen == now:
        return {controls.seen: gr.skip()}
    updates: dict[Any, Any] = {
        controls.table: run_table.table(views) if views else EMPTY,
        controls.seen: now,
    }
    if not seen or seen[1:] != now[1:]:
        keys = [key for _, key in offered]
        kept = inputs[controls.system] if inputs[controls.system] in keys else keys[0]
        updates[controls.system] = gr.update(choices=offered, value=kept)
        updates[controls.data] = gr.update(choices=files)
    return updates
