"""Every two systems of a group, tested on the rows they share: the significance matrix.

All pairs share the same random draws, so a group costs little more than one pair. Holm's correction
holds however the tests depend on each other.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from pydantic import BaseModel, ConfigDict

from socratic.errors import ScoreError
from socratic.scoring import statistics
from socratic.scoring.measures import Floats, Measure
from socratic.scoring.statistics import SEED, SWAPS

ALPHA = 0.05
# Swaps per test: the smallest p-value there can be, 1 in as many, must pass Holm's correction.
_PER_TEST = round(2 / ALPHA)

Columns = Mapping[str, Sequence[Measure]]


class Pair(BaseModel):
    """System `a` against `b` in one metric, on the same rows.

    difference: a's score minus b's; low, high: its 95 % interval, paired bootstrap. p: approximate
    randomisation; p_bootstrap: paired bootstrap; holm, holm_bootstrap: each corrected for all tests
    of the group. effect: Cohen's dz, None for a metric that is no mean over rows.
    """

    model_config = ConfigDict(frozen=True)

    metric: str
    a: str
    b: str
    difference: float
    low: float
    high: float
    p: float
    p_bootstrap: float
    holm: float = 1.0
    holm_bootstrap: float = 1.0
    effect: float | None = None

    @property
    def significant(self) -> bool:
        """Whether the corrected randomisation test tells the systems apart at the 5 % level."""
        return self.holm < ALPHA

    def turned(self) -> "Pair":
        """Return the same test as b against a."""
        update = {"a": self.b, "b": self.a, "difference": -self.difference}
        update |= {"low": -self.high, "high": -self.low}
        effect = None if self.effect is None else -self.effect
        return self.model_copy(update=update | {"effect": effect})


def samples_for(tests: int) -> int:
    """Return how many swaps and resamples so many tests take."""
    return max(SWAPS, _PER_TEST * tests)


def compare(systems: Columns, samples: int | None = None, seed: int = SEED) -> list[Pair]:
    """Return every pair of systems in every metric that both have, Holm-corrected over all.

    systems: by key, the measures of each, all on the same rows; the same pair alone gives the same
    p-values by `statistics.randomisation` and `paired_bootstrap` with as many samples. samples: as
    many as `samples_for` says, when None.
    Raises ScoreError when the systems are not of the same rows, or a metric is not one recipe.
    """
    every = [(key, measure) for key, measures in systems.items() for measure in measures]
    if not every:
        return []
    if len({len(measure.columns) for _, measure in every}) > 1:
        raise ScoreError("Only systems scored on the same rows can be tested against each other.")
    wanted = [
        (i, j)
        for (i, (_, a)), (j, (_, b)) in combinations(enumerate(every), 2)
        # Two recipes of one metric (other labels, another version) are never set side by side.
        if a.metric == b.metric and a.implementation == b.implementation
    ]
    moved, drawn = _shared_draws(every, samples or samples_for(len(wanted)), seed)
    found = [
        _pair(every[i], every[j], (moved[j] - moved[i], drawn[i], drawn[j])) for i, j in wanted
    ]
    return _corrected(found)


def _shared_draws(
    every: Sequence[tuple[str, Measure]], samples: int, seed: int
) -> tuple[list[Floats], list[Floats]]:
    """Return, per system and metric, its sums over swapped rows and over resampled rows."""
    # BLEU-1 to 4 share their columns: those are summed once.
    unique = {id(measure.columns): measure.columns for _, measure in every}
    places = {key: place for place, key in enumerate(unique)}
    stacked = np.hstack(list(unique.values()))
    edges = np.cumsum([columns.shape[1] for columns in unique.values()])[:-1]
    swaps = statistics.swapped_rows(len(stacked), samples, seed)
    moved = np.split(np.concatenate([rows @ stacked for rows in swaps]), edges, axis=1)
    drawn = np.split(statistics.resampled_sums(stacked, samples, seed), edges, axis=1)
    of = [places[id(measure.columns)] for _, measure in every]
    return [moved[place] for place in of], [drawn[place] for place in of]


def _pair(
    left: tuple[str, Measure], right: tuple[str, Measure], draws: tuple[Floats, Floats, Floats]
) -> Pair:
    (key_a, a), (key_b, b) = left, right
    moved, drawn_a, drawn_b = draws
    statistics.check_paired(a, b)
    gap = statistics.resampled_difference(a, b, a.aggregate(drawn_a) - b.aggregate(drawn_b))
    return Pair(
        metric=a.metric,
        a=key_a,
        b=key_b,
        difference=gap.value,
        low=gap.low,
        high=gap.high,
        p=statistics.randomised_p(a, b, moved),
        p_bootstrap=gap.p,
        effect=_effect(a, b),
    )


def _effect(a: Measure, b: Measure) -> float | None:
    try:
        return statistics.cohens_dz(a, b)
    except ScoreError:
        return None  # no mean over rows, or all rows differ alike: there is no such size


def _corrected(found: Sequence[Pair]) -> list[Pair]:
    holm = statistics.holm([pair.p for pair in found])
    bootstrap = statistics.holm([pair.p_bootstrap for pair in found])
    return [
        pair.model_copy(update={"holm": one, "holm_bootstrap": other})
        for pair, one, other in zip(found, holm, bootstrap, strict=True)
    ]
