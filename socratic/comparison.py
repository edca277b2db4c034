"""Systems scored on the same rows: their texts, their row scores, and what these tell together.

Everything is made from what evaluations keep per row (`socratic.scoring.stored`). Whether the rows
are the same is looked at, never assumed.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from socratic import tables
from socratic.errors import RunError, SocraticError, WorkspaceError
from socratic.prompts import TYPE_KEYS
from socratic.scoring import pairs, statistics, stored
from socratic.scoring.measures import Floats
from socratic.scoring.pairs import Pair
from socratic.scoring.record import Record
from socratic.scoring.stored import Measures, Predictions
from socratic.tables import Findings
from socratic.workspace import Workspace, write_atomic

# What is tested. Each further metric makes Holm's correction stricter for all.
TESTED = ("rougeL", "bleu4", "bertscore", "fidelity")
BINS = 20
_PAIRS = TypeAdapter(list[Pair])
_FILES_KEPT = 32


@dataclass(frozen=True)
class Member:
    """One system. record: any of its records. outputs: one text per row."""

    record: Record
    outputs: Sequence[str]
    measures: Measures

    def row_scores(self, metric: str) -> Floats | None:
        """Return the score of each row alone, (n,), None where the metric has no row scores."""
        found = self.measures.get(metric)
        return None if found is None else found.aggregate(found.columns)


@dataclass(frozen=True)
class TypeScore:
    """A score on the rows of one question type, with its 95 % interval."""

    system: str
    type: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Comparison:
    """Systems by name, all on the rows of `rows`. left_out: a sentence per system that is not."""

    rows: Predictions
    members: Mapping[str, Member]
    left_out: tuple[str, ...] = ()

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The question types among the rows, in their usual order."""
        there = set(self.rows.types)
        return tuple(key for key in TYPE_KEYS if key in there)

    @cached_property
    def haystack(self) -> list[str]:
        """What a search looks through: all texts of each row, case folded."""
        texts = [self.rows.contexts, self.rows.firsts, *(m.outputs for m in self.members.values())]
        return ["\n".join(each).casefold() for each in zip(*texts, strict=True)]

    def zero_shot_of(self, name: str) -> str | None:
        """Return the base model alone that a fine-tuned system started from, if it is here."""
        own = self.members[name].record if name in self.members else None
        if own is None or own.kind != "own":
            return None
        alone = (n for n, m in self.members.items() if m.record.kind == "zero_shot")
        return next((n for n in alone if self.members[n].record.model == own.model), None)

    def metrics(self) -> list[str]:
        """Return the metrics that have row scores."""
        return list(dict.fromkeys(key for one in self.members.values() for key in one.measures))

    def by_type(self, metric: str) -> list[TypeScore]:
        """Return a metric's score of each system on the rows of each type."""
        kinds = np.array(self.rows.types)
        scored = {n: m.measures[metric] for n, m in self.members.items() if metric in m.measures}
        found: list[TypeScore] = []
        for kind in self.types if scored else ():
            here = np.flatnonzero(kinds == kind)
            parts = [measure.columns[here] for measure in scored.values()]
            drawn = statistics.resampled_sums(np.hstack(parts), statistics.SAMPLES, statistics.SEED)
            edges = np.cumsum([part.shape[1] for part in parts])[:-1]
            for (name, measure), part, sums in zip(
                scored.items(), parts, np.split(drawn, edges, axis=1), strict=True
            ):
                value = float(measure.aggregate(part.sum(axis=0, keepdims=True))[0])
                low, high = statistics.percentiles(measure.aggregate(sums))
                found.append(TypeScore(name, kind, value, low, high, len(here)))
        return found

    def distribution(self, metric: str) -> dict[str, list[int]]:
        """Return, per system, how many rows score in each of `BINS` equal parts of 0..highest."""
        scores = {name: one.row_scores(metric) for name, one in self.members.items()}
        known = {name: values for name, values in scores.items() if values is not None}
        edges = np.linspace(0.0, self.highest(metric), BINS + 1)
        return {
            name: np.histogram(np.clip(values, 0, edges[-1]), edges)[0].tolist()
            for name, values in known.items()
        }

    def highest(self, metric: str) -> float:
        """Return the upper end of a metric's distribution: 1 for shares, else the highest row."""
        tops = [s.max() for m in self.members.values() if (s := m.row_scores(metric)) is not None]
        top = float(max(tops, default=1.0))
        return 1.0 if top <= 1.0 else top


def assemble(records: Iterable[Record], workspace: Workspace) -> Comparison:
    """Return the systems whose records are `records`, as far as their predictions are here."""
    first: Predictions | None = None
    members: dict[str, Member] = {}
    left_out: list[str] = []
    for name, record in _systems(records).items():
        try:
            rows = _predictions(Path(record.stored))
            if first is not None and rows.fingerprint != first.fingerprint:
                raise RunError("other rows, or in another order, than those of the first system")
            texts = rows.of(record.system)
            measures = _measures(Path(record.stored), rows, workspace)[record.system]
        except SocraticError as error:
            left_out.append(f"{name} is not tested or shown row by row: {str(error).rstrip('.')}.")
            continue
        first = first or rows
        members[name] = Member(record, texts, measures)
    return Comparison(first or Predictions([], [], [], [], {}), members, tuple(left_out))


