"""Starting the app, driving a page: what the browser tests do in many places."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.sync_api import expect

from socratic import runs
from socratic.catalog import ROOT
from socratic.workspace import Workspace

SCREENSHOTS = ROOT / "tests" / "screenshots"
PATIENCE = 60_000
# On a machine busy with other work, importing alone may take minutes.
START_SECONDS = 600


@dataclass
class App:
    """A running `python app.py`. output: the file that takes what it prints."""

    process: subprocess.Popen
    url: str
    workspace: Workspace
    output: Path

    def end(self, how=signal.SIGINT):
        self.process.send_signal(how)
        return self.process.wait(timeout=30)

    def close(self):
        """End the app and whatever it set going in this workspace."""
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
        for process in psutil.process_iter(["cmdline"]):
            if str(self.workspace.root) in (process.info["cmdline"] or []):
                process.kill()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(root, port=None, cwd=ROOT, **environment):
    """Start the app as a user would, and return it once it has printed its address."""
    root.mkdir(parents=True, exist_ok=True)
    output = root.parent / f"{root.name}-app.txt"
    words = ["app.py", "--workspace", str(root), "--port", str(port or free_port())]
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=cwd,
            env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        url = wait_for(lambda: _address(output, process), START_SECONDS)
    except AssertionError:
        process.kill()  # nobody else knows of it
        process.wait()
        raise
    return App(process, url, Workspace.open(root), output)


def _address(output, process):
    found = re.search(r"The page is at (\S+)", output.read_text())
    if found is None and process.poll() is not None:
        raise AssertionError(f"The app ended: {output.read_text()}")
    return found and found[1]


def wait_for(look, seconds=120):
    """Return what `look` finds as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{look} found nothing within {seconds} s")


def show(page, tab):
    """Open a tab."""
    page.get_by_role("tab", name=tab, exact=True).click()
    _settled(page)


def unfold(page, title):
    """Open what is folded away under a title."""
    page.get_by_text(title, exact=True).click()
    _settled(page)


def _settled(page):
    """Wait out the frame after which Gradio sets anew what it has just drawn.

    Nobody's hands are that fast; a test's are, and what it typed would be undone.
    """
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def tick(page, group, count):
    """Tick the first boxes of a group, and none but these."""
    boxes = page.locator(f"{group} input[type=checkbox]")
    expect(boxes.first).to_be_visible()  # `all` waits for none
    for place, box in enumerate(boxes.all()):
        box.set_checked(place < count)


def states(workspace):
    """Return the state of each own run by id."""
    return {run.id: run.status().state for run in runs.discover(workspace) if not run.bundled}


def kept(page, name):
    """Save what the page looks like."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
