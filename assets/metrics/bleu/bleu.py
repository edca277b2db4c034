"""BLEU-1 to BLEU-4 the way the Socratic baselines were scored: lower-cased, corpus level.

evaluate.load("assets/metrics/bleu").compute(predictions=["a"], references=[["b", "c"]])
"""

from typing import Any

import datasets
import evaluate

from socratic.scoring import modules


class Bleu(evaluate.Metric):  # type: ignore[misc]
    """BLEU without smoothing, punctuation stripped."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="Papineni et al. 2002, BLEU: a Method for Automatic Evaluation",
            inputs_description=modules.bleu.__doc__,
            features=[
                datasets.Features({"predictions": text, "references": datasets.Sequence(text)}),
                datasets.Features({"predictions": text, "references": text}),
            ],
        )

    def _compute(self, **columns: Any) -> dict[str, Any]:
        return modules.bleu(**columns)
