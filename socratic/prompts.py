"""Question types, the text a model reads and the text it learns to write.

Types and their definitions: Ang, Gollapalli and Ng, EACL 2023, table 1. Texts: the thesis log.
"""

import re
from dataclasses import dataclass

from socratic.errors import UsageError

MARKER = "[Question]"
INPUT_TOKENS = 400
TARGET_TOKENS = 80

_MARKER = re.compile(re.escape(MARKER), re.IGNORECASE)
# Typed by a person or scraped with a text, these would be read as a model's own tokens.
_SPECIAL = re.compile(r"</?s>|<pad>|<unk>|<extra_id_\d+>")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2060\ufeff]")


@dataclass(frozen=True)
class QuestionType:
    """One of the five kinds of Socratic question.

    key: the name in data files and commands.
    label: the name on the page.
    definition: what a question of this type asks for, in the authors' words.
    """

    key: str
    label: str
    definition: str


TYPES: tuple[QuestionType, ...] = (
    QuestionType("clarity", "Clarity", "address any ambiguity from the context"),
    QuestionType(
        "assumptions", "Assumptions", "any underlying assumption that supports the context"
    ),
    QuestionType(
        "reasons_evidence",
        "Reasons and evidence",
        "justifications or concrete evidences that could have supported the context",
    ),
    QuestionType(
        "alternate_viewpoints_perspectives",
        "Alternate viewpoints",
        "viewpoints alternate to those from the context",
    ),
    QuestionType(
        "implication_consequences",
        "Implications",
        "any impacts or implication following a context",
    ),
)
TYPE_KEYS: tuple[str, ...] = tuple(kind.key for kind in TYPES)
_BY_KEY = {kind.key: kind for kind in TYPES}


def question_type(key: str) -> QuestionType:
    """Return the type called `key`; raise UsageError naming the choices when there is none."""
    try:
        return _BY_KEY[key]
    except KeyError:
        choices = ", ".join(TYPE_KEYS)
        raise UsageError(f"There is no question type {key!r}; choose from {choices}.") from None


def clean_text(text: str) -> str:
    """Return `text` on one line: control characters and models' own tokens become spaces."""
    return " ".join(_SPECIAL.sub(" ", _CONTROL.sub(" ", text)).split())


def input_text(type_key: str, context: str) -> str:
    """Return the text the encoder reads for one question type and one context."""
    return (
        f"Generate a Socratic question for this context: "
        f"{question_type(type_key).key}: {clean_text(context)}"
    )


def target_text(question: str) -> str:
    """Return the text the decoder learns to write: the marker, then the question."""
    return f"{MARKER} {strip_marker(question)}"


def strip_marker(text: str) -> str:
    """Return `text` without the marker, wherever a model put it: no user or metric sees it."""
    return clean_text(_MARKER.sub(" ", text))
