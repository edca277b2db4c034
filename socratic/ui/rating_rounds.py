"""Making, exporting and merging rounds: what their owner does, so not there in public."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from socratic import data, systems
from socratic.errors import UsageError
from socratic.rating import desk, exchange, forms, making
from socratic.rating.making import Plan
from socratic.rating.rounds import MAX_ITEMS
from socratic.rating.store import Store
from socratic.ui import parts
from socratic.ui.boundary import wire
from socratic.ui.rating import choices
from socratic.ui.ticking import follow, opened
from socratic.workspace import Workspace

Inputs = Mapping[Any, Any]
SECONDS = 2
ITEMS = 50
DECODINGS = [("Thesis: beam search", "thesis"), ("Paper: sampling", "paper")]


@dataclass(frozen=True)
class Controls:
    """The controls of a new round, by name. seen: what this browser was last sent."""

    workspace: Workspace
    models: Any
    data: Any
    split: Any
    items: Any
    seed: Any
    decoding: Any
    make: Any
    told: Any
    seen: Any


def build(page: Any, workspace: Workspace) -> None:
    """Draw the part and connect it."""
    with gr.Accordion("New round", open=False, elem_id="round-new"):
        drawn = _choices(workspace)
        with gr.Row():
            drawn["make"] = gr.Button(
                "Make the round", variant="primary", scale=0, min_width=200, elem_id="round-make"
            )
    told = parts.markup("round-told")
    _connect(page, Controls(workspace, told=told, seen=gr.State(None), **drawn))
    with gr.Accordion("Take a round elsewhere, and bring it back", open=False, elem_id="round-io"):
        _exchange(page, workspace)


def offer(workspace: Workspace) -> tuple[list[tuple[str, str]], list[str]]:
    """Return adapters and their bases as choices, and those chosen to begin with."""
    adapters = parts.system_choices(workspace)
    plain = {one.model: systems.base(one.model) for one in systems.available(workspace)}
    newest = systems.newest_per_model(workspace, systems.opening_family(workspace))
    bases = [(one.title, one.key) for one in plain.values() if one.key.endswith(":base")]
    return [*adapters, *bases], [one.key for one in newest]


def _choices(workspace: Workspace) -> dict[str, Any]:
    offered, chosen = offer(workspace)
    models = gr.Dropdown(
        offered,
        value=chosen,
        multiselect=True,
        label="Models",
        info="adapters, or base models without one; 2 to 8",
        elem_id="round-models",
    )
    with gr.Row(elem_classes="controls"):
        return {
            "models": models,
            "data": gr.Dropdown(
                parts.data_choices(workspace),
                value="sample",
                label="Data",
                info="files are given on the Train tab",
                filterable=False,
                min_width=180,
                elem_id="round-data",
            ),
            "split": gr.Radio(list(data.SPLITS), value="test", label="Split", min_width=220),
            "items": gr.Number(
                ITEMS,
                precision=0,
                minimum=1,
                maximum=MAX_ITEMS,
                label="Items",
                info="types equally often",
                min_width=110,
                elem_id="round-items",
            ),
            "seed": gr.Number(
                42, precision=0, label="Seed", info="of rows and blind order", min_width=110
            ),
            "decoding": gr.Dropdown(
                DECODINGS, value="thesis", label="Decoding", filterable=False, min_width=180
            ),
        }


def _connect(page: Any, controls: Controls) -> None:
    def make(inputs: Inputs) -> dict[Any, Any]:
        making.forget(controls.workspace)
        making.start(_plan(controls, inputs), controls.workspace)
        return {controls.told: _under_way(controls)}

    def look(inputs: Inputs) -> dict[Any, Any]:
        return _refresh(controls, inputs)

    chosen = {controls.models, controls.data, controls.split, controls.items, controls.seed}
    wire(
        controls.make.click,
        make,
        chosen | {controls.decoding},
        [controls.told],
        told=controls.told,
    )
    follow(
        page,
        SECONDS,
        look,
        {controls.seen, controls.models},
        [controls.told, controls.models, controls.data, controls.seen],
    )


def _plan(controls: Controls, inputs: Inputs) -> Plan:
    items, seed = inputs[controls.items], inputs[controls.seed]
    if items is None or seed is None:
        raise UsageError("Items and seed must be whole numbers.")
    return Plan(
        source=parts.check_data(inputs[controls.data]),
        split=inputs[controls.split],
        models=tuple(inputs[controls.models] or ()),
        items=items,
        seed=seed,
        decoding=inputs[controls.decoding],
    )


def _under_way(controls: Controls) -> str:
    told = making.describe(making.under_way(controls.workspace))
    return "".join(parts.notice(sentence, kind) for sentence, kind in told)


def _refresh(controls: Controls, inputs: Inputs) -> dict[Any, Any]:
    """Tell how far rounds in the making are, and offer models and files that came since."""
    workspace = controls.workspace
    now = (_under_way(controls), offer(workspace), parts.data_choices(workspace))
    seen = inputs[controls.seen]
    if now == seen:
        return {controls.seen: gr.skip()}
    updates: dict[Any, Any] = {controls.told: now[0], controls.seen: now}
    if not seen or seen[1:] != now[1:]:
        (offered, newest), files = now[1:]
        untouched = seen is None or inputs[controls.models] == seen[1][1]
        keys = [key for _, key in offered]
        kept = [key for key in inputs[controls.models] or [] if key in keys]
        updates[controls.models] = gr.update(choices=offered, value=newest if untouched else kept)
        updates[controls.data] = gr.update(choices=files)
    return updates


def _exchange(page: Any, workspace: Workspace) -> None:
    store = Store(workspace)
    offered = choices(store)
    with gr.Row(elem_classes="controls"):
        name = gr.Dropdown(
            offered,
            value=offered[0] if offered else None,
            label="Round",
            filterable=False,
            min_width=240,
            elem_id="io-round",
        )
        rater = gr.Textbox(
            label="Rater of the CSV form", max_lines=1, min_width=180, elem_id="io-rater"
        )
    with gr.Row():
        whole = gr.Button("Export round and ratings", size="sm", elem_id="io-export")
        form = gr.Button("Export blind CSV form", size="sm", elem_id="io-form")
        download = gr.DownloadButton(
            "Download", size="sm", interactive=False, elem_id="io-download"
        )
    upload = gr.File(
        label="Merge a round (.json) or a filled-in form (.csv)",
        file_types=[".json", ".csv"],
        elem_id="io-merge",
    )
    told = parts.markup("io-told")

    def export_round(chosen: str | None) -> dict[Any, Any]:
        text = exchange.export(store.round(_chosen(chosen)), store.ratings(_chosen(chosen)))
        return {told: "", download: _ready(f"{chosen}.json", text)}

    def export_form(chosen: str | None, typed: str) -> dict[Any, Any]:
        who = desk.rater_name(typed)
        text = forms.export(store.round(_chosen(chosen)), who)
        slug = "".join(letter if letter.isalnum() else "-" for letter in who)
        return {told: "", download: _ready(f"{chosen}-{slug}.csv", text)}

    def merge(path: str | None) -> dict[Any, Any]:
        if path is None:
            return {told: ""}
        found = exchange.describe(*exchange.merge(Path(path), store))
        return {told: parts.notice(found, "good"), upload: None}

    def refresh(chosen: str | None) -> Any:
        rounds = choices(store)
        value = chosen if chosen in rounds else next(iter(rounds), None)
        return gr.update(choices=rounds, value=value)

    wire(whole.click, export_round, name, [told, download], told=told)
    wire(form.click, export_form, [name, rater], [told, download], told=told)
    wire(upload.upload, merge, upload, [told, upload], told=told)
    wire([opened(page, name), name.focus], refresh, name, name, quiet=True)


def _chosen(name: str | None) -> str:
    if not name:
        raise UsageError("No round is chosen; make one first.")
    return name


def _ready(name: str, text: str) -> Any:
    return gr.update(value=parts.download(text, name), label=f"Download {name}", interactive=True)
