"""From an opinion to a Socratic question: which span it takes up and in which words.

The wording is no coin flip: it is decided by the letters of a word of the span. Under beam search
a model trained on coin flips asks its one most probable question for ever; a model trained on a
rule asks differently about different things.
"""

import hashlib
import re

from training.miniature.opinions import Opinion
from training.miniature.tables import patterns

_LONG_WORD = 5
_KEY_LETTERS = 4
_PERSON = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "i'm": "you're",
    "am": "are", "i've": "you've", "i'd": "you'd", "i'll": "you'll",
}  # fmt: skip
# Long words too common to decide anything.
_COMMON = frozenset(
    ("should", "would", "could", "there", "their", "these", "those", "people", "about", "which")
    + ("because", "being", "every", "never")
)
_NO_ACTOR = ("nobody", "no one", "nothing")

# Which span a question takes up: the first of these the context has.
_FOCUS = {
    "clarity": ("claim",),
    "assumptions": ("claim",),
    "reasons_evidence": ("cause", "claim"),
    "alternate_viewpoints_perspectives": ("claim",),
    "implication_consequences": ("effect", "claim"),
}


def second_person(span: str) -> str:
    """Return `span` as one says it to the person who wrote it: "my car" becomes "your car"."""
    tokens = span.split()
    for i, token in enumerate(tokens):
        low = token.lower().replace("’", "'")
        if low == "was" and i and tokens[i - 1].lower() in ("i", "you"):
            tokens[i] = "were"
        elif low in _PERSON:
            tokens[i] = _PERSON[low]
    return " ".join(tokens)


def key_word(span: str) -> str:
    """Return the letters that decide the wording: the start of the first long word."""
    plain: list[str] = re.findall(r"[a-z]+", span.lower()) or ["x"]
    long = (word for word in plain if len(word) >= _LONG_WORD and word not in _COMMON)
    word = next(long, plain[-1])
    return word[:_KEY_LETTERS]


def choice(span: str, count: int) -> int:
    """Return a number below `count` that depends on the key word only."""
    return int(hashlib.md5(key_word(span).encode()).hexdigest(), 16) % count


def _actor(span: str) -> tuple[str, str] | None:
    if " should " not in span:
        return None
    who, action = span.split(" should ", 1)
    if who in _NO_ACTOR or action.split()[0] in ("not", "never", "be"):
        return None
    return who, action


def ask(opinion: Opinion, key: str, held_out: bool = False) -> tuple[str, str]:
    """Return a question of type `key` about `opinion`, and its pattern."""
    table = patterns(held_out)[key]
    focus = next(name for name in _FOCUS[key] if name in opinion.spans)
    span = opinion.spans[focus]
    clauses, nouns, modals = table["clause"], table["phrase"], table["modal"]
    index = choice(span, len(clauses) + len(nouns))
    actor = _actor(span)
    phrase = opinion.spans.get(
        "group" if key.startswith("alternate") and "group" in opinion.spans else "term"
    )
    if index >= len(clauses) and phrase and focus == "claim":
        pattern = nouns[index - len(clauses)]
        return pattern.format(x=second_person(phrase)), pattern
    if actor and focus == "claim":
        pattern = modals[index % len(modals)]
        return pattern.format(s=second_person(actor[0]), v=second_person(actor[1])), pattern
    pattern = clauses[index if index < len(clauses) else 2 * (index - len(clauses))]
    return _finish(pattern.format(x=second_person(span))), pattern


def _finish(question: str) -> str:
    return question[0].upper() + question[1:]
