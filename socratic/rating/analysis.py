"""What ratings say: means, wins, strengths and agreement, each with how sure one may be.

The item is the unit of chance: intervals resample items with all their raters, and a pair of
models is decided once per item, by the majority of its raters. So several raters of one item never
count as several items.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from socratic.prompts import TYPE_KEYS
from socratic.rating.inference import (
    Level,
    alpha,
    bradley_terry,
    decided_for_power,
    exact_binomial,
    fewest_decided,
)
from socratic.rating.rounds import Rating, Round
from socratic.scoring import statistics
from socratic.scoring.measures import Floats, Measure, share

ITEMS_NEEDED = 20
TYPE_ITEMS_NEEDED = 10
IMPLEMENTATION = "blind rating; mean over ratings, items resampled"


@dataclass(frozen=True)
class Criterion:
    """What is rated. level: of measurement, for the agreement. percent: shown as a share."""

    key: str
    label: str
    level: Level
    percent: bool = False


CRITERIA: tuple[Criterion, ...] = (
    Criterion("fluency", "Fluency (1-5)", "ordinal"),
    Criterion("relevance", "Relevance (1-5)", "ordinal"),
    Criterion("answered", "Answer in passage", "nominal", percent=True),
    Criterion("asked", "Would ask", "nominal", percent=True),
)


@dataclass(frozen=True)
class Mean:
    """A criterion's mean for one system. type: None for all. low, high: None below the minimum."""

    system: str
    criterion: str
    type: str | None
    value: float
    low: float | None
    high: float | None
    items: int
    ratings: int


@dataclass(frozen=True)
class Pair:
    """Which of two systems would be asked, item by item.

    wins, losses: items where most raters would ask `one`, or `other`. rate: wins of both, with the
    exact (Clopper-Pearson) interval. p: two-sided exact binomial, holm: corrected over the pairs;
    all None where nothing may be concluded. needed: how many more decided items it takes.
    """

    one: str
    other: str
    wins: int
    losses: int
    rate: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    holm: float | None = None
    needed: int = 0

    @property
    def decided(self) -> int:
        """Items that favour one of the two."""
        return self.wins + self.losses


