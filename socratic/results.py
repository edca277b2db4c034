"""Own evaluations, published baselines and floors -> records, each with where it comes from.

An evaluation is the file `evaluation/<split>.json` of a run folder. A record is one number of one
system, and says whether it may be read against the others and, if not, why.
"""

import shlex
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from socratic import catalog
from socratic.errors import RunError
from socratic.scoring.evaluation import Evaluation, SystemScores, parsed
from socratic.scoring.published import Paper, Published
from socratic.scoring.record import KINDS, SOQG_NAMES, SOQG_ROWS, SOQG_SPLIT, Kind, Record
from socratic.scoring.score import Score

__all__ = [
    "KINDS",
    "Evaluation",
    "Gain",
    "Kind",
    "Record",
    "Score",
    "SystemScores",
    "baselines",
    "best_comparable_gain",
    "load",
    "records",
]

BASELINES = catalog.ASSETS / "baselines.json"

_SOQG = f"the SoQG test split ({SOQG_ROWS:,} rows)"


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
    found = [*_over_seeds(found), *found]
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
    kept = one.predictions is not None and one.predictions.is_file()
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
                system=system.name,
                stored=str(one.predictions) if kept else "",
                reproduce=_reproduce(one, system.name, score.metric) if kept else "",
                setup=one.setup if system.kind == "own" else "",
                seed=one.seed if system.kind == "own" else None,
            )


def _reproduce(one: Evaluation, system: str, metric: str) -> str:
    file = one.path.stem if one.path else one.split
    words = [one.folder.name if one.folder else one.run, "--file", file]
    return shlex.join(["python", "-m", "socratic", "score", *words, "--system", system]) + (
        f" --metric {metric}"
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


def _over_seeds(found: Sequence[Record]) -> list[Record]:
    """Return mean and spread of each metric over runs that differ in their seed alone."""
    groups: dict[tuple[object, ...], dict[int, Record]] = {}
    for record in found:
        if record.setup and record.seed is not None:
            key = (record.setup, record.metric, record.decoding, record.recipe, *record.data)
            groups.setdefault(key, {}).setdefault(record.seed, record)
    return [_mean(list(group.values())) for group in groups.values() if len(group) > 1]


def _mean(group: Sequence[Record]) -> Record:
    values = [record.value for record in group]
    title = group[0].name.partition(" (")[0]
    seeds = ", ".join(str(seed) for seed in sorted(r.seed for r in group if r.seed is not None))
    update = {
        "name": f"{title}, mean of {len(group)} seeds",
        "value": statistics.fmean(values),
        "spread": statistics.stdev(values),
        "low": None,
        "high": None,
        "source": f"mean over seeds {seeds} of runs {', '.join(str(r.run) for r in group)}",
        "seeds": len(group),
        "run": None,
    }
    return group[0].model_copy(update=update | {"system": "", "stored": "", "reproduce": ""})


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
    if not record.comparable:
        return record
    if (record.metric, record.recipe) in recipes:
        missing = SOQG_ROWS - (reference.n or 0)
        caveat = f"{record.reason} {_left_out(missing, record.metric)}"
        return record.model_copy(update={"reason": caveat}) if missing else record
    reason = (
        f"No own {record.metric} on {_SOQG} is computed the same way ({record.recipe})."
        if reference.on_soqg
        else f"Published for {_SOQG}; the results here are on {reference.rows}{_lost(reference)}."
    )
    return record.model_copy(update={"comparable": False, "reason": reason})


def _lost(reference: Record) -> str:
    """Say why SoQG's own test split does not have the rows of the published numbers."""
    named = any(name in reference.dataset.lower() for name in SOQG_NAMES)
    missing = SOQG_ROWS - (reference.n or 0)
    if not named or reference.split != SOQG_SPLIT or missing <= 0:
        return ""
    return f": {missing:,} are missing (a --limit, or rows that cleaning left out)"


def _left_out(rows: int, metric: str) -> str:
    """Say what a few rows that are missing here may change; see `Record.on_soqg`."""
    told = (
        f"Ours leave out {rows} of these {SOQG_ROWS:,} rows (as cleaning does where a cell is "
        f"empty): a mean over rows moves by {rows / SOQG_ROWS:.4f} at most."
    )
    if not metric.startswith("bleu"):
        return told
    return f"{told} For BLEU, which is of the whole corpus, there is no such bound."


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
    own = [r for r in comparable if r.kind == "own" and r.on_soqg and r.seeds == 1]
    published = [r for r in comparable if r.kind == "published"]
    if not own or not published:
        return None
    return Gain(*(max(group, key=lambda r: r.value) for group in (own, published)))
