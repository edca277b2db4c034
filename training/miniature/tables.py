"""The tables the corpus is made of: topics, question patterns, frames of opinions, words.

All are plain files in this folder, read once. `python -m training miniature build` uses them.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from socratic.prompts import TYPE_KEYS

HERE = Path(__file__).resolve().parent

_NOT_A_PHRASE = frozenset(
    ("nobody", "nothing", "everybody", "everyone", "anybody", "we", "they", "it", "there", "what")
    + ("most", "without", "revenge", "free")
)
_OPEN_END = frozenset(
    ("who", "that", "what", "to", "only", "a", "than", "we", "they", "it", "and", "or", "me")
    + ("you", "over", "people", "from", "could")
)
_MAX_SUBJECT = 5
# Of spans, by which a question opens; see patterns.yaml.
KINDS = ("clause", "denied", "phrase")


@dataclass(frozen=True)
class Topic:
    """One topic: what people say about it. Every entry is a clause or a noun phrase.

    claims and should: opinions. why: reasons. so: consequences. but: a concession.
    who: groups. terms: notions worth defining.
    """

    name: str
    field: str
    claims: tuple[str, ...]
    should: tuple[str, ...]
    why: tuple[str, ...]
    so: tuple[str, ...]
    but: tuple[str, ...]
    who: tuple[str, ...]
    terms: tuple[str, ...]


@dataclass(frozen=True)
class Words:
    """Words by part of speech. Nouns: (singular, plural); verbs: (base, -s, -ing, past)."""

    nouns: tuple[tuple[str, ...], ...]
    verbs: tuple[tuple[str, ...], ...]
    adjectives: tuple[str, ...]
    adverbs: tuple[str, ...]
    others: tuple[str, ...]
    rare: tuple[str, ...]


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@functools.cache
def topics() -> tuple[Topic, ...]:
    """Return every topic, in the order of the files."""
    return tuple(
        Topic(name, path.stem, **{key: tuple(value) for key, value in entry.items()})
        for path in sorted((HERE / "topics").glob("*.yaml"))
        for name, entry in _yaml(path).items()
    )


@functools.cache
def phrases() -> dict[str, tuple[str, ...]]:
    """Return the frames opinions are made of."""
    return {key: tuple(value) for key, value in _yaml(HERE / "phrases.yaml").items()}


@functools.cache
def grammar_words() -> dict[str, tuple[str, ...]]:
    """Return the function words of the random grammar."""
    return {key: tuple(value) for key, value in _yaml(HERE / "grammar.yaml").items()}


@functools.cache
def wording() -> dict[str, Any]:
    """Return by type openings, for each of KINDS, and `endings`; `held_out` has more of these."""
    return dict(_yaml(HERE / "patterns.yaml"))


@functools.cache
def patterns(held_out: bool = False) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return question patterns by type and kind of span; `held_out` ones are for tests only."""
    table = wording()
    return {
        key: {
            kind: tuple(f"{opening} {ending}" for opening in table[key][kind] for ending in endings)
            for kind in KINDS
        }
        for key, endings in (
            (key, table["held_out"][key] if held_out else table[key]["endings"])
            for key in TYPE_KEYS
        )
    }


def _lines(name: str) -> list[str]:
    return (HERE / "words" / f"{name}.txt").read_text(encoding="utf-8").splitlines()


@functools.cache
def words() -> Words:
    """Return the word lists."""
    return Words(
        nouns=tuple(tuple(line.split()) for line in _lines("nouns")),
        verbs=tuple(tuple(line.split()) for line in _lines("verbs")),
        adjectives=tuple(_lines("adjectives")),
        adverbs=tuple(_lines("adverbs")),
        others=tuple(_lines("others")),
        rare=tuple(_lines("rare")),
    )


@functools.cache
def function_words() -> frozenset[str]:
    """Return the words that say nothing by themselves."""
    return frozenset(_lines("function"))


@functools.cache
def _finite_verbs() -> frozenset[str]:
    return frozenset(_lines("finite"))


def subject(clause: str) -> str | None:
    """Return the noun phrase a clause starts with, or None where that is not plain to see."""
    tokens = clause.split()
    for i, token in enumerate(tokens[: _MAX_SUBJECT + 1]):
        if i and token in _finite_verbs():
            head = tokens[:i]
            plain = head[0] not in _NOT_A_PHRASE and not _OPEN_END & set(head[1:])
            return " ".join(head) if plain and head[-1] not in _OPEN_END else None
    return None
