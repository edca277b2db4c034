"""Evaluations as the Compare tab shows them: grouped by data, never mixed in silence."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from socratic import results, runs, tables
from socratic.results import Evaluation, Record
from socratic.tables import Findings, Line
from socratic.ui import details, parts
from socratic.workspace import Workspace

# Numbers sort from the largest down, names from A; a dash, which is no number, comes last. A click
# on a name opens what stands behind its numbers.
TABLE_SCRIPT = """
element.addEventListener("click", (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) navigator.clipboard.writeText(copy.dataset.copy).then(() => {
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });
  const name = event.target.closest("[data-details]");
  if (name) {
    const opened = name.getAttribute("aria-expanded") === "true";
    element.querySelectorAll("[data-of]").forEach((panel) => { panel.hidden = true; });
    element.querySelectorAll("[data-details]").forEach((one) => {
      one.setAttribute("aria-expanded", "false");
    });
    const panel = element.querySelector(`[data-of="${name.dataset.details}"]`);
    panel.hidden = opened;
    name.setAttribute("aria-expanded", String(!opened));
    if (!opened) panel.scrollIntoView({ block: "nearest" });
  }
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


@dataclass(frozen=True)
class Shown:
    """How the table is shown. search: words a line must have; absent: (file, metric): why not."""

    metrics: Sequence[str]
    findings: Findings = tables.UNTESTED
    search: str = ""
    absent: Mapping[tuple[str, str], str] = field(default_factory=dict)


def absences(shelf: Shelf) -> dict[tuple[str, str], str]:
    """Return why an evaluation has no number for a metric, by its predictions and the metric."""
    return {
        (str(one.predictions), metric): reason
        for one in shelf.evaluations
        for metric, reason in one.absent.items()
    }


def table(found: Sequence[Record], shown: Shown) -> str:
    """Return the table as markup: a line per system, sorted by a click, its details on another."""
    chosen = [tables.metric(key) for key in shown.metrics]
    words = shown.search.casefold().split()
    lines = [
        line
        for line in tables.lines(found, shown.metrics)
        if all(word in _searched(line) for word in words)
    ]
    if not lines:
        return ""
    # The numbers stand next to the name, also where a phone shows only the first columns.
    names = ["System", *(one.label for one in chosen), "Kind", "Data"]
    heads = "".join(
        f'<th><button type="button" data-sort="{place}">{escape(head)}</button></th>'
        for place, head in enumerate(names)
    )
    rows = "".join(_line(line, place, shown) for place, line in enumerate(lines))
    every = [record for record in found if record.metric in {m.key for m in tables.METRICS}]
    opened = "".join(details.system(line, place, every) for place, line in enumerate(lines))
    return (
        f'<div class="scroll"><table class="scores"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{opened}"
    )


def _searched(line: Line) -> str:
    record = line.record
    texts = (record.name, tables.KIND_LABELS[record.kind], record.rows, record.decoding)
    return " ".join([*texts, record.run or "", record.source]).casefold()


def _line(line: Line, place: int, shown: Shown) -> str:
    record = line.record
    labels = parts.badges(record.family or "", record.bundled)
    first = (
        f'<th><button type="button" class="run-name" data-details="{place}" '
        f'aria-expanded="false">{parts.dot(record.colour)}{escape(record.name)}</button>'
        f"{labels}</th>"
    )
    cells = "".join(_cell(line, key, shown) for key in shown.metrics)
    last = f"<td>{tables.KIND_LABELS[record.kind]}</td><td>{escape(record.rows)}</td>"
    return f"<tr>{first}{cells}{last}</tr>"


def _cell(line: Line, metric: str, shown: Shown) -> str:
    """Return a cell, an interval on a line of its own beneath its value."""
    record = line.cells.get(metric)
    if record is None:
        reason = shown.absent.get((line.record.stored, metric), "not measured for this system")
        return f'<td title="{escape(reason)}">{tables.ABSENT}</td>'
    value, _, interval = tables.cell(record).removesuffix(tables.MARK).partition(" ")
    mark = "" if record.comparable else tables.MARK
    value = f"<b>{value}</b>" if shown.findings.is_bold(record) else value
    count = "" if record.n is None else f", n {record.n:,}"
    small = f" <small>{escape(interval)}{count}</small>" if interval else ""
    why = f' title="{escape(record.reason)}"' if record.reason else ""
    return f"<td{why}>{value}{mark}{small}</td>"


def metric_choices(found: Iterable[Record]) -> list[tuple[str, str]]:
    """Return the metrics that have a number."""
    return [(metric.label, metric.key) for metric in tables.measured(found)]


def headline(found: Iterable[Record]) -> list[str]:
    """Return the metrics shown to begin with."""
    return [metric.key for metric in tables.measured(found) if metric.headline]
