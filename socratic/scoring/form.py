"""The form of the outputs: well-formed as questions, how long, how much of them copied."""

import re
from collections import Counter
from collections.abc import Sequence

from socratic.scoring.measures import Measure, mean, share
from socratic.scoring.words import grams, words

_FEWEST_WORDS, _MOST_WORDS = 3, 60
_REPEATS = 3
_STARTS_LIKE_TEXT = re.compile(r"^[\"'\u2018\u201c(\[]*\w")
_ENDS_AS_QUESTION = re.compile(r"\?[\"'\u2019\u201d)\]]*$")


def is_well_formed(text: str) -> bool:
    """Tell whether `text` reads as one complete question.

    It starts with a word, ends with a question mark, has 3 to 60 words, and does not loop: no three
    words in a row come three times. Grammar and sense are for people to judge.
    """
    line = text.strip()
    tokens = words(line)
    if not (_STARTS_LIKE_TEXT.search(line) and _ENDS_AS_QUESTION.search(line)):
        return False
    looped = any(count >= _REPEATS for count in Counter(grams(tokens, 3)).values())
    return _FEWEST_WORDS <= len(tokens) <= _MOST_WORDS and not looped


def form(outputs: Sequence[str], contexts: Sequence[str]) -> list[Measure]:
    """Return share well-formed, mean length in words, and share of words found in the context."""
    tokens = [words(text) for text in outputs]
    found = [_copied(row, context) for row, context in zip(tokens, contexts, strict=True)]
    lengths = [float(len(row)) for row in tokens]
    return [
        mean(
            "wellformed",
            [float(is_well_formed(text)) for text in outputs],
            "starts with a word, ends with '?', 3 to 60 words, no loop; share of rows",
        ),
        mean("length", lengths, "words, contractions whole; mean over rows"),
        share(
            "copied",
            found,
            lengths,
            "output words that stand in the context, lower-cased; over all words of all outputs",
        ),
    ]


def _copied(tokens: Sequence[str], context: str) -> float:
    known = set(words(context))
    return float(sum(token in known for token in tokens))
