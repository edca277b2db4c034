"""The form of `assets/baselines.json`; a number that was not published is absent, never zero."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Paper(_Strict):
    """Where numbers were published; doi None for what was not."""

    citation: str
    doi: str | None


class PublishedScore(_Strict):
    """One number: in which table, how it was computed, whether ours compare, and why not."""

    metric: str
    value: FiniteFloat
    table: str
    implementation: str
    comparable: bool
    reason: str


class PublishedSystem(_Strict):
    """One system. n: rows of the split, None where not stated."""

    name: str
    paper: str
    training: str
    split: str
    n: int | None
    decoding: str
    scores: list[PublishedScore]


class Published(_Strict):
    """The whole file."""

    format: Literal[1]
    papers: dict[str, Paper]
    systems: list[PublishedSystem]
