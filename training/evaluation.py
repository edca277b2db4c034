"""Predictions and scores of a system on a split: adapter, its base alone, floors, same rows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from socratic import data, decoding, loading, scoring
from socratic.catalog import find
from socratic.data import Corpus, Row
from socratic.device import Plan
from socratic.engines.torch_engine import TorchEngine
from socratic.errors import DataError
from socratic.prompts import input_text
from socratic.results import Evaluation, SystemScores
from socratic.runs import Manifest, Run
from socratic.workspace import Workspace
from training.progress import Progress

PACKAGES = ("torch", "transformers", "peft", "rouge-score", "sacrebleu")


@dataclass(frozen=True)
class Task:
    """What is scored and where the result goes. adapter: None scores the base alone."""

    manifest: Manifest
    adapter: Path | None
    out: Path
    stem: str


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
    outputs, engine = _outputs(task, rows, plan, progress, workspace)
    progress.update(phase="scoring", message="")
    references = [known[row] for row in rows]
    contexts = [row.context for row in rows]
    systems = [
        SystemScores(
            name=name, kind=kind, scores=scoring.score_outputs(texts, references, contexts)
        )
        for name, kind, texts in outputs
    ]
    made = Evaluation(
        run=manifest.of_run or manifest.run_id,
        title=manifest.title,
        model=manifest.model,
        family=manifest.family,
        adapter=str(task.adapter.name if manifest.of_run else task.adapter) if task.adapter else "",
        dataset=corpus.name,
        dataset_sha256=corpus.sha256,
        split=split,
        n=len(rows),
        limit=manifest.limit,
        decoding=decoding.name_of(manifest.decoding),
        decoding_values=manifest.decoding.model_dump(),
        engine=engine,
        created=time.time(),
        command=manifest.command,
        versions={name: version(name) for name in PACKAGES},
        systems=systems,
        notes=list(corpus.notes),
    )
    _write(task, made, rows, references, outputs)
    return made


Outputs = list[tuple[str, Any, list[str]]]


def _outputs(
    task: Task, rows: Sequence[Row], plan: Plan, progress: Progress, workspace: Workspace
) -> tuple[Outputs, str]:
    """Return (name, kind, questions) per system, and the engine that made them."""
    manifest = task.manifest
    alone = f"{manifest.title}, no adapter"
    wanted: list[tuple[str, str, Path | None]] = []
    if task.adapter is not None:
        wanted.append((manifest.title, "own", task.adapter))
    if task.adapter is None or manifest.zero_shot:
        wanted.append((manifest.title if task.adapter is None else alone, "zero_shot", None))
    progress.update(step=0, total_steps=len(wanted) * len(rows))
    outputs: Outputs = []
    engine_name = ""
    for name, kind, adapter in wanted:
        progress.update(phase="evaluating", message=f"asking {name}")
        engine = TorchEngine(loading.load(manifest.model, plan, adapter, workspace))
        done = len(outputs) * len(rows)
        outputs.append((name, kind, predict(engine, rows, manifest, progress, done)))
        engine_name = engine.name
    seed = manifest.hyperparameters.seed
    floors = [(name, "floor", texts) for name, texts in scoring.floors(rows, seed).items()]
    return outputs + floors, engine_name


def predict(
    engine: TorchEngine, rows: Sequence[Row], manifest: Manifest, progress: Progress, done: int
) -> list[str]:
    """Return one question per row; rows that read the same are asked once."""
    inputs = [input_text(row.type, row.context) for row in rows]
    # Inputs of one length together: the least padding.
    unique = sorted(set(inputs), key=lambda text: (len(text), text))
    made: dict[str, str] = {}
    size = engine.loaded.plan.batch
    for start in range(0, len(unique), size):
        progress.leave_if_stopped()
        batch = unique[start : start + size]
        outputs = engine.generate(batch, manifest.decoding)
        made |= {text: out.questions[0] for text, out in zip(batch, outputs, strict=True)}
        progress.update(step=done + round(len(made) / len(unique) * len(rows)))
    return [made[text] for text in inputs]


def _write(
    task: Task,
    made: Evaluation,
    rows: Sequence[Row],
    references: Sequence[Sequence[str]],
    outputs: Outputs,
) -> None:
    table = pd.DataFrame(
        {
            "row": range(len(rows)),
            "context": [row.context for row in rows],
            "type": [row.type for row in rows],
            "reference": [row.question for row in rows],
            "references": [list(each) for each in references],
        }
    )
    for name, _, texts in outputs:
        table[name] = texts
    for folder in ("predictions", "evaluation"):
        (task.out / folder).mkdir(parents=True, exist_ok=True)
    table.to_parquet(task.out / "predictions" / f"{task.stem}.parquet", index=False)
    made.write(task.out / "evaluation" / f"{task.stem}.json")


def task_of(run: Run, manifest: Manifest, corpus: Corpus, workspace: Workspace) -> Task:
    """Return what an evaluation run scores, and the folder its result belongs in.

    Scores of a run of this workspace go beside it; those of anything else stay with the job.
    """
    scored = Run(workspace.runs / manifest.of_run) if manifest.of_run else None
    beside = scored is not None and scored.path.is_dir()
    trained_on = scored.manifest().data.sha256 if scored is not None and beside else ""
    return Task(
        manifest=manifest,
        adapter=Path(manifest.adapter) if manifest.adapter else None,
        out=scored.path if scored is not None and beside else run.path,
        stem=_stem(manifest, corpus, trained_on),
    )


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
