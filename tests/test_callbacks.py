import json
from types import SimpleNamespace

import pytest

from socratic import runs
from socratic.errors import RunError
from training.callbacks import Recorder
from training.progress import Progress
from training.usage import Meter


@pytest.fixture
def run(workspace, make_manifest):
    return runs.create(workspace, make_manifest())


def lines(run):
    return run.metrics_file.read_text().splitlines()


def say(recorder, step, **logs):
    state = SimpleNamespace(
        global_step=step, epoch=step / 10, num_input_tokens_seen=step * 100, max_steps=9
    )
    recorder.on_log(None, state, None, logs=logs)


@pytest.mark.parametrize("key", ["loss", "eval_loss", "grad_norm"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run(run, key, value):
    recorder = Recorder(Progress(run), 8, 0.0, {}, Meter("cpu", 2))
    say(recorder, 1, loss=2.0)
    with pytest.raises(
        RunError, match=rf"{key} became (nan|inf) at step 2.*last good checkpoint is kept"
    ):
        say(recorder, 2, **{key: value})
    assert [json.loads(line)["step"] for line in lines(run)] == [1]


def test_points_have_the_contracts_names(run):
    recorder = Recorder(Progress(run), 8, 100.0, {}, Meter("cpu", 2))
    say(recorder, 0, eval_loss=3.0, eval_rougeL=0.2, eval_runtime=9)
    say(recorder, 1, loss=2.0, grad_norm=1.0, learning_rate=0.1)
    say(recorder, 1, train_runtime=3.0)
    first, second = map(json.loads, lines(run))
    assert set(first) == {"step", "epoch", "time", "eval_loss", "rougeL"}
    assert {"step", "epoch", "time", "loss", "grad_norm", "learning_rate"} <= set(second)
    assert second["time"] >= first["time"] >= 100


def test_a_rewound_run_measures_no_step_twice(run):
    progress = Progress(run)
    for step in (1, 2, 3):
        progress.record({"step": step, "time": step * 10.0})
    with run.metrics_file.open("a") as file:
        file.write('{"step": 4, "ti')
    assert [p["step"] for p in progress.rewind(2)] == [1, 2]
    progress.record({"step": 3, "time": 30.0})
    assert [json.loads(line)["step"] for line in lines(run)] == [1, 2, 3]


def test_a_new_phase_is_written_at_once_and_steps_now_and_then(run):
    progress = Progress(run)
    progress.update(phase="training")
    assert run.written_status().phase == "training"
    for step in range(100):
        progress.update(step=step)
    assert run.written_status().step < 99
    progress.end("finished", "trained")
    assert (run.status().state, run.status().step) == ("finished", 99)
