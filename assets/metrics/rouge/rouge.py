"""ROUGE-1, 2 and L F1 without stemmer, and ROUGE-L with Porter's (rouge-score).

evaluate.load("assets/metrics/rouge").compute(predictions=["a"], references=[["b", "c"]])
"""

from typing import Any

import datasets
import evaluate

from socratic.scoring import modules


class Rouge(evaluate.Metric):  # type: ignore[misc]
    """ROUGE over one or more references a row, the best counts."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="Lin 2004, ROUGE: A Package for Automatic Evaluation of Summaries",
            inputs_description=modules.rouge.__doc__,
            features=[
                datasets.Features({"predictions": text, "references": datasets.Sequence(text)}),
                datasets.Features({"predictions": text, "references": text}),
            ],
        )

    def _compute(self, **columns: Any) -> dict[str, Any]:
        return modules.rouge(**columns)
