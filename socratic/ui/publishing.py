"""Publishing the chosen run from the page: it says what would be sent; a second press sends it.

The token is the one of `hf auth login` or HF_TOKEN; the page neither asks for it nor shows it.
"""

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from socratic import hub, runs
from socratic.errors import UsageError
from socratic.sharing import export
from socratic.sharing.export import Content
from socratic.ui import parts
from socratic.ui.boundary import wire
from socratic.workspace import Workspace


def build(workspace: Workspace, selected: Any) -> None:
    """Draw the part; `selected` holds the id of the run one looks at."""
    with gr.Accordion("Publish this run on the Hugging Face Hub", open=False, elem_id="publish"):
        repo = gr.Textbox(
            label="Repository",
            info="made where there is none",
            placeholder="OWNER/NAME",
            max_lines=1,
            elem_id="publish-repo",
        )
        private = gr.Checkbox(True, label="Private, if it is made now")
        told = parts.markup("publish-told")
        with gr.Row(elem_classes="actions"):
            look = gr.Button("Show what would be sent", elem_id="publish-look")
            send = gr.Button(
                "Publish", variant="primary", interactive=False, elem_id="publish-send"
            )
    shown = gr.State(None)

    def announce(run_id: str | None, name: str) -> dict[Any, Any]:
        files = _files(workspace, run_id, name)
        return {told: listing(files), send: gr.update(interactive=True), shown: (run_id, name)}

    def publish(run_id: str | None, name: str, hidden: bool, seen: Any) -> Iterator[dict[Any, Any]]:
        if seen != (run_id, name):
            raise UsageError("Look at what would be sent first: the run or the name has changed.")
        files = _files(workspace, run_id, name)
        going = f"Sending {_total(files)} to {name}"
        yield {told: parts.notice(f"{going} ..."), shown: None}
        sending = hub.Upload(files, hub.check_repo(name.strip()), hidden)
        for count, path in enumerate(sending.send(), 1):
            yield {told: parts.notice(f"{going}: {count} of {len(files)}, {path}")}
        yield {told: parts.notice("Published: " + sending.commit().url, "good"), shown: None}

    inputs = [selected, repo]
    wire(look.click, announce, inputs, [told, send, shown], told=told)
    wire(send.click, publish, [*inputs, private, shown], [told, shown], told=told)


def _files(workspace: Workspace, run_id: str | None, name: str | None) -> dict[str, Content]:
    if run_id is None:
        raise UsageError("No run is chosen; press its name in the table.")
    run = runs.find(workspace, run_id)
    return hub.to_upload(export.of_run(run, workspace), hub.check_repo((name or "").strip()))


def listing(files: dict[str, Content]) -> str:
    """Return the files that would be sent, with their sizes, and nothing else of the run."""
    rows = "".join(
        f"<tr><td>{escape(path)}</td><td>{export.size_of(content):,}</td></tr>"
        for path, content in files.items()
    )
    head = "<tr><th>File</th><th>Bytes</th></tr>"
    table = f'<table class="files">{head}{rows}</table>'
    return f"<p>{_total(files)} would be sent, nothing else.</p>{table}"


def _total(files: dict[str, Content]) -> str:
    size = sum(export.size_of(content) for content in files.values())
    return f"{len(files)} files, {size:,} bytes"
