"""BERTScore F1 by a named encoder from the Hub cache or a local folder (bert-score).

metric = evaluate.load("assets/metrics/bertscore")
metric.compute(predictions=["a"], references=[["b", "c"]], encoder="roberta-large")
"""

from typing import Any

import datasets
import evaluate

from socratic.scoring import modules


class BertScore(evaluate.Metric):  # type: ignore[misc]
    """BERTScore; pass encoder=, layer= and rescale= to compute()."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="Zhang et al. 2020, BERTScore: Evaluating Text Generation with BERT",
            inputs_description=modules.bertscore.__doc__,
            features=[
                datasets.Features({"predictions": text, "references": datasets.Sequence(text)}),
                datasets.Features({"predictions": text, "references": text}),
            ],
        )

    def _compute(self, **columns: Any) -> dict[str, Any]:
        return modules.bertscore(**columns)
