"""How good the miniature's questions are, by figures that need no judge.

    measure(keys, data, limit)    a table per model and set of contexts, thesis decoding

Nothing here says that a question is wise: read some.
"""

import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from socratic import catalog, console, data, decoding, device, loading
from socratic.data import Row
from socratic.engines.torch_engine import TorchEngine
from socratic.prompts import TYPE_KEYS, input_text
from socratic.scoring.floors import floors
from socratic.scoring.overlap import rouge_l
from training.miniature import reading
from training.miniature.corpus import pattern_of

BUNDLED = "bundled test"
WORDS = "median copied words"
_BATCH = 40
_SEED = 42


@dataclass
class Table:
    """What was measured of one model on one set of contexts; shares are between 0 and 1."""

    model: str
    contexts: str
    n: int
    values: dict[str, float]
    goals: dict[str, tuple[str, float]] = field(default_factory=dict)

    def record(self) -> dict[str, object]:
        """Return it for JSON."""
        return {
            "model": self.model,
            "contexts": self.contexts,
            "n": self.n,
            "values": self.values,
            "goals": {key: f"{sign} {goal}" for key, (sign, goal) in self.goals.items()},
            "met": {key: self.met(key) for key in self.goals},
        }

    def met(self, key: str) -> bool:
        """Tell whether a goal is reached."""
        sign, goal = self.goals[key]
        return self.values[key] >= goal if sign == ">=" else self.values[key] <= goal


def _goals(bundled: bool) -> dict[str, tuple[str, float]]:
    return {
        "well-formed": (">=", 0.95),
        "distinct": (">=", 0.90),
        "takes up a content word": (">=", 0.95 if bundled else 0.85),
        "five types differ": (">=", 0.95),
        "type recognised": (">=", 0.85),
        "most common pattern": ("<=", 0.05),
        WORDS: (">=", 2.0),
    }


class Asker:
    """Asks a model about many contexts, with the decoding of the thesis."""

    def __init__(self, key: str, home: Path, adapter: Path | None):
        plan = device.plan(device.describe())
        folder = home / key
        source = key if folder == catalog.spec(key).bundled else str(folder)
        self.engine = TorchEngine(loading.load(source, plan, adapter))
        self.title = f"{key}{'' if adapter else ', no adapter'}"

    def ask(self, pairs: Sequence[tuple[str, str]]) -> list[str]:
        """Return one question per (type, context)."""
        inputs = [input_text(kind, context) for kind, context in pairs]
        order = sorted(range(len(inputs)), key=lambda i: len(inputs[i]))
        made = [""] * len(inputs)
        for start in tqdm(range(0, len(order), _BATCH), desc=self.title, mininterval=5):
            chosen = order[start : start + _BATCH]
            outputs = self.engine.generate([inputs[i] for i in chosen], decoding.PRESETS["thesis"])
            for i, output in zip(chosen, outputs, strict=True):
                made[i] = output.questions[0]
        return made


class Recogniser:
    """Tells the type of a question; fitted on the bundled training questions."""

    def __init__(self, rows: Sequence[Row]):
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        self.model: Any = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 3), sublinear_tf=True),
            LogisticRegression(C=20.0, max_iter=2000),
        )
        self.model.fit([row.question for row in rows], [row.type for row in rows])

    def share(self, questions: Sequence[str], kinds: Sequence[str]) -> float:
        """Return how often the type is recognised."""
        told = self.model.predict(list(questions))
        return _mean(float(a == b) for a, b in zip(told, kinds, strict=True))


def _mean(values: Any) -> float:
    return round(statistics.fmean(list(values)), 4)


