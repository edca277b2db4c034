"""How near the int8 engine stays to torch in fp32: the miniature family on rows of a data set."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.report import say
from socratic import data, decoding, systems
from socratic.data import Row
from socratic.engines import Engine
from socratic.pool import Pool
from socratic.prompts import input_text
from socratic.scoring import rouge_l
from socratic.systems import System
from socratic.workspace import Workspace

BATCH = 32


@dataclass(frozen=True)
class Fidelity:
    """One model asked by both engines. equal: share of questions that read the same."""

    model: str
    rows: int
    torch: float
    fast: float
    equal: float

    @property
    def change(self) -> float:
        """What int8 adds to ROUGE-L."""
        return self.fast - self.torch


def run(source: str, count: int, workspace: Workspace) -> list[Fidelity]:
    """Return ROUGE-L against the references by either engine, thesis decoding, per model."""
    corpus, rows = data.load(source, workspace), list[Row]()
    for split in ("test", "validation", "train"):  # what was trained on only where the rest is few
        if len(rows) < count:
            rows += corpus.split(split)
    rows = data.stratified(rows, count)
    return [_one(system, rows, workspace) for system in _miniature(workspace)]


def _miniature(workspace: Workspace) -> list[System]:
    return [one for one in systems.available(workspace) if one.bundled]


def _one(system: System, rows: Sequence[Row], workspace: Workspace) -> Fidelity:
    said = {}
    for name in ("torch", "fast"):
        say(f"{system.title} by {name}")
        said[name] = _questions(Pool(workspace, name).engine(system), rows)
    references = data.references(rows)
    scores = {
        name: statistics.mean(map(rouge_l, questions, references))
        for name, questions in said.items()
    }
    same = [a == b for a, b in zip(said["torch"], said["fast"], strict=True)]
    return Fidelity(system.title, len(rows), **scores, equal=statistics.mean(same))


def _questions(engine: Engine, rows: Sequence[Row]) -> list[str]:
    """Return a question per row; those of one length go together, for the least padding."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].context))
    asked: dict[int, str] = {}
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        inputs = [input_text(rows[i].type, rows[i].context) for i in batch]
        outputs = engine.generate(inputs, decoding.preset("thesis"))
        asked |= {i: output.questions[0] for i, output in zip(batch, outputs, strict=True)}
    return [asked[i] for i in range(len(rows))]
