import errno
import json
import os
import subprocess
import sys

import psutil
import pytest

from socratic import jobs, runs, systems
from socratic.errors import RunError, UsageError, WorkspaceError
from socratic.runs import MetricsReader, Run, Status
from socratic.workspace import Workspace, write_atomic


@pytest.fixture
def run(workspace, make_manifest):
    return runs.create(workspace, make_manifest())


@pytest.fixture
def process():
    """A real process that does nothing, in its own session as a run's is."""
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    yield child
    child.kill()
    child.communicate()


def running(child, **more):
    started = psutil.Process(child.pid).create_time()
    return Status(state="running", pid=child.pid, pid_started=started, **more)


def test_a_living_process_runs_and_a_killed_one_has_failed_with_its_last_words(run, process):
    run.write_status(running(process, step=7))
    assert run.status().state == "running"
    run.log_file.write_text("step 7\nCUDA out of memory\n")
    process.kill()
    process.wait()
    status = run.status()
    assert (status.state, status.step) == ("failed", 7)
    assert "CUDA out of memory" in status.message


def test_a_process_that_could_only_write_its_log_is_believed(run, process):
    run.write_status(running(process))
    run.log_file.write_text(
        "step 7\nerror: 'status.json' could not be written (the disk is full).\n"
    )
    process.kill()
    process.wait()
    assert run.status().message == "'status.json' could not be written (the disk is full)."


def test_a_run_that_cannot_be_described_leaves_no_folder(workspace, make_manifest, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkspaceError, match="disk is full"):
        runs.create(workspace, make_manifest())
    assert list(workspace.runs.iterdir()) == []
    Workspace.open(workspace.root)  # one can still look, and stop what runs


def test_a_pid_that_was_given_away_again_is_not_the_run(run):
    run.write_status(Status(state="running", pid=os.getpid(), pid_started=1.0))
    assert run.status().state == "failed"


def test_a_zombie_does_not_run(run):
    child = subprocess.Popen([sys.executable, "-c", ""])
    run.write_status(running(child))
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, not yet waited for
    assert run.status().state == "failed"
    child.wait()


def test_stop_asks_and_stop_now_kills(run, process):
    run.write_status(running(process))
    jobs.stop(run)
    assert run.status().state == "stopping"
    assert process.poll() is None
    jobs.stop(run, now=True)
    assert not psutil.pid_exists(process.pid)
    assert run.status().state == "stopped"


def test_a_process_killed_after_a_stop_has_stopped_not_failed(run, process):
    run.write_status(running(process))
    run.stop_file.touch()
    process.kill()
    process.wait()
    assert run.status().state == "stopped"


def test_what_does_not_run_cannot_be_stopped(run):
    run.write_status(Status(state="finished"))
    with pytest.raises(RunError, match=r"not running \(finished\)"):
        jobs.stop(run)


def test_a_waiting_run_leaves_the_queue(workspace, run):
    assert [r.id for r in jobs.queued(workspace)] == ["run-1"]
    jobs.stop(run)
    assert jobs.queued(workspace) == []
    assert run.status().state == "stopped"


def test_queue_keeps_its_order_and_loses_nothing(workspace, make_manifest, monkeypatch):
    monkeypatch.setattr(jobs, "ensure_runner", lambda workspace: None)
    jobs.submit(workspace, [make_manifest("b"), make_manifest("a")])
    jobs.submit(workspace, [make_manifest("c")])
    assert [r.id for r in jobs.queued(workspace)] == ["b", "a", "c"]
    (workspace.queue / "order.json").write_text("torn {")
    assert {r.id for r in jobs.queued(workspace)} == {"a", "b", "c"}
    assert len(jobs.clear(workspace)) == 3


def test_a_waiting_run_changes_its_place(workspace, make_manifest, monkeypatch):
    monkeypatch.setattr(jobs, "ensure_runner", lambda workspace: None)
    made = {run.id: run for run in jobs.submit(workspace, [make_manifest(i) for i in "abc"])}
    for run_id, place, order in (
        ("c", 1, "cab"),
        ("c", 2, "acb"),
        ("a", 9, "cba"),
        ("b", -3, "bca"),
    ):
        jobs.move(workspace, made[run_id], place)
        assert "".join(run.id for run in jobs.queued(workspace)) == order
    jobs.stop(made["c"])
    with pytest.raises(RunError, match="does not wait"):
        jobs.move(workspace, made["c"], 1)
    assert [run.id for run in jobs.queued(workspace)] == ["b", "a"]


