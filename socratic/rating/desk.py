"""A rater at work on a round: what is next, what is handed in, what is revealed and when.

Everything a page sends passes here: only the item on that rater's sheet can be rated, and names
are told of rated items alone.
"""

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from socratic.decoding import told
from socratic.errors import RatingError, UsageError
from socratic.prompts import clean_text
from socratic.rating import order
from socratic.rating.order import LETTERS, Sheet
from socratic.rating.rounds import Mark, Rated, Rating, Round
from socratic.rating.store import Store, new_rating

MAX_NAME = 40
MARK_LETTERS = 20
NONE = "none"


@dataclass(frozen=True)
class Progress:
    """How far a rater is."""

    items: int
    rated: int
    skipped: int
    withdrawn: int

    @property
    def open(self) -> int:
        """Items not touched yet."""
        return self.items - self.rated - self.skipped - self.withdrawn


@dataclass(frozen=True)
class Revealed:
    """A rated item with its names, question by question as it was shown."""

    sheet: Sheet
    systems: tuple[tuple[Rated, ...], ...]
    marks: tuple[Mark, ...]
    choice: int | None
    note: str


def rater_name(typed: str | None, visitor: str = "") -> str:
    """Return a rater's name as it is kept; raise UsageError when it is none.

    visitor: a secret of the browser where strangers rate, so that equal names stay two raters.
    """
    name = " ".join(clean_text(unicodedata.normalize("NFC", typed or "")).split())
    if not name:
        raise UsageError("No name is given; type your name or initials, then press Start.")
    if len(name) > MAX_NAME:
        raise UsageError(
            f"The name has {len(name)} characters; {MAX_NAME} are the most, initials will do."
        )
    # Shown beside the results: so long that nobody finds a secret that makes the same.
    mark = hashlib.sha256(visitor.encode()).hexdigest()[:MARK_LETTERS]
    return f"{name} #{mark}" if visitor else name


@dataclass(frozen=True)
class Desk:
    """One rater's view of one round."""

    store: Store
    round: Round
    rater: str

    @cached_property
    def _own(self) -> dict[int, Rating]:
        return {one.item: one for one in self.store.ratings(self.round.id, self.rater)}

    def progress(self) -> Progress:
        """Return how many items are rated, skipped and withdrawn."""
        states = [one.state for one in self._own.values()]
        kinds = (states.count(kind) for kind in ("rated", "skipped", "withdrawn"))
        return Progress(len(self.round.items), *kinds)

    def next(self, skipped: bool = False) -> int | None:
        """Return the first item not touched, or the first skipped one; None when there is none."""
        every = range(len(self.round.items))
        if skipped:
            return next((i for i in every if i in self._own and self._state(i) == "skipped"), None)
        return next((item for item in every if item not in self._own), None)

    def _state(self, item: int) -> str:
        return self._own[item].state

    def is_done(self, item: int) -> bool:
        """Return whether an item was rated, withdrawn or not."""
        return item in self._own and self._state(item) != "skipped"

    def sheet(self, item: int) -> Sheet:
        """Return an item as this rater sees it, without names."""
        return order.sheet(self.round, item, self.rater)

    def submit(self, item: int, form: Mapping[str, Any]) -> None:
        """Keep what was filled in; raise RatingError when it is incomplete or the item is done.

        form: `marks`, one per question as shown, `choice`, a letter or "none", and `note`.
        """
        shown = self.sheet(item).questions
        given = form.get("marks")
        if not isinstance(given, list) or len(given) != len(shown):
            raise RatingError(f"Item {item + 1} has {len(shown)} questions; rate each of them.")
        marks = [_mark(letter, one) for letter, one in zip(LETTERS, given, strict=False)]
        place = _place(form.get("choice"), len(shown))
        by_candidate, choice = order.from_places(self.round, item, self.rater, marks, place)
        note = str(form.get("note") or "").replace("\0", "").strip()
        values = {"marks": by_candidate, "choice": choice, "note": note}
        self.store.submit(self.round.id, new_rating(item, self.rater, "rated", **values))

    def skip(self, item: int) -> None:
        """Note that an item was passed over; it can be rated later, and no name is told."""
        self.sheet(item)
        self.store.submit(self.round.id, new_rating(item, self.rater, "skipped"))

    def withdraw(self, item: int) -> None:
        """Take a rating back for good: its names are known, so it cannot be given again."""
        self.store.withdraw(self.round.id, item, self.rater)

    def revealed(self, item: int) -> Revealed:
        """Return a rated item with its names; raise RatingError for any other."""
        rating = self._own.get(item)
        if rating is None or rating.state != "rated":
            raise RatingError(f"Item {item + 1} is not rated, so who asked what is not told.")
        seats = order.orders(self.round, self.rater)[item]
        systems = {one.key: one for one in self.round.systems}
        candidates = self.round.items[item].candidates
        return Revealed(
            sheet=self.sheet(item),
            systems=tuple(tuple(systems[key] for key in candidates[one].systems) for one in seats),
            marks=tuple(rating.marks[one] for one in seats),
            choice=None if rating.choice is None else seats.index(rating.choice),
            note=rating.note,
        )

    def rated(self) -> list[int]:
        """Return the items this rater has rated, the last one first."""
        done = [one for one in self._own.values() if one.state == "rated"]
        return [one.item for one in sorted(done, key=lambda one: -one.submitted)]


def _mark(letter: str, given: Any) -> Mark:
    try:
        return Mark.model_validate(given)
    except ValidationError as error:
        if not isinstance(given, Mapping):
            raise RatingError(f"Question {letter} is not rated.") from None
        lacking = [name for name in Mark.model_fields if given.get(name) in (None, "")]
        if lacking:
            raise RatingError(
                f"Question {letter} lacks {', '.join(lacking)}; rate it, or skip the item."
            ) from None
        raise RatingError(f"Question {letter} cannot be kept: {told(error)}.") from None


def _place(choice: Any, count: int) -> int | None:
    letters = [*LETTERS[:count], NONE]
    if choice not in letters:
        raise RatingError(
            f"Which question you would ask is not chosen; choose {', '.join(letters[:-1])} or none."
        )
    return None if choice == NONE else letters.index(choice)