def _systems(records: Iterable[Record]) -> dict[str, Record]:
    """Return a record per system that has predictions, by a name that is its own."""
    unique: dict[tuple[object, ...], Record] = {}
    for record in records:
        if record.stored:
            unique.setdefault(record.key, record)
    names = [record.name for record in unique.values()]
    return {
        record.name
        if names.count(record.name) == 1
        else f"{record.name}, {record.decoding}": record
        for record in unique.values()
    }


def _predictions(path: Path) -> Predictions:
    try:
        stat = path.stat()
    except OSError as error:
        raise RunError(f"the predictions {str(path)!r} are gone") from error
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=_FILES_KEPT)
def _read(path: Path, changed: int, size: int) -> Predictions:
    return stored.read(path)


@lru_cache(maxsize=_FILES_KEPT)
def _rows(path: Path, changed: int, sha256: str) -> dict[str, Measures] | None:
    return stored.read_rows(path, sha256)


def _measures(path: Path, rows: Predictions, workspace: Workspace) -> dict[str, Measures]:
    """Return the row sums kept beside the predictions, made again where there are none."""
    beside = stored.rows_file(path)
    again = workspace.cache / "rows" / f"{rows.sha256}.npz"
    for place in (beside, again):
        if place.is_file():
            found = _rows(place, place.stat().st_mtime_ns, rows.sha256)
            if found is not None:
                return found
    made = {name: rows.measures(name) for name in rows.outputs}
    with contextlib.suppress(WorkspaceError):  # on a full disk they are made again next time
        stored.write_rows(again, rows.sha256, made)
    return {name: {one.metric: one for one in each} for name, each in made.items()}


def tests(group: Comparison, workspace: Workspace) -> list[Pair]:
    """Return every pair of systems in every tested metric, kept in the workspace's cache."""
    measured = {
        name: [one.measures[key] for key in TESTED if key in one.measures]
        for name, one in group.members.items()
    }
    what = [
        (
            name,
            member.record.system,
            member.record.stored,
            [m.implementation for m in measured[name]],
        )
        for name, member in group.members.items()
    ]
    shas = sorted({_predictions(Path(m.record.stored)).sha256 for m in group.members.values()})
    text = json.dumps([what, shas, statistics.SWAPS, statistics.SEED])
    path = workspace.cache / "tests" / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
    try:
        return _PAIRS.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        found = pairs.compare(measured)
    with contextlib.suppress(OSError, WorkspaceError):  # then they are tested again next time
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, _PAIRS.dump_json(found).decode())
    return found


def between(found: Iterable[Pair], metric: str, a: str, b: str) -> Pair | None:
    """Return the test of a against b, whichever way round it was made."""
    for pair in found:
        if pair.metric == metric and {pair.a, pair.b} == {a, b}:
            return pair if pair.a == a else pair.turned()
    return None


def winner(found: Sequence[Pair], metric: str, models: Iterable[str]) -> str | None:
    """Return the system that beats every other of `models` significantly, None where none does."""
    names = list(models)
    for name in names:
        others = [between(found, metric, name, other) for other in names if other != name]
        if others and all(one and one.significant and one.difference > 0 for one in others):
            return name
    return None


def findings(group: Comparison, found: Sequence[Pair]) -> Findings:
    """Return what may be set in bold, and the sentence that says by which tests."""
    models = [n for n, m in group.members.items() if m.record.kind in ("own", "zero_shot")]
    tested = list(dict.fromkeys(pair.metric for pair in found))
    if not tested:
        return tables.UNTESTED
    best = {key: winner(found, key, models) for key in tested}
    bold = frozenset(
        (group.members[name].record.key, key) for key, name in best.items() if name is not None
    )
    labels = ", ".join(tables.metric(key).label for key in tested)
    swaps = f"{pairs.samples_for(len(found)):,} swaps"
    rule = (
        "Bold: better than every other model, p < 0.05."
        if bold
        else "No model is significantly better than all others, so nothing is set in bold."
    )
    return Findings(
        bold,
        f"Tests ({labels}): paired approximate randomisation over rows, {swaps}, two-sided; "
        "differences with paired bootstrap intervals; Holm-corrected over all "
        f"{len(found):,} tests.",
        rule,
    )


def tested(records: Iterable[Record], workspace: Workspace) -> Findings:
    """Return the findings on the records that may be compared, all on the reference rows."""
    group = assemble((r for r in records if r.comparable), workspace)
    return findings(group, tests(group, workspace))
