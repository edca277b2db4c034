"""A rating round: its items and the questions of each, fixed when it is made.

Identical questions of several models are one candidate, so that no rater judges a text twice.
What a rater is shown are `order.Sheet`s, which hold no names.
"""

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from socratic import catalog
from socratic.data import Row, context_key
from socratic.errors import UsageError
from socratic.prompts import TYPE_KEYS

MAX_ITEMS = 2000
MAX_MODELS = 8
FIVE = Field(ge=1, le=5)
# Python floats and dictionaries do not go in here: equal content must hash equally everywhere.
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Rated(BaseModel):
    """A system whose questions are rated. key: unique in the round. title: its name on the page."""

    model_config = _FROZEN

    key: str
    title: str
    family: str = "own"
    colour: str = Field(catalog.GREY, pattern=r"^#[0-9A-Fa-f]{6}$")


class Candidate(BaseModel):
    """One question of an item. systems: keys of all who asked it."""

    model_config = _FROZEN

    text: str
    systems: tuple[str, ...] = Field(min_length=1)


class Item(BaseModel):
    """What is judged at one time: a context, a type, the different questions asked."""

    model_config = _FROZEN

    context: str
    type: str
    candidates: tuple[Candidate, ...] = Field(min_length=1)


class Round(BaseModel):
    """A round. made: how its questions came about, in words."""

    model_config = _FROZEN

    data: str
    sha256: str
    split: str
    seed: int
    decoding: str
    made: str
    created: float
    systems: tuple[Rated, ...] = Field(min_length=1, max_length=MAX_MODELS)
    items: tuple[Item, ...] = Field(min_length=1, max_length=MAX_ITEMS)

    @property
    def id(self) -> str:
        """A name made of the content: equal rounds have one, made anywhere at any time."""
        content = self.model_dump_json(exclude={"created", "made"})
        slug = re.sub(r"\W+", "-", self.data.lower()).strip("-")[:24] or "data"
        digest = hashlib.sha256(content.encode()).hexdigest()[:8]
        return f"{slug}-{self.split}-{len(self.items)}-{digest}"

    def title_of(self, system: str) -> str:
        """Return the name of a system by its key."""
        return next(one.title for one in self.systems if one.key == system)


class Mark(BaseModel):
    """What a rater says of one question (Ang et al. 2023, human evaluation).

    answered: whether the answer to the question stands in the passage.
    """

    model_config = _FROZEN

    fluency: int = FIVE
    relevance: int = FIVE
    answered: bool


State = Literal["rated", "skipped", "withdrawn"]


class Rating(BaseModel):
    """One rater's judgement of one item. marks: one per candidate, in the round's order.

    choice: the candidate the rater would ask, None for none of them. A skipped or withdrawn
    rating holds neither marks nor choice nor note.
    """

    model_config = _FROZEN

    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    item: int = Field(ge=0, lt=MAX_ITEMS)
    rater: str = Field(min_length=1, max_length=80)
    state: State
    submitted: float
    marks: tuple[Mark, ...] = ()
    choice: int | None = Field(None, ge=0)
    note: str = Field("", max_length=2000)


def pick(rows: Sequence[Row], count: int, seed: int) -> list[Row]:
    """Return `count` rows of different context and type, the types as equally often as can be.

    Equal seeds pick equal rows. Raises UsageError when `count` is no number of items there are.
    """
    unique = {(context_key(row.context), row.type): row for row in reversed(rows)}
    if not 1 <= count <= min(len(unique), MAX_ITEMS):
        raise UsageError(
            f"{count} items cannot be picked; give 1 to {min(len(unique), MAX_ITEMS):,}: the split "
            f"has {len(unique):,} different pairs of context and type."
        )
    chance = random.Random(f"pick {seed}")
    piles: dict[str, list[Row]] = {key: [] for key in TYPE_KEYS}
    for key in sorted(unique):
        piles[key[1]].append(unique[key])
    for pile in piles.values():
        chance.shuffle(pile)
    turns = [(place, key) for key, pile in piles.items() for place in range(len(pile))]
    # Who comes first at each turn is drawn, so that the rest of a division favours no type.
    turns.sort(key=lambda turn: (turn[0], chance.random()))
    picked = [piles[key][place] for place, key in turns[:count]]
    chance.shuffle(picked)
    return picked


def item_of(row: Row, questions: Mapping[str, str]) -> Item:
    """Return the item of a row; `questions`: system key -> its question, equal ones are merged."""
    merged: dict[str, list[str]] = {}
    for system, text in questions.items():
        merged.setdefault(text, []).append(system)
    candidates = tuple(Candidate(text=t, systems=tuple(names)) for t, names in merged.items())
    return Item(context=row.context, type=row.type, candidates=candidates)
