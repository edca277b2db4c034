"""`python -m training data fetch|check`: get SocratiQ, or look at any data set."""

from typing import Annotated

import typer
from tqdm import tqdm

from socratic import console, data
from socratic.console import JsonOption, WorkspaceOption
from socratic.workspace import Workspace
from training import fetch as fetching

app = typer.Typer(help="Get SocratiQ, or look at any data set.", no_args_is_help=True)


@app.command("fetch")
def fetch(
    source: Annotated[
        str, typer.Option("--from", metavar="DIR|URL", help="Where the five files are.")
    ] = fetching.SOURCE,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Get the five SocratiQ files into the workspace, check their rows and record their hashes."""
    folder = Workspace.open(workspace).data / "socratiq"
    with tqdm(unit="B", unit_scale=True, disable=None) as bar:

        def report(name: str, done: int, total: int) -> None:
            bar.set_description(name)
            bar.total = total or None
            bar.update(done - bar.n)

        counts = fetching.fetch(source, folder, report)
    if as_json:
        console.print_json({"folder": str(folder), "rows": counts})
    else:
        print(f"SocratiQ is in {folder}: " + ", ".join(f"{n:,} {s}" for s, n in counts.items()))


@app.command("check")
def check(
    source: Annotated[
        str, typer.Option("--from", metavar="DIR|FILE", help="A data set; socratiq by default.")
    ] = "socratiq",
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Read a data set as a run would and say what is in it and what is left out."""
    corpus = data.load(source, Workspace.open(workspace))
    types = {name: data.type_counts(rows) for name, rows in corpus.splits.items()}
    if as_json:
        console.print_json(
            {
                "name": corpus.name,
                "sha256": corpus.sha256,
                "rows": corpus.counts,
                "types": types,
                "notes": corpus.notes,
            }
        )
        return
    print(f"{corpus.name}  sha256 {corpus.sha256}")
    rows = [
        (key, *(f"{types[name][key]:,}" for name in types)) for key in next(iter(types.values()))
    ]
    console.print_table(("type", *types), [*rows, ("all", *map(str, corpus.counts.values()))])
    print("\n".join(corpus.notes))
