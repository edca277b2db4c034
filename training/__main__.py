"""Train, evaluate and look after runs: `python -m training --help`."""

from typing import Annotated

import typer

from socratic import console
from training import commands, curve_commands, data_commands, health
from training.miniature.cli import app as miniature

app = typer.Typer(
    help="Train, evaluate and look after runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("run")(commands.run)
app.command("list")(commands.list_runs)
app.command("log")(commands.log)
app.command("stop")(commands.stop)
app.command("queue")(commands.queue)
app.command("curves")(curve_commands.curves)
app.command("differ")(curve_commands.differ)
app.command("evaluate")(commands.evaluate)
app.command("doctor")(health.doctor)
app.command("fairness")(health.fairness)
app.add_typer(data_commands.app, name="data")
app.add_typer(miniature, name="miniature")


@app.command("work", hidden=True)
def work(workspace: console.WorkspaceOption = None) -> None:
    """Drain the queue: what the detached runner does."""
    from socratic import jobs
    from socratic.workspace import Workspace

    jobs.drain(Workspace.open(workspace))


@app.command("execute", hidden=True)
def execute(
    run_id: Annotated[str, typer.Argument()], workspace: console.WorkspaceOption = None
) -> None:
    """Do one run: what the runner starts."""
    from socratic.workspace import Workspace
    from training.execute import execute as do

    raise typer.Exit(do(Workspace.open(workspace), run_id))


@app.command("share", hidden=True)
def share(
    run_id: Annotated[str, typer.Argument()], workspace: console.WorkspaceOption = None
) -> None:
    """Do one process's share of a run: what `accelerate launch` starts on each device."""
    from socratic import runs
    from socratic.workspace import Workspace
    from training.together import share as do

    place = Workspace.open(workspace)
    raise typer.Exit(do(place, runs.find(place, run_id)))


if __name__ == "__main__":
    console.run(app)
