"""`doctor` says whether machine and models are sound, `fairness` in what models differ."""

import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Annotated

import typer
from packaging.requirements import Requirement

from socratic import catalog, console, device
from socratic import fairness as fair
from socratic.console import JsonOption, WorkspaceOption
from socratic.errors import SocraticError, UsageError
from socratic.workspace import Workspace

MIN_FREE_GB = 5.0
# Why a floor is where it is, for those that are not just "what this was tested with".
FLOOR_REASONS = {
    "torch": "older releases load checkpoints unsafely (CVE-2025-32434, CVE-2026-24747)",
    "transformers": "older releases lack the Trainer's present argument names (CVE-2026-1839)",
    "gradio": "older releases freeze tabs and redraw plots",
}


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table."""

    check: str
    sound: bool
    said: str


def doctor(
    model: Annotated[list[str] | None, typer.Option(help="A key, Hub id or folder.")] = None,
    adapter: Annotated[list[Path] | None, typer.Option(help="An adapter folder.")] = None,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Check the machine, the versions, the disk, the Hub, and every model and adapter given."""
    place = Workspace.open(workspace)
    findings = [_machine(), *_versions(), _disk(place), _hub()]
    findings += [_model(name, place) for name in model or ()]
    findings += [_adapter(path, place) for path in adapter or ()]
    if as_json:
        console.print_json([asdict(finding) for finding in findings])
    else:
        rows = [(f.check, "sound" if f.sound else "UNSOUND", f.said) for f in findings]
        console.print_table(("check", "", "what was found"), rows)
    if not all(finding.sound for finding in findings):
        raise typer.Exit(1)


def _machine() -> Finding:
    machine = device.describe()
    plan = device.plan(machine)
    return Finding("machine", not machine.unseen, " ".join((f"{plan.sentence}.", *plan.reasons)))


def _versions() -> list[Finding]:
    needed = [Requirement(text) for text in requires("socratic") or ()]
    return [_version(need) for need in needed if need.marker is None]


def _version(need: Requirement) -> Finding:
    try:
        have = version(need.name)
    except PackageNotFoundError:
        return Finding(need.name, False, f"not installed; `pip install '{need}'`")
    sound = need.specifier.contains(have, prereleases=True)
    reason = FLOOR_REASONS.get(need.name, "")
    wanted = f" (needs {need.specifier}{': ' + reason if reason else ''})"
    mend = "" if sound else f"; `pip install '{need}'` mends it"
    return Finding(need.name, sound, f"{have}{wanted}{mend}")


def _disk(place: Workspace) -> Finding:
    free = shutil.disk_usage(place.root).free / 2**30
    said = f"{free:.1f} GB free in {place.root}"
    return Finding("disk", free >= MIN_FREE_GB, f"{said}, runs want {MIN_FREE_GB:g} GB or more")


def _hub() -> Finding:
    """Say whether the Hub answers; a machine without it is sound, it works from local copies."""
    import httpx
    from huggingface_hub import constants

    try:
        httpx.head(constants.ENDPOINT, timeout=5, follow_redirects=True)
    except httpx.HTTPError as error:
        reason = type(error).__name__
        return Finding("hub", True, f"not reachable ({reason}); local copies and the cache serve")
    return Finding("hub", True, f"{constants.ENDPOINT} answers")


def _model(name: str, place: Workspace) -> Finding:
    from socratic import loading, soundness

    try:
        loaded = loading.load_base(name, device.plan(device.describe()), place)
        proof = soundness.prove(loaded, name, place)
    except SocraticError as error:
        return Finding(f"model {name}", False, str(error))
    shape = loading.shape_of(loaded.model)
    head = "tied to the embedding" if loaded.tied else "separate, as saved"
    loss = proof.stages[0].loss
    said = f"{shape.parameters:,} weights, output head {head}, loss untrained {loss:.2f}; the same "
    said += ", ".join(stage.name for stage in proof.stages[1:])
    return Finding(f"model {name}", True, " ".join((f"{said}.", *proof.warnings)))


def _adapter(path: Path, place: Workspace) -> Finding:
    from socratic import adapters, loading

    try:
        base = adapters.base_of(path)
        loaded = loading.load(base, device.plan(device.describe()), path, place)
    except SocraticError as error:
        return Finding(f"adapter {path}", False, str(error))
    # What loads but was ruined before it came here is named, not called sound.
    return Finding(
        f"adapter {path}", not loaded.notes, " ".join(loaded.notes) or f"loads on {base}"
    )


def fairness(
    model: Annotated[list[str] | None, typer.Option(help="A key; all of thesis if none.")] = None,
    rank: Annotated[int, typer.Option(min=1, max=256, help="LoRA rank.")] = 16,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Set models side by side: what differs, and what may be concluded."""
    specs = [_known(name) for name in model] if model else list(catalog.family("thesis"))
    profiles = [fair.profile(spec, rank) for spec in specs]
    said = fair.conclusions(specs)
    if as_json:
        console.print_json({"models": [p.as_dict() for p in profiles], "conclusions": said})
        return
    console.print_table(("", *(p.model for p in profiles)), fair.rows(profiles))
    print("\n" + "\n".join(f"- {line}" for line in said))


def _known(name: str) -> catalog.ModelSpec:
    found = catalog.find(name)
    if found is None:
        keys = ", ".join(spec.key for spec in catalog.MODELS)
        raise UsageError(f"There is no model {name!r} in the catalogue; its keys are {keys}.")
    return found
