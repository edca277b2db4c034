"""Small parts the tabs share: pieces of markup, numbers in words, charts, choices of data.

Whatever comes from a file or a user goes through `escape` here or where it is put in.
"""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from socratic import data, systems
from socratic.errors import DataError, WorkspaceError
from socratic.ui import theme
from socratic.workspace import Workspace, told

COPY_SCRIPT = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  navigator.clipboard.writeText(button.dataset.copy).then(() => {
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
});
"""
HASH_LETTERS = 12
_UPLOAD = re.compile(rf"^[0-9a-f]{{{HASH_LETTERS}}}-")


@dataclass(frozen=True)
class Part:
    """A part of the page, what changes whenever it does, and how to make it anew."""

    component: Any
    stamp: Any
    render: Callable[[], Any]


def markup(name: str, value: str = "", script: str | None = COPY_SCRIPT) -> gr.HTML:
    """Return a place for markup with the element id `name`; its copy buttons work."""
    return gr.HTML(value, elem_id=name, js_on_load=script, apply_default_css=False)


def chart(name: str, description: str) -> gr.HTML:
    """Return a place for a Plotly figure, whose value is the figure's JSON or nothing."""
    return gr.HTML(
        "",
        elem_id=name,
        elem_classes="chart-frame",
        html_template=(
            f'<div class="chart" role="img" aria-label="{escape(description)}" '
            f'data-library="{theme.PLOTLY_URL}"></div>'
        ),
        js_on_load=theme.CHART_SCRIPT.read_text(encoding="utf-8"),
        apply_default_css=False,
    )


def figure_json(figure: Any) -> str:
    """Return a Plotly figure as the value of a chart."""
    return str(figure.to_json())


def badge(text: str, hint: str = "") -> str:
    """Return a small label."""
    title = f' title="{escape(hint)}"' if hint else ""
    return f'<span class="badge"{title}>{escape(text)}</span>'


def badges(family: str, bundled: bool) -> str:
    """Return the labels that say a thing is a miniature, and that it is shipped."""
    shown = badge("miniature", "a small model, for trying things out") if _is_mini(family) else ""
    return shown + (badge("bundled", "recorded and shipped with the project") if bundled else "")


def _is_mini(family: str) -> bool:
    return family == "miniature"


def dot(colour: str) -> str:
    """Return the coloured mark of a model."""
    return f'<span class="dot" style="background:{escape(colour)}"></span>'


def copy_button(text: str) -> str:
    """Return a button that copies `text`."""
    return f'<button type="button" class="copy" data-copy="{escape(text)}">Copy</button>'


def notice(text: str, kind: str = "info") -> str:
    """Return a sentence in a box; `kind` is info, good or bad. No text, no box."""
    role = "alert" if kind == "bad" else "status"
    return f'<div class="notice {kind}" role="{role}">{escape(text)}</div>' if text else ""


def notices(texts: Iterable[str], kind: str = "info") -> str:
    """Return one box per sentence."""
    return "".join(notice(text, kind) for text in texts)


def empty(title: str, text: str) -> str:
    """Return what stands where there is nothing yet: what it will be, and how to get it."""
    return f'<div class="empty"><b>{escape(title)}</b><p>{escape(text)}</p></div>'


def duration(seconds: float) -> str:
    """Return a time in words short enough for a cell: `45 s`, `3 min`, `2 h 05 min`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


def size(amount: float) -> str:
    """Return bytes in words short enough for a line: `0.3 MB`, `249 MB`, `1.9 GB`."""
    megabytes = amount / 2**20
    if megabytes < 1000:
        return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:.0f} MB"
    return f"{megabytes / 1024:.1f} GB"


def data_choices(workspace: Workspace) -> list[tuple[str, str]]:
    """Return the data sets one can pick: the sample, SocratiQ, files given on the page."""
    fixed = [("Sample (bundled)", "sample"), ("SocratiQ", "socratiq")]
    files = sorted(workspace.uploads.glob("*"), key=lambda path: path.stat().st_mtime_ns)
    given = [(_UPLOAD.sub("", path.name), str(path)) for path in reversed(files)]
    return [*fixed, *given]


def keep_upload(workspace: Workspace, path: Path) -> Path:
    """Copy a file given on the page to the workspace, and return the copy.

    It is read first: what cannot be used is told at once and leaves nothing behind.
    """
    data.load(path)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:HASH_LETTERS]
        kept = workspace.uploads / f"{digest}-{path.name}"
        shutil.copyfile(path, kept)
    except OSError as error:
        raise WorkspaceError(f"{path.name} could not be kept ({told(error)}).") from error
    return kept


def check_data(choice: str | None) -> str:
    """Return the data chosen; raise DataError when nothing is."""
    if not choice:
        raise DataError("No data is chosen; choose the sample or give a file.")
    return choice


def offered(choices: Sequence[Any], value: Any, chosen: Any) -> Any:
    """Return the update that offers `choices`, of which `chosen` was sent and `value` holds.

    A choice that holds is not sent back: it would undo the next one, made meanwhile.
    """
    return gr.update(choices=choices, **({} if value == chosen else {"value": value}))


def system_choices(workspace: Workspace) -> list[tuple[str, str]]:
    """Return every finished adapter as a choice, newest first, titles made unique."""
    found = systems.available(workspace)
    titles = systems.distinct_titles(found)
    return [
        (titles[system.key] + (", bundled" if system.bundled else ""), system.key)
        for system in found
    ]


def download(content: bytes | str, name: str) -> str:
    """Return the path of a file a browser may fetch, in Gradio's own cache.

    Named by its content: the same download is one file, however often the page is looked at.
    """
    made = content.encode() if isinstance(content, str) else content
    return str(save_bytes_to_cache(made, name, get_upload_folder()))
