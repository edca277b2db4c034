"""From the start of the process until what one types and clicks in a browser has an effect."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.pairs import Measured, measure, ratio
from benchmarks.report import Result, say
from socratic import catalog
from socratic.errors import SocraticError

SECONDS_AT_MOST = 120
_MILLISECONDS = 1000


class NoBrowser(SocraticError):
    """There is no browser to measure with; that is a reason to skip, not a failure."""


def run(pairs: int) -> Result:
    """Return app.py against a page of one text box; raise NoBrowser where there is none."""
    with _browser() as browser:
        found = measure(
            lambda: _timed(browser, ["-m", "benchmarks.bare"], "{port}", _type_in_bare),
            lambda: _timed(browser, ["app.py"], "--port={port}", _use_app),
            pairs,
            say,
        )
        facts = {"browser": f"Chromium {browser.version}"}
    return Result("start", found, {"ratio": ratio(found, inverse=True)}, facts)


@contextmanager
def _browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise NoBrowser("playwright is not installed (`pip install -e '.[test]'`).") from None
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Error as error:
            reason = str(error).splitlines()[0]
            raise NoBrowser(f"No Chromium can be started here ({reason}).") from None
        yield browser
        browser.close()


def _timed(
    browser: Any, program: list[str], port_argument: str, use: Callable[[Any], None]
) -> Measured:
    """Return the seconds until `use` has had its effect on the page of a fresh process."""
    port = _free_port()
    context = browser.new_context()
    page = context.new_page()
    with tempfile.TemporaryDirectory() as workspace:
        words = [*program, port_argument.format(port=port)]
        words += ["--workspace", workspace] if "app.py" in program else []
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=catalog.ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(port, process)
            page.goto(f"http://127.0.0.1:{port}", timeout=SECONDS_AT_MOST * _MILLISECONDS)
            use(page)
            seconds = time.perf_counter() - start
        finally:
            process.terminate()
            process.wait()
            context.close()
    return {"seconds": seconds}


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


def _type_in_bare(page: Any) -> None:
    _type(page.get_by_label("Text"))


def _use_app(page: Any) -> None:
    """Change the tab and write a context: what a user does first."""
    page.get_by_role("tab", name="Generate").click(timeout=SECONDS_AT_MOST * _MILLISECONDS)
    _type(page.get_by_role("tabpanel").locator("textarea:visible").first)


def _type(box: Any) -> None:
    box.fill("School should start later.", timeout=SECONDS_AT_MOST * _MILLISECONDS)
    if box.input_value() != "School should start later.":
        raise SocraticError("The page did not take what was typed.")
