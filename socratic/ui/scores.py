"""Evaluations as the Compare tab shows them: grouped by data, never mixed in silence."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from socratic import results, runs, tables
from socratic.results import Evaluation, Record
from socratic.workspace import Workspace

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


def metric_choices(found: Iterable[Record]) -> list[tuple[str, str]]:
    """Return the metrics that have a number."""
    return [(metric.label, metric.key) for metric in tables.measured(found)]


def headline(found: Iterable[Record]) -> list[str]:
    """Return the metrics shown to begin with."""
    return [metric.key for metric in tables.measured(found) if metric.headline]
