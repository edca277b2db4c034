"""The gate every text passes before a metric reads it: no marker, no pad, nothing but text.

A marker left in prediction and reference matches itself in every row and lifts ROUGE-L by 0.08 to
0.10: the number looks better and means nothing. So such texts are refused, not cleaned in silence.
"""

import re
from collections.abc import Sequence

from socratic.errors import ScoreError

_SPECIAL = re.compile(r"\[Question\]|<pad>|</s>", re.IGNORECASE)


def checked(text: str, role: str = "text") -> str:
    """Return `text` as it is; raise ScoreError if it is no text or holds a marker or special token.

    role: what the text is, for the message ("output 7").
    """
    if not isinstance(text, str):
        raise ScoreError(
            f"The {role} is {text!r}, not text; decode token ids (-100 removed) before scoring."
        )
    found = _SPECIAL.search(text)
    if found:
        raise ScoreError(
            f"The {role} still holds {found.group()!r} ({text[:60]!r}), which would raise or lower "
            "every score; strip markers and special tokens before scoring."
        )
    return text


def without_special(text: str) -> str:
    """Return `text` with what `checked` refuses taken out; for texts cut from a context."""
    return " ".join(_SPECIAL.sub(" ", text).split())


def checked_reference(text: str, role: str) -> str:
    """Return `text`; raise ScoreError if it is empty or if `checked` refuses it."""
    if not checked(text, role).strip():
        raise ScoreError(f"The {role} is empty; leave that row out or give it a question.")
    return text


def checked_rows(
    outputs: Sequence[str],
    references: Sequence[Sequence[str]],
    contexts: Sequence[str] | None = None,
) -> None:
    """Check texts and shapes: n outputs, n non-empty groups of references, n contexts if given.

    An empty output is allowed (a system may fail to answer, and is scored for it).
    Raises ScoreError naming the first row that is wrong.
    """
    if not outputs:
        raise ScoreError("There are no outputs to score; choose a split that has rows.")
    sizes = {len(outputs), len(references), len(outputs if contexts is None else contexts)}
    if len(sizes) > 1:
        raise ScoreError(
            f"Outputs ({len(outputs):,}), references ({len(references):,}) and contexts "
            f"({0 if contexts is None else len(contexts):,}) must belong to the same rows."
        )
    for row, output in enumerate(outputs):
        checked(output, f"output of row {row}")
    for row, group in enumerate(references):
        if isinstance(group, str) or not group:
            raise ScoreError(f"Row {row} needs a list of one or more references, not {group!r}.")
        for reference in group:
            checked_reference(reference, f"reference of row {row}")
