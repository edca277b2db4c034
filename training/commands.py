"""The commands that start runs and look after them."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from socratic import console, data, decoding, device, jobs, plans, recipes, runs, systems
from socratic.console import JsonOption, WorkspaceOption
from socratic.errors import RunError, UsageError
from socratic.runs import Run, Status
from socratic.scoring.extras import AUTO, Extras, given
from socratic.workspace import Workspace
from training.following import follow_all

DataOption = Annotated[
    str, typer.Option("--data", help="sample, socratiq, a CSV or Parquet file, or a folder.")
]
DecodingOption = Annotated[str, typer.Option("--decoding", help="thesis or paper.")]


def run(
    model: Annotated[
        list[str] | None, typer.Option(help="Key, Hub id or folder; give it again for more.")
    ] = None,
    data_source: DataOption = "sample",
    recipe: Annotated[str, typer.Option(help="A recipe's name or YAML file.")] = recipes.DEFAULT,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE")] = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Go on with a run.")] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A configuration saved on the page.")
    ] = None,
    evaluate: Annotated[
        str | None, typer.Option(metavar="SPLIT", help="Score this split at the end.")
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="Use the CPU though a GPU is there.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Print the run ids and return.")] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Train one model after the other and follow them; Ctrl-C stops with a checkpoint."""
    place = Workspace.open(workspace)
    if resume is not None:
        found = runs.find(place, resume)
        jobs.resume(place, found)
        started = [found]
    else:
        overrides = recipes.parse_overrides(set_ or [])
        if config is not None:
            choice = plans.from_yaml(_read(config), config.name, overrides)
        else:
            source, chosen = _absolute(data_source), recipes.load(recipe, overrides)
            choice = plans.TrainingChoice(tuple(model or ()), source, chosen, evaluate, cpu)
        _check_before_start(choice.data, choice.evaluate, choice.cpu, place)
        started = jobs.submit(place, plans.training(choice))
    _finish(started, detach, as_json)


