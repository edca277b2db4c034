"""`python -m training miniature build` and `... check`: remake the miniature family, measure it."""

from pathlib import Path
from typing import Annotated

import typer

from socratic import catalog, console
from socratic.workspace import Workspace

app = typer.Typer(
    help="Remake the bundled miniature models from their seed, and measure them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

SEED = 42


@app.command()
def build(
    seed: Annotated[int, typer.Option(help="Everything is drawn from it.")] = SEED,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where sample/ and miniature/ go.")
    ] = catalog.ASSETS,
    stage: Annotated[
        list[str] | None,
        typer.Option(help="Do this stage only: corpus, tokenizer, bases, adapters, scores."),
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Make this model only.")] = None,
    workspace: console.WorkspaceOption = None,
) -> None:
    """Make corpus, tokenizer, base models and adapters; run it again to go on where it was."""
    from training.miniature import build as building

    place = Workspace.open(workspace)
    job = building.Build(place.root / "miniature", out.expanduser().absolute(), seed)
    job.run(stage or list(building.STAGES), model or list(building.KEYS))


@app.command()
def check(
    data: Annotated[
        str | None, typer.Option("--data", metavar="FILE", help="Also on these contexts.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Contexts of --data to ask about.")] = 100,
    model: Annotated[list[str] | None, typer.Option(help="Check this model only.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Files and hashes only.")] = False,
    as_json: console.JsonOption = False,
) -> None:
    """Tell whether the shipped files come from the recipe, and how good the questions are."""
    from training.miniature import checking, quality

    facts = checking.files()
    report: dict[str, object] = {"files": [fact.record() for fact in facts]}
    tables: list[quality.Table] = []
    if not quick:
        keys = model or [spec.key for spec in catalog.family("miniature")]
        tables = quality.measure(keys, data, limit)
        facts += checking.scores(tables)
        report["files"] = [fact.record() for fact in facts]
        report["quality"] = [table.record() for table in tables]
    if as_json:
        console.print_json(report)
    else:
        checking.show(facts)
        quality.show(tables)
    if not all(fact.holds for fact in facts):
        raise typer.Exit(1)
