"""Floors: what three systems that understand nothing score on the same rows.

A metric that a constant question nearly reaches says little about the models above it.
"""

import re
from collections.abc import Sequence

import numpy as np

from socratic.data import Row
from socratic.errors import ScoreError
from socratic.scoring.guard import without_special

CONSTANT = "Why do you think that is the case?"

_SENTENCE_END = re.compile(r"(?<=[.!?\u2026])[\"'\u2019\u201d)]*\s+")


def floors(rows: Sequence[Row], seed: int) -> dict[str, list[str]]:
    """Return the outputs of each floor system, n texts each, in the order of `rows`.

    constant question: the same for every row. shuffled references: human questions, each asked
    about another context. last sentence of the context: copied. Raises ScoreError without rows.
    """
    if not rows:
        raise ScoreError("There are no rows to compute floors on; choose a split that has rows.")
    return {
        "constant question": [CONSTANT] * len(rows),
        "shuffled references": _shuffled(rows, seed),
        "last sentence of the context": [last_sentence(row.context) for row in rows],
    }


def _shuffled(rows: Sequence[Row], seed: int) -> list[str]:
    """Return the rows' questions so that none stands at a row of its own context.

    Contexts in random order, each with its rows in a block, turned by the longest block: every row
    then meets another block (unless one context holds more than half of the rows).
    """
    blocks: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        blocks.setdefault(row.context, []).append(index)
    groups = list(blocks.values())
    order = [i for g in np.random.default_rng(seed).permutation(len(groups)) for i in groups[g]]
    turn = max(map(len, groups))
    shuffled = [""] * len(rows)
    for place, here in enumerate(order):
        shuffled[here] = rows[order[place - turn]].question
    return shuffled


def last_sentence(context: str) -> str:
    """Return the last sentence of `context`, all of it where no sentence ends before."""
    sentences = [part for part in _SENTENCE_END.split(without_special(context)) if part.strip()]
    return sentences[-1] if sentences else ""
