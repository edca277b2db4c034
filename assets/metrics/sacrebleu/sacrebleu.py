"""sacreBLEU (0..100) with default settings, and the signature to quote beside it.

evaluate.load("assets/metrics/sacrebleu").compute(predictions=["a"], references=[["b", "c"]])
"""

from typing import Any

import datasets
import evaluate

from socratic.scoring import modules


class SacreBleu(evaluate.Metric):  # type: ignore[misc]
    """sacreBLEU by the package of that name."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="Post 2018, A Call for Clarity in Reporting BLEU Scores",
            inputs_description=modules.sacrebleu.__doc__,
            features=[
                datasets.Features({"predictions": text, "references": datasets.Sequence(text)}),
                datasets.Features({"predictions": text, "references": text}),
            ],
        )

    def _compute(self, **columns: Any) -> dict[str, Any]:
        return modules.sacrebleu(**columns)
