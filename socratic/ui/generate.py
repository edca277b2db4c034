"""The Generate tab: one context in, a grid of questions out, model by model as they come."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from socratic import decoding, generation, systems
from socratic.access import OWNER, Access
from socratic.catalog import ASSETS
from socratic.decoding import Decoding
from socratic.generation import Request
from socratic.pool import Pool
from socratic.prompts import TYPE_KEYS, TYPES
from socratic.systems import System
from socratic.ui import cards, fields, parts
from socratic.ui.boundary import after, wire
from socratic.ui.cards import Grid
from socratic.workspace import Workspace

Inputs = Mapping[Any, Any]
EXAMPLES = ASSETS / "examples.json"
# One request at a time, from the page or a program: models share the same cores or GPU.
CONCURRENCY = "generation"
SECONDS = 3
PRESETS = [
    ("Thesis: beam search, 4 beams, always the same", "thesis"),
    ("Paper: sampling, top-k 5, top-p 0.6", "paper"),
    ("Custom: as set below", "custom"),
]
COUNT_SCRIPT = """(text) => {
  const count = [...(text || "")].length;
  return `<span class="quiet">${count.toLocaleString("en")} characters</span>`;
}"""


@dataclass(frozen=True)
class Controls:
    """The controls of the tab, by name. asked: the grid on the page. offered: models last sent."""

    workspace: Workspace
    pool: Pool
    context: Any
    count: Any
    types: Any
    systems: Any
    bases: Any
    preset: Any
    knobs: fields.Controls
    ask: Any
    cancel: Any
    told: Any
    grid: Any
    asked: Any
    offered: Any

    @property
    def inputs(self) -> set[Any]:
        """What decides what is asked."""
        return {self.context, self.types, self.systems, self.bases, *self.knobs.values()}


def build(page: Any, workspace: Workspace, pool: Pool, access: Access = OWNER) -> None:
    """Draw the tab and connect it; loading the `page` restores the choice of models."""
    if access.limits:
        parts.markup("ask-limits", f'<p class="caption">{access.limits.sentence}</p>')
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            drawn = _context()
            with gr.Row(elem_classes="actions"):
                drawn["ask"] = gr.Button("Ask for questions", variant="primary", elem_id="ask")
                drawn["cancel"] = gr.Button("Cancel", elem_id="ask-cancel", interactive=False)
            drawn["told"] = parts.markup("ask-told")
        with gr.Column(scale=4, min_width=320):
            drawn |= _choices(workspace)
    drawn["grid"] = parts.markup("ask-grid", cards.EMPTY, cards.SCRIPT)
    controls = Controls(
        workspace=workspace, pool=pool, asked=gr.State(Grid()), offered=gr.State(None), **drawn
    )
    _connect(page, controls)
    if not access.public:
        _memory(page, pool)


def _context() -> dict[str, Any]:
    context = gr.Textbox(
        label="Context",
        info="an opinion, two to five sentences; the models ask about it",
        lines=7,
        max_lines=14,
        elem_id="context",
    )
    count = parts.markup("context-count", '<span class="quiet">0 characters</span>')
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    gr.Examples(
        [[example["context"]] for example in examples],
        context,
        example_labels=[example["label"] for example in examples],
        api_visibility="private",
        label="Examples",
        elem_id="examples",
    )
    return {"context": context, "count": count}


def _choices(workspace: Workspace) -> dict[str, Any]:
    choices, default = offer(workspace)
    shown: dict[str, Any] = {
        "systems": gr.Dropdown(
            choices,
            value=default,
            multiselect=True,
            label="Who is asked",
            info="finished adapters, newest first",
            elem_id="ask-systems",
        ),
        "bases": gr.Checkbox(
            False,
            label="Also ask each base model without its adapter",
            elem_id="ask-bases",
        ),
        "types": gr.CheckboxGroup(
            [(f"{kind.label}: {kind.definition}", kind.key) for kind in TYPES],
            value=list(TYPE_KEYS),
            label="Types of question",
            elem_id="ask-types",
            elem_classes="stacked",
        ),
        "preset": gr.Radio(
            PRESETS, value="thesis", label="Decoding", elem_id="ask-preset", elem_classes="stacked"
        ),
    }
    with gr.Accordion("Every decoding knob", open=False, elem_id="ask-knobs"), gr.Row():
        shown["knobs"] = fields.controls(Decoding, decoding.preset("thesis"))
    return shown


def offer(workspace: Workspace) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the systems one can ask, and those chosen to begin with."""
    newest = systems.newest_per_model(workspace, systems.opening_family(workspace))
    return parts.system_choices(workspace), [system.key for system in newest]


def _connect(page: Any, controls: Controls) -> None:
    _connect_asking(controls)
    _connect_choices(page, controls)
    controls.context.change(
        None, controls.context, controls.count, js=COUNT_SCRIPT, api_visibility="private"
    )


