"""What the local `evaluate` modules in `assets/metrics` compute: plain dictionaries of values.

`evaluate.load("assets/metrics/rouge")` reads the module from disk; by name it would fetch a script
from the Hub and run it.
"""

from collections.abc import Iterable, Sequence

from socratic.scoring import diversity as among
from socratic.scoring import overlap
from socratic.scoring.guard import checked_rows
from socratic.scoring.measures import Measure
from socratic.scoring.semantic import Encoder
from socratic.scoring.semantic import bertscore as semantic

References = Sequence[str] | Sequence[Sequence[str]]


def _groups(predictions: Sequence[str], references: References) -> list[list[str]]:
    """Return the references as groups of one or more; raise ScoreError as `score_outputs` does."""
    groups = [[one] if isinstance(one, str) else list(one) for one in references]
    checked_rows(predictions, groups)
    return groups


def _values(measures: Iterable[Measure]) -> dict[str, float]:
    return {measure.metric: measure.value for measure in measures}


def _unwatched(_: int) -> None:
    """Stand in for progress: an `evaluate` module has none to report to."""


def rouge(predictions: Sequence[str], references: References) -> dict[str, float]:
    """Return rouge1, rouge2, rougeL and rougeLstem, 0..1; references: one or a group per row."""
    groups = _groups(predictions, references)
    plain = overlap.rouge(predictions, groups, False, _unwatched)
    return _values([*plain, *overlap.rouge(predictions, groups, True, _unwatched)])


def bleu(predictions: Sequence[str], references: References) -> dict[str, float]:
    """Return bleu1 to bleu4 as the baselines were scored, 0..1."""
    return _values(overlap.bleu(predictions, _groups(predictions, references), _unwatched))


def sacrebleu(predictions: Sequence[str], references: References) -> dict[str, float | str]:
    """Return sacrebleu, 0..100, and its signature."""
    found = overlap.sacre_bleu(predictions, _groups(predictions, references), _unwatched)
    return {"sacrebleu": found.value, "signature": found.implementation.partition("; ")[2]}


def diversity(predictions: Sequence[str]) -> dict[str, float]:
    """Return distinct1, distinct2, selfbleu and unique, 0..1."""
    checked_rows(predictions, [["none needed"]] * len(predictions))
    scores = [
        among.distinct(predictions, 1),
        among.distinct(predictions, 2),
        among.self_bleu(predictions),
        among.unique(predictions),
    ]
    return {score.metric: score.value for score in scores}


def bertscore(
    predictions: Sequence[str],
    references: References,
    encoder: str,
    layer: int | None = None,
    rescale: bool = False,
) -> dict[str, float | list[float]]:
    """Return bertscore (mean F1) and its rows; errors as `socratic.scoring.bertscore`."""
    chosen = Encoder(encoder, layer, rescale)
    rows = semantic(predictions, _groups(predictions, references), chosen)
    return {"bertscore": sum(rows) / len(rows), "rows": rows}
