"""The inputs of a result as JSON: copied, kept in a file, sent to somebody, they give it again.

An adapter is named with the hash of its weights, so that one that has changed since is noticed.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from socratic import adapters
from socratic.decoding import Decoding
from socratic.errors import ModelError, UsageError
from socratic.generation import MAX_CHARACTERS
from socratic.grid import Grid
from socratic.prompts import question_type
from socratic.systems import System

MAX_BYTES = 2**20
SHOWN = 300
MOST_SYSTEMS = 50
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Asked(BaseModel):
    """A system: its run id, model key, folder or Hub id, its adapter's hash, what it ran on."""

    model_config = _STRICT

    name: str = Field(min_length=1, max_length=1_000)
    adapter_sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    engine: str = Field("", max_length=100)


class Again(BaseModel):
    """A cell that was asked again, and how often."""

    model_config = _STRICT

    system: str = Field(max_length=1_000)
    type: str
    attempt: int = Field(ge=1, le=10_000)


class Inputs(BaseModel):
    """All that a grid of questions follows from."""

    model_config = _STRICT

    socratic_inputs: Literal[1] = 1
    context: str = Field(min_length=1, max_length=MAX_CHARACTERS)
    types: Annotated[list[str], Field(min_length=1, max_length=10)]
    systems: Annotated[list[Asked], Field(min_length=1, max_length=MOST_SYSTEMS)]
    decoding: Decoding
    again: Annotated[list[Again], Field(max_length=500)] = []

    @field_validator("types")
    @classmethod
    def _known(cls, types: list[str]) -> list[str]:
        for key in types:
            try:
                question_type(key)
            except UsageError as error:
                raise ValueError(str(error)) from None
        return types


def inputs_of(grid: Grid) -> Inputs:
    """Return what gives this grid again."""
    request = grid.request
    return Inputs(
        context=request.context[:MAX_CHARACTERS],
        types=list(request.types),
        systems=[_asked(system, grid) for system in request.systems],
        decoding=request.decoding,
        again=[
            Again(system=card.system, type=card.type, attempt=card.attempt)
            for card in grid.again.values()
        ],
    )


def _asked(system: System, grid: Grid) -> Asked:
    answer = grid.answers.get(system.key)
    engine = answer.cards[0].engine if answer and answer.cards else ""
    return Asked(name=system.key, adapter_sha256=_digest(system), engine=engine)


def as_json(inputs: Inputs) -> str:
    """Return inputs as the text that is copied."""
    return inputs.model_dump_json(indent=2)


def parse(text: str) -> Inputs:
    """Return the inputs a text holds; raise UsageError in one sentence when it holds none."""
    if not text.strip():
        raise UsageError("There are no inputs to use; paste the JSON that was copied here.")
    if len(text.encode()) > MAX_BYTES:
        raise UsageError(f"These inputs are too long to be some; at most {MAX_BYTES:,} bytes.")
    try:
        return Inputs.model_validate_json(text)
    except ValidationError as error:
        raise UsageError(f"These are not the inputs of a result: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = ".".join(map(str, problem["loc"])) or "the text"
    message = problem["msg"].removeprefix("Value error, ").rstrip(".")
    others = len(error.errors()) - 1
    more = f" (and {others} more problems)" if others else ""
    return f"{place[:SHOWN]}: {message[:SHOWN]}{more}."


def changed(inputs: Inputs, systems: Mapping[str, System]) -> list[str]:
    """Return a sentence for each adapter that is not the one these inputs were asked of."""
    told = []
    for asked in inputs.systems:
        system = systems.get(asked.name)
        if system is None or system.missing:
            continue  # its column says so itself
        now = _digest(system)
        if now != asked.adapter_sha256:
            told.append(
                f"The adapter of {system.title} has changed since (sha256 "
                f"{asked.adapter_sha256[:12] or 'none'} then, {now[:12] or 'none'} now): its "
                "questions may differ."
            )
    return told


def other_engines(inputs: Inputs, grid: Grid) -> list[str]:
    """Return a sentence for each engine that is not the one these inputs were asked of."""
    then = {asked.name: asked.engine for asked in inputs.systems}
    now = {asked.name: asked.engine for asked in inputs_of(grid).systems}
    pairs = {(then[name], now[name]) for name in then if now.get(name) and then[name]}
    return [
        f"Made with {before} then, with {after} now: questions may differ."
        for before, after in sorted(pairs)
        if before != after
    ]


def _digest(system: System) -> str:
    if system.adapter is None:
        return ""
    try:
        return _digest_of(system.adapter, adapters.stamp(system.adapter))
    except ModelError:
        return ""  # gone since: that it cannot be asked is told where it is asked


@lru_cache(maxsize=256)
def _digest_of(folder: Path, _: adapters.Stamp) -> str:
    return adapters.digest(folder)