@dataclass(frozen=True)
class Strength:
    """Bradley-Terry log-strength; those of a round add up to zero."""

    system: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha of a criterion; None with the reason where there is none."""

    criterion: str
    alpha: float | None
    units: int
    reason: str = ""


@dataclass(frozen=True)
class Results:
    """All a round says. refusal: why nothing is concluded yet and what it takes, or empty."""

    round: Round
    raters: Mapping[str, int]
    items: int
    ratings: int
    means: tuple[Mean, ...]
    pairs: tuple[Pair, ...]
    strengths: tuple[Strength, ...]
    agreements: tuple[Agreement, ...]
    refusal: str


def analyse(round_: Round, ratings: Iterable[Rating]) -> Results:
    """Return what the ratings of a round say; skipped and withdrawn ones say nothing."""
    kept = [one for one in ratings if one.state == "rated"]
    items = sorted({one.item for one in kept})
    enough = len(items) >= ITEMS_NEEDED
    return Results(
        round=round_,
        raters=dict(Counter(one.rater for one in kept)),
        items=len(items),
        ratings=len(kept),
        means=tuple(_means(round_, kept)),
        pairs=tuple(_pairs(round_, kept, enough)),
        strengths=tuple(_strengths(round_, kept)) if enough else (),
        agreements=tuple(_agreements(round_, kept)),
        refusal="" if enough else _refusal(round_, len(items)),
    )


def _refusal(round_: Round, items: int) -> str:
    lacking = ITEMS_NEEDED - items
    words = (
        f"Too few ratings to conclude from: {items} different items are rated and it takes "
        f"{ITEMS_NEEDED}, so {lacking} more. Until then there are no intervals, p-values or "
        "strengths."
    )
    if len(round_.items) < ITEMS_NEEDED:
        words += f" This round has only {len(round_.items)} items; make a larger one."
    return words


# Means


def _values(round_: Round, rating: Rating, system: str) -> dict[str, float]:
    """Return what a rating says of one system, by criterion."""
    candidates = round_.items[rating.item].candidates
    place = next(i for i, one in enumerate(candidates) if system in one.systems)
    mark = rating.marks[place]
    return {
        "fluency": mark.fluency,
        "relevance": mark.relevance,
        "answered": float(mark.answered),
        "asked": float(rating.choice == place),
    }


def _means(round_: Round, ratings: Sequence[Rating]) -> Iterable[Mean]:
    for kind in (None, *TYPE_KEYS):
        chosen = [one for one in ratings if kind in (None, round_.items[one.item].type)]
        items = sorted({one.item for one in chosen})
        if not items:
            continue
        enough = len(items) >= (ITEMS_NEEDED if kind is None else TYPE_ITEMS_NEEDED)
        names = [(system.key, one.key) for system in round_.systems for one in CRITERIA]
        measures = _measures(round_, chosen, items)
        for (system, criterion), score in zip(names, statistics.scored(measures), strict=True):
            low, high = (score.low, score.high) if enough else (None, None)
            counts = (len(items), len(chosen))
            yield Mean(system, criterion, kind, score.value, low, high, *counts)


def _measures(round_: Round, ratings: Sequence[Rating], items: Sequence[int]) -> list[Measure]:
    """Return a measure per system and criterion; their rows are the items, all raters summed."""
    row = {item: i for i, item in enumerate(items)}
    counted = np.bincount([row[one.item] for one in ratings], minlength=len(items))
    made = []
    for system in round_.systems:
        sums = {one.key: np.zeros(len(items)) for one in CRITERIA}
        for rating in ratings:
            for key, value in _values(round_, rating, system.key).items():
                sums[key][row[rating.item]] += value
        wholes = counted.tolist()
        made += [share(key, parts.tolist(), wholes, IMPLEMENTATION) for key, parts in sums.items()]
    return made


# Which of two would be asked


def _preferences(round_: Round, ratings: Sequence[Rating]) -> tuple[list[int], Floats]:
    """Return the items, and (items, systems, systems): how often a row's system was preferred.

    Who asked the chosen question is preferred to all who asked another one.
    """
    items = sorted({one.item for one in ratings})
    place = {system.key: i for i, system in enumerate(round_.systems)}
    votes = np.zeros((len(items), len(place), len(place)))
    for rating in ratings:
        if rating.choice is None:
            continue
        winners = round_.items[rating.item].candidates[rating.choice].systems
        for winner, loser in itertools.product(winners, set(place) - set(winners)):
            votes[items.index(rating.item), place[winner], place[loser]] += 1
    return items, votes


def _pairs(round_: Round, ratings: Sequence[Rating], enough: bool) -> list[Pair]:
    _, votes = _preferences(round_, ratings)
    every = list(itertools.combinations(range(len(round_.systems)), 2))
    found = []
    for i, j in every:
        lead = votes[:, i, j] - votes[:, j, i]
        wins, losses = int((lead > 0).sum()), int((lead < 0).sum())
        keys = (round_.systems[i].key, round_.systems[j].key)
        found.append(_pair(keys, (wins, losses), len(every), enough))
    # Pairs that could not be tested count as tests too: which ones they are is up to the raters.
    corrected = statistics.holm([1.0 if pair.p is None else pair.p for pair in found])
    return [
        pair if pair.p is None else replace(pair, holm=holm)
        for pair, holm in zip(found, corrected, strict=True)
    ]


def _pair(keys: tuple[str, str], counts: tuple[int, int], pairs: int, enough: bool) -> Pair:
    wins, losses = counts
    lacking = max(0, fewest_decided(pairs) - wins - losses)
    if lacking or not enough:
        return Pair(*keys, wins, losses, needed=lacking)
    rate, low, high, p = exact_binomial(wins, wins + losses)
    needed = max(0, decided_for_power(pairs) - wins - losses)
    return Pair(*keys, wins, losses, rate, low, high, p, None, needed)


# Strengths


def _strengths(round_: Round, ratings: Sequence[Rating]) -> Iterable[Strength]:
    _, votes = _preferences(round_, ratings)
    if not votes.any():
        return
    shape = votes.shape[1:]
    flat = votes.reshape(len(votes), -1)
    drawn = statistics.resampled_sums(flat, statistics.SAMPLES, statistics.SEED)
    resampled = np.array([bradley_terry(wins.reshape(shape)) for wins in drawn])
    values = bradley_terry(votes.sum(axis=0))
    for place, system in enumerate(round_.systems):
        bounds = statistics.percentiles(resampled[:, place])
        yield Strength(system.key, float(values[place]), *bounds)


# Agreement


def _agreements(round_: Round, ratings: Sequence[Rating]) -> Iterable[Agreement]:
    for criterion in CRITERIA:
        units = _units(round_, ratings, criterion.key)
        several = sum(len(unit) > 1 for unit in units)
        found = alpha(units, criterion.level)
        reason = ""
        if not several:
            reason = "It takes a second rater of the same items."
        elif found is None:
            reason = "All raters gave one and the same value throughout."
        yield Agreement(criterion.key, found, several, reason)


def _units(round_: Round, ratings: Sequence[Rating], criterion: str) -> list[dict[str, float]]:
    """Return rater -> value for each question; for "asked", for each item, who would be asked."""
    units: dict[tuple[int, int], dict[str, float]] = defaultdict(dict)
    names: dict[tuple[str, ...], float] = {(): 0.0}
    for rating in ratings:
        candidates = round_.items[rating.item].candidates
        if criterion == "asked":
            who = () if rating.choice is None else candidates[rating.choice].systems
            units[rating.item, 0][rating.rater] = names.setdefault(who, float(len(names)))
            continue
        for place, mark in enumerate(rating.marks):
            units[rating.item, place][rating.rater] = float(getattr(mark, criterion))
    return list(units.values())
