"""What every test stands on: a workspace of its own, no network, no user's home."""

import os
from pathlib import Path

import pytest

os.environ.update(
    HF_HUB_OFFLINE="1",
    TOKENIZERS_PARALLELISM="false",
    GRADIO_ANALYTICS_ENABLED="False",
    NO_PROXY="localhost,127.0.0.1",
    # Several processes train in these tests: left alone each would take every core.
    OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "2"),
)

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
MTURK = SHARED / "data" / "socratiq_mturk_train_valid.csv"

needs_mturk = pytest.mark.skipif(
    not MTURK.is_file(), reason="the MTurk file, which may not be committed, is not beside us"
)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """No test sees or makes a workspace outside its own folder."""
    monkeypatch.setenv("SOCRATIC_HOME", str(tmp_path / "home"))


@pytest.fixture
def workspace(tmp_path):
    from socratic.workspace import Workspace

    return Workspace.open(tmp_path / "home")


@pytest.fixture
def make_manifest():
    """A function that makes a manifest; keywords change what it says."""
    from socratic.runs import DataUsed, Manifest

    def make(run_id="run-1", **changes):
        values = {
            "run_id": run_id,
            "title": "Mini FLAN small",
            "model": "mini-flan-small",
            "family": "miniature",
            "created": 1.0,
            "recipe": "miniature",
            "data": DataUsed(source="sample"),
        }
        return Manifest(**{**values, **changes})

    return make
