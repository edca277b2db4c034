"""Scoring: what an evaluation measures, and whether it is more than chance.

Light to import: the packages behind a metric are imported when it is first asked for.
"""

from socratic.scoring.corpus import measure_outputs, score_outputs
from socratic.scoring.floors import floors
from socratic.scoring.guard import checked
from socratic.scoring.overlap import rouge_l
from socratic.scoring.score import Score
from socratic.scoring.semantic import Encoder, bertscore

__all__ = [
    "Encoder",
    "Score",
    "bertscore",
    "checked",
    "floors",
    "measure_outputs",
    "rouge_l",
    "score_outputs",
]
