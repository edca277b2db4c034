"""Predictions and scores of a system on a split: adapter, its base alone, floors, same rows."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from socratic import data, decoding, loading, scoring
from socratic.catalog import find
from socratic.data import Corpus, Row
from socratic.device import Plan
from socratic.engines.torch_engine import TorchEngine
from socratic.errors import DataError
from socratic.prompts import input_text
from socratic.results import Evaluation, SystemScores
from socratic.runs import Manifest, Run
from socratic.scoring import extras, stored
from socratic.scoring.stored import Predictions
from socratic.workspace import Workspace
from training.journal import Journal, key_of
from training.measuring import Measured, measure
from training.progress import Progress

PACKAGES = ("torch", "transformers", "peft", "rouge-score", "sacrebleu", "scikit-learn")


@dataclass(frozen=True)
class Task:
    """What is scored and where the result goes. adapter: None scores the base alone.

    seed, setup: of its training, as in `Evaluation`.
    """

    manifest: Manifest
    adapter: Path | None
    out: Path
    stem: str
    seed: int | None = None
    setup: str = ""


@dataclass
class Asked:
    """What the systems said: by name, their kind and one question per row. engine: what asked."""

    outputs: dict[str, tuple[Any, list[str]]]
    engine: str = ""


def evaluate(
    task: Task, corpus: Corpus, plan: Plan, progress: Progress, workspace: Workspace
) -> Evaluation:
    """Write and return the evaluation of a task; raise Stopped when asked to stop."""
    manifest = task.manifest
    split = manifest.evaluate or "test"
    everything = corpus.split(split)
    known = dict(zip(everything, data.references(everything), strict=True))
    rows = data.stratified(everything, manifest.limit or len(everything))
    if not rows:
        raise DataError(f"The {split} split of {corpus.name!r} has no row to score.")
    path = task.out / "predictions" / f"{task.stem}.parquet"
    journal = Journal(
        path.with_name(f".{task.stem}.partial.jsonl"),
        key_of(manifest, task.adapter, corpus, split),
    )
    asked = _ask(task, rows, journal, plan, progress, workspace)
    predictions = Predictions(
        contexts=[row.context for row in rows],
        types=[row.type for row in rows],
        references=[known[row] for row in rows],
        firsts=[row.question for row in rows],
        outputs={name: texts for name, (_, texts) in asked.outputs.items()},
    ).write(path)
    place = extras.Place(workspace, corpus.name, on_cpu=plan.device == "cpu")
    measured = measure(predictions, manifest.extras, place, progress)
    stored.write_rows(stored.rows_file(path), predictions.sha256, measured.measures)
    made = _evaluation(task, corpus, len(rows), asked, measured)
    made.write(task.out / "evaluation" / f"{task.stem}.json")
    journal.remove()
    return made


def _evaluation(
    task: Task, corpus: Corpus, rows: int, asked: Asked, measured: Measured
) -> Evaluation:
    manifest = task.manifest
    adapter = (task.adapter.name if manifest.of_run else task.adapter) if task.adapter else ""
    return Evaluation(
        run=manifest.of_run or manifest.run_id,
        title=manifest.title,
        model=manifest.model,
        family=manifest.family,
        adapter=str(adapter),
        dataset=corpus.name,
        dataset_sha256=corpus.sha256,
        split=manifest.evaluate or "test",
        n=rows,
        limit=manifest.limit,
        decoding=decoding.name_of(manifest.decoding),
        decoding_values=manifest.decoding.model_dump(),
        engine=asked.engine,
        created=time.time(),
        command=manifest.command,
        versions={name: version(name) for name in PACKAGES},
        systems=[
            SystemScores(name=name, kind=kind, scores=measured.scores[name])
            for name, (kind, _) in asked.outputs.items()
        ],
        notes=list(corpus.notes),
        seed=task.seed,
        setup=task.setup,
        extras=manifest.extras,
        absent=measured.extra.absent,
        confusion=measured.extra.confusion,
    )


def _ask(
    task: Task,
    rows: Sequence[Row],
    journal: Journal,
    plan: Plan,
    progress: Progress,
    workspace: Workspace,
) -> Asked:
    manifest = task.manifest
    asked = Asked({})
    wanted = _systems(task)
    progress.update(step=0, total_steps=len(wanted) * len(rows))
    for name, kind, adapter in wanted:
        progress.update(phase="evaluating", message=f"asking {name}")
        engine = TorchEngine(loading.load(manifest.model, plan, adapter, workspace))
        questions = predict(engine, rows, manifest, progress, journal, (kind, len(asked.outputs)))
        asked.outputs[name] = (kind, questions)
        asked.engine = engine.name
    seed = manifest.hyperparameters.seed
    for name, texts in scoring.floors(rows, seed).items():
        asked.outputs[name] = ("floor", texts)
    return asked


def _systems(task: Task) -> list[tuple[str, str, Path | None]]:
    """Return name, kind and adapter of what is asked: the adapter, then its base alone."""
    manifest = task.manifest
    # A model named like a column of the predictions must not overwrite it.
    title = f"{manifest.title} " if manifest.title in stored.FIXED else manifest.title
    if task.adapter is None:
        return [(title, "zero_shot", None)]
    alone = [(f"{title}, no adapter", "zero_shot", None)] if manifest.zero_shot else []
    return [(title, "own", task.adapter), *alone]


def predict(
    engine: TorchEngine,
    rows: Sequence[Row],
    manifest: Manifest,
    progress: Progress,
    journal: Journal,
    place: tuple[str, int],
) -> list[str]:
    """Return one question per row; rows that read the same are asked once.

    place: kind of the system, and how many systems were asked before it.
    """
    kind, before = place
    inputs = [input_text(row.type, row.context) for row in rows]
    made = journal.asked(kind)
    # Inputs of one length together: the least padding.
    unique = sorted(set(inputs), key=lambda text: (len(text), text))
    left = [text for text in unique if text not in made]
    size = engine.loaded.plan.batch
    for start in range(0, len(left), size):
        progress.leave_if_stopped()
        batch = left[start : start + size]
        outputs = engine.generate(batch, manifest.decoding)
        fresh = {text: out.questions[0] for text, out in zip(batch, outputs, strict=True)}
        journal.add(kind, fresh)
        made |= fresh
        share = (len(unique) - len(left) + start + len(batch)) / len(unique)
        progress.update(step=before * len(rows) + round(share * len(rows)))
    return [made[text] for text in inputs]


def task_of(run: Run, manifest: Manifest, corpus: Corpus, workspace: Workspace) -> Task:
    """Return what an evaluation run scores, and the folder its result belongs in.

    Scores of a run of this workspace go beside it; those of anything else stay with the job.
    """
    scored = Run(workspace.runs / manifest.of_run) if manifest.of_run else None
    beside = scored is not None and scored.path.is_dir()
    trained = scored.manifest() if scored is not None and beside else None
    trained_on = trained.data.sha256 if trained else ""
    return Task(
        manifest=manifest,
        adapter=Path(manifest.adapter) if manifest.adapter else None,
        out=scored.path if scored is not None and beside else run.path,
        stem=_stem(manifest, corpus, trained_on),
        seed=trained.hyperparameters.seed if trained else None,
        setup=_setup(trained) if trained else "",
    )


def _setup(trained: Manifest) -> str:
    """Return what is equal for trainings that differ in their seed alone."""
    chosen = trained.hyperparameters.model_dump(mode="json", exclude={"seed"})
    text = json.dumps([trained.model, trained.data.sha256, chosen], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _stem(manifest: Manifest, corpus: Corpus, trained_on: str) -> str:
    """Return a file name that different data, decodings and limits do not share."""
    parts = [manifest.evaluate or "test"]
    if trained_on and corpus.sha256 != trained_on:
        parts.append(corpus.sha256[:8])
    name = decoding.name_of(manifest.decoding)
    parts += [] if name == "thesis" else [name]
    parts += [] if manifest.limit is None else [f"limit{manifest.limit}"]
    return "-".join(parts)


def base_name(model: str, source: str) -> str:
    """Return the portable name of a base: its Hub id or key, else where it was loaded from."""
    spec = find(model)
    return (spec.source or spec.key) if spec else source
