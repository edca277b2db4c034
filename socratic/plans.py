"""What is chosen to be trained or scored -> the manifests that will do it."""

import time
from dataclasses import dataclass, field

from socratic import catalog, decoding, jobs, recipes, runs
from socratic.decoding import Decoding
from socratic.errors import UsageError
from socratic.recipes import Recipe
from socratic.runs import DataUsed, Manifest
from socratic.scoring.extras import Extras
from socratic.systems import System


@dataclass(frozen=True)
class TrainingChoice:
    """What the Train tab and `python -m training run` ask for.

    data: `sample`, `socratiq` or an absolute path. evaluate: the split to score at the end.
    """

    models: tuple[str, ...]
    data: str = "sample"
    recipe: Recipe = field(default_factory=lambda: recipes.load(recipes.DEFAULT))
    evaluate: str | None = None
    cpu: bool = False


def training(choice: TrainingChoice) -> list[Manifest]:
    """Return a manifest per chosen model; raise UsageError when none is chosen."""
    if not choice.models:
        raise UsageError("No model is chosen; choose at least one to train.")
    return [_training(choice, model) for model in dict.fromkeys(choice.models)]


def _training(choice: TrainingChoice, model: str) -> Manifest:
    spec = catalog.find(model)
    manifest = Manifest(
        run_id=runs.new_id(spec.key if spec else model),
        title=spec.title if spec else model.rstrip("/").rsplit("/", 1)[-1],
        model=spec.key if spec else model,
        family=spec.family if spec else "own",
        created=time.time(),
        recipe=choice.recipe.name,
        hyperparameters=choice.recipe.hyperparameters,
        data=DataUsed(source=choice.data),
        evaluate=choice.evaluate,
        cpu=choice.cpu,
    )
    return manifest.model_copy(update={"command": jobs.command_line(manifest)})


def evaluation(
    system: System,
    data: str,
    split: str = "test",
    limit: int | None = None,
    chosen: Decoding | None = None,
    extras: Extras | None = None,
) -> Manifest:
    """Return the manifest that scores `system` on a split of `data`."""
    manifest = Manifest(
        run_id=runs.new_id(system.model, "evaluation"),
        kind="evaluation",
        title=system.title,
        model=system.model,
        family=system.family,
        created=time.time(),
        data=DataUsed(source=data),
        evaluate=split,
        limit=limit,
        decoding=chosen or decoding.preset("thesis"),
        adapter=str(system.adapter) if system.adapter else None,
        extras=extras or Extras(),
        of_run=_run_of(system),
    )
    return manifest.model_copy(update={"command": jobs.command_line(manifest)})


def _run_of(system: System) -> str | None:
    if system.adapter is None or not (system.adapter.parent / "manifest.json").is_file():
        return None
    return system.adapter.parent.name