def test_a_running_run_is_not_deleted_and_an_ended_one_is(run, process):
    run.write_status(running(process))
    with pytest.raises(RunError, match="stop it before"):
        run.delete()
    run.write_status(Status(state="stopped"))
    run.delete()
    assert not run.path.exists()


def test_bundled_runs_stay(run):
    with pytest.raises(RunError, match="shipped"):
        Run(run.path, bundled=True).delete()


def test_resume_is_for_what_stopped(workspace, run, monkeypatch):
    monkeypatch.setattr(jobs, "ensure_runner", lambda workspace: None)
    run.write_status(Status(state="finished"))
    with pytest.raises(RunError, match="it is finished"):
        jobs.resume(workspace, run)
    run.write_status(Status(state="stopped", step=5))
    run.stop_file.touch()
    jobs.resume(workspace, run)
    assert run.status().state == "queued"
    assert not run.stop_file.exists()


@pytest.mark.parametrize("name", ["", "..", "../x", "/etc", "a/b", "none"])
def test_a_run_id_is_a_plain_name_of_a_run_there_is(workspace, run, name):
    with pytest.raises(RunError, match="There is no run"):
        runs.find(workspace, name)


def test_damaged_files_are_named(run):
    (run.path / "status.json").write_text('{"state": "dancing"}')
    with pytest.raises(RunError, match=r"status\.json' is damaged \(state is 'dancing'"):
        run.status()
    (run.path / "manifest.json").write_text("{")
    with pytest.raises(RunError, match=r"manifest\.json' is damaged"):
        run.manifest()


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def test_metrics_are_read_as_they_grow_and_a_torn_line_waits(tmp_path):
    path = tmp_path / "metrics.jsonl"
    reader = MetricsReader(path)
    assert reader.news() == []
    append(path, '{"step": 1}\n{"step": 2, "lo')
    assert [p["step"] for p in reader.news()] == [1]
    assert reader.news() == []
    append(path, 'ss": 3}\n')
    assert reader.news() == [{"step": 2, "loss": 3}]
    append(path, '{"st\nnot json\n[1]\n{"step": 3}\n')
    assert [p["step"] for p in reader.news()] == [3]
    assert len(reader.points) == 3


def test_a_rewound_file_is_read_anew(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write_atomic(path, '{"step": 1}\n{"step": 2}\n')
    reader = MetricsReader(path)
    reader.news()
    write_atomic(path, '{"step": 1}\n')
    append(path, '{"step": 2, "second": true}\n')
    assert [p["step"] for p in reader.news()] == [1, 2]
    assert (reader.resets, len(reader.points)) == (1, 2)


def test_the_tail_of_a_huge_log_is_read_alone(run):
    run.log_file.write_text("x" * 10_000_000 + "\nbar 1\rbar 2\rbar 3\nlast\n")
    assert run.log_tail(2) == "bar 3\nlast"


def test_an_atomic_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "f.json"
    write_atomic(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "\ud800")
    assert path.read_text() == "old"


def test_a_full_disk_is_one_sentence_and_the_old_file_stays(tmp_path, monkeypatch):
    path = tmp_path / "status.json"
    write_atomic(path, "old")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkspaceError, match=r"status\.json' could not be written .*disk is full"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if "status" in p.name] == ["status.json"]


def test_a_workspace_that_cannot_be_written_says_how_to_choose_another(tmp_path):
    place = tmp_path / "file"
    place.write_text("not a folder")
    with pytest.raises(
        WorkspaceError, match=r"cannot be written .*--workspace DIR or SOCRATIC_HOME"
    ):
        Workspace.open(place)


def test_systems_are_adapters_by_run_folder_or_key(workspace, run):
    with pytest.raises(UsageError, match="'run-1'.*no adapter yet"):
        systems.resolve("run-1", workspace)
    folder = run.path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": "/old/place/mini-flan-small"})
    )
    assert systems.resolve("run-1", workspace).adapter == folder
    assert systems.resolve(str(folder), workspace).model == "mini-flan-small"
    # A model key means its newest adapter: this one, before the bundled.
    assert systems.resolve("mini-flan-small", workspace).key == "run-1"
    assert systems.resolve("t5-base", workspace).adapter is None
    with pytest.raises(UsageError, match="no model key, adapter folder or run"):
        systems.resolve("nonsense", workspace)


def test_a_damaged_run_hides_no_other(workspace, run, make_manifest):
    runs.create(workspace, make_manifest("run-2"))
    (run.path / "manifest.json").write_text("{")
    assert {r.id for r in runs.discover(workspace) if not r.bundled} == {"run-1", "run-2"}
    assert all(system.bundled for system in systems.available(workspace))
