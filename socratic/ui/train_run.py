"""One run on the Train tab: its command, its log, and what one can do to it."""

from html import escape
from typing import Any

import gradio as gr

from socratic import jobs, runs
from socratic.access import OWNER, Access
from socratic.errors import UsageError
from socratic.ui import parts
from socratic.ui.run_views import View
from socratic.workspace import Workspace


def build(access: Access = OWNER) -> dict[str, Any]:
    """Draw the part and return its controls by name; `actions` is empty on a public page."""
    chosen = parts.markup("run-chosen")
    if access.public:
        return {"chosen": chosen, "log": parts.markup("run-log"), "asking": None, "actions": {}}
    with gr.Row(elem_classes="actions"):
        actions = {
            "stop": gr.Button("Stop, keep a checkpoint", elem_id="run-stop", interactive=False),
            "now": gr.Button("Stop now", elem_id="run-stop-now", interactive=False),
            "resume": gr.Button("Resume", elem_id="run-resume", interactive=False),
            "delete": gr.Button("Delete ...", elem_id="run-delete", interactive=False),
        }
    with gr.Group(visible=False, elem_id="run-asking") as asking:
        gr.HTML(
            parts.notice("Delete this run with its curves, checkpoints and adapter for good?"),
            apply_default_css=False,
        )
        with gr.Row():
            yes = gr.Button("Delete for good", variant="stop", elem_id="run-delete-yes")
            no = gr.Button("Keep it", elem_id="run-delete-no")
    log = parts.markup("run-log")
    return {
        "chosen": chosen,
        "log": log,
        "asking": asking,
        "actions": {**actions, "yes": yes, "no": no},
    }


def act(workspace: Workspace, name: str, run_id: str | None) -> Any:
    """Do to a run what a button says, and return the question before deleting, hidden again."""
    if run_id is None:
        raise UsageError("No run is chosen; press its name in the table.")
    run = runs.find(workspace, run_id)
    if name == "resume":
        jobs.resume(workspace, run)
    elif name == "yes":
        run.delete()
    else:
        jobs.stop(run, now=name == "now")
    return gr.update(visible=False)


def chosen(view: View | None) -> str:
    """Return the run's name and the command that repeats it."""
    if view is None:
        return ""
    command = view.manifest.command if view.manifest else ""
    line = f"{parts.copy_button(command)}<pre>{escape(command)}</pre>" if command else ""
    name = f"{escape(view.title)} <small>{escape(view.run.id)}</small>"
    return f'<h3>{parts.dot(view.colour)}{name}</h3><div class="command">{line}</div>'


def possible(view: View | None) -> dict[str, bool]:
    """Return, for each button, whether it can do something to the run."""
    state = view.state if view and not view.run.bundled else ""
    return {
        "stop": state in ("queued", "running"),
        "now": state in runs.ALIVE,
        "resume": state in ("stopped", "failed"),
        "delete": bool(state) and state not in runs.ALIVE,
    }


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
