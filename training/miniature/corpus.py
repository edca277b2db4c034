"""The sample data: contexts with their questions, split so that no topic or context is shared.

    corpus.sample(SEED)          {"train": rows, "validation": rows, "test": rows}
    corpus.write(folder, SEED)   the three CSV files of `assets/sample`

Columns: context, question, type, topic, pattern. A fifth of the test rows is asked in patterns
that occur nowhere in training (`pattern` starts with "unseen").
"""

import csv
import hashlib
import io
import random
from collections.abc import Iterable, Mapping
from pathlib import Path

from socratic.prompts import TYPE_KEYS
from training.miniature.opinions import Composer, plain_tail, statements
from training.miniature.questions import ask
from training.miniature.tables import Topic, patterns, topics

SEED = 42
COLUMNS = ("context", "question", "type", "topic", "pattern")
SPLITS = {"train": 2000, "validation": 250, "test": 250}
_HELD_OUT_TOPICS = {"validation": 24, "test": 36}
_UNSEEN_SHARE = 0.2

Row = dict[str, str]


def split_topics(seed: int = SEED) -> dict[str, tuple[Topic, ...]]:
    """Return the topics of each split; every field of life keeps most of its topics in train."""
    rng = random.Random(f"topics {seed}")
    shuffled = list(topics())
    rng.shuffle(shuffled)
    cut = _HELD_OUT_TOPICS["validation"]
    end = cut + _HELD_OUT_TOPICS["test"]
    return {
        "train": tuple(shuffled[end:]),
        "validation": tuple(shuffled[:cut]),
        "test": tuple(shuffled[cut:end]),
    }


def pattern_names() -> dict[str, str]:
    """Return a short name for every pattern, by its text."""
    names = {}
    for held_out in (False, True):
        for key, kinds in patterns(held_out).items():
            for kind, items in kinds.items():
                for i, text in enumerate(items):
                    names[text] = f"{'unseen' if held_out else 'seen'}-{key}-{kind}-{i:02d}"
    return names


def _split_rows(
    name: str, chosen: tuple[Topic, ...], seed: int, taken: set[str], count: int
) -> list[Row]:
    rng = random.Random(f"sample {name} {seed}")
    composer = Composer(rng, plain_tail(rng))
    names, rows = pattern_names(), []
    claims = {topic.name: rng.sample(statements(topic), len(statements(topic))) for topic in chosen}
    for i in range(count):
        topic, turn = chosen[i % len(chosen)], i // len(chosen)
        claim = claims[topic.name][turn % len(claims[topic.name])]
        opinion = composer.compose(topic, claim)
        while opinion.text in taken:
            opinion = composer.compose(topic, claim)
        taken.add(opinion.text)
        if opinion.spans.get("term") == "I":
            del opinion.spans["term"]  # a subject, but no notion to ask about
        key = TYPE_KEYS[(i + i // len(chosen)) % len(TYPE_KEYS)]
        unseen = name == "test" and rng.random() < _UNSEEN_SHARE
        question, pattern = ask(opinion, key, held_out=unseen)
        values = (opinion.text, question, key, opinion.topic, names[pattern])
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def sample(seed: int = SEED, counts: Mapping[str, int] = SPLITS) -> dict[str, list[Row]]:
    """Return the rows of the splits in `counts`, so many of each; more begin with the fewer."""
    chosen, taken = split_topics(seed), set[str]()
    return {name: _split_rows(name, chosen[name], seed, taken, n) for name, n in counts.items()}


def as_csv(rows: Iterable[Row]) -> str:
    """Return rows as the text of a CSV file."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def write(folder: Path, seed: int = SEED, counts: Mapping[str, int] = SPLITS) -> None:
    """Write a CSV file of each split in `counts`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in sample(seed, counts).items():
        (folder / f"{name}.csv").write_text(as_csv(rows), encoding="utf-8")


def digest(text: str) -> str:
    """Return the sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def digests(seed: int = SEED) -> dict[str, str]:
    """Return the sha256 of each CSV file the seed makes."""
    return {name: digest(as_csv(rows)) for name, rows in sample(seed).items()}


def file_digest(path: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pattern_of(split: str = "test", seed: int = SEED) -> dict[tuple[str, str], str]:
    """Return the pattern of each row of a split, by context and type."""
    return {(row["context"], row["type"]): row["pattern"] for row in sample(seed)[split]}
