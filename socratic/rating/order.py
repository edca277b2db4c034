"""Where each question stands: drawn per rater, balanced, and the sheet a rater is shown.

Each model stands at each place equally often, within one, among the items whose questions are all
different: blocks of rotations of random orders. Items with merged questions are balanced on their
own, per number of questions, as evenly as exchanges get it (within one where that can be had: two
items that show AB|C and AC|B cannot put each of A, B, C first once). The order follows from the
round's seed and the rater's name alone, so it is the same after a restart and differs between
raters. Items come in one order for all, so that raters who stop early have rated the same ones.
"""

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from socratic.errors import RatingError
from socratic.rating.rounds import Mark, Round

Pattern = tuple[tuple[str, ...], ...]  # the systems of each candidate of an item
Order = tuple[int, ...]  # the candidate at each place
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ALL_ORDERS = 5  # up to 5 questions every order is tried, beyond that only rotations
_DRAWS = 20


@dataclass(frozen=True)
class Sheet:
    """One item as a rater sees it: no name, no key, nothing that tells who asked what."""

    round: str
    item: int
    context: str
    type: str
    questions: tuple[str, ...]


def sheet(round_: Round, item: int, rater: str) -> Sheet:
    """Return the sheet of an item; raise RatingError when the round has no such item."""
    if not 0 <= item < len(round_.items):
        raise RatingError(f"There is no item {item + 1} in this round; it has {len(round_.items)}.")
    shown = round_.items[item]
    questions = tuple(shown.candidates[one].text for one in orders(round_, rater)[item])
    return Sheet(round_.id, item, shown.context, shown.type, questions)


def from_places(
    round_: Round, item: int, rater: str, marks: Sequence[Mark], place: int | None
) -> tuple[tuple[Mark, ...], int | None]:
    """Turn marks and choice by place into marks and choice by candidate.

    Raises RatingError when they are not as many as the item has questions.
    """
    order = orders(round_, rater)[item]
    if len(marks) != len(order) or (place is not None and not 0 <= place < len(order)):
        raise RatingError(f"Item {item + 1} has {len(order)} questions; rate each of them.")
    by_candidate = dict(zip(order, marks, strict=True))
    chosen = None if place is None else order[place]
    return tuple(by_candidate[one] for one in range(len(order))), chosen


def orders(round_: Round, rater: str) -> tuple[Order, ...]:
    """Return, item by item, which candidate stands at each place for this rater."""
    patterns = tuple(tuple(one.systems for one in item.candidates) for item in round_.items)
    return _orders(patterns, f"{round_.seed} {rater.casefold()}")


@lru_cache(maxsize=256)
def _orders(patterns: tuple[Pattern, ...], seed: str) -> tuple[Order, ...]:
    drawn: list[Order] = [()] * len(patterns)
    for size in sorted({len(pattern) for pattern in patterns}):
        places = [place for place, pattern in enumerate(patterns) if len(pattern) == size]
        # Exchanges may end in a dead end: then another draw, the best of all if none is even.
        tries = (_balanced(patterns, places, f"{seed} {draw}") for draw in range(_DRAWS))
        best = min(_until_even(tries, patterns), key=lambda one: _gap(one, patterns))
        for place, order in best.items():
            drawn[place] = order
    return tuple(drawn)


def _until_even(
    tries: Iterable[dict[int, Order]], patterns: Sequence[Pattern]
) -> Iterable[dict[int, Order]]:
    for one in tries:
        yield one
        if _gap(one, patterns) <= 1:
            return


def _balanced(patterns: Sequence[Pattern], places: Sequence[int], seed: str) -> dict[int, Order]:
    """Return an order for each item at `places`, all of which have equally many candidates."""
    chance = random.Random(seed)
    groups: dict[Pattern, list[int]] = defaultdict(list)
    for place in places:
        groups[patterns[place]].append(place)
    found: dict[int, Order] = {}
    for pattern, group in groups.items():
        found |= zip(group, _blocks(len(pattern), len(group), chance), strict=True)
    if len(groups) > 1:
        _exchange(found, patterns)
    return found


def _blocks(size: int, count: int, chance: random.Random) -> list[Order]:
    """Return `count` orders of `size`, in blocks where every candidate is once at every place."""
    made: list[Order] = []
    while len(made) < count:
        first = chance.sample(range(size), size)
        block = _rotations(first)
        chance.shuffle(block)
        made += block
    return made[:count]


def _rotations(order: Sequence[int]) -> list[Order]:
    return [(*order[turn:], *order[:turn]) for turn in range(len(order))]


def _exchange(found: dict[int, Order], patterns: Sequence[Pattern]) -> None:
    """Reorder single items for as long as that evens out how often a system is at a place."""
    counts = _counts(found, patterns)
    improved = True
    while improved:
        improved = False
        for place, now in found.items():
            pattern = patterns[place]
            counts.subtract(_seats(pattern, now))
            best = min(_choices(now), key=lambda order: _crowding(pattern, order, counts))
            if _crowding(pattern, best, counts) < _crowding(pattern, now, counts):
                found[place], improved = best, True
            counts.update(_seats(pattern, found[place]))


def _choices(now: Order) -> Iterable[Order]:
    every = len(now) <= _ALL_ORDERS
    return itertools.permutations(sorted(now)) if every else _rotations(now)


def _seats(pattern: Pattern, order: Order) -> list[tuple[str, int]]:
    return [(system, seat) for seat, one in enumerate(order) for system in pattern[one]]


def _crowding(pattern: Pattern, order: Order, counts: Counter[tuple[str, int]]) -> int:
    # The sum of squares grows by 2n + 1 when a seat taken n times is taken once more.
    return sum(counts[seat] for seat in _seats(pattern, order))


def _counts(found: dict[int, Order], patterns: Sequence[Pattern]) -> Counter[tuple[str, int]]:
    return Counter(
        seat for place, order in found.items() for seat in _seats(patterns[place], order)
    )


def _gap(found: dict[int, Order], patterns: Sequence[Pattern]) -> int:
    """Return the largest difference, of any system, between two places."""
    counts = _counts(found, patterns)
    seats = range(len(next(iter(found.values()))))
    systems = {system for system, _ in counts}
    return max(
        max(counts[one, seat] for seat in seats) - min(counts[one, seat] for seat in seats)
        for one in systems
    )
