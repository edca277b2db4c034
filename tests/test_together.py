"""Several processes train one run: the same batches, the same curve, and the same ends."""

import json
import os
import signal

import psutil
import pytest
from test_training import SETTINGS, call, ended, points, rows_file, until

from socratic import jobs, runs
from socratic.errors import RunError
from training import execute, together
from training.progress import Stopped


@pytest.fixture
def begin(workspace, make_base, tmp_path):
    """A function that queues a run of a tiny model and returns it; keywords are settings."""
    base, data = make_base(), rows_file(tmp_path / "rows.csv")
    # Dropout draws other noise for other batches: without it the arithmetic is the same.
    config = base / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "dropout_rate": 0.0}))

    def make(processes, **changes):
        # bf16, where the CPU computes it, rounds sums of different order differently.
        exact = {"lora_dropout": 0, "precision": "fp32"}
        chosen = {**SETTINGS, **exact, "processes": processes, **changes}
        words = [word for key, value in chosen.items() for word in ("--set", f"{key}={value}")]
        words += ["--model", base, "--data", data, "--recipe", "miniature", "--detach"]
        return runs.find(workspace, call(workspace, "run", *words).stdout.strip())

    return make


def workers(run):
    """Living processes that share in training this run."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        dead = process.info["status"] == psutil.STATUS_ZOMBIE
        if "share" in words and run.id in words and not dead:
            found.append(process)
    return found


@pytest.mark.slow
def test_two_processes_follow_the_curve_of_one_and_go_on_along_it(begin, workspace):
    alone, both, halved = begin(1), begin(2), begin(2)
    for run in (alone, both):
        assert until(run, ended).state == "finished", run.log_tail()
    for key, near in (("loss", 1e-5), ("grad_norm", 1e-4), ("eval_loss", 1e-5), ("rougeL", 1e-6)):
        one, two = points(alone, key), points(both, key)
        assert two.keys() == one.keys() and one
        assert [two[step] for step in one] == pytest.approx(list(one.values()), rel=near), key
    assert alone.samples_file.read_text() == both.samples_file.read_text()

    until(halved, lambda status: status.step >= 5)
    assert len(workers(halved)) == 2
    jobs.stop(halved)
    assert until(halved, ended).state == "stopped", halved.log_tail()
    assert workers(halved) == []
    jobs.resume(workspace, halved)
    assert until(halved, ended).state == "finished", halved.log_tail()
    assert points(halved, "loss") == pytest.approx(points(both, "loss"), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["launcher", "worker", "stop now"])
def test_none_of_several_processes_outlives_the_others(begin, victim):
    run = begin(2, max_steps=20_000, epochs=1000)
    until(run, lambda status: status.step >= 2)
    if victim == "stop now":
        jobs.stop(run, now=True)
    elif victim == "launcher":
        os.kill(run.status().pid, signal.SIGKILL)
    else:
        workers(run)[-1].kill()
    psutil.wait_procs(workers(run), timeout=60)
    assert workers(run) == []
    status = until(run, ended)
    assert status.state == ("stopped" if victim == "stop now" else "failed"), run.log_tail()
    assert runs.process_of(status) is None


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (Stopped(), 0, None),
        (RunError("The loss became nan."), 1, "The loss became nan."),
        (
            OSError(28, "No space left on device"),
            1,
            "A file could not be written (the disk is full",
        ),
    ],
)
def test_the_first_process_that_fails_leaves_the_reason(
    workspace, make_manifest, monkeypatch, error, code, reason
):
    def fail(*_):
        raise error

    monkeypatch.setattr(execute, "train_only", fail)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    run = runs.create(workspace, make_manifest())
    assert together.share(workspace, run) == code
    left = run.path / together.REASON
    assert left.exists() == (reason is not None)
    if reason:
        assert reason in left.read_text()
        monkeypatch.setattr(execute, "train_only", lambda *_: 1 / 0)
        together.share(workspace, run)
        assert reason in left.read_text()  # the others only lost their company
