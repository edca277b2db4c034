"""Predictions -> the measures and scores of every system, with progress and a way out."""

from dataclasses import dataclass

from socratic.scoring import corpus, extras
from socratic.scoring.extras import Extras, Found, Place
from socratic.scoring.measures import Measure
from socratic.scoring.score import Score
from socratic.scoring.stored import Predictions
from training.progress import Progress


@dataclass(frozen=True)
class Measured:
    """measures and scores: by system. extra: what was found for the optional metrics."""

    measures: dict[str, list[Measure]]
    scores: dict[str, list[Score]]
    extra: Found


def measure(rows: Predictions, wanted: Extras, place: Place, progress: Progress) -> Measured:
    """Score every system in `rows`; raise Stopped when asked to stop."""
    each = len(rows.contexts)
    progress.update(phase="scoring", message="", step=0, total_steps=each * len(rows.outputs))
    scores: dict[str, list[Score]] = {}
    measures: dict[str, list[Measure]] = {}

    def tell_extra(name: str, done: int) -> None:
        progress.leave_if_stopped()
        progress.update(message=f"{name}: {done:,} of {each:,} rows")

    found = extras.measure(rows, wanted, place, tell_extra)
    for place_of, (name, outputs) in enumerate(rows.outputs.items()):
        progress.update(message=f"scoring {name}")

        def tell(_: str, share: float, before: int = place_of * each) -> None:
            progress.leave_if_stopped()
            progress.update(step=before + round(share * each))

        plain = corpus.measure_outputs(outputs, rows.references, rows.contexts, tell)
        measures[name] = [*plain, *found.measures.get(name, [])]
        scores[name] = corpus.summed_up(measures[name], outputs, progress=tell)
    return Measured(measures, scores, found)