def _connect_asking(controls: Controls) -> None:
    def ask(inputs: Inputs) -> Iterator[dict[Any, Any]]:
        yield from _ask(controls, inputs)

    def cancel(grid: Grid) -> dict[Any, Any]:
        return _shown(controls, replace(grid, ended=True)) | _buttons(controls, busy=False)

    buttons = [controls.ask, controls.cancel]
    outputs = [controls.grid, controls.told, controls.asked]
    # Waiting for others to be answered can be cancelled too, so the buttons turn before the queue.
    begun = wire(controls.ask.click, lambda: _buttons(controls, busy=True), None, buttons)
    asking = after(
        begun,
        ask,
        controls.inputs,
        outputs,
        told=controls.told,
        concurrency_limit=1,
        concurrency_id=CONCURRENCY,
        show_progress="minimal",
        show_progress_on=controls.told,
    )
    after(asking, lambda: _buttons(controls, busy=False), None, buttons)
    wire(controls.cancel.click, cancel, controls.asked, [*outputs, *buttons], cancels=[asking])


def _connect_choices(page: Any, controls: Controls) -> None:
    def follow_preset(name: str) -> Any:
        known = decoding.PRESETS.get(name)
        return fields.showing(controls.knobs, known) if known else gr.skip()

    def name_preset(inputs: Inputs) -> str:
        return decoding.name_of(decoding.make(fields.chosen(controls.knobs, inputs)))

    def follow_runs(offered: Any, chosen: list[str] | None) -> Any:
        return _follow_runs(controls, offered, chosen or [])

    knobs = list(controls.knobs.values())
    wire(controls.preset.input, follow_preset, controls.preset, knobs)
    wire([knob.input for knob in knobs], name_preset, set(knobs), controls.preset, quiet=True)
    triggers = [page.load, gr.Timer(SECONDS).tick]
    followed = [controls.offered, controls.systems]
    wire(triggers, follow_runs, followed, followed, quiet=True)


def _ask(controls: Controls, inputs: Inputs) -> Iterator[dict[Any, Any]]:
    request = Request(
        context=inputs[controls.context] or "",
        types=tuple(inputs[controls.types]),
        systems=chosen_systems(
            inputs[controls.systems] or [], inputs[controls.bases], controls.workspace
        ),
        decoding=decoding.make(fields.chosen(controls.knobs, inputs)),
    )
    generation.check(request, controls.pool.limits)
    grid = Grid(request.systems, tuple(key for key in TYPE_KEYS if key in request.types))
    yield _shown(controls, grid)
    for answer in generation.ask(request, controls.pool):
        grid = grid.with_answer(answer)
        yield _shown(controls, grid)


def _shown(controls: Controls, grid: Grid) -> dict[Any, Any]:
    busy = not (grid.done or grid.ended)
    return {
        controls.grid: cards.markup(grid),
        controls.told: parts.notice(cards.progress(grid)) if busy else "",
        controls.asked: grid,
    }


def _buttons(controls: Controls, busy: bool) -> dict[Any, Any]:
    return {
        controls.ask: gr.update(interactive=not busy),
        controls.cancel: gr.update(interactive=busy),
    }


def chosen_systems(names: list[str], bases: bool, workspace: Workspace) -> tuple[System, ...]:
    """Return the systems of these names, smallest first, each base beside its adapter if asked."""
    found = [systems.resolve(name, workspace) for name in names]
    if bases:
        plain = {system.model: system.without_adapter() for system in found if system.adapter}
        found += plain.values()
    return tuple(
        sorted(found, key=lambda system: (system.size, system.model, system.adapter is not None))
    )


def _follow_runs(controls: Controls, offered: Any, chosen: list[str]) -> Any:
    """Offer adapters that were finished since; a choice the user made stays."""
    choices, default = offer(controls.workspace)
    if offered == (choices, default):
        return gr.skip()
    keys = {key for _, key in choices}
    untouched = offered is None or chosen == offered[1]
    value = default if untouched else [key for key in chosen if key in keys]
    return {
        controls.offered: (choices, default),
        controls.systems: gr.update(choices=choices, value=value),
    }


def _memory(page: Any, pool: Pool) -> None:
    with gr.Accordion("Models in memory", open=False), gr.Row():
        listed = parts.markup("memory-list")
        unload = gr.Button("Unload all", size="sm", scale=0, min_width=140)

    def loaded(shown: str | None) -> Any:
        names = ", ".join(pool.loaded())
        now = parts.notice(f"In memory: {names}." if names else "No model is in memory.")
        return gr.skip() if now == shown else now

    def let_go(shown: str | None) -> Any:
        pool.unload()
        return loaded(shown)

    wire([page.load, gr.Timer(SECONDS).tick], loaded, listed, listed, quiet=True)
    wire(unload.click, let_go, listed, listed)
