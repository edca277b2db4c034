"""Diversity of outputs: distinct-1, distinct-2, self-BLEU, share of unique outputs.

evaluate.load("assets/metrics/diversity").compute(predictions=["a"])
"""

from typing import Any

import datasets
import evaluate

from socratic.scoring import modules


class Diversity(evaluate.Metric):  # type: ignore[misc]
    """Diversity of the predictions among themselves."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="Li et al. 2016 (distinct-n); Zhu et al. 2018 (self-BLEU)",
            inputs_description=modules.diversity.__doc__,
            features=datasets.Features({"predictions": text}),
        )

    def _compute(self, **columns: Any) -> dict[str, Any]:
        return modules.diversity(**columns)
