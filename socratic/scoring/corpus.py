"""Every metric of one system in one call: outputs -> scores with intervals."""

from collections.abc import Callable, Sequence
from functools import partial

from socratic.scoring import diversity, overlap
from socratic.scoring.form import form
from socratic.scoring.guard import checked_rows
from socratic.scoring.measures import Measure
from socratic.scoring.score import Score
from socratic.scoring.statistics import SAMPLES, SEED, scored

Progress = Callable[[str, float], None]

_EVERY = 100  # rows between two words of progress
# Where each step starts, as a share of the whole; measured on 10,573 rows of 12 words.
_STEPS = {
    "ROUGE": 0.0,
    "ROUGE with stemmer": 0.34,
    "BLEU": 0.55,
    "sacreBLEU": 0.70,
    "diversity": 0.85,
    "intervals": 0.95,
    "done": 1.0,
}


_AMONG: dict[str, Callable[[Sequence[str]], Score]] = {
    "distinct1": partial(diversity.distinct, order=1),
    "distinct2": partial(diversity.distinct, order=2),
    "selfbleu": diversity.self_bleu,
    "unique": diversity.unique,
}


def measure_outputs(
    outputs: Sequence[str],
    references: Sequence[Sequence[str]],
    contexts: Sequence[str],
    progress: Progress | None = None,
) -> list[Measure]:
    """Return every metric that is measured row by row; what paired tests are made of.

    Arguments and errors as in `score_outputs`.
    """
    checked_rows(outputs, references, contexts)
    tick = _ticker(len(outputs), progress)
    return [
        *overlap.rouge(outputs, references, False, tick("ROUGE")),
        *overlap.rouge(outputs, references, True, tick("ROUGE with stemmer")),
        *overlap.bleu(outputs, references, tick("BLEU")),
        overlap.sacre_bleu(outputs, references, tick("sacreBLEU")),
        *form(outputs, contexts),
    ]


def one_score(
    metric: str,
    outputs: Sequence[str],
    references: Sequence[Sequence[str]],
    contexts: Sequence[str],
) -> Score | None:
    """Return one metric's score as `score_outputs` does, None where it has no such metric."""
    checked_rows(outputs, references, contexts)
    if metric in _AMONG:
        return _AMONG[metric](outputs)
    if metric == "sacrebleu":
        measures = [overlap.sacre_bleu(outputs, references, _unwatched)]
    elif metric.startswith("rouge"):
        measures = overlap.rouge(outputs, references, metric.endswith("stem"), _unwatched)
    elif metric.startswith("bleu"):
        measures = overlap.bleu(outputs, references, _unwatched)
    else:
        measures = form(outputs, contexts)
    chosen = [measure for measure in measures if measure.metric == metric]
    return scored(chosen)[0] if chosen else None


def _unwatched(_: int) -> None:
    """Stand in for progress: one metric is quick."""


def score_outputs(
    outputs: Sequence[str],
    references: Sequence[Sequence[str]],
    contexts: Sequence[str],
    *,
    samples: int = SAMPLES,
    seed: int = SEED,
    progress: Progress | None = None,
) -> list[Score]:
    """Return every metric but BERTScore, each with its 95 % interval.

    outputs: n questions, without marker. references: n groups of one or more human questions.
    contexts: n texts the questions were asked about. samples: bootstrap resamples.
    progress: told what is being done and the share done, 0..1.

    Intervals are percentile bootstrap over rows; the jackknife's for distinct, unique and
    self-BLEU (see `socratic.scoring.diversity`). Raises ScoreError for texts with a marker or
    special token, an empty reference, no rows, or lengths that differ.
    """
    measures = measure_outputs(outputs, references, contexts, progress)
    return summed_up(measures, outputs, samples=samples, seed=seed, progress=progress)


def summed_up(
    measures: Sequence[Measure],
    outputs: Sequence[str],
    *,
    samples: int = SAMPLES,
    seed: int = SEED,
    progress: Progress | None = None,
) -> list[Score]:
    """Return the scores of row measures, and of `outputs` among themselves, as `score_outputs`."""
    tell = progress or (lambda step, part: None)
    tell("diversity", _STEPS["diversity"])
    among = [make(outputs) for make in _AMONG.values()]
    tell("intervals", _STEPS["intervals"])
    scores = scored(measures, samples, seed)
    tell("done", 1.0)
    # Overlap first, then diversity, then form: the order the table shows.
    form_at = next(i for i, score in enumerate(scores) if score.metric == "wellformed")
    return [*scores[:form_at], *among, *scores[form_at:]]


def _ticker(rows: int, progress: Progress | None) -> Callable[[str], overlap.Tick]:
    names = list(_STEPS)

    def of_step(step: str) -> overlap.Tick:
        start, end = _STEPS[step], _STEPS[names[names.index(step) + 1]]

        def tick(done: int) -> None:
            if progress and (done % _EVERY == 0 or done == rows):
                progress(step, start + (end - start) * done / rows)

        return tick

    return of_step
