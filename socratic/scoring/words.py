"""Texts -> words and n-grams, the two ways the metrics here need them."""

import re
import string
from collections import Counter
from collections.abc import Sequence

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
WORD = re.compile(r"\w+(?:['\u2019]\w+)*")

Gram = tuple[str, ...]


def stripped_words(text: str) -> list[str]:
    """Return lower-cased words with ASCII punctuation turned into spaces.

    Source: the default tokenizer of jury 2.2, the library the baselines were scored with.
    """
    return _PUNCTUATION.sub(" ", text).lower().split()


def words(text: str) -> list[str]:
    """Return lower-cased words of any script, contractions whole ("don't" is one word)."""
    return WORD.findall(text.lower())


def grams(tokens: Sequence[str], order: int) -> list[Gram]:
    """Return the n-grams of `tokens`, in their order."""
    return [tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1)]


def gram_counts(tokens: Sequence[str], orders: int) -> list[Counter[Gram]]:
    """Return how often each n-gram occurs, one counter per order 1..`orders`."""
    return [Counter(grams(tokens, order)) for order in range(1, orders + 1)]


def clipped(wanted: Counter[Gram], allowed: Counter[Gram]) -> int:
    """Return how many n-grams of `wanted` are matched, each at most as often as allowed."""
    return sum(min(count, allowed[gram]) for gram, count in wanted.items() if gram in allowed)