def describe(
    contexts: Sequence[str], questions: Sequence[str], recogniser: Recogniser
) -> dict[str, float]:
    """Return the figures of the questions asked about `contexts`, five types each, in order."""
    pairs = [(context, kind) for context in contexts for kind in TYPE_KEYS]
    spans = [reading.copied(q, c) for q, (c, _) in zip(questions, pairs, strict=True)]
    by_type = {kind: questions[i :: len(TYPE_KEYS)] for i, kind in enumerate(TYPE_KEYS)}
    masks = [reading.mask(q, span) for q, span in zip(questions, spans, strict=True)]
    commonest = [
        Counter(masks[i :: len(TYPE_KEYS)]).most_common(1)[0][1] / len(contexts)
        for i in range(len(TYPE_KEYS))
    ]
    groups = [questions[i : i + len(TYPE_KEYS)] for i in range(0, len(questions), len(TYPE_KEYS))]
    return {
        "well-formed": _mean(map(reading.is_one_question, questions)),
        "distinct": _mean(len(set(asked)) / len(asked) for asked in by_type.values()),
        "takes up a content word": _mean(
            reading.takes_up(q, c) for q, (c, _) in zip(questions, pairs, strict=True)
        ),
        "five types differ": _mean(len(set(group)) == len(TYPE_KEYS) for group in groups),
        "type recognised": recogniser.share(questions, [kind for _, kind in pairs]),
        "most common pattern": round(max(commonest), 4),
        WORDS: float(statistics.median(len(span) for span in spans)),
    }


def _overlap(asker: Asker, base: Asker, rows: Sequence[Row]) -> dict[str, float]:
    """Return ROUGE-L on rows with a reference: of the adapter, its base, the floors, by pattern."""
    pairs = [(row.type, row.context) for row in rows]
    own = [rouge_l(q, [row.question]) for q, row in zip(asker.ask(pairs), rows, strict=True)]
    alone = [
        rouge_l(q, [row.question]) if q.strip() else 0.0
        for q, row in zip(base.ask(pairs), rows, strict=True)
    ]
    known = pattern_of()
    seen = [known[row.context, row.type].startswith("seen") for row in rows]
    values = {
        "ROUGE-L": _mean(own),
        "ROUGE-L, seen patterns": _mean(s for s, old in zip(own, seen, strict=True) if old),
        "ROUGE-L, unseen patterns": _mean(s for s, old in zip(own, seen, strict=True) if not old),
        "ROUGE-L, base alone": _mean(alone),
    }
    for name, texts in floors(rows, _SEED).items():
        scores = (rouge_l(q, [row.question]) for q, row in zip(texts, rows, strict=True))
        values[f"ROUGE-L, {name}"] = _mean(scores)
    return values


def measure(
    keys: Sequence[str], source: str | None, limit: int, assets: Path = catalog.ASSETS
) -> list[Table]:
    """Return the tables of the models: on the bundled test split, and on `source` if given.

    assets: the folder with `sample/` and `miniature/`.
    """
    sample = data.load(str(assets / "sample"))
    recogniser = Recogniser(sample.split("train"))
    sets = {BUNDLED: list(dict.fromkeys(row.context for row in sample.split("test")))}
    if source:
        rows = [row for part in data.load(source).splits.values() for row in part]
        contexts = sorted(dict.fromkeys(row.context for row in rows), key=reading.shuffled)
        sets[Path(source).name] = contexts[:limit]
    tables = []
    for key in keys:
        home = assets / "miniature"
        asker = Asker(key, home, home / "runs" / key / "adapter")
        for name, contexts in sets.items():
            asked = asker.ask([(kind, context) for context in contexts for kind in TYPE_KEYS])
            values = describe(contexts, asked, recogniser)
            bundled = name == BUNDLED
            if bundled:
                values |= _overlap(asker, Asker(key, home, None), sample.split("test"))
            tables.append(Table(key, name, len(contexts), values, _goals(bundled)))
    return tables


def show(tables: Sequence[Table]) -> None:
    """Print the tables for people."""
    for table in tables:
        print(f"\n{table.model} on {table.n} contexts ({table.contexts})", file=sys.stdout)
        rows = []
        for key, value in table.values.items():
            sign, goal = table.goals.get(key, ("", 0.0))
            verdict = ("met" if table.met(key) else "missed") if sign else ""
            rows.append((key, f"{value:.3f}", f"{sign} {goal:g}" if sign else "", verdict))
        console.print_table(("measure", "value", "goal", ""), rows)
