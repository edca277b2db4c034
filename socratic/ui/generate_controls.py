"""The Generate tab's controls: what is drawn, and by what names the handlers know it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from socratic import decoding, systems
from socratic.catalog import ASSETS
from socratic.decoding import Decoding
from socratic.pool import Pool
from socratic.prompts import TYPE_KEYS, TYPES
from socratic.replay import Inputs
from socratic.ui import cards, fields, parts
from socratic.ui.desk import Desk
from socratic.ui.histories import Histories
from socratic.workspace import Workspace

EXAMPLES = ASSETS / "examples.json"
PRESETS = [
    ("Thesis: beam search, 4 beams, always the same", "thesis"),
    ("Paper: sampling, top-k 5, top-p 0.6", "paper"),
    ("Custom: as set below", "custom"),
]
_OTHERS = "; or type a folder or Hub id and press Enter"
# What changes from one asking to the next, and no preset has a say in.
OWN = ("candidates", "seed")


@dataclass(frozen=True)
class Controls:
    """The controls of the tab, by name.

    asked: the grid on the page. picked: the cell to ask again. history: grids of the session.
    browser: what the browser keeps of it, the key of its histories. offered: models last sent.
    """

    workspace: Workspace
    pool: Pool
    desk: Desk
    histories: Histories
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
    past: Any
    csv: Any
    markdown: Any
    inputs: Any
    given: Any
    use: Any
    asked: Any
    picked: Any
    history: Any
    browser: Any
    offered: Any

    @property
    def chosen(self) -> set[Any]:
        """What decides what is asked."""
        return {self.context, self.types, self.systems, self.bases, *self.knobs.values()}


def draw(workspace: Workspace, pool: Pool) -> Controls:
    """Draw the tab."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            drawn = _context()
            with gr.Row(elem_classes="actions"):
                drawn["ask"] = gr.Button("Ask for questions", variant="primary", elem_id="ask")
                drawn["cancel"] = gr.Button("Cancel", elem_id="ask-cancel", interactive=False)
            drawn["told"] = parts.markup("ask-told")
            # Beneath the button: both columns are as high, and the answers begin sooner.
            drawn["types"] = _types()
        with gr.Column(scale=4, min_width=320):
            drawn |= _choices(workspace)
    drawn["grid"] = parts.markup("ask-grid", cards.EMPTY, cards.SCRIPT)
    drawn |= _history() | _inputs(closed=workspace.closed)
    for name in ("asked", "picked", "offered"):
        drawn[name] = gr.State(None)
    kept = {"history": gr.State([]), "browser": gr.BrowserState(None, storage_key="socratic-asked")}
    return Controls(workspace, pool, Desk(), Histories(), **kept, **drawn)


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


def _types() -> Any:
    return gr.CheckboxGroup(
        [(f"{kind.label}: {kind.definition}", kind.key) for kind in TYPES],
        value=list(TYPE_KEYS),
        label="Types of question",
        elem_id="ask-types",
        elem_classes="stacked",
    )


def _choices(workspace: Workspace) -> dict[str, Any]:
    choices, default = offer(workspace)
    shown: dict[str, Any] = {
        "systems": gr.Dropdown(
            choices,
            value=default,
            multiselect=True,
            allow_custom_value=not workspace.closed,
            label="Who is asked",
            info="finished adapters, newest first" + ("" if workspace.closed else _OTHERS),
            elem_id="ask-systems",
        ),
        "bases": gr.Checkbox(
            False,
            label="Also ask each base model without its adapter",
            elem_id="ask-bases",
        ),
        "preset": gr.Radio(
            PRESETS, value="thesis", label="Decoding", elem_id="ask-preset", elem_classes="stacked"
        ),
    }
    start = decoding.preset("thesis")
    with gr.Row():
        own = fields.controls(Decoding, start, OWN)
    others = [name for name in Decoding.model_fields if name not in OWN]
    with gr.Accordion("Every decoding knob", open=False, elem_id="ask-knobs"), gr.Row():
        shown["knobs"] = own | fields.controls(Decoding, start, others)
    return shown


def _history() -> dict[str, Any]:
    with gr.Accordion("History of this session", open=False, elem_id="ask-history"):
        past = gr.Dropdown(
            [],
            label="Asked before",
            info="choose one to see it again, its inputs too; kept until the app is started anew",
            elem_id="ask-past",
        )
        with gr.Row():
            csv = gr.DownloadButton("Download all as CSV", size="sm", interactive=False)
            markdown = gr.DownloadButton("Download all as Markdown", size="sm", interactive=False)
    return {"past": past, "csv": csv, "markdown": markdown}


def _inputs(closed: bool) -> dict[str, Any]:
    with gr.Accordion("Inputs of this result, as JSON", open=False, elem_id="ask-inputs"):
        text = gr.Textbox(
            show_label=False,
            placeholder="Ask, and the inputs stand here to be copied; or paste those of a result.",
            info="copy them to keep a result; paste or open them to have it again",
            lines=6,
            max_lines=16,
            buttons=["copy"],
            elem_id="ask-inputs-text",
        )
        with gr.Row():
            use = gr.Button("Ask with these inputs", size="sm", elem_id="ask-inputs-use")
            # Everyone's page takes no files; pasting does the same.
            given = (
                None if closed else gr.UploadButton("Open a file", size="sm", file_types=[".json"])
            )
    return {"inputs": text, "use": use, "given": given}


def offer(workspace: Workspace) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the systems one can ask, and those chosen to begin with."""
    newest = systems.newest_per_model(workspace, systems.opening_family(workspace))
    bases = [(base.title, base.key) for base in systems.bases(workspace)]
    choices = [*parts.system_choices(workspace), *bases]
    return choices, [system.key for system in newest]


def filled(controls: Controls, inputs: Inputs) -> dict[Any, Any]:
    """Return the updates that make the controls show inputs."""
    return {
        controls.context: inputs.context,
        controls.types: inputs.types,
        controls.systems: [asked.name for asked in inputs.systems],
        controls.bases: False,
        controls.preset: decoding.name_of(inputs.decoding),
        **fields.showing(controls.knobs, inputs.decoding),
    }


def chosen_decoding(controls: Controls, inputs: Mapping[Any, Any]) -> Decoding:
    """Return the decoding the knobs show; raise UsageError telling every value out of range."""
    return decoding.make(fields.chosen(controls.knobs, inputs))
