"""Diversity of the outputs among themselves: distinct-n, share of unique outputs, self-BLEU.

These describe the whole set, not rows: a resample with repeated rows would make the set look less
diverse than it is, so a bootstrap interval would be wrong. The intervals are the jackknife's
(Efron & Stein 1981): value +- t times its standard error, over leaving out one row (distinct,
unique; exact and cheap) or one twentieth of the rows (self-BLEU).
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from socratic.scoring.measures import Floats
from socratic.scoring.score import Score
from socratic.scoring.words import Gram, gram_counts, grams, stripped_words

SELF_BLEU_ROWS = 500
SELF_BLEU_SEED = 42
_GROUPS = 20
# Two-sided 95 % points: normal for many rows, Student's t with 19 degrees of freedom for 20 groups.
_NORMAL, _STUDENT_19 = 1.959964, 2.093024
# NLTK's smoothing "method1" (Chen & Cherry 2014), customary for self-BLEU (Zhu et al. 2018).
_EPSILON = 0.1
_ORDERS = 4


def distinct(outputs: Sequence[str], order: int) -> Score:
    """Return distinct-n: different n-grams over all n-grams, 0..1 (Li et al. 2016)."""
    rows = [grams(stripped_words(text), order) for text in outputs]
    how = f"distinct-{order}, lower-cased, punctuation stripped, all outputs; interval: jackknife"
    return _types_over_tokens(f"distinct{order}", rows, how)


def unique(outputs: Sequence[str]) -> Score:
    """Return the share of different outputs, 0..1, case and punctuation aside."""
    rows = [[" ".join(stripped_words(text))] for text in outputs]
    how = "different outputs over outputs, case and punctuation aside; interval: jackknife"
    return _types_over_tokens("unique", rows, how)


def _types_over_tokens(metric: str, rows: Sequence[Sequence[Hashable]], how: str) -> Score:
    """Score different items over items; leaving a row out takes only what it alone holds."""
    total = Counter(item for row in rows for item in row)
    tokens = np.array([len(row) for row in rows], dtype=np.float64)
    alone = np.array([_held_alone(row, total) for row in rows], dtype=np.float64)
    without = np.maximum(tokens.sum() - tokens, 1)
    value = len(total) / max(tokens.sum(), 1)
    return _score(metric, float(value), (len(total) - alone) / without, _NORMAL, how)


def _held_alone(row: Sequence[Hashable], total: Counter[Hashable]) -> int:
    return sum(total[item] == count for item, count in Counter(row).items())


def _score(metric: str, value: float, left_out: Floats, quantile: float, how: str) -> Score:
    """Return the score with its jackknife interval; `left_out`: value without each part."""
    parts = len(left_out)
    if parts < 2:
        return Score(metric=metric, value=value, implementation=how)
    error = quantile * float(np.sqrt((parts - 1) * np.var(left_out)))
    low, high = max(value - error, 0.0), min(value + error, 1.0)
    return Score(metric=metric, value=value, low=low, high=high, implementation=how)


def self_bleu(outputs: Sequence[str]) -> Score:
    """Return self-BLEU, 0..1: mean BLEU-4 of each output against all others (lower: more diverse).

    Over a fixed sample of 500 rows (all, where there are fewer): the value grows with the number of
    rows, so only equal numbers compare. One output alone has nothing to be compared with: 0.
    """
    picks = list(range(len(outputs)))
    if len(outputs) > SELF_BLEU_ROWS:
        random = np.random.default_rng(SELF_BLEU_SEED)
        picks = sorted(random.choice(len(outputs), SELF_BLEU_ROWS, replace=False).tolist())
    rows = [stripped_words(outputs[i]) for i in picks]
    how = (
        f"self-BLEU-4, mean of sentence BLEU against the other outputs, {len(rows)} rows, "
        "smoothing method1; interval: jackknife over groups of rows"
    )
    groups = min(_GROUPS, len(rows)) if len(rows) > 2 else 0
    left_out = [
        _mean_self_bleu([row for i, row in enumerate(rows) if i % groups != g])
        for g in range(groups)
    ]
    return _score("selfbleu", _mean_self_bleu(rows), np.array(left_out), _STUDENT_19, how)


def _mean_self_bleu(rows: Sequence[Sequence[str]]) -> float:
    if len(rows) < 2:
        return 0.0
    counts = [gram_counts(row, _ORDERS) for row in rows]
    most = [_two_highest([row[order] for row in counts]) for order in range(_ORDERS)]
    lengths = Counter(map(len, rows))
    scores = [
        _sentence_bleu(own, most, len(row), _closest(len(row), lengths))
        for row, own in zip(rows, counts, strict=True)
    ]
    return float(np.mean(scores))


def _two_highest(counters: Sequence[Counter[Gram]]) -> dict[Gram, tuple[int, int]]:
    """Return each n-gram's highest and second highest count in any one row.

    The highest count among the *other* rows is the second where this row holds the highest, so no
    pair of rows is ever compared.
    """
    most: dict[Gram, tuple[int, int]] = {}
    for counter in counters:
        for gram, count in counter.items():
            first, second = most.get(gram, (0, 0))
            if count > first:
                most[gram] = (count, first)
            elif count > second:
                most[gram] = (first, count)
    return most


def _closest(length: int, lengths: Counter[int]) -> int:
    """Return the length nearest to `length` among the other rows, the shorter of two."""
    others = [size for size, rows in lengths.items() if rows > (size == length)]
    return min(others, key=lambda size: (abs(size - length), size))


def _sentence_bleu(
    own: Sequence[Counter[Gram]],
    most: Sequence[dict[Gram, tuple[int, int]]],
    length: int,
    reference: int,
) -> float:
    logs: list[float] = []
    for counter, highest in zip(own, most, strict=True):
        matches = 0
        for gram, count in counter.items():
            first, second = highest[gram]
            matches += min(count, second if count == first else first)
        total = max(counter.total(), 1)
        if not logs and not matches:
            return 0.0
        logs.append(math.log((matches or _EPSILON) / total))
    brevity = min(0.0, 1 - reference / length)
    return math.exp(sum(logs) / len(logs) + brevity)
