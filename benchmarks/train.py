"""A whole training run with its validation, and its steps alone."""

import itertools
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks import apart, material, reference
from benchmarks.pairs import Measured, Pair, measure, ratio
from benchmarks.report import Result, say, stdout_to_stderr
from socratic import data, device, plans, recipes, runs
from socratic.data import Corpus
from socratic.errors import RunError
from socratic.plans import TrainingChoice
from socratic.recipes import Recipe
from socratic.workspace import Workspace
from training.execute import execute


@dataclass(frozen=True)
class Size:
    """How much is trained: in the log's proportion, 2 validation rows for every 3 trained.

    sample: validation rows we generate for, in the recipe's proportion (512 of 10,573).
    """

    rows: int
    validation: int
    batch: int
    sample: int


FULL = Size(rows=48, validation=32, batch=16, sample=2)
QUICK = Size(rows=12, validation=8, batch=4, sample=2)


def run(
    pairs: int, quick: bool, tokenizer: Path | None, source: str, workspace: Workspace
) -> Result:
    """Return the time of whole runs and of their steps, reference against a run of ours."""
    plan = device.plan(device.describe())
    torch.set_num_threads(plan.threads)
    size = QUICK if quick else FULL
    spec = material.specs(quick)[0]
    say("making or finding the model")
    base = material.checkpoint(spec, material.tokenizer_folder(tokenizer), workspace)
    counts = {"train": size.rows, "validation": size.validation}
    rows = material.rows_folder(source, counts, workspace)
    corpus = data.load(str(rows), workspace)
    recipe = _recipe(size)
    task = reference.Schooling(
        base=str(base),
        lora=material.lora(spec),
        batch=size.batch,
        learning_rate=recipe.hyperparameters.learning_rate,
        seed=recipe.hyperparameters.seed,
        autocast=plan.bf16,
    )
    # Each pair has a seed of its own, so that the losses after training show their noise.
    seeds = {side: itertools.count(task.seed) for side in ("reference", "ours")}

    def by_us(seed: int) -> Measured:
        return _by_us(TrainingChoice((str(base),), str(rows), _recipe(size, seed)), workspace)

    found = measure(
        lambda: _by_reference(replace(task, seed=next(seeds["reference"])), corpus),
        lambda: by_us(next(seeds["ours"])),
        pairs,
        say,
    )
    say("memory, each side in a process of its own")
    choice = TrainingChoice((str(base),), str(rows), recipe)
    peaks = {
        "reference": apart.run(_by_reference, task, corpus).peak_gb,
        "ours": apart.run(_by_us, choice, workspace).peak_gb,
    }
    return Result(
        name="train",
        pairs=found,
        ratios={"ratio": ratio(found), "ratio_steps": ratio(found, "step_seconds")},
        facts={
            "model": f"{spec.key}, random weights of this shape",
            "data": source,
            "rows": corpus.counts,
            "batch": size.batch,
            "precision": plan.dtype,
            "peak_gb": peaks,
            "eval_loss_gap": _loss_gap(found),
        },
        notes=(
            "Ours validates before the first and after the last step: loss over all rows, greedy "
            f"questions for {size.sample} of them. The reference generates once for all of them.",
            "The proof that the model is sound is cached, as for whoever trained it once before.",
        ),
    )


def _loss_gap(pairs: Sequence[Pair]) -> dict[str, float]:
    """Return ours less the reference's loss after the same rows, over the seeds of the pairs."""
    gaps = [pair.ours["eval_loss"] - pair.reference["eval_loss"] for pair in pairs]
    spread = statistics.stdev(gaps) if len(gaps) > 1 else 0.0
    return {"mean": statistics.mean(gaps), "standard_deviation": spread, "seeds": len(gaps)}


def _recipe(size: Size, seed: int = 42) -> Recipe:
    steps = -(-size.rows // size.batch)
    return recipes.load(
        recipes.DEFAULT,
        {
            "train_batch": size.batch,
            "max_steps": steps,
            "eval_steps": steps,
            "logging_steps": 1,
            "sample_rows": size.sample,
            "seed": seed,
        },
    )


def _by_reference(task: reference.Schooling, corpus: Corpus) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        measured: Measured = reference.train(
            task, corpus.split("train"), corpus.split("validation"), Path(folder)
        )
    return measured


def _by_us(choice: TrainingChoice, workspace: Workspace) -> Measured:
    """Do what the runner's process does for a run, and read the times from its folder."""
    # Rows are tokenised again each time: somebody's first run on new data has no cache either.
    shutil.rmtree(workspace.cache / "tokens", ignore_errors=True)
    (manifest,) = plans.training(choice)
    made = runs.create(workspace, manifest)
    try:
        start = time.perf_counter()
        with stdout_to_stderr():
            execute(workspace, made.id)
        seconds = time.perf_counter() - start
        status = made.written_status()
        if status.state != "finished":
            raise RunError(f"The measured run ended as {status.state}: {status.message}")
        points = runs.MetricsReader(made.metrics_file).news()
    finally:
        shutil.rmtree(made.path)
    batch = choice.recipe.hyperparameters.train_batch
    speeds = [point["samples_per_second"] for point in points if "samples_per_second" in point]
    return {
        "seconds": seconds,
        "step_seconds": sum(batch / speed for speed in speeds),
        "eval_loss": [point["eval_loss"] for point in points if "eval_loss" in point][-1],
    }
