"""Measure this project against a straightforward way: `python -m benchmarks --help`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import report
from socratic import console
from socratic.console import JsonOption, WorkspaceOption
from socratic.pool import ENGINES
from socratic.workspace import Workspace

PairsOption = Annotated[int, typer.Option("--pairs", min=1, help="How often both are measured.")]
QuickOption = Annotated[bool, typer.Option("--quick", help="Toy size: to see that it works.")]
TokenizerOption = Annotated[
    Path | None,
    typer.Option("--tokenizer", metavar="DIR", help="A T5 tokenizer; the miniature's if none."),
]

app = typer.Typer(
    help="Measure this project against a straightforward way of doing the same.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command("generate")
def generate(
    pairs: PairsOption = 5,
    quick: QuickOption = False,
    tokenizer: TokenizerOption = None,
    engine: Annotated[str, typer.Option(help=f"{', '.join(ENGINES)}.")] = "auto",
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Time until three models have asked all five types about one context."""
    from benchmarks import generate as bench

    place = Workspace.open(workspace)
    report.finish(bench.run(pairs, quick, tokenizer, place, engine), place, as_json)


@app.command("train")
def train(
    pairs: PairsOption = 5,
    quick: QuickOption = False,
    tokenizer: TokenizerOption = None,
    data: Annotated[str, typer.Option(help="As for `python -m training run`.")] = "sample",
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Time of a whole training run with its validation, and of its steps alone."""
    from benchmarks import train as bench

    place = Workspace.open(workspace)
    report.finish(bench.run(pairs, quick, tokenizer, data, place), place, as_json)


@app.command("start")
def start(
    pairs: PairsOption = 5, as_json: JsonOption = False, workspace: WorkspaceOption = None
) -> None:
    """Time until the page's controls respond in Chromium, against a page of one text box."""
    from benchmarks import serving
    from benchmarks import start as bench

    place = Workspace.open(workspace)
    try:
        found = bench.run(pairs)
    except serving.NoBrowser as reason:
        _skip("start", reason, as_json)
        return
    report.finish(found, place, as_json)


def _skip(name: str, reason: Exception, as_json: bool) -> None:
    if as_json:
        console.print_json({"benchmark": name, "skipped": str(reason)})
    else:
        print(f"Skipped: {reason}")


@app.command("watch")
def watch(quick: QuickOption = False, as_json: JsonOption = False) -> None:
    """Measure what browsers that watch a run cost the machine that trains it."""
    from benchmarks import serving
    from benchmarks import watch as bench

    try:
        found = bench.run(quick)
    except serving.NoBrowser as reason:
        _skip("watch", reason, as_json)
        return
    if as_json:
        console.print_json([asdict(one) for one in found])
        return
    rows = [(str(one.browsers), f"{one.share:.1%}") for one in found]
    console.print_table(("browsers", "of one core"), rows)


@app.command("live")
def live(
    pairs: PairsOption = 5,
    quick: QuickOption = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Cost of a tick of the page that watches four runs: without news, and with."""
    from benchmarks import live as bench

    place = Workspace.open(workspace)
    report.finish(bench.run(pairs, quick), place, as_json)


@app.command("fidelity")
def fidelity(
    data: Annotated[str, typer.Option(help="As for `python -m training run`.")] = "sample",
    rows: Annotated[int, typer.Option(min=1, help="Rows, of the test split first.")] = 500,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Compare the int8 engine with torch: ROUGE-L and wording of the miniature family."""
    from benchmarks import fidelity as bench

    found = bench.run(data, rows, Workspace.open(workspace))
    if as_json:
        console.print_json([{**asdict(one), "change": one.change} for one in found])
        return
    table = [
        (f.model, str(f.rows), *(f"{x:.4f}" for x in (f.torch, f.fast, f.change)), f"{f.equal:.0%}")
        for f in found
    ]
    columns = ("", "rows", "ROUGE-L torch", "ROUGE-L int8", "change", "same wording")
    console.print_table(columns, table)


@app.command("growth")
def growth(
    quick: QuickOption = False,
    tokenizer: TokenizerOption = None,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Measure how time and memory grow with models, types, context, rows and runs."""
    from benchmarks import growth as bench

    found = list(bench.run(quick, tokenizer, Workspace.open(workspace)))
    if as_json:
        console.print_json([{**asdict(one), "slope": one.slope} for one in found])
        return
    rows = [
        (one.axis, f"{size:,}", f"{seconds:.4g}", f"{memory:.2f}", f"{one.slope:.2f}")
        for one in found
        for size, seconds, memory in zip(one.sizes, one.seconds, one.gigabytes, strict=True)
    ]
    console.print_table(("grows with", "size", "seconds", "peak GB", "slope"), rows)


@app.command("selection")
def selection(
    runs: Annotated[int, typer.Option(min=2, help="Runs, each with a seed of its own.")] = 10,
    quick: QuickOption = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Compare the checkpoint the sample picks with the one the whole validation set would."""
    from benchmarks import selection as bench

    found = bench.run(runs, quick, Workspace.open(workspace))
    told = bench.summary(found)
    if as_json:
        console.print_json({**told, "each": [asdict(one) for one in found]})
        return
    names = list(next(iter(told.values())))
    rows = [(way, *(f"{values[name]:.4g}" for name in names)) for way, values in told.items()]
    console.print_table(("picks, should agree with", *names), rows)


if __name__ == "__main__":
    console.run(app)
