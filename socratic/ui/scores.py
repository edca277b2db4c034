"""Evaluations as the Compare tab shows them: grouped by data, never mixed in silence."""

import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from socratic import results, runs, tables
from socratic.results import Evaluation, Record
from socratic.ui import parts
from socratic.workspace import Workspace

# Numbers sort from the largest down, names from A; a dash, which is no number, comes last.
SORT_SCRIPT = """
element.addEventListener("click", (event) => {
  const head = event.target.closest("[data-sort]");
  if (!head) return;
  const table = head.closest("table");
  const place = Number(head.dataset.sort);
  const turned = head.dataset.turned === "yes";
  const value = (row) => row.children[place].textContent.trim();
  const order = (a, b) => {
    const [x, y] = [parseFloat(value(a)), parseFloat(value(b))];
    if (isNaN(x) || isNaN(y)) {
      return isNaN(x) && isNaN(y) ? value(a).localeCompare(value(b)) : isNaN(x) - isNaN(y);
    }
    return y - x;
  };
  const rows = [...table.tBodies[0].rows].sort(order);
  table.tBodies[0].append(...(turned ? rows.reverse() : rows));
  table.querySelectorAll("[data-sort]").forEach((other) => { other.dataset.turned = ""; });
  head.dataset.turned = turned ? "" : "yes";
});
"""
_WITH_INTERVAL = re.compile(r"^(\S+) (\[.*\])(.*)$")
Rows = tuple[str, str, str, int]
PUBLISHED = "published numbers only"


@dataclass(frozen=True)
class Shelf:
    """Every evaluation of a workspace at one moment. damaged: a sentence per file left out."""

    stamp: int = 0
    evaluations: tuple[Evaluation, ...] = ()
    damaged: tuple[str, ...] = ()

    def groups(self) -> dict[str, list[Evaluation]]:
        """Return the evaluations by the rows they were made on; the group to open on first.

        That is the one with most own systems, the newest of equals: what `records` refers to.
        """
        found: dict[Rows, list[Evaluation]] = {}
        for one in self.evaluations:
            rows = (one.dataset, one.dataset_sha256, one.split, one.n)
            found.setdefault(rows, []).append(one)
        order = sorted(found, key=lambda rows: _weight(found[rows]), reverse=True)
        names = _names(order)
        return {names[rows]: found[rows] for rows in order} or {PUBLISHED: []}


def _weight(group: Iterable[Evaluation]) -> tuple[int, float]:
    group = list(group)
    return len({one.run for one in group}), max(one.created for one in group)


def _names(order: Sequence[Rows]) -> dict[Rows, str]:
    """Return a name per group; the hash is told only where two would read alike."""
    plain = {rows: f"{rows[0]}, {rows[2]} split, {rows[3]:,} rows" for rows in order}
    texts = list(plain.values())
    return {
        rows: text if texts.count(text) == 1 else f"{text}, version {rows[1][:8]}"
        for rows, text in plain.items()
    }


@dataclass
class Library:
    """Reads evaluation files again only when one was added, changed or removed."""

    workspace: Workspace
    _shelf: Shelf = field(default_factory=Shelf)
    _files: tuple[tuple[Path, int], ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def shelf(self) -> Shelf:
        """Return the evaluations there are; equal stamps mean nothing changed."""
        folders = [run.path for run in runs.discover(self.workspace)]
        files = tuple(_stamps(folders))
        with self._lock:
            if files != self._files or not self._shelf.stamp:
                found, damaged = results.load(folders)
                stamp = self._shelf.stamp + 1
                self._shelf, self._files = Shelf(stamp, tuple(found), tuple(damaged)), files
            return self._shelf


def _stamps(folders: Iterable[Path]) -> Iterable[tuple[Path, int]]:
    for folder in folders:
        for path in sorted((folder / "evaluation").glob("*.json")):
            try:
                yield path, path.stat().st_mtime_ns
            except FileNotFoundError:
                continue  # deleted between the two looks


@dataclass(frozen=True)
class Choice:
    """What of a group is shown."""

    group: str | None
    metrics: tuple[str, ...] = ()
    kinds: tuple[str, ...] = results.KINDS


def records(shelf: Shelf, choice: Choice) -> list[Record]:
    """Return the records of one group with the published numbers, judged against that group."""
    groups = shelf.groups()
    group = groups.get(choice.group or "", next(iter(groups.values())))
    return [record for record in results.records(group) if record.kind in choice.kinds]


def table(found: Sequence[Record], metrics: Sequence[str]) -> str:
    """Return the table of `socratic.tables` as markup: one row per system, sorted by a click."""
    frame = tables.metric_table(found, metrics=metrics)
    if frame.empty:
        return ""
    # The numbers stand next to the name, also where a phone shows only the first columns.
    frame = frame[["System", *frame.columns[3:], "Kind", "Data"]]
    colours = {record.name: record.colour for record in found}
    places = {record.name: parts.badges(record.family or "", record.bundled) for record in found}
    heads = "".join(
        f'<th><button type="button" data-sort="{place}">{escape(head)}</button></th>'
        for place, head in enumerate(frame.columns)
    )
    rows = ""
    for name, *cells in frame.itertuples(index=False):
        first = f"<th>{parts.dot(colours[name])}{escape(name)}{places[name]}</th>"
        rows += f"<tr>{first}{''.join(map(_cell, cells))}</tr>"
    return (
        f'<div class="scroll"><table class="scores"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    """Return a cell, an interval on a line of its own beneath its value."""
    with_interval = _WITH_INTERVAL.match(text)
    if with_interval is None:
        return f"<td>{escape(text)}</td>"
    value, interval, mark = map(escape, with_interval.groups())
    return f"<td>{value}{mark} <small>{interval}</small></td>"


def metric_choices(found: Iterable[Record]) -> list[tuple[str, str]]:
    """Return the metrics that have a number."""
    return [(metric.label, metric.key) for metric in tables.measured(found)]


def headline(found: Iterable[Record]) -> list[str]:
    """Return the metrics shown to begin with."""
    return [metric.key for metric in tables.measured(found) if metric.headline]
