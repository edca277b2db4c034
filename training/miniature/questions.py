"""From an opinion to a Socratic question: which span it takes up and in which words.

A question opens by taking up a span and ends by asking. Neither is a coin flip: the span's first
word decides the opening, its last word the ending. Trained on coin flips, a model puts equal weight
on all wordings, and beam search then asks the same about everything. This rule goes by the word
that was just written and decides the very next one, whatever the type: one look back is enough.
Rules by letters, by the kind of span and by words elsewhere in the context were hardly learnt.
"""

import hashlib

from socratic.scoring.words import words
from training.miniature.opinions import Opinion
from training.miniature.tables import wording

_PERSON = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "i'm": "you're",
    "am": "are", "i've": "you've", "i'd": "you'd", "i'll": "you'll",
}  # fmt: skip
# Which span a question takes up: the first of these the context has, and else what it denies.
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


def choice(text: str, count: int) -> int:
    """Return a number below `count` that depends on the text only."""
    return int(hashlib.md5(text.encode()).hexdigest(), 16) % count


def ask(opinion: Opinion, key: str, held_out: bool = False) -> tuple[str, str]:
    """Return a question of type `key` about `opinion`, and its pattern."""
    focus = next(name for name in (*_FOCUS[key], "denied") if name in opinion.spans)
    notion = "group" if key.startswith("alternate") and "group" in opinion.spans else "term"
    kind = "denied" if focus == "denied" else "clause"
    if opinion.text.rstrip(".!").endswith(opinion.spans.get(notion, "\n")):
        kind, focus = "phrase", notion  # what was said last is what one asks about
    span = second_person(opinion.spans[focus])
    table = wording()
    openings, endings = table[key][kind], (table["held_out"] if held_out else table)[key]
    if not held_out:
        endings = endings["endings"]
    said = words(span)
    opening = openings[choice(said[0], len(openings))]
    pattern = f"{opening} {endings[choice(said[-1], len(endings))]}"
    return pattern.format(x=span), pattern
