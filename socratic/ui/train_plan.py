"""What will happen if one presses start: rows, steps, weights, time, commands, all problems."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, TypeVar

from socratic import catalog, data, device, estimates, fairness, plans, recipes
from socratic.data import Corpus
from socratic.errors import SocraticError, UsageError
from socratic.estimates import Estimate
from socratic.plans import TrainingChoice
from socratic.recipes import Recipe
from socratic.runs import Manifest
from socratic.ui import parts, train_config
from socratic.workspace import Workspace

Result = TypeVar("Result")


_COLUMNS = ("Model", "Steps", "Trained weights", "Time", "Memory", "Disk")


@dataclass(frozen=True)
class Chosen:
    """What the page asks for. values: every hyperparameter as the controls have it."""

    models: tuple[str, ...]
    data: str
    recipe: str
    values: Mapping[str, Any]
    evaluate: str | None = None
    cpu: bool = False


@dataclass(frozen=True)
class Outlook:
    """What would happen; it can only start when `problems` is empty.

    choice: what is asked for, None where a value is out of range.
    """

    choice: TrainingChoice | None = None
    manifests: tuple[Manifest, ...] = ()
    corpus: Corpus | None = None
    estimates: tuple[Estimate, ...] = ()
    problems: tuple[str, ...] = field(default=())


def outlook(chosen: Chosen, workspace: Workspace) -> Outlook:
    """Return what would happen, with every problem found and not only the first."""
    problems: list[str] = []
    recipe = _attempt(problems, lambda: recipes.load(chosen.recipe, dict(chosen.values)))
    corpus = _attempt(problems, lambda: corpus_of(chosen, workspace))
    choice = _choice(chosen, recipe) if recipe else None
    manifests = _attempt(problems, lambda: _manifests(chosen, choice)) or []
    found = _attempt(problems, lambda: _estimates(manifests, corpus, workspace)) or []
    _attempt(problems, lambda: _check_disk(found, workspace))
    return Outlook(choice, tuple(manifests), corpus, tuple(found), tuple(problems))


def _attempt(problems: list[str], make: Callable[[], Result]) -> Result | None:
    try:
        return make()
    except SocraticError as error:
        problems.append(str(error))
        return None


def corpus_of(chosen: Chosen, workspace: Workspace) -> Corpus:
    """Return the chosen data, read anew only when it changed; raise DataError where it cannot."""
    source = parts.check_data(chosen.data)
    places = {"sample": data.SAMPLE, "socratiq": workspace.data / "socratiq"}
    place = places.get(source, Path(source))
    stamp = place.stat().st_mtime_ns if place.exists() else 0
    corpus = _read(source, workspace, stamp)
    if chosen.evaluate:
        corpus.split(chosen.evaluate)
    return corpus


@lru_cache(maxsize=4)
def _read(source: str, workspace: Workspace, _stamp: int) -> Corpus:
    """Read data once; `_stamp` makes a changed file another one."""
    return data.load(source, workspace)


def _choice(chosen: Chosen, recipe: Recipe) -> TrainingChoice:
    return TrainingChoice(
        models=chosen.models,
        data=chosen.data,
        recipe=recipe,
        evaluate=chosen.evaluate,
        cpu=chosen.cpu,
    )


def _manifests(chosen: Chosen, choice: TrainingChoice | None) -> list[Manifest]:
    for model in chosen.models:
        _check_place(model)
    # Without a recipe something is wrong already; what else is wrong is still looked for.
    return plans.training(choice or _choice(chosen, recipes.load(recipes.DEFAULT)))


def _check_place(model: str) -> None:
    looks_like_path = model.startswith(("/", "./", "../", "~"))
    if looks_like_path and not (Path(model).expanduser() / "config.json").is_file():
        raise UsageError(f"There is no model in {model!r}; it needs a folder with a config.json.")


def _check_disk(found: list[Estimate], workspace: Workspace) -> None:
    needed = sum(estimate.disk or 0.0 for estimate in found)
    free = shutil.disk_usage(workspace.root).free / 2**30
    if needed > free:
        raise UsageError(
            f"These runs need about {needed:.1f} GB of disk, {free:.1f} GB are free in "
            f"{str(workspace.root)!r}; free some space."
        )


def _estimates(
    manifests: list[Manifest], corpus: Corpus | None, workspace: Workspace
) -> list[Estimate]:
    if corpus is None:
        return []
    return [estimates.of(manifest, corpus, workspace) for manifest in manifests]


def panel(outlook: Outlook) -> str:
    """Return the outlook as markup: problems first, then data, models, commands."""
    shown = ""
    if outlook.problems:
        rows = "".join(f"<li>{escape(problem)}</li>" for problem in outlook.problems)
        shown = f'<div class="notice bad" role="alert">This cannot start yet:<ul>{rows}</ul></div>'
    shown += _data_part(outlook.corpus) if outlook.corpus else ""
    shown += _models_part(outlook) if outlook.estimates else ""
    shown += _machine_part() + _fairness_part(outlook.manifests)
    if outlook.choice is None or outlook.problems:
        return shown
    return shown + _commands_part(outlook.manifests) + train_config.link(outlook.choice)


def _data_part(corpus: Corpus) -> str:
    counts = ", ".join(f"<b>{rows:,}</b> {name}" for name, rows in corpus.counts.items())
    notes = "".join(f"<li>{escape(note)}</li>" for note in corpus.notes)
    listed = f"<details><summary>{len(corpus.notes)} notes on the data</summary><ul>{notes}</ul>"
    return f"<p>{escape(corpus.name)}: {counts} rows.</p>" + (
        listed + "</details>" if notes else ""
    )


def _models_part(outlook: Outlook) -> str:
    pairs = zip(outlook.manifests, outlook.estimates, strict=True)
    rows = "".join(_model_row(manifest, estimate) for manifest, estimate in pairs)
    heads = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    reasons = "; ".join(dict.fromkeys(estimate.reason for estimate in outlook.estimates))
    table = f'<table class="plan"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    time = f'<p class="quiet">Time: {escape(reasons)}.</p>'
    return f'<div class="scroll">{table}</div>{time}{_shortage(outlook.estimates)}'


def _shortage(found: tuple[Estimate, ...]) -> str:
    """Return a warning when a run would need more memory than there is."""
    most = max((estimate.memory or 0.0 for estimate in found), default=0.0)
    have = device.describe().memory_gb
    if most <= have:
        return ""
    return parts.notice(
        f"About {most:.1f} GB of memory are needed, this machine has {have:g} GB: choose a "
        "smaller train_batch with more accumulation, or fewer input_tokens.",
        "bad",
    )


def _model_row(manifest: Manifest, estimate: Estimate) -> str:
    spec = catalog.find(manifest.model)
    share = f"<small>{estimate.share:.1%} of all</small>"
    weights = f"{estimate.trainable:,}{share}" if estimate.total else "told once loaded"
    seconds = "unknown" if estimate.seconds is None else f"about {parts.duration(estimate.seconds)}"
    cells = (
        parts.dot(spec.colour if spec else catalog.GREY) + escape(manifest.title),
        f"{estimate.steps:,}",
        weights,
        seconds,
        "not measured yet" if estimate.memory is None else f"{estimate.memory:.1f} GB",
        "" if estimate.disk is None else f"{estimate.disk:.2f} GB",
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _machine_part() -> str:
    plan = device.plan(device.describe())
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in plan.reasons)
    return f"<details><summary>How this machine computes</summary><ul>{reasons}</ul></details>"


def _fairness_part(manifests: tuple[Manifest, ...]) -> str:
    """Return what sets the chosen models apart, and what may therefore be concluded."""
    specs = [spec for manifest in manifests if (spec := catalog.find(manifest.model))]
    if len(specs) < 2:
        return ""
    profiles = [fairness.profile(spec, manifests[0].hyperparameters.lora_rank) for spec in specs]
    heads = "".join(f"<th>{escape(profile.title)}</th>" for profile in profiles)
    rows = "".join(
        f"<tr><td>{name}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, *cells in fairness.rows(profiles)
    )
    said = "".join(f"<li>{escape(line)}</li>" for line in fairness.conclusions(specs))
    return (
        "<details><summary>What these models can be compared on</summary>"
        f'<ul>{said}</ul><div class="scroll"><table><thead><tr><th></th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _commands_part(manifests: tuple[Manifest, ...]) -> str:
    text = "\n".join(manifest.command for manifest in manifests)
    return (
        "<details open><summary>The same from a terminal</summary>"
        f'<div class="command">{parts.copy_button(text)}<pre>{escape(text)}</pre></div></details>'
    )
