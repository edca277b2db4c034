"""Reads a question beside its context: what it took up, and whether it is one question.

copied(question, context)     the longest run of words taken from the context
takes_up(question, context)   whether a content word of the context is in it
"""

import functools
import hashlib
import re

from socratic.scoring.form import is_well_formed
from socratic.scoring.words import words
from training.miniature.questions import second_person
from training.miniature.tables import function_words, patterns

_SHORTEST = 3
_SENTENCE_INSIDE = re.compile(r"[.!?][\"”']?\s+[A-Z]")
_FILL = re.compile(r"\{\w\}")


@functools.cache
def _pattern_words() -> frozenset[str]:
    return frozenset(
        word
        for held_out in (False, True)
        for kinds in patterns(held_out).values()
        for items in kinds.values()
        for item in items
        for word in words(_FILL.sub(" ", item))
    )


def _is_content(word: str) -> bool:
    return len(word) >= _SHORTEST and word not in function_words() and not word.isdigit()


def copied(question: str, context: str) -> list[str]:
    """Return the longest run of words of the question that stands in the context.

    The context is read as it is and as said to its author ("my" as "your"). A run without a
    content word does not count: "of the" is in any text.
    """
    asked = words(question)
    best: list[str] = []
    for version in (context, second_person(context)):
        text = f" {' '.join(words(version))} "
        for start in range(len(asked)):
            end = start + len(best) + 1
            while end <= len(asked) and f" {' '.join(asked[start:end])} " in text:
                if any(map(_is_content, asked[start:end])):
                    best = asked[start:end]
                end += 1
    return best


def mask(question: str, span: list[str]) -> str:
    """Return the question with what it copied replaced: its pattern."""
    text = f" {' '.join(words(question))} "
    return text.replace(f" {' '.join(span)} ", " X ", 1).strip() if span else text.strip()


def takes_up(question: str, context: str) -> bool:
    """Tell whether a content word of the context, not owed to the pattern, is in the question."""
    there = set(words(context)) | set(words(second_person(context)))
    run = set(copied(question, context))
    return any(
        _is_content(word) and (word not in _pattern_words() or (word in run and len(run) > 1))
        for word in set(words(question)) & there
    )


def is_one_question(text: str) -> bool:
    """Tell whether `text` is one sentence that starts with a capital and asks."""
    first = next((c for c in text if c.isalnum()), "")
    one = not _SENTENCE_INSIDE.search(text) and text.count("?") == 1
    return is_well_formed(text) and first == first.upper() and one


def shuffled(context: str) -> str:
    """Return a key that puts contexts in an order that has nothing to do with them."""
    return hashlib.sha256(context.encode()).hexdigest()
