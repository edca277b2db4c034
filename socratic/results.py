"""Own evaluations, published baselines and floors -> records, each with where it comes from.

An evaluation is the file `evaluation/<split>.json` of a run folder. A record is one number of one
system, and says whether it may be read against the others and, if not, why.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from socratic import catalog
from socratic.errors import RunError
from socratic.scoring.evaluation import Evaluation, SystemScores, parsed
from socratic.scoring.published import Paper, Published
from socratic.scoring.score import Score

__all__ = [
    "Evaluation",
    "Gain",
    "Record",
    "Score",
    "SystemScores",
    "baselines",
    "best_comparable_gain",
    "load",
    "records",
]

Kind = Literal["published", "own", "zero_shot", "floor"]
KINDS: tuple[Kind, ...] = ("own", "zero_shot", "floor", "published")
BASELINES = catalog.ASSETS / "baselines.json"

# The split the published numbers were measured on: how its data set is named here, and its rows.
SOQG_NAMES = ("socratiq", "soqg")
SOQG_SPLIT = "test"
SOQG_ROWS = 10_573
_SOQG = f"the SoQG test split ({SOQG_ROWS:,} rows)"


class Record(BaseModel):
    """One number of one system.

    low, high: 95 % interval, None where none is known. n: rows, None where not stated.
    source: paper and table, or the command that recomputes the number. comparable: whether it may
    be read against the reference data of the table (see `records`); reason: why not, or a caveat.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Kind
    metric: str
    value: float
    low: float | None
    high: float | None
    n: int | None
    split: str
    decoding: str
    implementation: str
    source: str
    comparable: bool
    reason: str
    model: str | None = None
    family: str | None = None
    colour: str = catalog.GREY
    dataset: str = ""
    dataset_sha256: str = ""
    miniature: bool = False
    bundled: bool = False
    run: str | None = None
    created: float = 0.0

    @property
    def data(self) -> tuple[str, str, str, int | None]:
        """What must be equal for two numbers to be of the same rows."""
        return self.dataset, self.dataset_sha256, self.split, self.n

    @property
    def rows(self) -> str:
        """The rows it was measured on, in words."""
        count = "rows not stated" if self.n is None else f"{self.n:,} rows"
        return f"{self.dataset} {self.split}, {count}"

    @property
    def on_soqg(self) -> bool:
        """Whether it was measured on all rows the published numbers were measured on."""
        named = any(name in self.dataset.lower() for name in SOQG_NAMES)
        return named and self.split == SOQG_SPLIT and self.n == SOQG_ROWS

    @property
    def recipe(self) -> str:
        """What of the implementation decides the value: all before the first semicolon."""
        return self.implementation.partition(";")[0]


@cache
def _published(path: Path) -> tuple[Record, ...]:
    file = parsed(path, Published)
    return tuple(
        Record(
            name=system.name,
            kind="published",
            metric=score.metric,
            value=score.value,
            low=None,
            high=None,
            n=system.n,
            split=system.split,
            decoding=system.decoding,
            implementation=score.implementation,
            source=_source(file.papers[system.paper], score.table, system.training),
            comparable=score.comparable,
            reason=score.reason,
            dataset="SoQG",
        )
        for system in file.systems
        for score in system.scores
    )


def _source(paper: Paper, table: str, training: str) -> str:
    doi = f", doi {paper.doi}" if paper.doi else ""
    return f"{paper.citation}, {table}{doi}; {training}"


def baselines() -> list[Record]:
    """Return every published number, as comparable as its own file says.

    A number that was not published is absent. Raises RunError if the file is damaged.
    """
    return list(_published(BASELINES))


def load(folders: Iterable[Path]) -> tuple[list[Evaluation], list[str]]:
    """Return the evaluations in run folders, and a sentence for each damaged one left out."""
    found: list[Evaluation] = []
    damaged: list[str] = []
    for folder in folders:
        for path in sorted((folder / "evaluation").glob("*.json")):
            if path.name.startswith("status"):
                continue
            try:
                found.append(Evaluation.read(path))
            except RunError as error:
                damaged.append(str(error))
    return found, damaged


