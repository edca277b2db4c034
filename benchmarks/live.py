"""What the server does while somebody watches four runs: a tick without news, a tick with some.

The straightforward way reads every file again and draws every point at each tick.
"""

import json
import math
import tempfile
import time
from pathlib import Path

import plotly.graph_objects as go

from benchmarks.pairs import Measured, Pair, measure, ratio
from benchmarks.report import Result, say
from socratic import catalog, figures, runs
from socratic.runs import DataUsed, Manifest, Run, Status
from socratic.ui import parts, pulse
from socratic.ui.run_views import Board
from socratic.workspace import Workspace

RUNS = 4
POINTS, QUICK_POINTS = 100_000, 2_000
TICKS = 20


def run(pairs: int, quick: bool) -> Result:
    """Return the cost of ticks over `POINTS` points in all, nothing of it on the network."""
    points = QUICK_POINTS if quick else POINTS
    with tempfile.TemporaryDirectory() as folder:
        place = Workspace.open(folder)
        made = [make(place, number, points // RUNS) for number in range(RUNS)]
        board = Board(place)
        found = measure(lambda: _by_reference(made), lambda: _by_us(board, made), pairs, say)
    return Result(
        name="live",
        pairs=found,
        ratios={"ratio": ratio(found), "ratio_draw": ratio(found, "draw_seconds")},
        facts={"runs": RUNS, "points": points, "milliseconds": _milliseconds(found)},
        notes=(
            "seconds: a browser asks for news and there is none. draw_seconds: a tick after one "
            "new point per run, until the loss figure is JSON, ready to be sent.",
        ),
    )


def _milliseconds(pairs: list[Pair]) -> dict[str, float]:
    keys = ("seconds", "draw_seconds")
    return {key: round(1000 * min(pair.ours[key] for pair in pairs), 2) for key in keys}


def make(place: Workspace, number: int, points: int) -> Run:
    """Return a finished run with a curve of `points` points."""
    spec = catalog.MODELS[number % len(catalog.MODELS)]
    manifest = Manifest(
        run_id=f"run-{number}",
        title=spec.title,
        model=spec.key,
        family=spec.family,
        created=float(number),
        data=DataUsed(source="sample"),
    )
    made = runs.create(place, manifest)
    made.write_status(Status(state="finished", step=points, total_steps=points))
    lines = (json.dumps(_point(step)) for step in range(1, points + 1))
    made.metrics_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return made


def _point(step: int) -> dict[str, float]:
    loss = 3 * math.exp(-step / 5000) + 0.1 * math.sin(step)
    return {"step": step, "epoch": step / 1000, "time": step * 0.1, "loss": loss}


def append(made: list[Run]) -> None:
    """Give each run one point more."""
    for each in made:
        with each.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_point(1)) + "\n")


def _by_us(board: Board, made: list[Run]) -> Measured:
    """Tick as the Train tab does: look at every run, draw only what changed."""
    pulse.word_of(board)
    start = time.perf_counter()
    for _ in range(TICKS):
        pulse.word_of(board)
    seconds = (time.perf_counter() - start) / TICKS
    append(made)
    start = time.perf_counter()
    views = [view for view in board.views() if not view.run.bundled]
    series = [figures.Curve(v.run.id, v.colour, board.points(v.run)) for v in views]
    parts.figure_json(figures.curves(series, "loss", figures.Look()))
    return {"seconds": seconds, "draw_seconds": time.perf_counter() - start}


def _by_reference(made: list[Run]) -> Measured:
    """Read all and draw all, whether there is news or not."""
    start = time.perf_counter()
    _draw_all([each.metrics_file for each in made])
    seconds = time.perf_counter() - start
    append(made)
    start = time.perf_counter()
    _draw_all([each.metrics_file for each in made])
    return {"seconds": seconds, "draw_seconds": time.perf_counter() - start}


def _draw_all(files: list[Path]) -> str:
    figure = go.Figure()
    for path in files:
        points = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        figure.add_trace(
            go.Scatter(x=[p["step"] for p in points], y=[p["loss"] for p in points], mode="lines")
        )
    return str(figure.to_json())
