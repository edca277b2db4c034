"""How time and memory grow: with models, types, context length, rows, and runs in the workspace."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import apart, holding, material
from benchmarks.report import say
from socratic import data, decoding, prompts, runs
from socratic.generation import Request
from socratic.runs import DataUsed, Manifest, Status
from socratic.ui import run_views
from socratic.ui.run_views import Board
from socratic.workspace import Workspace

CONTEXTS = (50, 100, 200, 390)
ROWS, QUICK_ROWS = (1_000, 10_000, 100_000), (100, 200)
RUNS, QUICK_RUNS = (1, 10, 100, 1_000), (1, 4)
TOKENS = 24


@dataclass(frozen=True)
class Growth:
    """One axis. seconds, gigabytes: per size; memory is the peak of a process that does it."""

    axis: str
    what: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    gigabytes: tuple[float, ...]

    @property
    def slope(self) -> float:
        """The exponent of time: 1 where twice the size takes twice as long, 0 where as long."""
        exponent, _ = np.polyfit(np.log(self.sizes), np.log(self.seconds), 1)
        return float(exponent)


def run(quick: bool, tokenizer: Path | None, workspace: Workspace) -> Iterator[Growth]:
    """Yield how each axis grows, each size in a process of its own."""
    yield from _asking(quick, tokenizer, workspace)
    with tempfile.TemporaryDirectory() as folder:
        sizes: tuple[int, ...] = QUICK_ROWS if quick else ROWS
        files = [_rows(Path(folder) / str(size), size) for size in sizes]
        yield _grown("rows", "reading and checking a data set", sizes, _read, files)
        sizes = QUICK_RUNS if quick else RUNS
        places = [_runs(Path(folder) / f"runs{size}", size) for size in sizes]
        yield _grown("runs", "a look at every run, as a tick of the page", sizes, _look, places)


def _asking(quick: bool, tokenizer: Path | None, workspace: Workspace) -> Iterator[Growth]:
    systems = material.systems(quick, material.tokenizer_folder(tokenizer), workspace)
    exact = decoding.preset("thesis").changed(max_new_tokens=TOKENS, min_new_tokens=TOKENS)
    whole = Request(material.OPINION, prompts.TYPE_KEYS, tuple(systems), exact)
    words = material.OPINION.split()
    axes: dict[str, list[tuple[int, Request]]] = {
        "models": [(n, replace(whole, systems=whole.systems[:n])) for n in (1, 2, 3)],
        "types": [(n, replace(whole, types=whole.types[:n])) for n in (1, 2, 3, 5)],
        "context words": [(n, replace(whole, context=_words(words, n))) for n in CONTEXTS],
    }
    if quick:
        axes = {"models": axes["models"][:2]}
    for axis, requests in axes.items():
        sizes = tuple(size for size, _ in requests)
        asked = [(request, workspace.root) for _, request in requests]
        yield _grown(axis, "all questions, models loaded", sizes, _ask, asked)


def _words(words: Sequence[str], count: int) -> str:
    return " ".join((list(words) * (count // len(words) + 1))[:count])


def _grown(
    axis: str, what: str, sizes: Sequence[int], work: Callable[[Any], float], given: Sequence[Any]
) -> Growth:
    seconds, gigabytes = [], []
    for size, one in zip(sizes, given, strict=True):
        say(f"{axis}: {size:,}")
        used = apart.run(work, one)
        seconds.append(used.value)
        gigabytes.append(used.peak_gb)
    return Growth(axis, what, tuple(sizes), tuple(seconds), tuple(gigabytes))


def _ask(asked: tuple[Request, Path]) -> float:
    request, root = asked
    holding.ask(request, root, "auto")  # loads, and warms up
    start = time.perf_counter()
    holding.ask_again(request)
    return time.perf_counter() - start


def _read(folder: Path) -> float:
    start = time.perf_counter()
    data.load(str(folder))
    return time.perf_counter() - start


def _look(root: Path) -> float:
    board = Board(Workspace.open(root))
    run_views.stamp(board.views())
    start = time.perf_counter()
    run_views.stamp(board.views())
    return time.perf_counter() - start


def _rows(folder: Path, count: int) -> Path:
    """Write a data set of `count` training rows, every context its own."""
    folder.mkdir(parents=True)
    sample = data.load("sample")
    for split, size in (("train", count), ("validation", 100), ("test", 100)):
        rows = sample.split(split)
        frame = pd.DataFrame([vars(rows[i % len(rows)]) for i in range(size)])
        frame["context"] = [f"{split} {i}. {text}" for i, text in enumerate(frame["context"])]
        frame.to_csv(folder / f"{split}.csv", index=False)
    return folder


def _runs(root: Path, count: int) -> Path:
    """Make a workspace of `count` finished runs."""
    place = Workspace.open(root)
    for number in range(count):
        manifest = Manifest(
            run_id=f"run-{number}",
            title="Run",
            model="t5-base",
            family="thesis",
            created=float(number),
            data=DataUsed(source="sample"),
        )
        made = runs.create(place, manifest)
        made.write_status(Status(state="finished", step=10, total_steps=10))
    return root
