"""One number of one system: the value, its interval, and how it was computed."""

from pydantic import BaseModel, ConfigDict, FiniteFloat


class Score(BaseModel):
    """A metric's value over all rows of a split.

    metric: key of the metric, as in `socratic.tables.METRICS`.
    value: 0..1 but for `sacrebleu` (0..100) and `length` (words).
    low, high: 95 % interval over rows; None where there is none to be had (one row).
    implementation: the recipe, then `;`, then versions and details that do not change the value.
    """

    model_config = ConfigDict(frozen=True)

    metric: str
    value: FiniteFloat
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    implementation: str
