"""Does the fixed sample pick the checkpoint the whole validation set would? Runs of the miniature.

While training, greedy questions are asked for a stratified sample; the thesis log asked with four
beams for every row. Here each checkpoint is scored both ways.
"""

import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import kendalltau
from transformers import TrainerCallback

from benchmarks.report import say, stdout_to_stderr
from socratic import data, decoding, device, loading, plans, recipes, runs
from socratic.data import Row
from socratic.engines.torch_engine import TorchEngine
from socratic.loading import Loaded
from socratic.plans import TrainingChoice
from socratic.prompts import input_text
from socratic.scoring import rouge_l
from socratic.workspace import Workspace
from training import trainer
from training.progress import Progress

MODEL = "mini-flan-small"


@dataclass(frozen=True)
class Size:
    """Steps of a run, and how often it is scored. rows: of the validation set, all if None."""

    steps: int
    every: int
    rows: int | None = None


FULL = Size(steps=120, every=20)
QUICK = Size(steps=4, every=2, rows=8)


@dataclass(frozen=True)
class Selected:
    """One run. sample, whole: ROUGE-L of each checkpoint, by either way of scoring."""

    seed: int
    sample: tuple[float, ...]
    whole: tuple[float, ...]

    @property
    def agreement(self) -> float:
        """Kendall's tau of the two rankings; 1 is the same order."""
        return float(kendalltau(self.sample, self.whole).statistic)

    @property
    def same_best(self) -> bool:
        """Whether both pick the same checkpoint."""
        return self.loss == 0

    @property
    def loss(self) -> float:
        """ROUGE-L of the whole set that is given away by picking with the sample."""
        picked = self.sample.index(max(self.sample))
        return max(self.whole) - self.whole[picked]


def run(count: int, quick: bool, workspace: Workspace) -> list[Selected]:
    """Return `count` runs, each with a seed of its own."""
    return [_one(seed, QUICK if quick else FULL, workspace) for seed in range(count)]


def summary(found: Sequence[Selected]) -> dict[str, float]:
    """Return what the runs say together."""
    return {
        "runs": len(found),
        "kendall_tau": statistics.mean(one.agreement for one in found),
        "same_best": statistics.mean(one.same_best for one in found),
        "rougeL_given_away": statistics.mean(one.loss for one in found),
        "most_given_away": max(one.loss for one in found),
    }


def _one(seed: int, size: Size, workspace: Workspace) -> Selected:
    say(f"seed {seed}")
    changes = {"seed": seed, "max_steps": size.steps, "eval_steps": size.every, "patience": 0}
    recipe = recipes.load("miniature", changes)
    (manifest,) = plans.training(TrainingChoice((MODEL,), "sample", recipe))
    made = runs.create(workspace, manifest)
    try:
        with stdout_to_stderr():
            return _trained(made, size, workspace)
    finally:
        shutil.rmtree(made.path)


def _trained(made: runs.Run, size: Size, workspace: Workspace) -> Selected:
    chosen = made.manifest().hyperparameters
    every = data.load("sample", workspace)
    shorter = {**every.splits, "validation": every.split("validation")[: size.rows]}
    corpus = data.Corpus(every.name, shorter, every.sha256)
    loaded = loading.load_base(MODEL, device.plan(device.describe()), workspace)
    material = trainer.prepare(loaded, corpus, chosen, workspace.cache)
    trainer.with_lora(loaded, chosen)
    work, _ = trainer.build(made, loaded, material, chosen, Progress(made))
    watch = _Whole(loaded, corpus.split("validation"), chosen.eval_batch)
    work.add_callback(watch)
    work.train()
    return Selected(chosen.seed, tuple(watch.sample), tuple(watch.whole))


class _Whole(TrainerCallback):  # type: ignore[misc]
    """Scores the whole validation set with four beams whenever the sample was scored."""

    def __init__(self, loaded: Loaded, rows: Sequence[Row], batch: int) -> None:
        self._loaded, self._batch = loaded, batch
        self._rows = sorted(rows, key=lambda row: len(row.context))
        self._references = data.references(self._rows)
        self.sample: list[float] = []
        self.whole: list[float] = []

    def on_evaluate(self, *_: Any, metrics: dict[str, float], **rest: Any) -> None:
        """Note both scores."""
        asked: list[str] = []
        engine = TorchEngine(self._loaded)
        for start in range(0, len(self._rows), self._batch):
            batch = self._rows[start : start + self._batch]
            inputs = [input_text(row.type, row.context) for row in batch]
            outputs = engine.generate(inputs, decoding.preset("thesis"))
            asked += [output.questions[0] for output in outputs]
        scores = map(rouge_l, asked, self._references)
        self.sample.append(metrics["eval_rougeL"])
        self.whole.append(statistics.mean(scores))
