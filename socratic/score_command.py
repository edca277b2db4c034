"""`python -m socratic score`: one number again, from the predictions that were kept."""

from pathlib import Path
from typing import Annotated

import typer

from socratic import console, runs
from socratic.console import JsonOption, WorkspaceOption
from socratic.errors import RunError
from socratic.scoring import corpus, extras, stored
from socratic.scoring.evaluation import Evaluation
from socratic.scoring.measures import Measure
from socratic.scoring.score import Score
from socratic.scoring.statistics import scored
from socratic.scoring.stored import Predictions
from socratic.workspace import Workspace


def score(
    run: Annotated[str, typer.Argument(metavar="RUN")],
    system: Annotated[str, typer.Option(help="A system of the evaluation, by its name.")],
    metric: Annotated[str, typer.Option(help="rougeL, bleu4, ...")] = "rougeL",
    file: Annotated[
        str, typer.Option(help="Which evaluation of the run: its file's name.")
    ] = "test",
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Compute one score again from the stored predictions of an evaluation."""
    place = Workspace.open(workspace)
    folder = runs.find(place, run).path
    evaluation = Evaluation.read(folder / "evaluation" / f"{Path(file).name}.json")
    again = recomputed(evaluation, system, metric, place)
    if as_json:
        console.print_json(again.model_dump())
    else:
        ends = "" if again.low is None else f" [{again.low:.6f}, {again.high:.6f}]"
        print(f"{system}: {metric} {again.value!r}{ends}\n{again.implementation}")


def recomputed(evaluation: Evaluation, system: str, metric: str, workspace: Workspace) -> Score:
    """Return a score computed anew from an evaluation's predictions.

    Raises RunError when the evaluation, its predictions or the system are not here, or the metric
    was not measured; whatever the metric raises otherwise.
    """
    if evaluation.predictions is None:
        raise RunError(f"The evaluation of {evaluation.run!r} is no file, so nothing was kept.")
    rows = stored.read(evaluation.predictions)
    if metric in ("bertscore", "fidelity"):
        return scored([_optional(evaluation, rows, system, metric, workspace)])[0]
    again = corpus.one_score(metric, rows.of(system), rows.references, rows.contexts)
    if again is None:
        raise RunError(f"The evaluation of {evaluation.run!r} measured no {metric!r}.")
    return again


def _optional(
    evaluation: Evaluation, rows: Predictions, system: str, metric: str, workspace: Workspace
) -> Measure:
    outputs, wanted = rows.of(system), evaluation.extras
    if metric == "bertscore":
        return extras.bertscore_of(rows, outputs, wanted, workspace, lambda done: None)
    judge = extras.judge_for(rows, wanted.labels, extras.Place(workspace, evaluation.dataset))
    return judge.measure(outputs, rows.types)
