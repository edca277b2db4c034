"""What is chosen to be trained or scored -> the manifests that will do it, or a file to keep."""

import time
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from socratic import catalog, decoding, jobs, recipes, runs
from socratic.decoding import Decoding, told
from socratic.errors import UsageError
from socratic.recipes import Hyperparameters, Recipe
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


class _Saved(BaseModel):
    """A choice as it stands in a file; the file is a recipe too, for what a recipe says."""

    model_config = ConfigDict(extra="forbid")

    description: str = ""
    recipe: str = recipes.DEFAULT
    models: list[str]
    data: str = "sample"
    evaluate: Literal["train", "validation", "test"] | None = None
    cpu: bool = False
    hyperparameters: dict[str, Any] = {}


def to_yaml(choice: TrainingChoice) -> str:
    """Return a choice as YAML that `from_yaml` reads, with every hyperparameter."""
    saved = _Saved(
        description=f"Saved on {time.strftime('%d %B %Y, %H:%M')}.",
        recipe=choice.recipe.name,
        models=list(choice.models),
        data=choice.data,
        evaluate=choice.evaluate,  # type: ignore[arg-type]  # checked as it is made
        cpu=choice.cpu,
        hyperparameters=choice.recipe.hyperparameters.model_dump(),
    )
    return yaml.safe_dump(saved.model_dump(), sort_keys=False, allow_unicode=True)


def from_yaml(text: str, name: str, overrides: dict[str, Any] | None = None) -> TrainingChoice:
    """Return the choice a file called `name` holds, with `overrides` on its hyperparameters.

    Raises UsageError naming everything in it that cannot be used.
    """
    try:
        content = yaml.safe_load(text)
        if not isinstance(content, dict):
            raise UsageError(f"{name} holds no settings; save a configuration on the Train tab.")
        saved = _Saved.model_validate(content)
        chosen = Hyperparameters(**{**saved.hyperparameters, **(overrides or {})})
    except ValidationError as error:
        raise UsageError(f"{name} is no configuration of a training: {told(error)}.") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{name} is not YAML ({str(error).splitlines()[0]}).") from None
    recipe = Recipe(name=saved.recipe, description=saved.description, hyperparameters=chosen)
    return TrainingChoice(tuple(saved.models), saved.data, recipe, saved.evaluate, saved.cpu)


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
