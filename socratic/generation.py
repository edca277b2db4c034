"""One context -> questions of several models and types, each model's as soon as it has them.

All types of a context make one batch per model; the smallest model goes first. Nothing here
imports torch until a model is loaded.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from socratic import device
from socratic.decoding import Decoding
from socratic.engines import Engine, Output
from socratic.errors import SocraticError, UsageError
from socratic.prompts import clean_text, input_text, question_type
from socratic.systems import System
from socratic.workspace import Workspace

MAX_CHARACTERS = 100_000


@dataclass(frozen=True)
class Request:
    """What is asked: every type of every system."""

    context: str
    types: tuple[str, ...]
    systems: tuple[System, ...]
    decoding: Decoding


@dataclass(frozen=True)
class Card:
    """One cell of the grid. seconds: of the system's whole batch. engine: who made it."""

    system: str
    title: str
    type: str
    questions: tuple[str, ...]
    seconds: float
    new_tokens: int
    engine: str


@dataclass(frozen=True)
class Answer:
    """What one system says: cards, or one sentence of why not. notes: what was cut, in words."""

    system: System
    cards: tuple[Card, ...] = ()
    error: str = ""
    notes: tuple[str, ...] = ()

    def records(self) -> list[dict[str, Any]]:
        """Return the questions as the contract's records, one per candidate."""
        return [
            {
                "model": card.system,
                "type": card.type,
                "question": question,
                "seconds": round(card.seconds, 3),
                "new_tokens": card.new_tokens,
                "engine": card.engine,
            }
            for card in self.cards
            for question in card.questions
        ]


class Pool:
    """Keeps models loaded between requests; safe to use from several threads."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()

    def engine(self, system: System) -> Engine:
        """Return the engine of a system, loaded on first use; raise ModelError otherwise."""
        with self._lock:
            if system.key not in self._engines:
                self._engines[system.key] = self._load(system)
            return self._engines[system.key]

    def _load(self, system: System) -> Engine:
        from socratic.engines.torch_engine import TorchEngine
        from socratic.loading import load

        plan = device.plan(device.describe())
        return TorchEngine(load(system.model, plan, system.adapter, self._workspace))

    def loaded(self) -> list[str]:
        """Return the keys of the systems in memory."""
        return sorted(self._engines)

    def unload(self) -> None:
        """Let go of every model and give its memory back."""
        with self._lock:
            self._engines.clear()
        _give_back_memory()


def _give_back_memory() -> None:
    import gc
    import sys

    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def check(request: Request) -> None:
    """Raise UsageError when the context is empty or no type or model is chosen."""
    if not clean_text(request.context):
        raise UsageError("The context is empty; write or paste an opinion to ask about.")
    if not request.types:
        raise UsageError("No question type is chosen; choose at least one.")
    if not request.systems:
        raise UsageError("No model is chosen; choose at least one to ask.")
    for key in request.types:
        question_type(key)


def ask(request: Request, pool: Pool) -> Iterator[Answer]:
    """Yield one answer per system, smallest first; a system that fails answers with its reason.

    Raises UsageError before the first answer when the request cannot be answered at all.
    """
    check(request)
    for system in sorted(request.systems, key=lambda system: system.size):
        try:
            yield _answer(system, request, pool)
        except SocraticError as error:
            yield Answer(system, error=str(error))


def _answer(system: System, request: Request, pool: Pool) -> Answer:
    engine = pool.engine(system)
    context = request.context[:MAX_CHARACTERS]
    start = time.perf_counter()
    outputs = engine.generate([input_text(key, context) for key in request.types], request.decoding)
    seconds = time.perf_counter() - start
    cards = tuple(
        Card(
            system=system.key,
            title=system.title,
            type=key,
            questions=output.questions,
            seconds=seconds,
            new_tokens=output.new_tokens,
            engine=engine.name,
        )
        for key, output in zip(request.types, outputs, strict=True)
    )
    return Answer(system, cards, notes=_what_was_cut(request.context, outputs))


def _what_was_cut(context: str, outputs: list[Output]) -> tuple[str, ...]:
    notes = []
    if len(context) > MAX_CHARACTERS:
        notes.append(
            f"The context has {len(context):,} characters; only the first {MAX_CHARACTERS:,} "
            "were looked at."
        )
    longest = max(outputs, key=lambda output: output.total)
    if longest.total > longest.read:
        notes.append(
            f"The input is {longest.total:,} tokens long; the first {longest.read:,} were read, "
            "the rest of the context was cut."
        )
    return tuple(notes)
