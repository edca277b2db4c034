"""Blind ratings from the command line: `python -m socratic ratings --help`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from socratic import console
from socratic.console import JsonOption, WorkspaceOption
from socratic.errors import UsageError
from socratic.rating import analysis, desk, exchange, forms, making, report
from socratic.rating.making import Plan
from socratic.rating.store import Store
from socratic.workspace import Workspace, write_atomic

app = typer.Typer(help="Blind ratings: make, list, export, merge, results.", no_args_is_help=True)
RoundArgument = Annotated[str, typer.Argument(metavar="ROUND", help="A round, as in the list.")]


@app.command("new")
def new(
    model: Annotated[list[str], typer.Option(help="Key, run or adapter; again for more.")],
    data: Annotated[str, typer.Option(help="sample, socratiq, a file or a folder.")] = "sample",
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    items: Annotated[int, typer.Option(help="How many items to rate.")] = 50,
    seed: Annotated[int, typer.Option(help="Picks the rows and draws the blind order.")] = 42,
    decoding: Annotated[str, typer.Option(help="thesis or paper.")] = "thesis",
    report_to: Annotated[Path | None, typer.Option("--report", hidden=True)] = None,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Make a round: pick rows, take or generate the questions of every model."""
    place = Workspace.open(workspace)
    plan = Plan(data, split, tuple(model), items, seed, decoding)

    def tell(done: int, total: int, message: str) -> None:
        if message:
            print(f"{done} of {total} questions, {message}", file=sys.stderr)

    if report_to is None:
        made = making.make(plan, place, tell)
    else:
        made = making.reported(plan, place, report_to, tell)
    if as_json:
        console.print_json({"round": made.id, "items": len(made.items), "made": made.made})
    else:
        print(f"The round {made.id} is made ({made.made}).")


@app.command("list")
def list_(as_json: JsonOption = False, workspace: WorkspaceOption = None) -> None:
    """List the rounds with how much of them is rated."""
    rounds = Store(Workspace.open(workspace)).rounds()
    if as_json:
        console.print_json([vars(one) for one in rounds])
    elif rounds:
        rows = [[one.id, str(one.rated), str(one.raters)] for one in rounds]
        console.print_table(["Round", "Ratings", "Raters"], rows)
    else:
        print("There is no rating round yet; `python -m socratic ratings new` makes one.")


@app.command("results")
def results(
    name: RoundArgument,
    latex: Annotated[bool, typer.Option("--latex", help="Print booktabs tables.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print every number as CSV.")] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Print means with intervals, win rates, strengths and agreement of a round."""
    if latex + csv + as_json > 1:
        raise UsageError("Choose one of --latex, --csv and --json.")
    store = Store(Workspace.open(workspace))
    found = analysis.analyse(store.round(name), store.ratings(name))
    if as_json:
        console.print_json({"refusal": found.refusal, "records": report.records(found)})
    elif latex:
        print(report.as_latex(found))
    elif csv:
        print(report.as_csv(found), end="")
    else:
        for heading, frame in report.as_text(found):
            print(f"\n{heading}")
            console.print_table(list(frame.columns), frame.astype(str).to_numpy().tolist())
        print(f"\n{found.refusal or report.caption(found)}")


@app.command("export")
def export(
    name: RoundArgument,
    out: Annotated[Path, typer.Option(help="The file to write.")],
    rater: Annotated[
        str | None, typer.Option(help="Write the blind CSV form of this rater instead.")
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Write a round with its ratings as one file, or one rater's CSV form."""
    store = Store(Workspace.open(workspace))
    round_ = store.round(name)
    if rater is None:
        write_atomic(out, exchange.export(round_, store.ratings(name)))
    else:
        write_atomic(out, forms.export(round_, desk.rater_name(rater)))
    print(f"{out} is written.")


@app.command("merge")
def merge(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An exported .json, or a form.")],
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Merge a round rated elsewhere, or a filled-in form; nothing is counted twice."""
    name, merged = exchange.merge(file, Store(Workspace.open(workspace)))
    if as_json:
        console.print_json({"round": name, **vars(merged)})
    else:
        print(exchange.describe(name, merged))
