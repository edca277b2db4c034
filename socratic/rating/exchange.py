"""A round in one file: exported with its ratings, rated elsewhere, merged back.

Who asked which question is sealed (encoded, not secret), so that opening the file in an editor
tells no rater anything by accident.
"""

import base64
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from socratic.errors import DataError
from socratic.rating import forms
from socratic.rating.rounds import Rating, Round
from socratic.rating.store import Merged, Store
from socratic.workspace import told

FORMAT = "socratic rating round"
MAX_BYTES = 64 * 1024 * 1024


class File(BaseModel):
    """The content of an exported file. round: sealed. id: of the round within."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["socratic rating round"]
    version: Literal[1]
    id: str
    round: str
    ratings: tuple[Rating, ...]


def export(round_: Round, ratings: Sequence[Rating]) -> str:
    """Return a round and its ratings as the text of one JSON file."""
    content = {
        "format": FORMAT,
        "version": 1,
        "id": round_.id,
        "round": _sealed(round_),
        "ratings": [one.model_dump(mode="json") for one in ratings],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _sealed(round_: Round) -> str:
    return base64.b64encode(zlib.compress(round_.model_dump_json().encode(), 9)).decode()


def _opened(sealed: str) -> Round:
    opener = zlib.decompressobj()
    text = opener.decompress(base64.b64decode(sealed, validate=True), MAX_BYTES)
    if opener.unconsumed_tail:
        raise ValueError("it is too large")
    return Round.model_validate_json(text)


def read(path: Path) -> tuple[Round, tuple[Rating, ...]]:
    """Return the round and the ratings of an exported file; raise DataError for any other."""
    try:
        file = File.model_validate_json(_content(path))
        round_ = _opened(file.round)
    except (ValidationError, ValueError, zlib.error) as error:
        raise DataError(
            f"{path.name} is no exported round ({_reason(error)}); give the .json or .csv file "
            "that `ratings export` or the page wrote."
        ) from None
    if round_.id != file.id:
        raise DataError(
            f"{path.name} was changed: its round is {round_.id}, not {file.id}; export it again."
        )
    seen: set[tuple[int, str]] = set()
    for one in file.ratings:
        _check(one, round_, path.name)
        if (one.item, one.rater.casefold()) in seen:
            raise DataError(f"{path.name} rates item {one.item + 1} twice for {one.rater!r}.")
        seen.add((one.item, one.rater.casefold()))
    return round_, file.ratings


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path.name} is larger than {MAX_BYTES // 2**20} MB.")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({told(error)}).") from error


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first: Any = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg'].lower()}"
    return str(error)


def _check(rating: Rating, round_: Round, name: str) -> None:
    """Raise DataError unless the rating fits an item of the round."""
    if rating.item >= len(round_.items):
        raise DataError(
            f"{name} rates item {rating.item + 1}; the round has {len(round_.items)} items."
        )
    count = len(round_.items[rating.item].candidates) if rating.state == "rated" else 0
    chosen = rating.choice is None or rating.choice < count
    if len(rating.marks) != count or not chosen:
        raise DataError(
            f"{name}: the rating of item {rating.item + 1} by {rating.rater!r} does not fit its "
            f"{len(round_.items[rating.item].candidates)} questions."
        )


def merge(path: Path, store: Store) -> tuple[str, Merged]:
    """Merge an exported file, or a filled-in CSV form, and return the round's id and what came.

    Nothing is counted twice; all or nothing is kept. Raises DataError for what cannot be used.
    """
    ratings: Sequence[Rating]
    if path.suffix.lower() == ".csv":
        round_, ratings = forms.read(path, _content(path), store)
    else:
        round_, ratings = read(path)
    return round_.id, store.merge(round_, ratings)


def describe(name: str, merged: Merged) -> str:
    """Return in words what a merge did."""
    words = f"Round {name}: {merged.added} ratings added, {merged.known} were here already"
    if merged.withdrawn:
        words += f", {merged.withdrawn} withdrawn"
    if merged.conflicts:
        shown = ", ".join(f"item {item + 1} by {rater}" for rater, item in merged.conflicts[:5])
        more = " and others" if len(merged.conflicts) > 5 else ""
        words += (
            f"; {len(merged.conflicts)} differ from what is here and were left out "
            f"({shown}{more}): ours stay"
        )
    return f"{words}."
