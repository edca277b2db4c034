"""Make a round: pick rows, take or generate every model's question, keep the round.

Questions that an evaluation of the same rows with the same decoding has stored are taken from
there; the rest is generated, by a process of its own (`start`) that outlives the page. It tells
how far it is in a file; a round is kept whole at its end, or not at all.
"""

import contextlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil
from pydantic import ValidationError

from socratic import data, decoding, generation, jobs, runs, systems
from socratic.data import Corpus, Row
from socratic.decoding import Decoding
from socratic.errors import GenerationError, RunError, SocraticError, UsageError
from socratic.generation import Request
from socratic.pool import Pool
from socratic.rating.rounds import MAX_MODELS, Rated, Round, item_of, pick
from socratic.rating.store import Store
from socratic.runs import Status
from socratic.scoring.evaluation import Evaluation
from socratic.systems import System
from socratic.workspace import Workspace, write_json

Told = Callable[[int, int, str], None]
Questions = Mapping[tuple[str, str], str]  # (context, type) -> question


@dataclass(frozen=True)
class Plan:
    """What a round is made of. source, split: of the data. models: keys, runs or folders."""

    source: str
    split: str
    models: tuple[str, ...]
    items: int
    seed: int = 42
    decoding: str = "thesis"

    @property
    def arguments(self) -> list[str]:
        """The words of `python -m socratic` that make this round."""
        words = ["ratings", "new", "--data", self.source, "--split", self.split]
        words += [word for model in self.models for word in ("--model", model)]
        words += ["--items", str(self.items), "--seed", str(self.seed)]
        return [*words, "--decoding", self.decoding]


def check(plan: Plan, workspace: Workspace) -> tuple[Corpus, list[Row], tuple[System, ...]]:
    """Return data, picked rows and systems of a plan; raise SocraticError when it cannot be."""
    if not 2 <= len(plan.models) <= MAX_MODELS:
        raise UsageError(
            f"{len(plan.models)} models are chosen; a round compares 2 to {MAX_MODELS}."
        )
    chosen = tuple(
        {
            system.key: system for system in (_system(name, workspace) for name in plan.models)
        }.values()
    )
    if len(chosen) < 2:
        raise UsageError(f"All models chosen are one, {chosen[0].title}; a round compares 2.")
    decoding.preset(plan.decoding).changed(seed=plan.seed)
    corpus = data.load(plan.source, workspace)
    return corpus, pick(corpus.split(plan.split), plan.items, plan.seed), chosen


def _system(name: str, workspace: Workspace) -> System:
    model = name.removesuffix(":base")
    return systems.base(model) if model != name else systems.resolve(name, workspace)


def make(plan: Plan, workspace: Workspace, tell: Told) -> Round:
    """Make, keep and return the round of a plan; `tell` hears questions done, all, and of whom.

    Raises SocraticError when something cannot be used or generated; nothing is kept then.
    """
    corpus, rows, chosen = check(plan, workspace)
    knobs = decoding.preset(plan.decoding).changed(seed=plan.seed)
    titles = systems.distinct_titles(chosen)
    asked: dict[str, Questions] = {}
    generated = 0
    pool = Pool(workspace)
    for place, system in enumerate(chosen):
        tell(place * len(rows), len(chosen) * len(rows), f"asking {titles[system.key]}")
        known = dict(stored(system, corpus, plan.split, knobs, workspace))
        for done, row in enumerate(rows):
            if (row.context, row.type) not in known:
                known[row.context, row.type] = _generate(system, row, knobs, pool)
                generated += 1
                tell(place * len(rows) + done + 1, len(chosen) * len(rows), "")
        asked[system.key] = known
        pool.unload()
    made = Round(
        data=corpus.name,
        sha256=corpus.sha256,
        split=plan.split,
        seed=plan.seed,
        decoding=plan.decoding,
        made=_made(generated, len(rows) * len(chosen)),
        created=time.time(),
        systems=tuple(
            Rated(key=one.key, title=titles[one.key], family=one.family, colour=one.colour)
            for one in chosen
        ),
        items=tuple(
            item_of(row, {one.key: asked[one.key][row.context, row.type] for one in chosen})
            for row in rows
        ),
    )
    Store(workspace).keep(made)
    return made


def _made(generated: int, every: int) -> str:
    if not generated:
        return "questions taken from stored evaluations"
    if generated == every:
        return "questions generated when the round was made"
    return f"{generated:,} of {every:,} questions generated, the others from stored evaluations"


def _generate(system: System, row: Row, knobs: Decoding, pool: Pool) -> str:
    request = Request(context=row.context, types=(row.type,), systems=(system,), decoding=knobs)
    (answer,) = generation.ask(request, pool)
    if answer.error:
        raise GenerationError(f"{system.title}: {answer.error}")
    return answer.cards[0].questions[0]


