"""What was asked in a session as a file: CSV for counting, Markdown for reading."""

import csv
import html
import io
import re
import time
from collections.abc import Iterable, Iterator
from typing import Any

from socratic.generation import Card
from socratic.grid import Grid
from socratic.printing import harmless
from socratic.prompts import question_type
from socratic.systems import System, distinct_titles

COLUMNS = (
    "asked", "context", "type", "model", "title", "candidate", "question", "seconds",
    "new_tokens", "engine", "seed", "again", "decoding", "error",
)  # fmt: skip
_MARKDOWN = re.compile(r"([\\`*_\[\]#~|])")


def as_csv(grids: Iterable[Grid]) -> str:
    """Return every question on its line, with all that gives it again.

    A text that a spreadsheet would run as a formula gets a quote before it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for grid in grids:
        for row in _rows(grid):
            writer.writerow(harmless(row.get(column, "")) for column in COLUMNS)
    return text.getvalue()


def _rows(grid: Grid) -> Iterator[dict[str, Any]]:
    for system in grid.systems:
        answer = grid.answers.get(system.key)
        shared = {
            "asked": when(grid),
            "context": grid.request.context,
            "model": system.key,
            "title": system.title,
            "seed": grid.request.decoding.seed,
            "decoding": grid.request.decoding.model_dump_json(),
        }
        if answer is not None and answer.error:
            yield shared | {"error": answer.error}
        for key in grid.types:
            card = grid.card((system.key, key))
            for place, record in enumerate(card.records() if card else (), start=1):
                yield shared | record | {"candidate": place, "again": card.attempt if card else 0}


def as_markdown(grids: Iterable[Grid]) -> str:
    """Return each request as a section: its context, then a table, a column per model."""
    return "\n".join(line for grid in grids for line in _section(grid))


def _section(grid: Grid) -> Iterator[str]:
    titles = distinct_titles(grid.systems)
    decoding = grid.request.decoding
    how = "sampling" if decoding.sample else f"{decoding.beams} beams"
    yield from (f"## {when(grid)}", "", f"> {_text(grid.request.context)}", "")
    yield from (f"Decoding: {how}, seed {decoding.seed}.", "")
    yield _row("Type", [_text(titles[system.key]) for system in grid.systems])
    yield _row("---", ["---"] * len(grid.systems))
    for key in grid.types:
        cells = [_cell(grid, system, key) for system in grid.systems]
        yield _row(question_type(key).label, cells)
    yield ""


def _row(label: str, cells: list[str]) -> str:
    return f"| {' | '.join([label, *cells])} |"


def _cell(grid: Grid, system: System, key: str) -> str:
    answer = grid.answers.get(system.key)
    if answer is not None and answer.error:
        return f"no answer: {_text(answer.error)}"
    card: Card | None = grid.card((system.key, key))
    return "<br>".join(_text(question) for question in card.questions) if card else "not asked"


def _text(text: str) -> str:
    """Return any text on one line, as text: neither Markdown nor HTML is made of it."""
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def when(grid: Grid) -> str:
    """Return when a grid was asked, in the time of this machine."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(grid.started))
