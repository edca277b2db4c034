"""From the start of the process until what one types and clicks in a browser has an effect."""

import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.pairs import Measured, measure, ratio
from benchmarks.report import Result, say
from benchmarks.serving import SECONDS_AT_MOST, browser, served
from socratic.errors import SocraticError

_MILLISECONDS = 1000


def run(pairs: int) -> Result:
    """Return app.py against a page of one text box; raise NoBrowser where there is none."""
    with browser() as opened, tempfile.TemporaryDirectory() as folder:
        ours = ["app.py", "--workspace", folder]
        found = measure(
            lambda: _timed(opened, ["-m", "benchmarks.bare"], "{port}", _type_in_bare),
            lambda: _timed(opened, ours, "--port={port}", _use_app),
            pairs,
            say,
        )
        facts = {"browser": f"Chromium {opened.version}"}
    return Result("start", found, {"ratio": ratio(found, inverse=True)}, facts)


def _timed(
    opened: Any, program: Sequence[str], port_argument: str, use: Callable[[Any], None]
) -> Measured:
    """Return the seconds until `use` has had its effect on the page of a fresh process."""
    context = opened.new_context()
    try:
        page = context.new_page()
        with served(program, port_argument) as place:
            page.goto(place.url, timeout=SECONDS_AT_MOST * _MILLISECONDS)
            use(page)
            return {"seconds": time.perf_counter() - place.started}
    finally:
        context.close()


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
