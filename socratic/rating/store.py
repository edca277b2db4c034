"""Rounds and ratings in SQLite, `ratings/ratings.sqlite` of the workspace.

A rating is one row, written in one transaction that is on the disk before the rater is told (WAL,
synchronous FULL): a kill -9 loses at most the item on screen. One rater has one row per item,
whoever submits it how often from how many tabs.
"""

import contextlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from socratic.errors import RatingError, UsageError, WorkspaceError
from socratic.rating.rounds import Rating, Round, State
from socratic.workspace import Workspace, told

BUSY_SECONDS = 5.0
_ROUNDS = """
CREATE TABLE IF NOT EXISTS rounds (
  id TEXT PRIMARY KEY, created REAL NOT NULL, content TEXT NOT NULL
) STRICT
"""
_RATINGS = """
CREATE TABLE IF NOT EXISTS ratings (
  round TEXT NOT NULL REFERENCES rounds (id),
  item INTEGER NOT NULL,
  rater TEXT NOT NULL COLLATE NOCASE,
  id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('rated', 'skipped', 'withdrawn')),
  submitted REAL NOT NULL,
  marks TEXT NOT NULL,
  choice INTEGER,
  note TEXT NOT NULL,
  UNIQUE (round, item, rater)
) STRICT
"""
# A skipped item may be rated later; what is rated or withdrawn stays.
_SUBMIT = """
INSERT INTO ratings (round, item, rater, id, state, submitted, marks, choice, note)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (round, item, rater) DO UPDATE SET id = excluded.id, state = excluded.state,
  submitted = excluded.submitted, marks = excluded.marks, choice = excluded.choice,
  note = excluded.note
WHERE ratings.state = 'skipped'
"""
# What is withdrawn is gone; only that it was withdrawn stays, so that it does not come back.
_WITHDRAW = """
UPDATE ratings SET state = 'withdrawn', marks = '[]', choice = NULL, note = ''
WHERE round = ? AND item = ? AND rater = ? AND state = 'rated'
"""
_COLUMNS = "id, item, rater, state, submitted, marks, choice, note"


@dataclass(frozen=True)
class Summary:
    """A round in a list. rated: ratings in it; raters: by how many."""

    id: str
    created: float
    rated: int
    raters: int


@dataclass(frozen=True)
class Merged:
    """What became of the ratings of a file. conflicts: (rater, item) that differ from ours."""

    added: int = 0
    withdrawn: int = 0
    known: int = 0
    conflicts: tuple[tuple[str, int], ...] = ()


