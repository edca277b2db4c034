"""Asking every adapter about the prepared examples, for the day one cannot be loaded."""

from collections.abc import Iterator
from pathlib import Path

from socratic import decoding, generation, recordings, systems
from socratic.generation import Request
from socratic.pool import Pool
from socratic.prompts import TYPE_KEYS, clean_text
from socratic.recordings import Recording
from socratic.systems import System
from socratic.workspace import Workspace


def place(workspace: Workspace, bundled: bool) -> Path:
    """Return the file that keeps the recordings of the workspace, or of the shipped family."""
    return recordings.BUNDLED if bundled else workspace.root / recordings.NAME


def everything(workspace: Workspace, bundled: bool) -> Iterator[tuple[System, str]]:
    """Record one adapter after the other, yielding each with why it could not be, or nothing.

    What could be recorded is kept at the end, in place of what was there.
    """
    kept: list[Recording] = []
    for system in systems.available(workspace):
        if system.bundled == bundled:
            made, problem = _recorded(system, workspace)
            kept += made
            yield system, problem
    recordings.write(place(workspace, bundled), kept)


def _recorded(system: System, workspace: Workspace) -> tuple[list[Recording], str]:
    pool = Pool(workspace)
    answers: dict[str, dict[str, str]] = {}
    engine = ""
    for context in recordings.contexts():
        preset = decoding.preset(recordings.DECODING)
        request = Request(context, tuple(TYPE_KEYS), (system,), preset)
        (answer,) = generation.ask(request, pool)
        if answer.error or any(card.engine == recordings.ENGINE for card in answer.cards):
            return [], answer.error or answer.notes[-1]
        engine = answer.cards[0].engine
        answers[clean_text(context)] = {card.type: card.questions[0] for card in answer.cards}
    pool.unload()
    hashes = recordings.hashes(system, workspace)
    return [Recording(system=system.key, engine=engine, answers=answers, **hashes)], ""
