"""The statistics of ratings, each by a kept library: binomial test, Bradley-Terry, alpha.

Each is checked against a published worked example in the tests. The libraries are imported where
they are used: scipy's statistics take a second, and the page is up before anybody asks.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from socratic.scoring.measures import Floats

Level = Literal["nominal", "ordinal"]
LEVEL = 0.05
# What a round should be able to see: one model asked twice as often as the other, in 4 of 5 rounds.
EFFECT, POWER = 2 / 3, 0.8
# Pseudo-wins per pair: without them a model that never won has no finite strength.
PRIOR = 0.1


def exact_binomial(wins: int, decided: int) -> tuple[float, float, float, float]:
    """Return the share of wins, its Clopper-Pearson 95 % interval and the two-sided exact p."""
    from scipy import stats

    test = stats.binomtest(wins, decided)
    interval = test.proportion_ci(1 - LEVEL, method="exact")
    return wins / decided, float(interval.low), float(interval.high), float(test.pvalue)


def fewest_decided(pairs: int) -> int:
    """Return how many decided items it takes for any outcome to be significant after Holm."""
    return next(n for n in itertools.count(1) if 2 * 0.5**n * pairs < LEVEL)


def decided_for_power(pairs: int) -> int:
    """Return how many decided items show a preference of 2 to 1 in 4 of 5 rounds, after Holm."""
    return next(n for n in itertools.count(1) if _power(n, LEVEL / pairs) >= POWER)


def _power(decided: int, level: float) -> float:
    """Return how often the exact test at `level` finds a preference of the size `EFFECT`."""
    from scipy import stats

    # The largest count of the weaker side that is still significant; the test is symmetric.
    most = int(stats.binom.ppf(level / 2, decided, 0.5))
    if 2 * stats.binom.cdf(most, decided, 0.5) > level:
        most -= 1
    return float(stats.binom.cdf(most, decided, 1 - EFFECT)) if most >= 0 else 0.0


def bradley_terry(wins: Floats, prior: float = PRIOR) -> Floats:
    """(k, k) wins of row over column -> (k,) log-strengths that add up to zero.

    Maximum likelihood by choix (Maystre and Grossglauser 2015), with `prior` pseudo-wins per pair.
    """
    import choix

    found = np.asarray(choix.ilsr_pairwise_dense(wins, alpha=prior), dtype=np.float64)
    centred: Floats = found - found.mean()
    return centred


def alpha(units: Sequence[Mapping[str, float]], level: Level) -> float | None:
    """Return Krippendorff's alpha; units: rater -> value, each. None where it has no value.

    Units with fewer than two raters say nothing (Krippendorff 2011).
    """
    import krippendorff

    paired = [unit for unit in units if len(unit) > 1]
    raters = sorted({rater for unit in paired for rater in unit})
    if len({value for unit in paired for value in unit.values()}) < 2:
        return None
    data = [[unit.get(rater, np.nan) for unit in paired] for rater in raters]
    return float(krippendorff.alpha(reliability_data=data, level_of_measurement=level))
