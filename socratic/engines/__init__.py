"""How tokens are made: one small interface, a module per engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from socratic.decoding import Decoding


@dataclass(frozen=True)
class Output:
    """What one input became. questions: the candidates, best first, without the marker.

    new_tokens: tokens made for the first candidate. read, total: input tokens read, and there.
    """

    questions: tuple[str, ...]
    new_tokens: int
    read: int
    total: int


class Engine(Protocol):
    """Turns input texts into questions."""

    @property
    def name(self) -> str:
        """What is recorded beside times and scores."""

    def generate(self, inputs: Sequence[str], decoding: Decoding) -> list[Output]:
        """Return one output per input, in order, computed as one batch.

        Raises GenerationError in one sentence when it cannot.
        """
