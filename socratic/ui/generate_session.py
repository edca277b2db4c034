"""What was asked in this session: to see again, to download, to repeat from its inputs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from socratic import replay, transcripts
from socratic.errors import UsageError
from socratic.grid import Grid
from socratic.ui import parts
from socratic.ui.generate_ask import shown
from socratic.ui.generate_controls import Controls, filled
from socratic.ui.histories import MOST

Updates = dict[Any, Any]
SHOWN = 60


def finished(
    controls: Controls, grid: Grid | None, history: Sequence[Grid], key: object = None
) -> Updates:
    """Return the updates when an asking has ended: the grid is part of the history.

    key: of this browser's histories, None where it has none yet.
    """
    if grid is None or not grid.answers:
        return {controls.history: gr.skip()}
    kept = [*(one for one in history if one.started != grid.started), grid][-MOST:]
    return _offered(controls, kept) | {controls.browser: controls.histories.keep(key, kept)}


def _offered(controls: Controls, history: Sequence[Grid]) -> Updates:
    """Return the updates that offer a history, its last grid chosen."""
    choices = [(_label(one), str(one.started)) for one in reversed(history)]
    csv, markdown = _files(history)
    return {
        controls.history: list(history),
        controls.past: gr.update(choices=choices, value=str(history[-1].started)),
        controls.csv: gr.update(value=csv, interactive=True),
        controls.markdown: gr.update(value=markdown, interactive=True),
        controls.inputs: replay.as_json(replay.inputs_of(history[-1])),
    }


def restored(controls: Controls, key: object, present: Sequence[Grid]) -> Updates:
    """Return the updates after a reload: what this browser asked before, the last of it shown.

    present: the history on the page; where there is one, nothing is to be restored.
    """
    history = controls.histories.of(key)
    if present or not history:
        return {controls.history: gr.skip()}
    last = history[-1]
    context = {controls.context: last.request.context}
    return shown(controls, last) | context | _offered(controls, history)


def _label(grid: Grid) -> str:
    words = " ".join(grid.request.context[: 2 * SHOWN].split())
    short = words if len(words) <= SHOWN else f"{words[:SHOWN].rstrip()} ..."
    counted = f"{len(grid.systems)} x {len(grid.types)}"
    return f"{transcripts.when(grid)[11:]} · {short} · {counted}"


def _files(history: Sequence[Grid]) -> tuple[str, str]:
    # A spreadsheet takes UTF-8 for Latin-1 unless the file says what it is.
    csv = transcripts.as_csv(history).encode("utf-8-sig")
    return (
        parts.download(csv, "questions.csv"),
        parts.download(transcripts.as_markdown(history), "questions.md"),
    )


def seen_again(controls: Controls, started: str | None, history: Sequence[Grid]) -> Updates:
    """Return the updates that show a grid of the history, and its inputs in the controls."""
    grid = next((one for one in history if str(one.started) == started), None)
    if grid is None:
        return {controls.told: gr.skip()}
    inputs = replay.inputs_of(grid)
    return (
        shown(controls, grid) | filled(controls, inputs) | {controls.inputs: replay.as_json(inputs)}
    )


def opened(path: str | None) -> str:
    """Return the text of a file of inputs; raise UsageError when it is none."""
    if path is None:
        raise UsageError("No file was given.")
    given = Path(path)
    if given.stat().st_size > replay.MAX_BYTES:
        raise UsageError(
            f"{given.name} is too large; inputs have at most {replay.MAX_BYTES:,} bytes."
        )
    try:
        text = given.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{given.name} is no text file.") from None
    replay.parse(text)
    return text
