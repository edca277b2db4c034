"""A saved configuration of the Train tab: a link that saves it, a file that is read back."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from socratic import catalog, plans, recipes
from socratic.errors import UsageError
from socratic.plans import TrainingChoice
from socratic.recipes import Hyperparameters

FILE = "training.yaml"


@dataclass(frozen=True)
class Read:
    """A saved configuration as the controls show it. other: a model beyond the family, or empty."""

    family: str
    models: list[str]
    other: str
    data: str
    recipe: str
    evaluate: bool
    cpu: bool
    hyperparameters: Hyperparameters


def link(choice: TrainingChoice) -> str:
    """Return a link that saves a choice as a file; the link itself holds it."""
    held = quote(plans.to_yaml(choice))
    return (
        f'<a class="save" download="{FILE}" href="data:text/yaml;charset=utf-8,{held}">'
        "Save this configuration as YAML</a>"
    )


def read(path: Path) -> Read:
    """Return a saved configuration; raise UsageError for what is none, naming what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path.name} is no text; give a file saved here as YAML.") from None
    choice = plans.from_yaml(text, path.name)
    specs = [catalog.find(model) for model in choice.models]
    families = [spec.family for spec in specs if spec]
    family = families[0] if families else "thesis"
    names = [spec.key if spec else model for spec, model in zip(specs, choice.models, strict=True)]
    keys = [spec.key for spec in catalog.family(family)]
    others = [name for name in names if name not in keys]
    if len(others) > 1:
        raise UsageError(
            f"{path.name} names more models than the page shows at once ({', '.join(others)}); "
            f"`python -m training run --config {path.name}` trains them all."
        )
    return Read(
        family=family,
        models=[name for name in names if name in keys],
        other=others[0] if others else "",
        data=choice.data,
        recipe=choice.recipe.name if choice.recipe.name in recipes.names() else recipes.DEFAULT,
        evaluate=choice.evaluate is not None,
        cpu=choice.cpu,
        hyperparameters=choice.recipe.hyperparameters,
    )
