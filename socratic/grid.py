"""What was asked and what has been answered so far: a column per system, a row per type."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from socratic.generation import Answer, Card, Request
from socratic.prompts import TYPE_KEYS
from socratic.systems import System

Place = tuple[str, str]


@dataclass(frozen=True)
class Grid:
    """A request with its answers.

    again: cells that were asked again, by system and type. pending: the cell being asked again.
    ended: no more answers will come. started: when it was asked, seconds. notes: told above it.
    """

    request: Request
    answers: Mapping[str, Answer] = field(default_factory=dict)
    again: Mapping[Place, Card] = field(default_factory=dict)
    pending: Place | None = None
    ended: bool = False
    started: float = field(default_factory=time.time)
    notes: tuple[str, ...] = ()

    @property
    def systems(self) -> tuple[System, ...]:
        """The columns."""
        return self.request.systems

    @property
    def types(self) -> tuple[str, ...]:
        """The rows, in the order of the catalogue."""
        return tuple(key for key in TYPE_KEYS if key in self.request.types)

    @property
    def done(self) -> bool:
        """Whether every system has answered."""
        return len(self.answers) == len(self.systems)

    @property
    def busy(self) -> bool:
        """Whether something is still to come."""
        return self.pending is not None or not (self.done or self.ended)

    def with_answer(self, answer: Answer) -> "Grid":
        """Return the grid with one more answer."""
        return replace(self, answers={**self.answers, answer.system.key: answer})

    def with_card(self, card: Card) -> "Grid":
        """Return the grid with a cell replaced, and nothing pending."""
        again = {**self.again, (card.system, card.type): card}
        return replace(self, again=again, pending=None)

    def first(self, place: Place) -> Card | None:
        """Return what a cell said at first, or None."""
        answer = self.answers.get(place[0])
        cards = answer.cards if answer else ()
        return next((card for card in cards if card.type == place[1]), None)

    def card(self, place: Place) -> Card | None:
        """Return what a cell says now, or None."""
        return self.again.get(place) or self.first(place)
