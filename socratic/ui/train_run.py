"""One run on the Train tab: its command, its log, and what one can do to it."""

from html import escape
from typing import Any

import gradio as gr

from socratic import data, device, jobs, plans, runs, systems
from socratic.access import OWNER, Access
from socratic.errors import UsageError
from socratic.runs import Run
from socratic.ui import parts, run_facts
from socratic.ui.run_views import View
from socratic.workspace import Workspace

BUTTONS = {
    "ask": "Ask it questions",
    "score": "Score on the test split",
    "stop": "Stop, keep a checkpoint",
    "stop-now": "Stop now",
    "resume": "Resume",
    "earlier": "Earlier in the queue",
    "later": "Later",
    "delete": "Delete ...",
}
MOVES = {"earlier": -1, "later": 1}


def build(access: Access = OWNER) -> dict[str, Any]:
    """Draw the part and return its controls by name; `actions` is empty on a public page."""
    chosen = parts.markup("run-chosen")
    if access.public:
        shown = {"samples": parts.markup("run-samples"), "log": parts.markup("run-log")}
        return {"chosen": chosen, **shown, "asking": None, "actions": {}}
    with gr.Row(elem_classes="run-actions"):
        actions = {name: _button(name) for name in BUTTONS}
    with gr.Group(visible=False, elem_id="run-asking") as asking:
        gr.HTML(
            parts.notice("Delete this run with its curves, checkpoints and adapter for good?"),
            apply_default_css=False,
        )
        with gr.Row():
            yes = gr.Button("Delete for good", variant="stop", elem_id="run-delete-yes")
            no = gr.Button("Keep it", elem_id="run-delete-no")
    samples = parts.markup("run-samples")
    log = parts.markup("run-log")
    return {
        "chosen": chosen,
        "samples": samples,
        "log": log,
        "asking": asking,
        "actions": {**actions, "yes": yes, "no": no},
    }


def _button(name: str) -> Any:
    return gr.Button(
        BUTTONS[name], elem_id=f"run-{name}", interactive=False, size="md", min_width=60, scale=0
    )


def act(workspace: Workspace, name: str, run_id: str | None) -> Any:
    """Do to a run what a button says, and return the question before deleting, hidden again."""
    run = _chosen(workspace, run_id)
    if name == "resume":
        jobs.resume(workspace, run)
    elif name == "yes":
        run.delete()
    elif name in MOVES:
        place = [other.id for other in jobs.queued(workspace)].index(run.id) + 1
        jobs.move(workspace, run, place + MOVES[name])
    elif name == "score":
        score(workspace, run)
    else:
        jobs.stop(run, now=name == "stop-now")
    return gr.update(visible=False)


def _chosen(workspace: Workspace, run_id: str | None) -> Run:
    if run_id is None:
        raise UsageError("No run is chosen; press its name in the table.")
    return runs.find(workspace, run_id)


def score(workspace: Workspace, run: Run) -> None:
    """Queue the scoring of a run's adapter on the test split of its own data."""
    source = run.manifest().data.source
    data.load(source, workspace).split("test")  # what cannot work is said now
    manifest = plans.evaluation(systems.from_run(run), source)
    jobs.submit(workspace, [manifest])
    gr.Info(f"{manifest.title} is in the queue to be scored; Compare shows the result.")


def chosen(view: View | None) -> str:
    """Return the run's name, how it is doing, and the command that repeats it."""
    if view is None:
        return ""
    command = view.manifest.command if view.manifest else ""
    line = f"{parts.copy_button(command)}<pre>{escape(command)}</pre>" if command else ""
    name = f"{escape(view.title)} <small>{escape(view.run.id)}</small>"
    shown = f"<h3>{parts.dot(view.colour)}{name}</h3>{run_facts.facts(view)}"
    shown += parts.notice(run_facts.hint(view, device.describe()))
    return f'{shown}<div class="command">{line}</div>'


def possible(view: View | None) -> dict[str, bool]:
    """Return, for each button, whether it can do something to the run."""
    state = view.state if view and not view.run.bundled else ""
    waits = state == "queued"
    trained = view is not None and view.kind == "training" and view.run.adapter is not None
    return {
        "ask": trained,
        "score": trained and state == "finished",
        "stop": state in ("queued", "running"),
        "stop-now": state in runs.ALIVE,
        "resume": state in ("stopped", "failed"),
        "earlier": waits,
        "later": waits,
        "delete": bool(state) and state not in runs.ALIVE,
    }


def chosen_stamp(view: View | None) -> tuple[Any, ...]:
    """Return what changes whenever the run's name, state or measurements do."""
    return (view.run.id, view.state, view.version) if view else ()


def log_stamp(view: View | None) -> tuple[Any, ...]:
    """Return what changes whenever the log does."""
    if view is None or not view.run.log_file.exists():
        return (view and view.run.id, 0, 0)
    stat = view.run.log_file.stat()
    return (view.run.id, stat.st_size, stat.st_mtime_ns)


def log(view: View | None) -> str:
    """Return the last lines of the log."""
    text = view.run.log_tail() if view else ""
    if not text:
        return parts.empty("No log yet", "What the run prints shows here.") if view else ""
    return (
        "<details open><summary>Log, last lines</summary>"
        f'<div class="tail"><pre>{escape(text)}</pre></div></details>'
    )
