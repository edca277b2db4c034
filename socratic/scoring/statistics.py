"""Is a number, or a difference, more than chance? Intervals, paired tests, correction, effect.

All of it works on the row sums of `Measure`, so corpus-level scores such as BLEU are tested the
same way as means. Two systems are always compared on the same rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from socratic.errors import ScoreError
from socratic.scoring.measures import Floats, Measure, ratio
from socratic.scoring.score import Score

SAMPLES = 1000
SWAPS = 10_000
SEED = 42
LEVEL = 0.95
_CHUNK = 50  # resamples drawn at once: at 10,573 rows, 4 MB


@dataclass(frozen=True)
class Difference:
    """Score of one system minus another's: with 95 % interval and two-sided p-value."""

    value: float
    low: float
    high: float
    p: float


def _weights(rows: int, samples: int, seed: int) -> Iterator[Floats]:
    """Yield (chunk, rows) arrays: how often each row was drawn in a bootstrap resample."""
    random = np.random.default_rng(seed)
    for start in range(0, samples, _CHUNK):
        size = min(_CHUNK, samples - start)
        drawn = random.integers(0, rows, (size, rows)) + rows * np.arange(size)[:, None]
        counted = np.bincount(drawn.ravel(), minlength=size * rows)
        yield counted.reshape(size, rows).astype(np.float64)


def resampled_sums(columns: Floats, samples: int, seed: int) -> Floats:
    """(n, k) row numbers -> (samples, k) sums over bootstrap resamples of the rows.

    The same n and seed draw the same rows, so systems measured on the same rows stay paired.
    """
    return np.concatenate([w @ columns for w in _weights(len(columns), samples, seed)])


def scored(measures: Sequence[Measure], samples: int = SAMPLES, seed: int = SEED) -> list[Score]:
    """Return the score of each measure with its percentile bootstrap interval (Efron 1979).

    measures: of one system, all on the same rows. One row alone gives no interval.
    """
    if len(measures[0].columns) < 2:
        return [_score(measure, None) for measure in measures]
    # All measures' columns in one product: drawing the resamples costs more than summing them.
    sums = resampled_sums(np.hstack([measure.columns for measure in measures]), samples, seed)
    edges = np.cumsum([measure.columns.shape[1] for measure in measures])[:-1]
    parts = np.split(sums, edges, axis=1)
    return [
        _score(measure, measure.aggregate(part))
        for measure, part in zip(measures, parts, strict=True)
    ]


def _score(measure: Measure, resampled: Floats | None) -> Score:
    low, high = (None, None) if resampled is None else percentiles(resampled)
    return Score(
        metric=measure.metric,
        value=measure.value,
        low=low,
        high=high,
        implementation=measure.implementation,
    )


def percentiles(resampled: Floats) -> tuple[float, float]:
    """Return the 2.5th and the 97.5th percentile of `resampled`."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def check_paired(a: Measure, b: Measure) -> None:
    """Raise ScoreError unless both are the same metric on as many rows."""
    if a.columns.shape != b.columns.shape or a.implementation != b.implementation:
        raise ScoreError(
            f"{a.metric} ({len(a.columns):,} rows, {a.implementation}) and {b.metric} "
            f"({len(b.columns):,} rows, {b.implementation}) are not the same metric on the same "
            "rows; compare systems evaluated on the same split."
        )


def paired_bootstrap(
    a: Measure, b: Measure, samples: int = SAMPLES, seed: int = SEED
) -> Difference:
    """Return a's score minus b's, resampling rows for both alike (Koehn 2004).

    p: twice the share of resamples on the wrong side of zero, at least 1/(samples + 1).
    Raises ScoreError when the measures are not of the same rows and metric.
    """
    check_paired(a, b)
    width = a.columns.shape[1]
    sums = resampled_sums(np.hstack([a.columns, b.columns]), samples, seed)
    return resampled_difference(a, b, a.aggregate(sums[:, :width]) - b.aggregate(sums[:, width:]))


def resampled_difference(a: Measure, b: Measure, gains: Floats) -> Difference:
    """Return the difference whose resamples are `gains`, one each."""
    wrong = min((gains <= 0).sum(), (gains >= 0).sum())
    p = min(1.0, 2 * (float(wrong) + 1) / (len(gains) + 1))
    return Difference(a.value - b.value, *percentiles(gains), p)


def randomisation(a: Measure, b: Measure, samples: int = SWAPS, seed: int = SEED) -> float:
    """Return the two-sided p-value of approximate randomisation (Noreen 1989; Riezler 2005).

    Under "the systems are alike" each row's outputs may change sides: the p-value is the share of
    random swaps with a difference at least as large, (r + 1) / (samples + 1).
    """
    check_paired(a, b)
    gap = b.columns - a.columns
    moved = np.concatenate([swaps @ gap for swaps in swapped_rows(len(gap), samples, seed)])
    return randomised_p(a, b, moved)


def randomised_p(a: Measure, b: Measure, moved: Floats) -> float:
    """Return the p-value of swaps that took (samples, k) `moved` from b's sums to a's."""
    seen = abs(a.value - b.value)
    total_a, total_b = a.columns.sum(axis=0), b.columns.sum(axis=0)
    swapped = np.abs(a.aggregate(total_a + moved) - b.aggregate(total_b - moved))
    return (int((swapped >= seen - 1e-12).sum()) + 1) / (len(moved) + 1)


def swapped_rows(rows: int, samples: int, seed: int) -> Iterator[Floats]:
    """Yield (chunk, rows) arrays of 0 and 1: the rows whose outputs change sides."""
    random = np.random.default_rng(seed)
    for start in range(0, samples, _CHUNK):
        size = min(_CHUNK, samples - start)
        bits = np.frombuffer(random.bytes(-(-size * rows // 8)), dtype=np.uint8)
        yield np.unpackbits(bits, count=size * rows).reshape(size, rows).astype(np.float64)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the order given (Holm 1979)."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def cohens_dz(a: Measure, b: Measure) -> float:
    """Return the mean of the row differences over their standard deviation (Cohen 1988).

    Rough reading: 0.2 small, 0.5 medium, 0.8 large. Raises ScoreError for a metric that is no mean
    over rows, and where all differences are one and the same number other than zero.
    """
    check_paired(a, b)
    if a.aggregate is not ratio or not (a.columns[:, 1] == 1).all():
        raise ScoreError(f"{a.metric} is no mean over rows, so its rows have no effect size.")
    gaps = a.columns[:, 0] - b.columns[:, 0]
    if not gaps.any():
        return 0.0
    spread = float(gaps.std(ddof=1)) if len(gaps) > 1 else 0.0
    if spread == 0.0:
        raise ScoreError("All rows differ by the same amount, so the effect has no size.")
    return float(gaps.mean()) / spread
