"""Recorded runs: exported ones laid out as run folders, for a Space and for a public page.

A public page never serves the workspace itself but a copy that holds the listed runs alone,
cleaned as for publishing: what is not in it cannot be loaded, read or named, whatever is asked.
"""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from socratic import runs
from socratic.access import ADAPTERS, Access
from socratic.errors import SocraticError, UsageError, WorkspaceError
from socratic.rating.store import Store
from socratic.runs import Run, Status
from socratic.sharing import export
from socratic.sharing.export import Export
from socratic.workspace import Workspace, told, write_json

# In a Space's workspace: the ids of the runs its owner chose.
LISTED = "listed.json"
STAGE = "public"
# Where a Space's volume is attached, if it has one; everything else there is gone at a restart.
VOLUME = Path("/data")


def write(folder: Path, one: Export) -> None:
    """Write an exported run into `folder`, as finished."""
    for path, content in one.files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            shutil.copyfile(content, place)
    points = runs.MetricsReader(folder / "metrics.jsonl").news()
    steps, epoch = (points[-1]["step"], points[-1].get("epoch", 0.0)) if points else (0, 0.0)
    Run(folder).write_status(
        Status(
            state="finished",
            step=int(steps),
            total_steps=int(steps),
            epoch=float(epoch),
            started=one.manifest.created,
            message="recorded run",
        )
    )


def write_listing(workspace: Path, ids: Iterable[str]) -> None:
    """Note which runs of a Space's workspace its page is to show."""
    workspace.mkdir(parents=True, exist_ok=True)
    write_json(workspace / LISTED, list(ids))


def listed(workspace: Workspace) -> tuple[str, ...]:
    """Return the runs a Space was made with; none where there is no such list."""
    try:
        names = json.loads((workspace.root / LISTED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def copy_rounds(source: Workspace, target: Workspace, names: Iterable[str]) -> None:
    """Copy rating rounds without their ratings; one that is there already stays as it is."""
    for name in names:
        one = Store(source).round(name)
        Store(target).keep(one.model_copy(update={"made": export.public_text(one.made)}))


def stage(workspace: Workspace, access: Access, volume: Path = VOLUME) -> Workspace:
    """Return the workspace a public page serves: a closed copy of the listed runs, made anew.

    Without a list those of its Space. It lies on a Space's volume where there is one, so that what
    visitors leave (their ratings) outlives a restart.
    Raises UsageError when a listed run cannot be shown, WorkspaceError when nothing can be written.
    """
    chosen = {name: _export(name, workspace) for name in access.adapters or listed(workspace)}
    writable = volume.is_dir() and os.access(volume, os.W_OK)
    root = volume / "socratic" if writable else workspace.root / STAGE
    made = Workspace.open(root, closed=True)
    try:
        shutil.rmtree(made.runs)
        made.runs.mkdir()
        for name, one in chosen.items():
            write(made.runs / name, one)
        if workspace.models.is_dir() and not made.models.exists():
            made.models.symlink_to(workspace.models.absolute(), target_is_directory=True)
    except OSError as error:
        raise WorkspaceError(f"{str(root)!r} could not be written ({told(error)}).") from error
    copy_rounds(workspace, made, access.rounds or _rounds_of_space(workspace))
    return made


def _rounds_of_space(workspace: Workspace) -> list[str]:
    """Return the rounds a Space was made with; those of anybody else's workspace stay there."""
    if not (workspace.root / LISTED).is_file():
        return []
    return [one.id for one in Store(workspace).rounds()]


def _export(name: str, workspace: Workspace) -> Export:
    try:
        return export.of_run(runs.find(workspace, name), workspace)
    except SocraticError as error:
        raise UsageError(f"{name!r} of {ADAPTERS} cannot be shown: {error}") from error
