"""The Train tab's upper half: what to train, what will happen, start.

Nothing is started from here: runs are queued through `socratic.jobs`, and a process of their own
does them.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from socratic import catalog, device, jobs, recipes, systems
from socratic.errors import SocraticError, UsageError
from socratic.recipes import Hyperparameters
from socratic.ui import fields, parts, train_config, train_plan, train_preview
from socratic.ui.boundary import after, wire
from socratic.workspace import Workspace

Inputs = Mapping[Any, Any]
FAMILIES = [("Thesis models", "thesis"), ("Miniature (bundled, minutes)", "miniature")]
TEST = "test"


@dataclass(frozen=True)
class Setup:
    """The controls of the upper half, by name.

    moved: changes when the page itself changed a control, as a family or an upload does.
    looking: whether this browser has the look at the data open.
    """

    workspace: Workspace
    family: Any
    models: Any
    other: Any
    data: Any
    upload: Any
    recipe: Any
    evaluate: Any
    cpu: Any
    hyperparameters: fields.Controls
    plan: Any
    start: Any
    told: Any
    load: Any
    look: Any
    seen: Any
    moved: Any
    looking: Any

    @property
    def inputs(self) -> set[Any]:
        """Every control whose value decides what will happen."""
        named = (self.family, self.models, self.other, self.data, self.recipe)
        return {*named, self.evaluate, self.cpu, *self.hyperparameters.values()}

    def chosen(self, inputs: Inputs) -> train_plan.Chosen:
        """Return what the page asks for."""
        other = (inputs[self.other] or "").strip()
        return train_plan.Chosen(
            models=(*inputs[self.models], *([other] if other else [])),
            data=inputs[self.data] or "",
            recipe=inputs[self.recipe],
            values=fields.chosen(self.hyperparameters, inputs),
            evaluate=TEST if inputs[self.evaluate] else None,
            cpu=inputs[self.cpu],
        )


def build(page: Any, workspace: Workspace) -> Setup:
    """Draw the upper half and connect it; loading the `page` restores it."""
    family = systems.opening_family(workspace)
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            setup_parts = _choices(workspace, family)
        with gr.Column(scale=4, min_width=320):
            gr.HTML('<h2 class="side-title">What will happen</h2>', apply_default_css=False)
            plan = parts.markup("train-plan")
            start = gr.Button("Start training", variant="primary", elem_id="train-start")
            told = parts.markup("train-told")
    with gr.Accordion("The data as the model sees it", open=False, elem_id="train-look") as look:
        seen = parts.markup("train-seen")
    setup = Setup(
        workspace=workspace,
        plan=plan,
        start=start,
        told=told,
        look=look,
        seen=seen,
        moved=gr.State(0),
        looking=gr.State(False),
        **setup_parts,
    )
    _connect(page, setup)
    return setup


def _choices(workspace: Workspace, family: str) -> dict[str, Any]:
    recipe = default_recipe(family)
    shown: dict[str, Any] = {
        "family": gr.Radio(FAMILIES, value=family, label="Family", elem_id="train-family"),
        "models": gr.CheckboxGroup(
            model_choices(family),
            value=preselected(family),
            label="Models",
            info="each becomes a run of its own; they are trained one after the other",
            elem_id="train-models",
        ),
        "data": gr.Dropdown(
            parts.data_choices(workspace),
            value=default_data(family, workspace),
            label="Data",
            info="the sample, SocratiQ once it is fetched, or a file you gave",
            filterable=False,
            elem_id="train-data",
        ),
    }
    shown |= _own()
    shown["recipe"] = gr.Radio(
        recipe_choices(), value=recipe, label="Recipe", elem_id="train-recipe"
    )
    with (
        gr.Accordion("Every hyperparameter", open=False, elem_id="train-hyperparameters"),
        gr.Row(),
    ):
        start = recipes.load(recipe).hyperparameters
        shown["hyperparameters"] = fields.controls(Hyperparameters, start)
    shown["evaluate"] = gr.Checkbox(
        True, label="Score on the test split when done", elem_id="train-evaluate"
    )
    machine = device.describe()
    shown["cpu"] = gr.Checkbox(
        False,
        label="Train on the CPU, not on the GPU",
        visible=machine.kind != "cpu" or bool(machine.unseen),
    )
    return shown


def _own() -> dict[str, Any]:
    shown: dict[str, Any] = {}
    with gr.Accordion(
        "Your own data, model or saved configuration", open=False, elem_id="train-own"
    ):
        shown["upload"] = gr.File(
            label="CSV or Parquet: context,question,type or input,target or thought,question,label",
            type="filepath",
            height=150,
            elem_id="train-upload",
        )
        shown["other"] = gr.Textbox(
            label="One more model",
            info="a folder with a T5 model, or its id on the Hugging Face Hub",
            placeholder="google/flan-t5-large",
            max_lines=1,
            elem_id="train-other",
        )
        shown["load"] = gr.File(
            label="A configuration saved here before (YAML)",
            file_types=[".yaml", ".yml"],
            type="filepath",
            height=150,
            elem_id="train-load",
        )
    return shown


def model_choices(family: str) -> list[tuple[str, str]]:
    """Return a family's models with their sizes."""
    return [
        (f"{spec.title}, {spec.shape.parameters / 1e6:,.1f} M weights", spec.key)
        for spec in catalog.family(family)
    ]


def preselected(family: str) -> list[str]:
    """Return the models that are chosen to begin with."""
    return [spec.key for spec in catalog.family(family) if not spec.optional]


def recipe_choices() -> list[tuple[str, str]]:
    """Return the recipes, each with what it is for."""
    return [(f"{name}: {recipes.load(name).description}", name) for name in recipes.names()]


