"""Follow runs in a terminal: a bar, and Ctrl-C that stops with a checkpoint."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from socratic import jobs
from socratic.errors import RunError
from socratic.runs import MetricsReader, Run, Status


def follow_all(started: Sequence[Run]) -> str:
    """Follow runs to their ends and return what failed, in one line, or nothing.

    The first Ctrl-C asks the run at hand to stop with a checkpoint and takes the others off the
    queue; the second ends it at once. A lost terminal ends only the following.
    """
    # stderr: with --json, stdout is for JSON alone.
    console = Console(file=sys.stderr)
    failed = []
    pressed = 0
    for run in started:
        while True:
            try:
                status = _follow(run, console)
                break
            except KeyboardInterrupt:
                pressed += 1
                _stop(started, pressed > 1)
        if status.state == "failed":
            failed.append(f"{run.id}: {status.message}")
    return " ".join(failed)


def _stop(started: Sequence[Run], now: bool) -> None:
    for run in started:
        try:
            jobs.stop(run, now)
        except RunError:
            continue  # it has ended already


def _follow(run: Run, console: Console) -> Status:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    reader = MetricsReader(run.metrics_file)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(run.id, total=None)
        for status in jobs.follow(run):
            what = f"{run.id} {status.phase or status.state}"
            bar.update(
                task, description=what, completed=status.step, total=status.total_steps or None
            )
            for point in reader.news():
                if "eval_loss" in point:
                    console.print(_line(run, point), highlight=False, soft_wrap=True)
    console.print(f"{run.id}: {status.state}, {status.message}", highlight=False, soft_wrap=True)
    return status


def _line(run: Run, point: dict[str, float]) -> str:
    return (
        f"{run.id}  step {point['step']:,}  validation loss {point['eval_loss']:.4f}  "
        f"ROUGE-L {point.get('rougeL', float('nan')):.4f}"
    )
