"""Systems: what can be asked a question or scored. A base model, with an adapter or without."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from socratic import adapters, catalog, runs
from socratic.errors import HubError, RunError, SocraticError, UsageError
from socratic.workspace import Workspace

BASE = ":base"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class System:
    """A base model and perhaps an adapter.

    key: unique name (a run id, or a model key for a base alone). title: its name on the page.
    model: catalogue key, Hub id or folder of the base. size: weights of the base, for ordering.
    missing: why it cannot be asked, for one that was chosen and is not there.
    """

    key: str
    title: str
    model: str
    family: str
    adapter: Path | None
    colour: str
    size: int
    bundled: bool = False
    missing: str = ""

    def without_adapter(self) -> "System":
        """Return the base model alone."""
        return base(self.model)


def base(model: str) -> System:
    """Return the system of a base model alone; `model` is a catalogue key, Hub id or folder."""
    spec = catalog.find(model)
    if spec is None:
        name = Path(model).name
        return System(model, f"{name}, no adapter", model, "own", None, catalog.GREY, 10**9)
    return System(
        key=f"{spec.key}{BASE}",
        title=f"{spec.title}, no adapter",
        model=spec.key,
        family=spec.family,
        adapter=None,
        colour=spec.colour,
        size=spec.shape.parameters,
        bundled=spec.bundled is not None,
    )


def bases(workspace: Workspace) -> list[System]:
    """Return the base models one can name without an adapter."""
    if not workspace.closed:
        return [base(spec.key) for spec in catalog.MODELS]
    found = {one.model: one.without_adapter() for one in available(workspace)}
    return list(found.values())


def from_run(run: runs.Run) -> System:
    """Return the system a finished run made; raise RunError when it has no adapter yet."""
    if run.adapter is None:
        raise RunError(f"The run {run.id!r} has no adapter yet ({run.status().state}).")
    manifest = run.manifest()
    return _with_adapter(run.id, manifest.title, manifest.model, run.adapter, run.bundled)


def _with_adapter(key: str, title: str, model: str, adapter: Path, bundled: bool) -> System:
    spec = catalog.find(model)
    return System(
        key=key,
        title=title,
        model=model,
        family=spec.family if spec else "own",
        adapter=adapter,
        colour=spec.colour if spec else catalog.SPARE_COLOURS[0],
        size=spec.shape.parameters if spec else 10**9,
        bundled=bundled,
    )


def available(workspace: Workspace) -> list[System]:
    """Return every finished adapter, the newest first, the bundled ones last."""
    found: list[System] = []
    for run in runs.discover(workspace):
        try:
            if run.manifest().kind == "training" and run.adapter is not None:
                found.append(from_run(run))
        except RunError:
            continue  # a damaged run is named on the Train tab, it must not hide the others
    return found


def opening_family(workspace: Workspace) -> str:
    """Return the family to open on: thesis where adapters for it are found, else miniature."""
    trained = {system.family for system in available(workspace)}
    return "thesis" if "thesis" in trained else "miniature"


def newest_per_model(workspace: Workspace, family: str) -> list[System]:
    """Return, smallest model first, each model's newest adapter in a family."""
    chosen: dict[str, System] = {}
    for system in available(workspace):
        if system.family == family:
            chosen.setdefault(system.model, system)
    return sorted(chosen.values(), key=lambda system: system.size)


def resolve(name: str, workspace: Workspace) -> System:
    """Return the system `name` means: a run id, an adapter folder, a model key or a Hub id.

    A model key means its newest adapter, the base alone only where it has none or with `:base`
    behind it. Raises UsageError naming what there is.
    """
    if workspace.closed:
        return _own(name, workspace)
    path = Path(name).expanduser()
    if (path / "adapter_config.json").is_file():
        return _from_folder(path)
    spec = catalog.find(name.removesuffix(BASE))
    if spec is not None:
        trained = [s for s in available(workspace) if s.model == spec.key]
        return trained[0] if trained and not name.endswith(BASE) else base(spec.key)
    try:
        return from_run(runs.find(workspace, name))
    except RunError as error:
        if path.is_dir():
            return base(name)
        problem = f"{name!r} is no model key, adapter folder or run: {error}"
    if not _HUB_ID.fullmatch(name):
        raise UsageError(problem)
    return _from_hub(name)


def _own(name: str, workspace: Workspace) -> System:
    """Return what `name` means where nothing from elsewhere may be loaded: an adapter, its base."""
    found = available(workspace)
    known = {system.key: system for system in found}
    for system in found:
        known.setdefault(system.model, system)
        known.setdefault(system.without_adapter().key, system.without_adapter())
    if name not in known:
        raise UsageError(f"There is no model {name!r} here; choose from {', '.join(known)}.")
    return known[name]


def _from_folder(path: Path) -> System:
    folder = path.absolute()
    model = adapters.base_of(folder)
    # A run's adapter lies in a folder that is always called so.
    title = folder.parent.name if folder.name == "adapter" else folder.name
    return _with_adapter(str(folder), title, model, folder, bundled=False)


def _from_hub(repo: str) -> System:
    from socratic import hub

    try:
        folder = hub.adapter_folder(repo)
    except (HubError, UsageError) as error:
        raise UsageError(
            f"{repo!r} is no run, folder or model key here, and as a Hub id: {error}"
        ) from error
    if folder is None:
        return base(repo)
    return _with_adapter(repo, repo, hub.base_named(folder, repo), folder, bundled=False)


def choose(names: Sequence[str], bases: bool, workspace: Workspace) -> tuple[System, ...]:
    """Return the systems of these names, smallest first; with `bases` each one's base beside it.

    One that is not there any more comes with the reason in `missing`, so that the others can be
    asked; raises UsageError when that is so of every one.
    """
    found = {system.key: system for system in (_or_missing(name, workspace) for name in names)}
    if found and all(system.missing for system in found.values()):
        raise UsageError(" ".join(system.missing for system in found.values()))
    if bases:
        plain = [system.without_adapter() for system in found.values() if system.adapter]
        found |= {system.key: system for system in plain}
    return tuple(
        sorted(found.values(), key=lambda one: (one.size, one.model, one.adapter is not None))
    )


def _or_missing(name: str, workspace: Workspace) -> System:
    try:
        return resolve(name, workspace)
    except SocraticError as error:
        return System(name, name, "", "own", None, catalog.GREY, 0, missing=str(error))


def distinct_titles(chosen: Sequence[System]) -> dict[str, str]:
    """Return a title per key, made unique by the run id where two would read alike."""
    titles = [system.title for system in chosen]
    return {
        system.key: system.title
        if titles.count(system.title) == 1
        else f"{system.title} ({system.key})"
        for system in chosen
    }
