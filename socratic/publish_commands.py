"""The commands that share adapters and the app: publish, pull, space, prepare."""

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from socratic import console, hub, runs
from socratic import space as spaces
from socratic.console import JsonOption, WorkspaceOption
from socratic.errors import UsageError
from socratic.sharing import export, recording
from socratic.sharing import prepare as preparing
from socratic.sharing.export import Content
from socratic.workspace import Workspace


def publish(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    repo: Annotated[str, typer.Option(metavar="OWNER/NAME", help="Made where there is none.")],
    private: Annotated[bool, typer.Option("--private", help="Make a new one private.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what, send nothing.")] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Upload a run's adapter, curves and scores with a model card; says first what it sends."""
    place = Workspace.open(workspace)
    name = hub.check_repo(repo)
    files = hub.to_upload(export.of_run(runs.find(place, run_id), place), name)
    sizes = {path: export.size_of(content) for path, content in files.items()}
    if not as_json:
        _announce(sizes, name)
    result = {"repo": name, "files": sizes, "url": None, "commit": None}
    if not dry_run:
        result |= _send(files, name, private)
    if as_json:
        console.print_json(result)
    elif not dry_run:
        print(f"Published: {result['url']}")


def _announce(sizes: dict[str, int], repo: str) -> None:
    console.print_table(("file", "bytes"), [(path, f"{size:,}") for path, size in sizes.items()])
    print(f"{len(sizes)} files, {sum(sizes.values()):,} bytes for {repo}.", flush=True)


def _send(files: dict[str, Content], repo: str, private: bool) -> dict[str, str]:
    sending = hub.Upload(files, repo, private)
    with tqdm(desc=repo, total=len(files), unit=" files", disable=None) as bar:
        for path in sending.send():
            bar.set_postfix_str(path, refresh=False)
            bar.update()
    done = sending.commit()
    return {"url": done.url, "commit": done.commit}


def pull(
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME")],
    name: Annotated[
        str, typer.Option("--as", metavar="RUN", help="The run's name here; NAME if left out.")
    ] = "",
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Get an adapter repository as a run, with its curves and scores where it has them."""
    run = hub.pull(repo, Workspace.open(workspace), name)
    manifest, status = run.manifest(), run.status()
    scores = sorted(path.stem for path in (run.path / "evaluation").glob("*.json"))
    if as_json:
        console.print_json(
            {"run": run.id, "model": manifest.model, "steps": status.step, "evaluations": scores}
        )
        return
    curves = f"curves of {status.step:,} steps" if status.step else "no curves"
    print(
        f"{run.id}: adapter for {manifest.model}, {curves}, scores: {', '.join(scores) or 'none'}"
    )


def space(
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new or empty folder to write it to.")
    ] = None,
    repo: Annotated[
        str,
        typer.Option(metavar="OWNER/NAME", help="Made where there is none."),
    ] = "",
    adapters: Annotated[
        list[str] | None, typer.Option(metavar="RUN...", help="Adapters to show: --adapters A B C.")
    ] = None,
    round_: Annotated[
        list[str] | None, typer.Option("--round", help="A rating round to offer; its rows too.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new one private.")] = False,
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Write the folder of a Hugging Face Space, upload it, or both; what it holds is said first."""
    # An option takes one value; those that follow it arrive as arguments.
    if more and not adapters:
        raise UsageError(f"What is {' '.join(more)!r}? Name adapters after --adapters.")
    if out is None and not repo:
        raise UsageError("Say where to: --out DIR for a folder, --repo OWNER/NAME for the Hub.")
    name = hub.check_repo(repo) if repo else ""
    with tempfile.TemporaryDirectory() as scratch:
        place = out or Path(scratch) / "space"
        chosen = [*(adapters or ()), *(more or ())]
        made = spaces.write(place, chosen, Workspace.open(workspace), round_ or ())
        result = {**asdict(made), "folder": str(out and made.folder), "repo": name, "url": None}
        if not as_json:
            shown = ", ".join(made.runs) or "the bundled miniature ones only"
            where = out and made.folder or name
            print(f"{where}: {made.size / 2**20:.1f} MB, adapters: {shown}", flush=True)
        if name:
            result["url"] = hub.upload_space(made.folder, name, private).url
    if as_json:
        console.print_json(result)
    elif name:
        print(f"Published: {result['url']}")


def record(
    bundled: Annotated[
        bool, typer.Option("--bundled", help="The shipped family, into the project's assets.")
    ] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Keep what each adapter answers to the prepared examples, for when one cannot be loaded."""
    place = Workspace.open(workspace)
    made = []
    for system, problem in recording.everything(place, bundled):
        made.append({"system": system.key, "recorded": not problem, "problem": problem})
        if not as_json:
            print(
                f"{'MISSING' if problem else 'kept'}  {system.key} {problem}".rstrip(), flush=True
            )
    if as_json:
        console.print_json(made)
    elif not made:
        print("There is no finished adapter of your own yet; --bundled records the shipped ones.")
    if any(not one["recorded"] for one in made):
        raise typer.Exit(1)


def prepare(as_json: JsonOption = False, workspace: WorkspaceOption = None) -> None:
    """Fetch and check base models, adapters and data; says what is missing (exit status 1)."""
    items = []
    for item in preparing.everything(Workspace.open(workspace)):
        items.append(item)
        if not as_json:
            print(f"{'ready  ' if item.ready else 'MISSING'}  {item.what}: {item.said}", flush=True)
    missing = [item.what for item in items if not item.ready]
    if as_json:
        console.print_json([asdict(item) for item in items])
    if missing:
        print(f"Missing: {', '.join(missing)}.", file=sys.stderr)
        raise typer.Exit(1)
