"""One context -> questions of several models and types, each model's as soon as it has them.

All types of a context make one batch per model; the smallest model goes first. Nothing here
imports torch until a model is loaded.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from socratic import memory, recordings
from socratic.access import Limits
from socratic.adapters import first_line
from socratic.decoding import MOST_CANDIDATES, Decoding
from socratic.engines import Output, Stop, never
from socratic.errors import Cancelled, GenerationError, SocraticError, UsageError
from socratic.pool import Pool
from socratic.prompts import clean_text, input_text, question_type
from socratic.systems import System

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
    """One cell of the grid. seconds: of the system's whole batch. engine: who made it.

    new_tokens: of each question. attempt: how often this cell alone was asked again.
    """

    system: str
    title: str
    type: str
    questions: tuple[str, ...]
    seconds: float
    new_tokens: tuple[int, ...]
    engine: str
    attempt: int = 0

    def records(self) -> list[dict[str, Any]]:
        """Return the questions as the contract's records, one per candidate."""
        return [
            {
                "model": self.system,
                "type": self.type,
                "question": question,
                "seconds": round(self.seconds, 3),
                "new_tokens": tokens,
                "engine": self.engine,
            }
            for question, tokens in zip(self.questions, self.new_tokens, strict=True)
        ]


@dataclass(frozen=True)
class Answer:
    """What one system says: cards, or one sentence of why not.

    notes: what was not as usual, in words. cut: the end of the context that was not read.
    """

    system: System
    cards: tuple[Card, ...] = ()
    error: str = ""
    notes: tuple[str, ...] = ()
    cut: str = ""

    def records(self) -> list[dict[str, Any]]:
        """Return the questions as the contract's records, one per candidate."""
        return [record for card in self.cards for record in card.records()]


def check(request: Request, limits: Limits | None = None) -> None:
    """Raise UsageError when nothing, or more than is allowed, is asked about, of or for."""
    if not clean_text(request.context):
        raise UsageError("The context is empty; write or paste an opinion to ask about.")
    if not request.types:
        raise UsageError("No question type is chosen; choose at least one.")
    if not request.systems:
        raise UsageError("No model is chosen; choose at least one to ask.")
    for key in request.types:
        question_type(key)
    if limits is not None:
        limits.check(request.context, len(request.systems), request.decoding)


def ask(request: Request, pool: Pool, stop: Stop = never) -> Iterator[Answer]:
    """Yield one answer per system, smallest first; a system that fails answers with its reason.

    Ends early, in the middle of a model too, once `stop` says so. Raises UsageError before the
    first answer when the request cannot be answered at all.
    """
    check(request, pool.limits)
    why = pool.settle()
    for system in sorted(request.systems, key=lambda system: system.size):
        if stop():
            return
        try:
            answer = _answer(system, request, pool, stop)
        except Cancelled:
            return
        except SocraticError as error:
            answer = _recorded(system, request, pool, str(error))
        pool.sweep(system)
        yield replace(answer, notes=(why, *answer.notes)) if why else answer


def _recorded(system: System, request: Request, pool: Pool, problem: str) -> Answer:
    """Return what a system answered to a prepared example earlier, said to be so; else why not."""
    known = recordings.find(system, request.context, pool.workspace)
    cards = tuple(
        Card(
            system=system.key,
            title=system.title,
            type=key,
            questions=(known[key],),
            seconds=0.0,
            new_tokens=(0,),
            engine=recordings.ENGINE,
        )
        for key in request.types
        if key in known
    )
    if not cards:
        return Answer(system, error=problem)
    note = f"{system.title}: {recordings.NOTE.format(problem)}"
    return Answer(system, cards, notes=(note,))


def again(first: Card, request: Request, pool: Pool, attempt: int, stop: Stop = never) -> Answer:
    """Return the answer for one cell of a request, asked for the `attempt`th time after `first`.

    The same each time: sampling goes on to the next seed, beam search to its next best. Raises
    UsageError when beam search has no more, Cancelled when `stop` says so.
    """
    system = next(system for system in request.systems if system.key == first.system)
    most = pool.limits.candidates if pool.limits else MOST_CANDIDATES
    decoding = request.decoding.again(attempt, most)
    alone = replace(request, systems=(system,), types=(first.type,), decoding=decoding)
    for answer in ask(alone, pool, stop):
        if answer.error:
            return answer
        if request.decoding.sample:
            return replace(answer, cards=(replace(answer.cards[0], attempt=attempt),))
        return replace(answer, cards=(_next_best(first, answer.cards[0], attempt),))
    raise Cancelled("Cancelled before the question was there.")


def _next_best(first: Card, wide: Card, attempt: int) -> Card:
    """Return the `attempt`th handful of a wide search, leaving out what `first` says."""
    found = dict(zip(wide.questions, wide.new_tokens, strict=True))
    others = [question for question in found if question not in first.questions]
    each = len(first.questions)
    questions = tuple(others[(attempt - 1) * each : attempt * each])
    if not questions:
        raise UsageError(
            f"Beam search has no other question for this cell after {len(first.questions)} and "
            f"{len(others)} more; switch sampling on, or change the context."
        )
    tokens = tuple(found[question] for question in questions)
    return replace(wide, questions=questions, new_tokens=tokens, attempt=attempt)


def _answer(system: System, request: Request, pool: Pool, stop: Stop) -> Answer:
    try:
        return _asked(system, request, pool, stop)
    except Exception as error:
        if not memory.ran_out(error):
            raise
        reason = first_line(error)
    # Out of the `except`, so that nothing holds what the error's frames held.
    others = set(pool.loaded()) - {system.key}
    pool.unload()
    if others:  # alone it may fit; the others are loaded again when they are asked
        return _answer(system, request, pool, stop)
    raise GenerationError(
        f"{system.title} did not fit into memory and was let go ({reason.rstrip('.')}); choose "
        "fewer types, beams or candidates, or a smaller model."
    )


def _asked(system: System, request: Request, pool: Pool, stop: Stop) -> Answer:
    engine = pool.engine(system)
    context = request.context[:MAX_CHARACTERS]
    start = time.perf_counter()
    inputs = [input_text(key, context) for key in request.types]
    outputs = engine.generate(inputs, request.decoding, stop)
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
    longest = max(outputs, key=lambda output: output.total)
    notes = (*engine.notes, *_notes(request.context, longest))
    return Answer(system, cards, notes=notes, cut=longest.cut)


def _notes(context: str, longest: Output) -> tuple[str, ...]:
    notes = []
    if len(context) > MAX_CHARACTERS:
        notes.append(
            f"The context has {len(context):,} characters; only the first {MAX_CHARACTERS:,} "
            "were looked at."
        )
    if longest.total > longest.read:
        notes.append(
            f"The input is {longest.total:,} tokens long; the first {longest.read:,} were read, "
            f"the last {len(longest.cut.split()):,} words of the context were not."
        )
    return tuple(notes)
