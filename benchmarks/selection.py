"""Does the fixed sample pick the checkpoint the whole validation set would? Runs of the miniature.

While training, greedy questions are asked for a stratified sample; the thesis log asked with four
beams for every row. Here each checkpoint is scored both ways on both: that tells what is due to
fewer rows and what to greedy search. Runs take turns among the models.
"""

import itertools
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau
from transformers import TrainerCallback, TrainerState

from benchmarks.report import say, stdout_to_stderr
from socratic import catalog, data, decoding, device, loading, plans, recipes, runs
from socratic.data import Row
from socratic.decoding import Decoding
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
NOISE = 1.96  # standard errors of a difference that chance exceeds once in twenty times


@dataclass(frozen=True)
class Scored:
    """ROUGE-L of each checkpoint of a run, on the sample and on the whole validation set.

    errors: the standard error of the best checkpoint's lead over each on the whole set, row by row.
    """

    sample: tuple[float, ...]
    whole: tuple[float, ...]
    errors: tuple[float, ...]

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]], sampled: Sequence[bool]) -> "Scored":
        """Return the scores of checkpoints with a score for each row; sampled: which rows are."""
        table = np.array(rows)
        whole = table.mean(axis=1)
        leads = table[whole.argmax()] - table
        errors = leads.std(axis=1, ddof=1) / np.sqrt(table.shape[1])
        sample = table[:, np.array(sampled)].mean(axis=1)
        return cls(tuple(sample.tolist()), tuple(whole.tolist()), tuple(errors.tolist()))


@dataclass(frozen=True)
class Selected:
    """One run, its checkpoints scored by greedy search, as a run does it, and by four beams."""

    seed: int
    model: str
    greedy: Scored
    beams: Scored


@dataclass(frozen=True)
class Picked:
    """The checkpoint one scoring picks, seen by another: `truth` is that one's, of all rows."""

    scores: Sequence[float]
    truth: Scored

    @property
    def agreement(self) -> float:
        """Kendall's tau of the two rankings; 1 is the same order."""
        return float(kendalltau(self.scores, self.truth.whole).statistic)

    @property
    def loss(self) -> float:
        """The ROUGE-L given away."""
        return max(self.truth.whole) - self.truth.whole[self._place]

    @property
    def within_noise(self) -> bool:
        """Whether so small a loss says nothing about which of the two checkpoints is better."""
        return self.loss <= NOISE * self.truth.errors[self._place]

    @property
    def _place(self) -> int:
        return self.scores.index(max(self.scores))


COMPARED: dict[str, Callable[[Selected], Picked]] = {
    "sample, all rows: greedy": lambda one: Picked(one.greedy.sample, one.greedy),
    "sample, all rows: beams": lambda one: Picked(one.beams.sample, one.beams),
    "greedy, beams: all rows": lambda one: Picked(one.greedy.whole, one.beams),
    "greedy sample, beams on all rows": lambda one: Picked(one.greedy.sample, one.beams),
}


def run(count: int, quick: bool, workspace: Workspace) -> list[Selected]:
    """Return `count` runs, each with a seed of its own."""
    size = QUICK if quick else FULL
    rows = workspace.cache / "benchmarks" / f"selection-{size.rows}"
    corpus.write(rows, counts={"train": corpus.SPLITS["train"], "validation": size.rows})
    models = itertools.cycle(MODELS)
    return [_one(seed, next(models), size, rows, workspace) for seed in range(count)]


def summary(found: Sequence[Selected]) -> dict[str, dict[str, float]]:
    """Return what the runs say together, of each scoring and the one it should agree with."""
    return {name: _summed_up([pick(one) for one in found]) for name, pick in COMPARED.items()}


def _summed_up(picks: Sequence[Picked]) -> dict[str, float]:
    return {
        "runs": len(picks),
        "kendall_tau": statistics.mean(pick.agreement for pick in picks),
        "same_best": statistics.mean(pick.loss == 0 for pick in picks),
        "within_noise": statistics.mean(pick.within_noise for pick in picks),
        "rougeL_given_away": statistics.mean(pick.loss for pick in picks),
        "most_given_away": max(pick.loss for pick in picks),
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
    greedy, beams = (Scored.of(scores, watch.sampled) for scores in (watch.greedy, watch.beams))
    return Selected(chosen.seed, manifest.model, greedy, beams)


class _Whole(TrainerCallback):  # type: ignore[misc]
    """Scores every validation row both ways whenever the sample was scored."""

    def __init__(
        self, loaded: Loaded, rows: Sequence[Row], sample: Sequence[Row], batch: int
    ) -> None:
        self._loaded, self._batch = loaded, batch
        self._rows = sorted(rows, key=lambda row: len(row.context))
        self._references = data.references(self._rows)
        self.sampled = [row in set(sample) for row in self._rows]
        self.greedy: list[list[float]] = []
        self.beams: list[list[float]] = []

    def on_evaluate(self, _: Any, state: TrainerState, *__: Any, **rest: Any) -> None:
        """Note the scores of a checkpoint; there is none before the first step."""
        if state.global_step:
            self.greedy.append(self._scores(trainer.GREEDY))
            self.beams.append(self._scores(decoding.preset("thesis")))

    def _scores(self, how: Decoding) -> list[float]:
        """Return every row's ROUGE-L."""
        asked: list[str] = []
        engine = TorchEngine(self._loaded)
        for start in range(0, len(self._rows), self._batch):
            batch = self._rows[start : start + self._batch]
            inputs = [input_text(row.type, row.context) for row in batch]
            asked += [output.questions[0] for output in engine.generate(inputs, how)]
        return list(map(rouge_l, asked, self._references))
