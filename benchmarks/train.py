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
from benchmarks.pairs import Measured, Pair, Side, measure, ratio
from benchmarks.report import Result, say, stdout_to_stderr
from socratic import data, device, plans, recipes, runs
from socratic.data import Corpus, Row
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


FULL = Size(rows=36, validation=24, batch=12, sample=2)
QUICK = Size(rows=12, validation=8, batch=4, sample=2)
# A whole round to warm up would take more than a minute of ten.
WARM_UP = Size(rows=12, validation=4, batch=12, sample=2)


@dataclass(frozen=True)
class Work:
    """What is trained, and the rows of `size` it is trained on."""

    base: Path
    rows: Path
    size: Size
    task: reference.Schooling
    workspace: Workspace

    @property
    def corpus(self) -> Corpus:
        """The rows, read."""
        return data.load(str(self.rows), self.workspace)

    def choice(self, seed: int) -> TrainingChoice:
        """Return the run of ours that does it."""
        return TrainingChoice((str(self.base),), str(self.rows), _recipe(self.size, seed))

    def sides(self) -> tuple[Side, Side]:
        """Return both sides; each pair has a seed of its own: losses show their noise."""
        corpus, first = self.corpus, self.task.seed
        theirs, own = itertools.count(first), itertools.count(first)
        return (
            lambda: _by_reference(replace(self.task, seed=next(theirs)), corpus),
            lambda: _by_us(self.choice(next(own)), self.workspace, corpus.split("validation")),
        )


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
    hyper = _recipe(size).hyperparameters
    task = reference.Schooling(
        base=str(base),
        lora=material.lora(spec),
        batch=size.batch,
        learning_rate=hyper.learning_rate,
        seed=hyper.seed,
        autocast=plan.bf16,
    )

    def work(size: Size) -> Work:
        counts = {"train": size.rows, "validation": size.validation}
        return Work(base, material.rows_folder(source, counts, workspace), size, task, workspace)

    whole = work(size)
    warm_up = () if quick else work(WARM_UP).sides()
    found = measure(*whole.sides(), pairs, say, warm_up)
    say("memory, each side in a process of its own")
    peaks = {
        "reference": apart.run(_by_reference, task, whole.corpus).peak_gb,
        "ours": apart.run(_by_us, whole.choice(task.seed), workspace).peak_gb,
    }
    return Result(
        name="train",
        pairs=found,
        ratios={"ratio": ratio(found), "ratio_steps": ratio(found, "step_seconds")},
        facts={
            "model": f"{spec.key}, random weights of this shape",
            "data": source,
            "rows": whole.corpus.counts,
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


def _by_us(
    choice: TrainingChoice, workspace: Workspace, validation: Sequence[Row] = ()
) -> Measured:
    """Do what the runner's process does for a run, and read the times from its folder.

    validation: the rows its adapter's loss is found for afterwards, the reference's own way: a loss
    in bf16 differs from one in fp32 by itself.
    """
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
        learnt = {}
        if validation:
            learnt["eval_loss"] = reference.loss(
                choice.models[0], made.path / "adapter", validation
            )
    finally:
        shutil.rmtree(made.path)
    batch = choice.recipe.hyperparameters.train_batch
    speeds = [point["samples_per_second"] for point in points if "samples_per_second" in point]
    return {
        "seconds": seconds,
        "step_seconds": sum(batch / speed for speed in speeds),
        **learnt,
    }