def default_recipe(family: str) -> str:
    """Return the recipe a family begins with."""
    return family if family in recipes.names() else recipes.DEFAULT


def default_data(family: str, workspace: Workspace) -> str:
    """Return the data a family begins with: SocratiQ for the thesis models where it is there."""
    fetched = (workspace.data / "socratiq").is_dir()
    return "socratiq" if family == "thesis" and fetched else "sample"


def _connect(page: Any, setup: Setup) -> None:
    knobs = list(setup.hyperparameters.values())

    def show_plan(inputs: Inputs) -> dict[Any, Any]:
        looked = {setup.seen: _look(setup, inputs)} if inputs[setup.looking] else {}
        return _plan_updates(setup, inputs) | looked

    def follow_family(family: str) -> dict[Any, Any]:
        return _family_updates(setup, family)

    def follow_recipe(name: str) -> dict[Any, Any]:
        values = recipes.load(name).hyperparameters
        return {**fields.showing(setup.hyperparameters, values), **_moved(setup)}

    def take_upload(path: str | None) -> Any:
        return _keep(setup, path) if path else gr.skip()

    def take_file(path: str | None) -> Any:
        return _apply(setup, Path(path)) if path else gr.skip()

    def show_data(inputs: Inputs) -> Any:
        return _look(setup, inputs) if inputs[setup.looking] else gr.skip()

    def restore() -> dict[Any, Any]:
        choices = parts.data_choices(setup.workspace)
        return {setup.data: gr.update(choices=choices), **_moved(setup)}

    def start(inputs: Inputs) -> dict[Any, Any]:
        return {setup.told: _start(setup, inputs)}

    given = [setup.data, setup.moved]
    followed = [setup.models, setup.recipe, *knobs, *given]
    wire(setup.family.input, follow_family, setup.family, followed)
    wire(setup.recipe.input, follow_recipe, setup.recipe, [*knobs, setup.moved])
    wire(setup.upload.upload, take_upload, setup.upload, given)
    wire(page.load, restore, None, given)
    edited = [setup.models, setup.data, setup.evaluate, setup.cpu, *knobs]
    # A pasted text is a change but, to Gradio's text box, no input. All of these are one event:
    # of two, an outlook on older choices could arrive last.
    triggers = [*(control.input for control in edited), setup.other.change, setup.moved.change]
    looked = {*setup.inputs, setup.looking}
    shown = [setup.plan, setup.start, setup.seen]
    wire(triggers, show_plan, looked, shown, trigger_mode="always_last")
    filled = [setup.family, setup.other, *followed, setup.evaluate, setup.cpu]
    wire(setup.load.upload, take_file, setup.load, filled)
    opened = wire(setup.look.expand, lambda: True, None, setup.looking)
    wire(setup.look.collapse, lambda: False, None, setup.looking)
    after(opened, show_data, looked, setup.seen)
    wire(setup.start.click, start, setup.inputs, [setup.told], told=setup.told)


def _moved(setup: Setup) -> dict[Any, Any]:
    return {setup.moved: time.time_ns()}


def _plan_updates(setup: Setup, inputs: Inputs) -> dict[Any, Any]:
    outlook = train_plan.outlook(setup.chosen(inputs), setup.workspace)
    count = len(outlook.manifests)
    label = f"Start {count} runs" if count > 1 else "Start training"
    return {
        setup.plan: train_plan.panel(outlook),
        setup.start: gr.update(value=label, interactive=not outlook.problems),
    }


def _apply(setup: Setup, path: Path) -> dict[Any, Any]:
    """Return the updates that make every control show what a saved file holds."""
    read = train_config.read(path)
    offered = parts.data_choices(setup.workspace)
    if read.data not in dict(offered).values():
        offered = [*offered, (Path(read.data).name, read.data)]
    return {
        setup.family: read.family,
        setup.models: gr.update(choices=model_choices(read.family), value=read.models),
        setup.other: read.other,
        setup.data: gr.update(choices=offered, value=read.data),
        setup.recipe: read.recipe,
        setup.evaluate: read.evaluate,
        setup.cpu: read.cpu,
        **fields.showing(setup.hyperparameters, read.hyperparameters),
        **_moved(setup),
    }


def _look(setup: Setup, inputs: Inputs) -> str:
    chosen = setup.chosen(inputs)
    try:
        corpus = train_plan.corpus_of(chosen, setup.workspace)
        return train_preview.panel(corpus, chosen.models, chosen.values, setup.workspace)
    except SocraticError as error:  # told where one looks; what will happen is shown all the same
        return parts.notice(str(error), "bad")


def _family_updates(setup: Setup, family: str) -> dict[Any, Any]:
    recipe = default_recipe(family)
    return {
        setup.models: gr.update(choices=model_choices(family), value=preselected(family)),
        setup.recipe: recipe,
        setup.data: default_data(family, setup.workspace),
        **fields.showing(setup.hyperparameters, recipes.load(recipe).hyperparameters),
        **_moved(setup),
    }


def _keep(setup: Setup, path: str) -> Any:
    kept = parts.keep_upload(setup.workspace, Path(path))
    choices = parts.data_choices(setup.workspace)
    return {setup.data: gr.update(choices=choices, value=str(kept)), **_moved(setup)}


def _start(setup: Setup, inputs: Inputs) -> str:
    outlook = train_plan.outlook(setup.chosen(inputs), setup.workspace)
    if outlook.problems:
        raise UsageError(" ".join(outlook.problems))
    started = jobs.submit(setup.workspace, outlook.manifests)
    names = ", ".join(manifest.title for manifest in outlook.manifests)
    noun = "run is" if len(started) == 1 else "runs are"
    told = parts.notice(f"{len(started)} {noun} in the queue: {names}. You may close this page.")
    return told + '<p><a href="#train-runs">Watch below</a></p>'
