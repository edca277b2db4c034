"""Write the folder of a Hugging Face Space: `python -m socratic space --out DIR`.

The Space is this project as it is: app, packages, assets, pinned requirements; and the adapters
chosen for it as recorded runs in its workspace, with their curves and scores.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from socratic import catalog, systems
from socratic.errors import RunError, UsageError, WorkspaceError
from socratic.runs import Run
from socratic.sharing import export, model_card, recorded
from socratic.sharing.export import Export
from socratic.workspace import Workspace, told

REQUIREMENTS = "requirements.txt"
# The app starts `python -m training` for runs and reads its recipes, so that package goes along.
FILES = ("app.py", "LICENSE", REQUIREMENTS)
FOLDERS = ("socratic", "training", "assets")
PYTHON = "3.12"
# Where the app looks on a Space: ./workspace, as everywhere.
RUNS = Path("workspace") / "runs"
_PRELOADED = "config.json,generation_config.json,model.safetensors,spiece.model,tokenizer.json"


@dataclass(frozen=True)
class Space:
    """A written Space folder. runs: its recorded runs. models: Hub ids of their bases."""

    folder: Path
    runs: tuple[str, ...]
    models: tuple[str, ...]
    size: int


def write(
    out: Path, adapters: Sequence[str], workspace: Workspace, rounds: Sequence[str] = ()
) -> Space:
    """Write the Space with `adapters` (run ids or model keys) into `out`, whole or not at all.

    rounds: of blind rating, that its visitors take part in; their rows become public.

    Raises UsageError when `out` holds something or an adapter is no trained run, WorkspaceError
    when it cannot be written.
    """
    out = out.expanduser().absolute()
    _check(out)
    chosen = {run.id: export.of_run(run, workspace) for run in _runs(adapters, workspace)}
    partial = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _copy_project(partial)
        for run_id, one in chosen.items():
            recorded.write(partial / RUNS / run_id, one)
        recorded.write_listing((partial / RUNS).parent, chosen)
        recorded.copy_rounds(workspace, Workspace((partial / RUNS).parent), rounds)
        models = _models(list(chosen.values()))
        (partial / "README.md").write_text(readme(models), encoding="utf-8")
        partial.rename(out)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise WorkspaceError(f"{str(out)!r} could not be written ({told(error)}).") from error
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return Space(out, tuple(chosen), models, size)


def _check(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{str(out)!r} is not an empty folder; name one that is, or a new one.")
    missing = [name for name in (*FILES, *FOLDERS) if not (catalog.ROOT / name).exists()]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} is not in {str(catalog.ROOT)!r}; run this from a checkout of "
            "the project."
        )


def _runs(adapters: Sequence[str], workspace: Workspace) -> list[Run]:
    """Return the runs of the chosen adapters, each once."""
    found: dict[str, Run] = {}
    for name in adapters:
        system = systems.resolve(name, workspace)
        if system.adapter is None or not (system.adapter.parent / "manifest.json").is_file():
            raise UsageError(f"{name!r} is no trained run, so it has nothing to show on a Space.")
        run = Run(system.adapter.parent, system.bundled)
        # The bundled family is in every Space already.
        if not run.bundled:
            found[run.id] = run
    return list(found.values())


def _copy_project(target: Path) -> None:
    for name in FILES:
        shutil.copyfile(catalog.ROOT / name, target / name)
    leftovers = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    for name in FOLDERS:
        shutil.copytree(catalog.ROOT / name, target / name, ignore=leftovers)


def _models(chosen: Sequence[Export]) -> tuple[str, ...]:
    named = (model_card.hub_base(one.manifest) for one in chosen)
    return tuple(dict.fromkeys(base for base in named if base))


def _known(model: str) -> bool:
    # A preload that names a file the repository lacks stops the build; elsewhere one cannot know.
    spec = catalog.find(model)
    return spec is not None and not spec.optional


def gradio_version() -> str:
    """Return the Gradio version the root's requirements pin; raise RunError when they do not."""
    text = (catalog.ROOT / REQUIREMENTS).read_text(encoding="utf-8")
    pinned = re.search(r"^gradio(?:\[[^\]]*\])?==([\w.]+)", text, re.MULTILINE)
    if pinned is None:
        raise RunError(f"{REQUIREMENTS} does not pin gradio; add a line gradio==VERSION.")
    return pinned.group(1)


def readme(models: Sequence[str]) -> str:
    """Return the Space's README: the front matter the Hub builds it from, and a few words."""
    values: dict[str, Any] = {
        "title": "Socratic questions",
        "emoji": "\N{RIGHT-POINTING MAGNIFYING GLASS}",
        "colorFrom": "blue",
        "colorTo": "green",
        "sdk": "gradio",
        "sdk_version": gradio_version(),
        "app_file": "app.py",
        "python_version": PYTHON,
        "license": model_card.LICENCE,
        "short_description": "Three T5 models ask Socratic questions, side by side",
    }
    if models:
        values["models"] = list(models)
        # Fetched while the Space is built, so that its first visitor does not wait for them.
        values["preload_from_hub"] = [f"{model} {_PRELOADED}" for model in models if _known(model)]
    front = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    words = (
        "# Socratic questions\n\n"
        "Does instruction tuning improve Socratic question generation? Three T5 models answer "
        "side by side, with their training curves and their scores against published ones.\n\n"
        "Written by `python -m socratic space`; the miniature family is bundled and labelled so.\n"
    )
    return f"---\n{front}---\n\n{words}"
