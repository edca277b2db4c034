"""A page served by a fresh process, and a real browser to look at it with."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from socratic import catalog
from socratic.errors import SocraticError

SECONDS_AT_MOST = 120


class NoBrowser(SocraticError):
    """There is no browser to measure with; that is a reason to skip, not a failure."""


@dataclass(frozen=True)
class Served:
    """A page that is up. started: when its process was, by `time.perf_counter`."""

    url: str
    pid: int
    started: float


@contextmanager
def browser() -> Iterator[Any]:
    """Give a Chromium driven by Playwright; raise NoBrowser where there is none."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise NoBrowser("playwright is not installed (`pip install -e '.[test]'`).") from None
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Error as error:
            reason = str(error).splitlines()[0]
            raise NoBrowser(f"No Chromium can be started here ({reason}).") from None
        yield found
        found.close()


@contextmanager
def served(program: Sequence[str], port_argument: str) -> Iterator[Served]:
    """Start `python PROGRAM`, with a port put into its last argument, until it answers."""
    port = _free_port()
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *program, port_argument.format(port=port)],
        cwd=catalog.ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield Served(f"http://127.0.0.1:{port}", process.pid, started)
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + SECONDS_AT_MOST
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SocraticError(f"The page ended with status {process.returncode} while starting.")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise SocraticError(f"No page answered within {SECONDS_AT_MOST} seconds.")
