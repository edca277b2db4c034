"""Does the fixed sample pick the checkpoint the whole validation set would? Runs of the miniature.

While training, greedy questions are asked for a stratified sample; the thesis log asked with four
beams for every row. Here each checkpoint is scored both ways, and by four beams on the sample:
that tells what is due to fewer rows and what to greedy search. Runs take turns among the models.
"""

import itertools
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import kendalltau
from transformers import TrainerCallback, TrainerState

from benchmarks.report import say, stdout_to_stderr
from socratic import catalog, data, decoding, device, loading, plans, recipes, runs
from socratic.data import Row
from socratic.engines.torch_engine import TorchEngine
from socratic.loading import Loaded
from socratic.plans import TrainingChoice
from socratic.prompts import input_text
from socratic.scoring import rouge_l
from socratic.workspace import Workspace
from training import trainer
from training.miniature import corpus
from training.progress import Progress

MODELS = tuple(spec.key for spec in catalog.family("miniature"))


@dataclass(frozen=True)
class Size:
    """Steps of a run, and how often it is scored.

    rows: of the validation set, made by the miniature's own corpus. sample: of them, for a run.
    """

    steps: int
    every: int
    rows: int
    sample: int


# A sample as large as in the thesis, for chance plays as large a part in it.
FULL = Size(steps=240, every=40, rows=1024, sample=512)
QUICK = Size(steps=4, every=2, rows=16, sample=8)
WAYS = ("greedy", "beams")


@dataclass(frozen=True)
class Selected:
    """One run: ROUGE-L of each checkpoint, by each way of scoring.

    greedy: the sample, as a run does it. beams: the sample by four beams. whole: every row by them.
    """

    seed: int
    model: str
    greedy: tuple[float, ...]
    beams: tuple[float, ...]
    whole: tuple[float, ...]

    def agreement(self, way: str) -> float:
        """Kendall's tau of the ranking by `way` with that by every row; 1 is the same order."""
        return float(kendalltau(getattr(self, way), self.whole).statistic)

    def loss(self, way: str) -> float:
        """ROUGE-L of the whole set that is given away by picking the checkpoint by `way`."""
        scores: tuple[float, ...] = getattr(self, way)
        return max(self.whole) - self.whole[scores.index(max(scores))]


def run(count: int, quick: bool, workspace: Workspace) -> list[Selected]:
    """Return `count` runs, each with a seed of its own."""
    size = QUICK if quick else FULL
    rows = workspace.cache / "benchmarks" / f"selection-{size.rows}"
    corpus.write(rows, counts={"train": corpus.SPLITS["train"], "validation": size.rows})
    models = itertools.cycle(MODELS)
    return [_one(seed, next(models), size, rows, workspace) for seed in range(count)]


def summary(found: Sequence[Selected]) -> dict[str, dict[str, float]]:
    """Return what the runs say together, of either way to ask for the sample."""
    return {way: _summed_up([(one.agreement(way), one.loss(way)) for one in found]) for way in WAYS}


def _summed_up(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    losses = [loss for _, loss in pairs]
    return {
        "runs": len(pairs),
        "kendall_tau": statistics.mean(tau for tau, _ in pairs),
        "same_best": statistics.mean(loss == 0 for loss in losses),
        "rougeL_given_away": statistics.mean(losses),
        "most_given_away": max(losses),
    }


def _one(seed: int, model: str, size: Size, rows: Path, workspace: Workspace) -> Selected:
    say(f"seed {seed}, {model}")
    changes = {
        "seed": seed,
        "max_steps": size.steps,
        "eval_steps": size.every,
        "sample_rows": size.sample,
        "patience": 0,
    }
    recipe = recipes.load("miniature", changes)
    (manifest,) = plans.training(TrainingChoice((model,), str(rows), recipe))
    made = runs.create(workspace, manifest)
    try:
        with stdout_to_stderr():
            return _trained(made, workspace)
    finally:
        shutil.rmtree(made.path)


def _trained(made: runs.Run, workspace: Workspace) -> Selected:
    manifest = made.manifest()
    chosen, rows = manifest.hyperparameters, data.load(manifest.data.source, workspace)
    loaded = loading.load_base(manifest.model, device.plan(device.describe()), workspace)
    material = trainer.prepare(loaded, rows, chosen, workspace.cache)
    trainer.with_lora(loaded, chosen)
    work, _ = trainer.build(made, loaded, material, chosen, Progress(made))
    watch = _Whole(loaded, rows.split("validation"), material.sample, chosen.eval_batch)
    work.add_callback(watch)
    work.train()
    return Selected(
        chosen.seed, manifest.model, *map(tuple, (watch.greedy, watch.beams, watch.whole))
    )


class _Whole(TrainerCallback):  # type: ignore[misc]
    """Scores every validation row with four beams whenever the sample was scored."""

    def __init__(
        self, loaded: Loaded, rows: Sequence[Row], sample: Sequence[Row], batch: int
    ) -> None:
        self._loaded, self._batch = loaded, batch
        self._rows = sorted(rows, key=lambda row: len(row.context))
        self._sampled = [row in set(sample) for row in self._rows]
        self._references = data.references(self._rows)
        self.greedy: list[float] = []
        self.beams: list[float] = []
        self.whole: list[float] = []

    def on_evaluate(
        self, _: Any, state: TrainerState, *__: Any, metrics: dict[str, float], **rest: Any
    ) -> None:
        """Note the scores of a checkpoint; there is none before the first step."""
        if state.global_step == 0:
            return
        asked: list[str] = []
        engine = TorchEngine(self._loaded)
        for start in range(0, len(self._rows), self._batch):
            batch = self._rows[start : start + self._batch]
            inputs = [input_text(row.type, row.context) for row in batch]
            outputs = engine.generate(inputs, decoding.preset("thesis"))
            asked += [output.questions[0] for output in outputs]
        scores = list(map(rouge_l, asked, self._references))
        self.greedy.append(metrics["eval_rougeL"])
        self.beams.append(statistics.mean(itertools.compress(scores, self._sampled)))
        self.whole.append(statistics.mean(scores))
