"""What watching costs the machine that trains: CPU time of the page's process, by browsers.

A trainer knows nothing of the page, both meet in files; what the page takes of the cores is what a
watched run can lose. The browsers' own time is not in it: they run on other machines.
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from benchmarks import live
from benchmarks.report import say
from benchmarks.serving import SECONDS_AT_MOST, browser, served
from socratic.runs import Run, Status
from socratic.workspace import Workspace

BROWSERS = (0, 1, 10)
POINTS, SECONDS = 5_000, 30.0
QUICK_POINTS, QUICK_SECONDS = 100, 4.0
_SETTLED = 5.0
_EVERY = 1.0


@dataclass(frozen=True)
class Watched:
    """So many browsers watched a run. share: of one core that the page's process took."""

    browsers: int
    share: float


def run(quick: bool) -> list[Watched]:
    """Return the cost by browsers; raise NoBrowser where there is none."""
    points, seconds = (QUICK_POINTS, QUICK_SECONDS) if quick else (POINTS, SECONDS)
    with browser() as opened, tempfile.TemporaryDirectory() as folder:
        made = live.make(Workspace.open(folder), 0, points)
        program = ["app.py", "--workspace", folder]
        with _in_training(made), served(program, "--port={port}") as place:
            found = []
            for count in BROWSERS:
                say(f"{count} browsers")
                contexts = [opened.new_context() for _ in range(count)]
                for context in contexts:
                    context.set_default_timeout(SECONDS_AT_MOST * 1000)
                    page = context.new_page()
                    page.goto(place.url)
                    page.locator("#chart-loss .main-svg").first.wait_for()
                time.sleep(_SETTLED)
                found.append(Watched(count, _share(place.pid, seconds)))
                for context in contexts:
                    context.close()
        return found


@contextmanager
def _in_training(made: Run) -> Iterator[None]:
    """Let a run get a point a second, as one in training does."""
    begun = psutil.Process().create_time()
    now = Status(state="running", step=1, total_steps=10**6, pid=os.getpid(), pid_started=begun)
    made.write_status(now)
    done = threading.Event()

    def learn() -> None:
        while not done.wait(_EVERY):
            live.append([made])

    thread = threading.Thread(target=learn)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _share(pid: int, seconds: float) -> float:
    process, started = psutil.Process(pid), time.perf_counter()
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return used / (time.perf_counter() - started)
