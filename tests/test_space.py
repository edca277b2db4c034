"""The folder of a Space: what is in it, that it is whole, and that the app finds its runs there."""

import json
import os
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT
from hub_server import Hub
from test_hub import SECRET, TOKEN, command, make_run, said
from typer.testing import CliRunner

from socratic import catalog, runs, space
from socratic.__main__ import app
from socratic.errors import UsageError, WorkspaceError
from socratic.workspace import Workspace


def front_matter(folder):
    text = (folder / "README.md").read_text(encoding="utf-8")
    return yaml.safe_load(text.split("---\n")[1])


def call(workspace, *words):
    return CliRunner().invoke(app, ["space", *words, "--workspace", str(workspace.root)])


def test_a_space_has_all_it_needs(workspace, make_manifest, tmp_path):
    first = make_run(workspace, make_manifest)
    second = make_run(
        workspace, make_manifest, run_id="run-2", model="flan-t5-small", family="thesis"
    )
    out = tmp_path / "space"
    done = call(workspace, "--out", str(out), "--adapters", first.id, second.id, "--json")
    assert done.exit_code == 0, done.output
    for name in (
        "app.py",
        "LICENSE",
        "requirements.txt",
        "socratic/catalog.py",
        "training/__main__.py",
    ):
        assert (out / name).read_bytes() == (ROOT / name).read_bytes()
    assert (out / "assets" / "baselines.json").is_file()
    assert (out / "training" / "recipes" / "recommended.yaml").is_file()
    data = front_matter(out)
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert f"gradio=={data['sdk_version']}" in pins
    assert (data["sdk"], data["app_file"], data["python_version"]) == ("gradio", "app.py", "3.12")
    assert data["models"] == ["google/flan-t5-small"]
    assert data["preload_from_hub"][0].startswith("google/flan-t5-small ")
    assert len(data["short_description"]) <= 60  # the Hub refuses a longer one
    assert not [p for p in out.rglob("*") if p.name == "__pycache__" or p.suffix == ".pyc"]

    recorded = {
        run.id: run for run in runs.discover(Workspace(out / "workspace")) if not run.bundled
    }
    assert set(recorded) == {first.id, second.id}
    for run in recorded.values():
        assert run.adapter is not None
        assert (run.status().state, run.status().step) == ("finished", 10)
        assert (run.path / "evaluation" / "test.json").is_file()
        assert not run.checkpoints.exists()
        assert not run.log_file.exists()
    texts = [
        p.read_text(errors="replace")
        for p in (out / "workspace").rglob("*")
        if p.suffix in (".json", ".jsonl")
    ]
    assert not [text for text in texts if SECRET in text or str(workspace.root) in text]
    assert not list(tmp_path.glob(".*partial"))


def test_the_project_itself_is_a_space():
    """What the Hub checks of a README's front matter, and what it builds from."""
    data = front_matter(ROOT)
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert f"gradio=={data['sdk_version']}" in pins
    assert (data["sdk"], data["license"]) == ("gradio", "apache-2.0")
    assert (ROOT / data["app_file"]).is_file()
    assert data["python_version"] == "3.12"
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {data["colorFrom"], data["colorTo"]} <= colours
    assert len(data["short_description"]) <= 60
    assert data["title"]


@pytest.mark.slow
def test_its_commands_run_in_the_folder_itself(workspace, make_manifest, tmp_path):
    """As on a Space: the folder is all there is, the workspace is the one in it."""
    run = make_run(workspace, make_manifest)
    made = space.write(tmp_path / "space", [run.id], workspace)
    environment = {key: value for key, value in os.environ.items() if key != "SOCRATIC_HOME"}
    done = subprocess.run(
        [sys.executable, "-c", "from socratic import catalog; print(catalog.ROOT)"],
        cwd=made.folder,
        env={**environment, "PYTHONPATH": str(made.folder)},
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.strip() == str(made.folder)
    listed = subprocess.run(
        [sys.executable, "-m", "training", "list"],
        cwd=made.folder,
        env={**environment, "PYTHONPATH": str(made.folder)},
        capture_output=True,
        check=True,
        text=True,
    )
    assert run.id in listed.stdout


@pytest.mark.slow
def test_a_space_is_put_to_the_hub_in_one_command(workspace, make_manifest):
    run = make_run(workspace, make_manifest)
    server = Hub()
    server.token = TOKEN
    try:
        words = ("space", "--repo", "somebody/questions", "--adapters", run.id, "--private")
        done = command(server, workspace, *words)
        assert done.returncode == 0, done.stderr
        files = server.files["somebody/questions"]
        assert {"README.md", "app.py", "requirements.txt", "workspace/listed.json"} <= set(files)
        assert f"workspace/runs/{run.id}/adapter/adapter_model.safetensors" in files
        assert json.loads(files["workspace/listed.json"]) == [run.id]
        assert "somebody/questions" in server.private
        assert TOKEN not in done.stdout + done.stderr
        server.fail = {"/api/": 403}
        assert "write access" in said(command(server, workspace, *words, "--json"))
    finally:
        server.close()


def test_a_space_needs_a_place(workspace):
    assert isinstance(call(workspace).exception, UsageError)


def test_what_is_there_is_never_overwritten(workspace, tmp_path):
    out = tmp_path / "space"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="not an empty folder"):
        space.write(out, [], workspace)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    (out / "mine.txt").unlink()
    assert space.write(out, [], workspace).runs == ()
    assert (out / "app.py").is_file()


def test_an_unknown_adapter_writes_nothing(workspace, tmp_path):
    with pytest.raises(UsageError, match="no-such-run"):
        space.write(tmp_path / "space", ["no-such-run"], workspace)
    with pytest.raises(UsageError, match="no trained run"):
        space.write(tmp_path / "space", ["flan-t5-small"], workspace)
    assert not list(tmp_path.glob("*space*"))


def test_names_without_the_option_are_explained(workspace, tmp_path):
    done = call(workspace, "--out", str(tmp_path / "space"), "run-1")
    assert isinstance(done.exception, UsageError)


def test_a_folder_that_cannot_be_written_is_said(workspace, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="could not be written"):
        space.write(tmp_path / "file" / "space", [], workspace)


def test_a_project_that_is_not_whole_is_said(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "ROOT", tmp_path)
    with pytest.raises(UsageError, match=r"app\.py"):
        space.write(tmp_path / "space", [], workspace)