def records(evaluations: Iterable[Evaluation]) -> list[Record]:
    """Return own, zero-shot, floor and published numbers, each judged comparable or not.

    The reference data is SoQG's test split where an own system was scored on it, else the rows most
    own systems were scored on (the newest of equals). Own numbers on other rows are not
    comparable; published ones are where an own number on SoQG has the same recipe. A floor stands
    once per rows, and so does a base model with one decoding: the newest result.
    """
    newest = sorted(evaluations, key=lambda one: one.created, reverse=True)
    found = _told_apart(_once(record for one in newest for record in _own_records(one)))
    reference = _reference(found)
    recipes = {(r.metric, r.recipe) for r in found if r.kind != "floor" and r.on_soqg}
    judged = [_judged(record, reference) for record in found]
    published = (
        baselines()
        if reference is None
        else [_judged_published(record, recipes, reference) for record in baselines()]
    )
    return sorted([*judged, *published], key=lambda r: (KINDS.index(r.kind), not r.comparable))


def _own_records(one: Evaluation) -> Iterator[Record]:
    spec = catalog.find(one.model)
    for system in one.systems:
        floor = system.kind == "floor"
        for score in system.scores:
            yield Record(
                **score.model_dump(),
                name=system.name,
                kind=system.kind,
                n=one.n,
                split=one.split,
                decoding="none" if floor else one.decoding,
                source=one.command or f"run {one.run}",
                comparable=True,
                reason="",
                model=None if floor else one.model,
                family=None if floor else one.family,
                colour=catalog.GREY if floor or spec is None else spec.colour,
                dataset=one.dataset,
                dataset_sha256=one.dataset_sha256,
                miniature=one.family == "miniature" and not floor,
                bundled=one.folder is not None and one.folder.is_relative_to(catalog.ASSETS),
                run=None if floor else one.run,
                created=one.created,
            )


def _once(found: Iterable[Record]) -> list[Record]:
    """Keep the first of what several evaluations of the same rows repeat: floors, bare models."""
    kept: dict[tuple[object, ...], Record] = {}
    for record in found:
        run = record.run if record.kind == "own" else None
        key = (record.kind, record.name, record.model, run, record.decoding, record.metric)
        kept.setdefault((*key, *record.data), record)
    return list(kept.values())


def _told_apart(found: Sequence[Record]) -> list[Record]:
    """Add the run's id to names that several runs share."""
    runs: dict[tuple[str, str], set[str | None]] = {}
    for record in found:
        runs.setdefault((record.kind, record.name), set()).add(record.run)
    return [
        record.model_copy(update={"name": f"{record.name} ({record.run})"})
        if record.kind == "own" and len(runs[record.kind, record.name]) > 1
        else record
        for record in found
    ]


def _reference(found: Sequence[Record]) -> Record | None:
    """Return a record measured on the reference data, or None where nothing was evaluated."""
    # Where only bare models were evaluated, they are what the reader compares.
    own = [r for r in found if r.kind == "own"] or [r for r in found if r.kind == "zero_shot"]
    systems = Counter(data for data, _ in {(r.data, r.run) for r in own})
    return max(own, key=lambda r: (r.on_soqg, systems[r.data], r.created), default=None)


def _judged(record: Record, reference: Record | None) -> Record:
    if reference is None or record.data == reference.data:
        return record
    other = record.rows != reference.rows
    reason = (
        f"Measured on {record.rows}; the reference here is {reference.rows}."
        if other
        else f"Measured on another version of the data (sha256 {record.dataset_sha256[:8]}; the "
        f"reference is {reference.dataset_sha256[:8]})."
    )
    return record.model_copy(update={"comparable": False, "reason": reason})


def _judged_published(record: Record, recipes: set[tuple[str, str]], reference: Record) -> Record:
    if not record.comparable or (record.metric, record.recipe) in recipes:
        return record
    reason = (
        f"No own {record.metric} on {_SOQG} is computed the same way ({record.recipe})."
        if reference.on_soqg
        else f"Published for {_SOQG}; the results here are on {reference.rows}."
    )
    return record.model_copy(update={"comparable": False, "reason": reason})


@dataclass(frozen=True)
class Gain:
    """The best own system against the best published one that may be compared with it.

    absolute: difference of the values. relative: that over the published value.
    """

    own: Record
    published: Record

    @property
    def absolute(self) -> float:
        """Own value minus published value."""
        return self.own.value - self.published.value

    @property
    def relative(self) -> float:
        """The difference over the published value; that one is never zero."""
        return self.absolute / self.published.value


def best_comparable_gain(found: Sequence[Record], metric: str = "rougeL") -> Gain | None:
    """Return the gain over the best comparable published number, None where there is none."""
    comparable = [r for r in found if r.metric == metric and r.comparable and r.value > 0]
    own = [r for r in comparable if r.kind == "own" and r.on_soqg]
    published = [r for r in comparable if r.kind == "published"]
    if not own or not published:
        return None
    return Gain(*(max(group, key=lambda r: r.value) for group in (own, published)))
