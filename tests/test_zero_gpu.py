"""ZeroGPU, against a `spaces` package that notes what it is asked: the real one is on Spaces only."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

SPACES = """
import sys
calls, refused = [], []
assert "torch" not in sys.modules, "spaces must come before torch"
import torch
torch.cuda.is_available = lambda: True  # as there, where none is lent while models load
def GPU(duration):
    def decorate(function):
        calls.append(duration)
        def lent(*given):
            calls.append(function.__name__)
            if refused:
                raise RuntimeError(refused[0])
            return function(*given)
        return lent
    return decorate
"""
CODE = """
import sys
from socratic import decoding, device, generation, systems
from socratic.generation import Request
from socratic.pool import Pool
from socratic.workspace import Workspace

assert device.describe().name.startswith("ZeroGPU")
assert device.plan(device.describe()).device == "cuda"
device.describe = lambda: device.Machine("cpu", "this one", 8.0, cores=2)  # no GPU to be lent here
workspace = Workspace.open(sys.argv[1])
pool = Pool(workspace)
known = {one.key: one for one in systems.available(workspace)}
small, base = known["mini-flan-small"], known["mini-t5-base"]
pool.place([small, small.without_adapter(), systems.base("/nowhere")])
assert pool.loaded() == ["mini-flan-small", "mini-flan-small:base"]
import spaces
assert spaces.calls == [20, 20], spaces.calls

def ask(system):
    short = decoding.preset("thesis").changed(max_new_tokens=8)
    (answer,) = generation.ask(Request("Zoos are bad.", ("clarity",), (system,), short), pool)
    return answer

assert not ask(small).error
assert spaces.calls == [20, 20, "generate"], spaces.calls
assert "was not there when this Space started" in ask(base).error
assert "'/nowhere'" in ask(systems.base("/nowhere")).error
spaces.refused = ["Space app has reached its <b>GPU limit</b>."]
told = "No GPU was lent (Space app has reached its GPU limit); ask again later."
assert ask(small).error == told
"""


@pytest.mark.slow
def test_models_are_placed_at_the_start_and_a_gpu_is_borrowed_for_each_batch(tmp_path):
    (tmp_path / "spaces.py").write_text(SPACES)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE, str(tmp_path / "workspace")],
        cwd=ROOT,
        env={
            **os.environ,
            "SPACES_ZERO_GPU": "true",
            "PYTHONPATH": f"{tmp_path}:{ROOT}",
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
