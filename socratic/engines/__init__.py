"""How tokens are made: one small interface, a module per engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from socratic.decoding import Decoding

Stop = Callable[[], bool]


def never() -> bool:
    """Answer that nobody has asked to stop."""
    return False


@dataclass(frozen=True)
class Output:
    """What one input became. questions: the candidates, best first, without the marker.

    new_tokens: tokens made for each question. read, total: input tokens read, and there.
    cut: the end of the input that was not read.
    """

    questions: tuple[str, ...]
    new_tokens: tuple[int, ...]
    read: int
    total: int
    cut: str = ""


def unread(text: str, spans: Sequence[tuple[int, int]], limit: int) -> str:
    """Return the end of `text` beyond `limit` tokens; spans: where each token stands in it."""
    if len(spans) <= limit:
        return ""
    # The last token read is the end mark, which takes the place of a word.
    return text[spans[limit - 2][1] :].strip()


class Engine(Protocol):
    """Turns input texts into questions."""

    @property
    def name(self) -> str:
        """What is recorded beside times and scores."""

    @property
    def memory(self) -> int:
        """Bytes its weights take."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found wrong with the model when it was loaded, in words."""

    def generate(
        self, inputs: Sequence[str], decoding: Decoding, stop: Stop = never
    ) -> list[Output]:
        """Return one output per input, in order, computed as one batch.

        What is drawn at random for an input depends on that input and the decoding alone, not on
        the others of its batch. `stop` is asked again and again while tokens are made.

        Raises Cancelled once `stop` says so, GenerationError in one sentence when it cannot.
        """