class Store:
    """The ratings of a workspace. Each call opens the file: threads and processes share it."""

    def __init__(self, workspace: Workspace, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = workspace.ratings / "ratings.sqlite"
        self._busy = busy_seconds

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside one transaction; raise WorkspaceError when it fails."""
        connection: sqlite3.Connection | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=self._busy, isolation_level=None)
            connection.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
            )
            for statement in ("BEGIN IMMEDIATE", _ROUNDS, _RATINGS):
                connection.execute(statement)
            yield connection
            connection.execute("COMMIT")
        except OSError as error:
            raise WorkspaceError(
                f"The ratings in {str(self.path)!r} cannot be reached ({told(error)})."
            ) from error
        except sqlite3.Error as error:
            raise WorkspaceError(self._told(error)) from error
        finally:
            if connection is not None:
                connection.close()  # what is not committed is undone

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """Yield a connection to read from, None where nothing has been kept yet."""
        if not self.path.exists():
            yield None
            return
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(self._address(), timeout=self._busy, uri=True)
            made = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
            yield connection if made else None
        except sqlite3.Error as error:
            raise WorkspaceError(self._told(error)) from error
        finally:
            if connection is not None:
                connection.close()

    def _address(self) -> str:
        """Return where to read from; who may not write beside the file reads it as it lies."""
        way = "mode=rw" if os.access(self.path.parent, os.W_OK) else "immutable=1"
        return f"{self.path.as_uri()}?{way}"

    def _told(self, error: sqlite3.Error) -> str:
        """Return what befell the file in one sentence, with what to do."""
        name, said = repr(str(self.path)), str(error).rstrip(".")
        if "locked" in said or "busy" in said:
            return f"The ratings are in use by another program ({name} is locked); try again."
        if "readonly" in said or "unable to open" in said:
            return (
                f"The ratings in {name} cannot be written; give this user the right to write "
                "that file and its folder. What was rated before is still there."
            )
        if "full" in said:
            return f"The ratings in {name} were not kept: the disk is full. Free some, try again."
        return (
            f"The ratings in {name} are damaged ({said}); move the file away and merge an export "
            "of the rounds, or put back a copy."
        )

    def keep(self, round_: Round) -> bool:
        """Keep a round and return whether it is new; its content is never replaced."""
        values = (round_.id, round_.created, round_.model_dump_json())
        with self._transaction() as db:
            done = db.execute("INSERT OR IGNORE INTO rounds VALUES (?, ?, ?)", values)
            return done.rowcount == 1

    def rounds(self) -> list[Summary]:
        """Return every round, the newest first."""
        with self._reading() as db:
            rows = db.execute(_LIST).fetchall() if db else []
        return [Summary(*row) for row in rows]

    def round(self, name: str) -> Round:
        """Return a round; raise UsageError naming those there are, WorkspaceError if damaged."""
        with self._reading() as db:
            query = "SELECT content FROM rounds WHERE id = ?"
            row = db.execute(query, (name,)).fetchone() if db else None
        if row is None:
            have = ", ".join(one.id for one in self.rounds()[:5]) or "none yet"
            raise UsageError(f"There is no rating round {name!r}; there are: {have}.")
        try:
            return Round.model_validate_json(row[0])
        except ValidationError as error:
            problem = sqlite3.DatabaseError(f"round {name}, {error.error_count()} wrong values")
            raise WorkspaceError(self._told(problem)) from error

    def ratings(self, name: str, rater: str | None = None) -> list[Rating]:
        """Return the ratings of a round, of one rater or of all, by item and time."""
        query = f"SELECT {_COLUMNS} FROM ratings WHERE round = ?"
        values = [name]
        if rater is not None:
            query, values = f"{query} AND rater = ?", [name, rater]
        with self._reading() as db:
            rows = db.execute(f"{query} ORDER BY item, submitted", values).fetchall() if db else []
        try:
            return [_rating(row) for row in rows]
        except (ValidationError, ValueError) as error:
            problem = sqlite3.DatabaseError("a rating that is none")
            raise WorkspaceError(self._told(problem)) from error

    def submit(self, name: str, rating: Rating) -> None:
        """Keep a rating, on disk when this returns; raise RatingError if that item is done."""
        with self._transaction() as db:
            done = db.execute(_SUBMIT, _values(name, rating)).rowcount == 1
        if not done:
            raise RatingError(
                f"Item {rating.item + 1} has already been rated by {rating.rater}, perhaps in "
                "another tab; that rating stands, and nothing was changed."
            )

    def withdraw(self, name: str, item: int, rater: str) -> None:
        """Take a rating back for good; raise RatingError when there is none to take back."""
        with self._transaction() as db:
            done = db.execute(_WITHDRAW, (name, item, rater)).rowcount == 1
        if not done:
            raise RatingError(f"{rater} has no rating of item {item + 1} to withdraw.")

    def merge(self, round_: Round, ratings: Iterable[Rating]) -> Merged:
        """Add what is not here yet, all or nothing: one rater counts once per item.

        A withdrawal of a rating that is here is followed; a different rating of the same item by
        the same rater is a conflict, and ours stays.
        """
        added = withdrawn = known = 0
        conflicts: list[tuple[str, int]] = []
        with self._transaction() as db:
            values = (round_.id, round_.created, round_.model_dump_json())
            db.execute("INSERT OR IGNORE INTO rounds VALUES (?, ?, ?)", values)
            for rating in ratings:
                key = (round_.id, rating.item, rating.rater)
                row = db.execute(_ONE, key).fetchone()
                ours = _rating(row) if row else None
                if ours is None or (ours.state == "skipped" and rating.state == "rated"):
                    db.execute(_SUBMIT, _values(round_.id, rating))
                    added += 1
                elif ours.id == rating.id and (ours.state, rating.state) == ("rated", "withdrawn"):
                    db.execute(_WITHDRAW, key)
                    withdrawn += 1
                elif _agrees(ours, rating):
                    known += 1
                else:
                    conflicts.append((rating.rater, rating.item))
        return Merged(added, withdrawn, known, tuple(conflicts))


_ONE = f"SELECT {_COLUMNS} FROM ratings WHERE round = ? AND item = ? AND rater = ?"
_LIST = """
SELECT rounds.id, rounds.created, COUNT(ratings.id), COUNT(DISTINCT ratings.rater) FROM rounds
LEFT JOIN ratings ON ratings.round = rounds.id AND ratings.state = 'rated'
GROUP BY rounds.id ORDER BY rounds.created DESC, rounds.id
"""


def _agrees(ours: Rating, other: Rating) -> bool:
    """Whether a rating says nothing that is not known here."""
    if ours.id == other.id or other.state == "skipped":
        return True
    kept = {"state", "marks", "choice", "note"}
    return ours.model_dump(include=kept) == other.model_dump(include=kept)


def _values(name: str, rating: Rating) -> tuple[Any, ...]:
    marks = json.dumps([mark.model_dump() for mark in rating.marks])
    who = (name, rating.item, rating.rater, rating.id)
    return (*who, rating.state, rating.submitted, marks, rating.choice, rating.note)


def _rating(row: tuple[Any, ...]) -> Rating:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return Rating(**{**values, "marks": tuple(json.loads(values["marks"]))})


def new_rating(item: int, rater: str, state: State, **values: Any) -> Rating:
    """Return a rating made now, with an id of its own; raise RatingError when values are none."""
    made = {"id": secrets.token_hex(16), "submitted": time.time(), **values}
    try:
        return Rating(item=item, rater=rater, state=state, **made)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise RatingError(
            f"The rating was not kept: {place} is {str(first['input'])[:40]!r}; {first['msg']}."
        ) from None
