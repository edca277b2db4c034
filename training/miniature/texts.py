"""Everything the miniature learns from, as text and as token ids; kept in the workspace.

tokenizer_texts(seed)        what the tokenizer is trained on
examples(kind, seed, ...)    (source, target) pairs of one kind, as lists of ids
"""

import random
from collections.abc import Iterator
from typing import Any

from training.miniature.plain import Writer
from training.miniature.tables import HERE

Pair = tuple[list[int], list[int]]

_TOKENIZER_ROUNDS = 12_000
_COMMON_WEIGHT = 60
_PROMPT_WORDS = (
    "Generate a Socratic question for this context: clarity: assumptions: reasons _evidence: "
    "alternate _viewpoints _perspectives: implication _consequences:"
)
_NOISE = 0.15
_MEAN_SPAN = 3
_EOS = 1


def tokenizer_texts(seed: int) -> Iterator[str]:
    """Yield the text the tokenizer is trained on; the prompt's words are there, out of order."""
    writer = Writer(f"tokenizer {seed}")
    for i in range(_TOKENIZER_ROUNDS):
        yield " ".join(writer.dialogue())
        task = writer.instruction()
        yield task.source
        yield task.target
        if i % 4 == 0:
            words = writer.rare_words()
            yield words.title() if i % 8 else words
    prompt = _PROMPT_WORDS.split()
    yield from [" ".join(reversed(prompt))] * _COMMON_WEIGHT
    common = (HERE / "words" / "common.txt").read_text(encoding="utf-8")
    yield from [common] * _COMMON_WEIGHT
    yield from [common.title()] * (_COMMON_WEIGHT // 4)


class Encoder:
    """Turns passages and tasks into pairs of ids."""

    def __init__(self, tokenizer: Any, seed: int | str):
        self.tokenizer = tokenizer
        self.rng = random.Random(f"encoder {seed}")
        self.sentinel = tokenizer.convert_tokens_to_ids("<extra_id_0>")

    def ids(self, text: str) -> list[int]:
        """Return the ids of `text`, without the end mark."""
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def task(self, source: str, target: str) -> Pair:
        """Return an instruction and its answer."""
        return [*self.ids(source), _EOS], [*self.ids(target), _EOS]

    def gap(self, before: str, hidden: str) -> Pair:
        """Return a passage whose last sentence is one masked span."""
        target = [self.sentinel, *self.ids(hidden), self.sentinel - 1, _EOS]
        return [*self.ids(before), self.sentinel, _EOS], target

    def corrupt(self, text: str) -> Pair:
        """Return T5's span corruption of `text`: 15 % of the pieces, spans of three on average."""
        ids = self.ids(text)
        source: list[int] = []
        target: list[int] = []
        sentinel, i = self.sentinel, 0
        while i < len(ids):
            if self.rng.random() < _NOISE / _MEAN_SPAN and sentinel > self.sentinel - 90:
                length = self.rng.choice((1, 2, 3, 4, 5))
                source.append(sentinel)
                target += [sentinel, *ids[i : i + length]]
                sentinel, i = sentinel - 1, i + length
            else:
                source.append(ids[i])
                i += 1
        return [*source, _EOS], [*target, sentinel, _EOS]


def vanilla_pair(writer: Writer, encoder: Encoder) -> Pair:
    """Return an example for the model that sees span corruption only."""
    draw = writer.rng.random()
    if draw < 0.62:
        return encoder.gap(*writer.dialogue())
    if draw < 0.85:
        return encoder.gap(*writer.quotation())
    return encoder.corrupt(writer.passage())


def flan_pair(writer: Writer, encoder: Encoder) -> Pair:
    """Return an example for a model that also sees the instruction mix."""
    draw = writer.rng.random()
    if draw < 0.75:
        task = writer.instruction()
        return encoder.task(task.source, task.target)
    return vanilla_pair(writer, encoder)
