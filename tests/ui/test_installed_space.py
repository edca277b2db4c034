"""A Space from nothing, as the Hub builds one: `pytest -m soak tests/ui/test_installed_space.py -s`.

SOCRATIC_SPACE_PYTHON names the Python it is installed with; a Space's own is 3.12.
"""

import json
import os
import subprocess
import sys
import time

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from probing import Probe

from socratic import space
from ui.driving import free_port, wait_for
from ui.visiting import visit

pytestmark = pytest.mark.soak
ASKED = ["Zoos are prisons with better lighting.", ["clarity"], ["mini-flan-small"], "thesis", 1]


def install(folder, environment):
    """Make an environment with what the folder asks for, and return its Python."""
    chosen = os.environ.get("SOCRATIC_SPACE_PYTHON", sys.executable)
    subprocess.run([chosen, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    pip = [python, "-m", "pip", "install", "-q", "-r", "requirements.txt"]
    subprocess.run(pip, cwd=folder, check=True)
    return python


def check_versions(python):
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=json"], check=True, capture_output=True, text=True
    )
    there = {
        one["name"].lower().replace("_", "-"): one["version"] for one in json.loads(listed.stdout)
    }
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            assert pin.specifier.contains(there[pin.name.lower()].split("+")[0]), line


@pytest.fixture
def installed(tmp_path, workspace):
    """Python of a fresh environment, the folder of a Space, seconds the installation took."""
    folder = space.write(tmp_path / "space", [], workspace).folder
    begun = time.monotonic()
    python = install(folder, tmp_path / "venv")
    return python, folder, time.monotonic() - begun


@pytest.fixture
def served(installed, tmp_path):
    """Its page, started in the folder with a Space's variables: address, seconds to it, output."""
    python, folder, _ = installed
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SOCRATIC"))}
    place = {"SPACE_ID": "somebody/questions", "SYSTEM": "spaces", "HF_HUB_OFFLINE": "1"}
    port, output = free_port(), tmp_path / "output.txt"
    begun = time.monotonic()
    with output.open("w") as file:
        process = subprocess.Popen(
            [python, "app.py", "--port", str(port)],
            cwd=folder,
            env={**clean, **place},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(lambda: "The page is at" in output.read_text(), seconds=300)
        yield f"http://127.0.0.1:{port}", time.monotonic() - begun, output
    finally:
        process.kill()
        process.wait()


@pytest.mark.timeout(3600)
def test_a_space_is_installed_from_its_own_requirements(installed, served, open_page, capsys):
    """A fresh environment, the folder alone, a Space's variables: start to first question."""
    python, _, seconds = installed
    check_versions(python)
    url, up, output = served
    begun = time.monotonic()
    with Probe(url) as visitor:
        said, done = visitor.named("generate", *ASKED)
    with capsys.disabled():
        print(
            f"\ninstalled in {seconds:.0f} s, page after {up:.1f} s, "
            f"first question {time.monotonic() - begun:.1f} s later"
        )
    assert done, said
    visit(open_page(url), "installed-space")
    assert "Traceback" not in output.read_text()