def stored(
    system: System, corpus: Corpus, split: str, knobs: Decoding, workspace: Workspace
) -> Questions:
    """Return the questions an evaluation has stored: same rows, same decoding; perhaps none."""
    of_model = [one for one in systems.available(workspace) if one.model == system.model]
    owners = of_model if system.adapter is None else [system]
    for owner in owners:
        folder = owner.adapter.parent if owner.adapter else Path()
        for path in sorted((folder / "evaluation").glob("*.json")):
            found = _stored_in(path, system, (corpus, split), knobs)
            if found:
                return found
    return {}


def _stored_in(path: Path, system: System, rows: tuple[Corpus, str], knobs: Decoding) -> Questions:
    corpus, split = rows
    try:
        one = Evaluation.read(path)
        used = Decoding(**one.decoding_values)
    except (RunError, ValidationError):
        return {}  # a damaged file is told on the Compare tab; here its rows are asked again
    # The seed decides nothing where no random number is drawn.
    if (used if knobs.sample else used.changed(seed=knobs.seed)) != knobs:
        return {}
    if (one.dataset_sha256, one.split) != (corpus.sha256, split):
        return {}
    kind = "own" if system.adapter else "zero_shot"
    names = [scores.name for scores in one.systems if scores.kind == kind]
    try:
        frame = pd.read_parquet(path.parents[1] / "predictions" / f"{path.stem}.parquet")
        texts = frame[names[0]].fillna("")
        return dict(zip(zip(frame["context"], frame["type"], strict=True), texts, strict=True))
    except (OSError, ValueError, KeyError, IndexError):
        return {}


def folder(workspace: Workspace) -> Path:
    """Return where rounds in the making tell how far they are."""
    return workspace.ratings / "making"


def start(plan: Plan, workspace: Workspace) -> str:
    """Make a round in a process of its own, and return the name it tells its progress under.

    Raises SocraticError at once for what cannot be.
    """
    check(plan, workspace)
    folder(workspace).mkdir(parents=True, exist_ok=True)
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    report = folder(workspace) / f"{name}.json"
    write_json(report, Status(state="queued", message="starting").model_dump(mode="json"))
    words = [*plan.arguments, "--workspace", str(workspace.root), "--report", str(report)]
    jobs.spawn(words, report.with_suffix(".log"), package="socratic")
    return name


def reported(plan: Plan, workspace: Workspace, report: Path, tell: Told) -> Round:
    """Make a round and write to `report` how far it is; a failure is told there too."""
    me = psutil.Process()
    status = Status(state="running", pid=me.pid, pid_started=me.create_time())

    def write(**changes: object) -> None:
        nonlocal status
        status = status.model_copy(update={**changes, "updated": time.time()})
        write_json(report, status.model_dump(mode="json"))

    def told(done: int, total: int, message: str) -> None:
        write(step=done, total_steps=total, message=message or status.message)
        tell(done, total, message)

    try:
        made = make(plan, workspace, told)
    except SocraticError as error:
        write(state="failed", message=str(error))
        raise
    write(state="finished", message=made.id)
    return made


@dataclass(frozen=True)
class Making:
    """A round in the making, or one that failed or has just been made (message: its id)."""

    name: str
    status: Status


def under_way(workspace: Workspace) -> list[Making]:
    """Return what is being made or was since the page last tidied up, the newest first."""
    found = []
    for path in sorted(folder(workspace).glob("*.json"), reverse=True):
        with contextlib.suppress(OSError, ValidationError):
            status = Status.model_validate_json(path.read_bytes())
            found.append(Making(path.stem, _doubted(status, path)))
    return found


def _doubted(status: Status, path: Path) -> Status:
    """Return the status as it must be: who is gone makes nothing."""
    waits = status.state == "queued" and time.time() - status.updated < _PATIENCE
    if status.state not in ("queued", "running") or waits or runs.process_of(status):
        return status
    log = path.with_suffix(".log")
    message = f"The process that made it ended; {str(log)!r} says why. Make the round again."
    return status.model_copy(update={"state": "failed", "message": message})


_PATIENCE = 60.0


def forget(workspace: Workspace) -> None:
    """Remove what is told of rounds that were made or failed."""
    for one in under_way(workspace):
        if one.status.state in ("finished", "failed"):
            for ending in (".json", ".log"):
                (folder(workspace) / f"{one.name}{ending}").unlink(missing_ok=True)


def describe(making: Sequence[Making]) -> list[tuple[str, str]]:
    """Return a sentence and its kind (info, good, bad) for each round in the making."""
    sentences = []
    for one in making:
        status = one.status
        if status.state == "finished":
            sentences.append((f"The round {status.message} is made.", "good"))
        elif status.state == "failed":
            sentences.append((f"A round could not be made. {status.message}", "bad"))
        else:
            told = f": {status.step:,} of {status.total_steps:,} questions" * bool(
                status.total_steps
            )
            sentences.append((f"Making a round, {status.message or 'starting'}{told}.", "info"))
    return sentences
