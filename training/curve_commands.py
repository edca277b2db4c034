"""Curves of runs as files, and the settings in which runs differ."""

from pathlib import Path
from typing import Annotated

import typer

from socratic import console, curve_files, differences, runs
from socratic.console import JsonOption, WorkspaceOption
from socratic.errors import WorkspaceError
from socratic.figures import Look
from socratic.figures.printed_curves import Sheet
from socratic.workspace import Workspace, told

RunsArgument = Annotated[list[str], typer.Argument(metavar="RUN...")]


def curves(
    run_ids: RunsArgument,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Its ending says what: csv png svg pdf tex.")
    ],
    metric: Annotated[str, typer.Option(help="A name in metrics.jsonl.")] = "loss",
    panels: Annotated[
        bool, typer.Option("--panels", help="A panel per run, not all in one.")
    ] = False,
    x: Annotated[str, typer.Option(help="step, epoch or time.")] = "step",
    smoothing: Annotated[float, typer.Option(help="0 for none, below 1.")] = 0.0,
    log_y: Annotated[bool, typer.Option("--log", help="A logarithmic axis.")] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Write the curves of runs to a file; a .tex comes with the PDF it includes."""
    place = Workspace.open(workspace)
    found = [runs.find(place, run_id) for run_id in run_ids]
    look = Look(x, smoothing, log_y)  # type: ignore[arg-type]  # it checks the axis
    sheet = Sheet(curve_files.distinct(found), metric, look, panels)
    made = curve_files.files(sheet, found, out.suffix.lstrip(".").lower(), out.stem)
    written = [out.expanduser().with_name(name) for name in made]
    for path, content in zip(written, made.values(), strict=True):
        _write(path, content)
    if as_json:
        console.print_json([str(path) for path in written])
    else:
        print("\n".join(map(str, written)))


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise WorkspaceError(f"{str(path)!r} could not be written ({told(error)}).") from error


def differ(
    run_ids: RunsArgument, as_json: JsonOption = False, workspace: WorkspaceOption = None
) -> None:
    """Show the settings in which runs differ, and no others."""
    place = Workspace.open(workspace)
    manifests = [runs.find(place, run_id).manifest() for run_id in run_ids]
    found = differences.between(manifests)
    if as_json:
        ids = [manifest.run_id for manifest in manifests]
        console.print_json({name: dict(zip(ids, said, strict=True)) for name, said in found})
    elif found:
        console.print_table(("", *run_ids), [(name, *said) for name, said in found])
    else:
        print("These runs differ in no setting.")
