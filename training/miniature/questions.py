"""From an opinion to a Socratic question: which span it takes up and in which words.

A question opens by taking up a span and ends by asking. The ending is no coin flip: it goes by the
first word of a list of everyday words that stands in the context. Under beam search a model trained
on coin flips asks its one most probable question for ever; a model that has learnt a rule asks
differently about different things. Rules about the letters of one word or about the kind of span
were tried first: in half an hour no model learnt them. README.md says how far this one was learnt.
"""

import hashlib
import re

from training.miniature.opinions import Opinion
from training.miniature.tables import wording

_PERSON = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "i'm": "you're",
    "am": "are", "i've": "you've", "i'd": "you'd", "i'll": "you'll",
}  # fmt: skip
# One question in five takes up a notion or a group, where the context names one.
_PHRASES = 5

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


def deciding(text: str) -> int:
    """Return the place of the first word of the list that stands in `text`; its length for none."""
    there, words = set(re.findall(r"[a-z]+", text.lower())), wording()["deciding"]
    return next((i for i, word in enumerate(words) if word in there), len(words))


def choice(text: str, count: int) -> int:
    """Return a number below `count` that depends on the text only."""
    return int(hashlib.md5(text.encode()).hexdigest(), 16) % count


def ask(opinion: Opinion, key: str, held_out: bool = False) -> tuple[str, str]:
    """Return a question of type `key` about `opinion`, and its pattern."""
    focus = next(name for name in _FOCUS[key] if name in opinion.spans)
    notion = "group" if key.startswith("alternate") and "group" in opinion.spans else "term"
    kind = "clause"
    if notion in opinion.spans and choice(opinion.text, _PHRASES) == 0:
        kind, focus = "phrase", notion
    span = second_person(opinion.spans[focus])
    table = wording()
    openings, endings = table[key][kind], (table["held_out"] if held_out else table)[key]
    if not held_out:
        endings = endings["endings"]
    opening = openings[choice(span, len(openings))]
    pattern = f"{opening} {endings[deciding(opinion.text) % len(endings)]}"
    return pattern.format(x=span), pattern