def _read(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{str(path)!r} cannot be read ({error}).") from None


def _absolute(source: str) -> str:
    # The process that reads it runs elsewhere; what is typed here is relative to here.
    return source if source in ("sample", "socratiq") else str(Path(source).expanduser().absolute())


def _check_before_start(source: str, split: str | None, cpu: bool, place: Workspace) -> None:
    """Say now what would only fail in the queue."""
    corpus = data.load(source, place)
    for needed in ("train", "validation", *([split] if split else [])):
        corpus.split(needed)
    machine = device.describe()
    if machine.unseen and not cpu:
        raise UsageError(f"{machine.unseen} Or use the CPU on purpose with --cpu.")


def _finish(started: list[Run], detach: bool, as_json: bool) -> None:
    if detach:
        _print_ids(started, as_json)
        return
    failed = follow_all(started)
    if as_json:
        console.print_json([summary(each) for each in started])
    if failed:
        raise RunError(failed)


def _print_ids(started: list[Run], as_json: bool) -> None:
    if as_json:
        console.print_json([each.id for each in started])
    else:
        print("\n".join(each.id for each in started))


def summary(each: Run) -> dict[str, Any]:
    """Return what a list says of a run."""
    try:
        manifest, status = each.manifest(), each.status()
    except RunError as error:
        return {"run": each.id, "state": "damaged", "message": str(error)}
    return {
        "run": each.id,
        "kind": manifest.kind,
        "model": manifest.model,
        "family": manifest.family,
        "data": manifest.data.name or manifest.data.source,
        "bundled": each.bundled,
        **status.model_dump(include={"state", "step", "total_steps", "epoch", "message"}),
    }


def list_runs(as_json: JsonOption = False, workspace: WorkspaceOption = None) -> None:
    """List every run, the newest first."""
    found = [summary(each) for each in runs.discover(Workspace.open(workspace))]
    if as_json:
        console.print_json(found)
        return
    rows = [
        (
            each["run"],
            each["state"] + (" (bundled)" if each.get("bundled") else ""),
            f"{each.get('step', 0):,}/{each.get('total_steps', 0):,}",
            each.get("data", ""),
            each["message"],
        )
        for each in found
    ]
    console.print_table(("run", "state", "step", "data", "message"), rows)


def log(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the run ends.")] = False,
    lines: Annotated[int, typer.Option(min=1, max=10_000, help="How many last lines.")] = 200,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Print the end of a run's log."""
    found = runs.find(Workspace.open(workspace), run_id)
    if as_json:
        console.print_json(found.log_tail(lines).splitlines())
        return
    print(found.log_tail(lines))
    if follow:
        _follow_log(found)


def _follow_log(found: Run) -> None:
    offset = found.log_file.stat().st_size if found.log_file.exists() else 0
    going = True
    while going:
        going = found.status().state in ("queued", *runs.ALIVE)
        if found.log_file.exists():
            with found.log_file.open(encoding="utf-8", errors="replace") as file:
                file.seek(offset)
                print(file.read(), end="", flush=True)
                offset = file.tell()
        if going:
            time.sleep(0.5)


def stop(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    now: Annotated[bool, typer.Option("--now", help="End it at once, without saving.")] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Save a checkpoint and end a run; take a waiting one off the queue."""
    found = runs.find(Workspace.open(workspace), run_id)
    jobs.stop(found, now)
    status: Status = found.status()
    if as_json:
        console.print_json(summary(found))
    else:
        print(f"{found.id}: {status.state}")


def queue(
    clear: Annotated[bool, typer.Option("--clear", help="Take every waiting run off.")] = False,
    move: Annotated[
        str | None, typer.Option(metavar="RUN", help="A waiting run to put elsewhere.")
    ] = None,
    to: Annotated[int, typer.Option(min=1, help="Its new place; 1 is next.")] = 1,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Show what runs and what waits, next one first; --move RUN --to PLACE reorders it."""
    place = Workspace.open(workspace)
    if clear:
        jobs.clear(place)
    if move is not None:
        jobs.move(place, runs.find(place, move), to)
    found = [summary(each) for each in (*jobs.active(place), *jobs.queued(place))]
    if as_json:
        console.print_json(found)
    elif found:
        console.print_table(
            ("run", "state", "message"), [(e["run"], e["state"], e["message"]) for e in found]
        )
    else:
        print("Nothing runs and nothing waits.")


def evaluate(
    system: Annotated[str, typer.Argument(metavar="RUN|ADAPTER|MODEL")],
    data_source: Annotated[
        str | None, typer.Option("--data", help="As for run; a run's own data when left out.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Score only so many rows, types in proportion.")
    ] = None,
    decoding_name: DecodingOption = "thesis",
    bertscore: Annotated[
        str, typer.Option(help="An encoder for BERTScore: Hub id or folder; auto; off.")
    ] = AUTO,
    layer: Annotated[int | None, typer.Option(min=1, help="The encoder's layer to read.")] = None,
    rescale: Annotated[bool, typer.Option("--rescale", help="Rescale BERTScore.")] = False,
    labels: Annotated[
        str, typer.Option(help="Labelled questions for type fidelity: a file; auto; off.")
    ] = AUTO,
    zero_shot: Annotated[
        bool, typer.Option(help="Score the base without its adapter beside it.")
    ] = True,
    cpu: Annotated[bool, typer.Option("--cpu", help="Use the CPU though a GPU is there.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Print the run id and return.")] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Score a run, an adapter folder or a base model on a split, in the queue like training."""
    place = Workspace.open(workspace)
    scored = systems.resolve(system, place)
    source = _absolute(data_source) if data_source else _own_data(scored)
    data.load(source, place).split(split)
    wanted = Extras(bertscore=bertscore, layer=layer, rescale=rescale, labels=given(labels))
    chosen = decoding.preset(decoding_name)
    manifest = plans.evaluation(scored, source, split, limit, chosen, extras=wanted)
    manifest = manifest.model_copy(update={"zero_shot": zero_shot, "cpu": cpu})
    manifest = manifest.model_copy(update={"command": jobs.command_line(manifest)})
    _finish(jobs.submit(place, [manifest]), detach, as_json)


def _own_data(scored: systems.System) -> str:
    if scored.adapter is None:
        return "sample"
    folder = Run(scored.adapter.parent)
    return folder.manifest().data.source if (folder.path / "manifest.json").is_file() else "sample"
