"""Training for real: the command line, its processes and their files, on a tiny model."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

from socratic import jobs, plans, recipes, results, runs
from socratic.errors import UnsoundModel

pytestmark = pytest.mark.slow

SETTINGS = {
    "max_steps": 12,
    "eval_steps": 4,
    "logging_steps": 1,
    "sample_rows": 4,
    "train_batch": 8,
    "eval_batch": 8,
    "target_tokens": 24,
    "learning_rate": 0.005,
}


@pytest.fixture
def data_file(tmp_path):
    return rows_file(tmp_path / "rows.csv")


def rows_file(path):
    """Write sixty rows with distinct contexts and return the file."""
    types = ["clarity", "assumptions", "reasons_evidence"]
    lines = [
        f'"Opinion {i}: cats are better than dogs because of reason {i}.",'
        f'"Why does reason {i} make cats better?",{types[i % 3]}'
        for i in range(60)
    ]
    path.write_text("\n".join(["context,question,type", *lines]) + "\n")
    return path


def call(workspace, *words, check=True, package="training"):
    done = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-m", package, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "SOCRATIC_HOME": str(workspace.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    if check:
        assert done.returncode == 0, done.stderr + done.stdout
    return done


def settings(**changes):
    chosen = {**SETTINGS, **changes}
    return [word for key, value in chosen.items() for word in ("--set", f"{key}={value}")]


def start(workspace, base, data_file, *words, **changes):
    """Start a run, detached, and return it."""
    done = call(
        workspace, "run", "--model", base, "--data", data_file, "--recipe", "miniature",
        "--detach", *words, *settings(**changes),
    )  # fmt: skip
    return runs.find(workspace, done.stdout.strip())


def until(run, reached, seconds=120):
    """Wait until `reached(status)`; fail with the log when the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = run.status()
        if reached(status):
            return status
        time.sleep(0.05)
    raise AssertionError(f"{run.status()}\n{run.log_tail()}")


def ended(status):
    return status.state in ("stopped", "finished", "failed")


def points(run, key):
    return {
        p["step"]: p[key]
        for p in map(json.loads, run.metrics_file.read_text().splitlines())
        if key in p
    }


def test_a_run_trains_scores_and_ends_in_the_table(workspace, make_base, data_file):
    base = make_base(std=1.0)
    done = call(
        workspace, "run", "--model", base, "--data", data_file, "--recipe", "miniature",
        "--evaluate", "test", "--json", *settings(),
    )  # fmt: skip
    (summary,) = json.loads(done.stdout)
    assert summary["state"] == "finished"
    run = runs.find(workspace, summary["run"])
    losses = points(run, "loss")
    assert list(losses) == list(range(1, 13))
    assert losses[12] < losses[1]
    assert list(points(run, "rougeL")) == list(points(run, "eval_loss")) == [0, 4, 8, 12]
    for key in ("learning_rate", "grad_norm", "samples_per_second", "tokens_per_second"):
        assert points(run, key)
    assert all(value > 0.1 for value in points(run, "memory").values())
    assert "step 12 (epoch" in run.log_tail()
    assert "{" not in run.log_tail()
    seen = [json.loads(line) for line in run.samples_file.read_text().splitlines()]
    assert [each["step"] for each in seen] == [0, 4, 8, 12]
    assert all(len(each["questions"]) == 3 for each in seen)
    manifest = run.manifest()
    assert manifest.data.sha256
    assert manifest.device
    assert manifest.versions["transformers"]
    assert (run.adapter / "adapter_model.safetensors").is_file()
    assert (run.adapter / "README.md").is_file()
    (evaluation,), damaged = results.load([run.path])
    assert not damaged
    assert {system.kind for system in evaluation.systems} == {"own", "zero_shot", "floor"}
    table = json.loads(call(workspace, "table", "--json", package="socratic").stdout)
    own = [
        r for r in table if r["kind"] == "own" and r["run"] == run.id and r["metric"] == "rougeL"
    ]
    assert len(own) == 1
    assert own[0]["n"] == evaluation.n > 0


# Long enough that a stop or a kill comes before the end even on a quick machine.
LONG = {"max_steps": 120, "eval_steps": 40}


def test_stop_saves_and_resume_goes_on_along_the_same_curve(workspace, make_base, data_file):
    base = make_base(std=1.0)
    whole = start(workspace, base, data_file, **LONG)
    until(whole, ended)
    broken = start(workspace, base, data_file, **LONG)
    until(broken, lambda status: status.step >= 15)  # six steps are an epoch: in its third
    jobs.stop(broken)
    stopped = until(broken, ended)
    assert stopped.state == "stopped"
    assert 15 <= stopped.step < 120
    assert broken.adapter is None
    call(workspace, "run", "--resume", broken.id)
    expected, resumed = points(whole, "loss"), points(broken, "loss")
    assert list(resumed) == list(range(1, 121))
    assert resumed == pytest.approx(expected, abs=1e-3)
    times = [json.loads(line)["time"] for line in broken.metrics_file.read_text().splitlines()]
    assert times == sorted(times)


def test_a_stop_does_not_wait_for_a_validation_and_resume_makes_it_up(
    workspace, make_base, data_file
):
    base = make_base(std=1.0)
    # One row at a time, so that a validation lasts as long as somebody needs to press stop.
    slow = {"max_steps": 4, "eval_steps": 2, "eval_batch": 1, "sample_rows": 500}
    whole = start(workspace, base, data_file, **slow)
    broken = start(workspace, base, data_file, **slow)
    until(whole, ended)
    until(broken, lambda status: (status.phase, status.step) == ("validating", 2))
    jobs.stop(broken)
    stopped = until(broken, ended)
    assert (stopped.state, stopped.step) == ("stopped", 2)
    assert "rougeL" not in json.loads(broken.metrics_file.read_text().splitlines()[-1])
    call(workspace, "run", "--resume", broken.id)
    assert broken.status().state == "finished"
    for key in ("rougeL", "eval_loss", "loss"):
        assert points(broken, key) == pytest.approx(points(whole, key), abs=1e-4)
    steps = [json.loads(line)["step"] for line in broken.samples_file.read_text().splitlines()]
    assert steps == list(points(whole, "rougeL")) == [0, 2, 4]


def test_a_killed_run_has_failed_and_can_go_on(workspace, make_base, data_file):
    run = start(workspace, make_base(std=1.0), data_file, **LONG)
    status = until(run, lambda status: status.step >= 45)
    os.killpg(status.pid, signal.SIGKILL)
    failed = until(run, ended)
    assert failed.state == "failed"
    assert "without saying why" in failed.message
    call(workspace, "run", "--resume", run.id)
    assert run.status().state == "finished"
    assert list(points(run, "loss")) == list(range(1, 121))


def test_two_runners_start_each_run_once(workspace, make_base, data_file):
    base = make_base(std=1.0)
    recipe = recipes.load("miniature", {**SETTINGS, "max_steps": 4})
    choice = plans.TrainingChoice((str(base),), str(data_file), recipe)
    queued = [runs.create(workspace, plans.training(choice)[0]) for _ in range(2)]
    command = [sys.executable, "-m", "training", "work", "--workspace", str(workspace.root)]
    runners = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [runner.wait(timeout=300) for runner in runners] == [0, 0, 0]
    for run in queued:
        assert run.status().state == "finished"
        assert list(points(run, "loss")) == [1, 2, 3, 4]
    assert not jobs.runner_alive(workspace)


def test_a_queue_is_drained_past_a_run_that_fails(workspace, make_base, data_file):
    base = make_base(std=1.0)
    good = start(workspace, base, data_file, max_steps=4)
    bad = start(workspace, base, data_file)
    last = start(workspace, base, data_file, max_steps=4)
    manifest = bad.manifest()
    bad.write_manifest(manifest.model_copy(update={"model": str(base) + "-gone"}))
    assert until(last, ended).state == "finished"
    assert good.status().state == "finished"
    assert bad.status().state == "failed"
    assert "no model folder" in bad.status().message


def test_a_broken_model_is_not_trained(workspace, make_base, data_file):
    from safetensors.torch import load_file, save_file

    base = make_base()
    tensors = load_file(base / "model.safetensors")
    tensors["lm_head.weight"] = tensors["shared.weight"].clone()
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    done = call(
        workspace, "run", "--model", base, "--data", data_file, *settings(), check=False
    )  # fmt: skip
    assert done.returncode == 1
    assert "overwritten by its input embedding" in done.stderr.splitlines()[-1]
    assert call(workspace, "doctor", "--model", base, check=False).returncode == 1


def test_accumulated_batches_and_parts_give_the_loss_and_gradient_of_one(
    make_base, plan, data_file, workspace, monkeypatch
):
    """T5 ignores `num_items_in_batch`: without `token_mean` four batches read four times too much."""
    from dataclasses import replace

    from transformers import set_seed

    from socratic import data, loading
    from training import parts, trainer
    from training.progress import Progress

    every = data.load(str(data_file))
    # Eight rows are one step in either run, whatever order they are drawn in.
    splits = {**every.splits, "train": every.split("train")[:8]}
    corpus = data.Corpus(every.name, splits, every.sha256)
    found = {}
    monkeypatch.setattr(parts, "tokens_per_pass", lambda _: 40)
    ways = (
        ("one", 8, 1, False, False),
        ("four", 2, 4, False, False),
        ("parts", 8, 1, True, False),
        ("both", 4, 2, True, False),
        ("beside", 8, 1, True, True),
        ("all", 4, 2, True, True),
    )
    for name, batch, accumulation, split, beside in ways:
        monkeypatch.setattr(parts, "passes_beside", lambda *_, beside=beside: 1 + beside)
        values = {**SETTINGS, "train_batch": batch, "accumulation": accumulation, "max_steps": 1,
                  "eval_steps": 1, "lora_dropout": 0.0}  # fmt: skip
        recipe = recipes.load("miniature", values)
        manifest = plans.training(plans.TrainingChoice(("t5-base",), str(data_file), recipe))[0]
        run = runs.create(workspace, manifest.model_copy(update={"run_id": name}))
        set_seed(1)
        base = make_base(name, std=1.0)
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").write_text(json.dumps({**config, "dropout_rate": 0.0}))
        loaded = loading.load_base(str(base), replace(plan, parts=split))
        material = trainer.prepare(loaded, corpus, recipe.hyperparameters, workspace.cache)
        trainer.with_lora(loaded, recipe.hyperparameters)
        made, _ = trainer.build(run, loaded, material, recipe.hyperparameters, Progress(run))
        assert made._passes.tokens == (40 if split else None)
        assert (made._passes.lanes is not None) == beside
        made.train()
        found[name] = {key: points(run, key)[1] for key in ("loss", "grad_norm")}
    for name, values in found.items():
        assert values == pytest.approx(found["one"], rel=1e-3), name


def test_training_stops_when_nothing_is_gained_any_more(workspace, make_base, data_file):
    run = start(
        workspace, make_base(std=1.0), data_file, learning_rate=1e-8, patience=2, eval_steps=2
    )
    assert until(run, ended).state == "finished"
    assert max(points(run, "loss")) == 6


def test_missing_projections_are_noticed(make_base, plan, monkeypatch):
    from socratic import loading, soundness
    from training import trainer

    loaded = loading.load_base(str(make_base(gated=False)), plan)
    whole = soundness.lora_config

    def without_wi(*args):
        config = whole(*args)
        config.target_modules = {"q", "k", "v", "o", "wi_0", "wi_1", "wo"}
        return config

    monkeypatch.setattr(soundness, "lora_config", without_wi)
    with pytest.raises(UnsoundModel, match="weights .* would be trained, not"):
        trainer.with_lora(loaded, recipes.load("miniature").hyperparameters)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["run"], 2, "No model is chosen"),
        (["run", "--model", "mini-flan-small", "--data", "none.csv"], 1, "none.csv"),
        (["run", "--model", "mini-flan-small", "--set", "train_batch=0"], 2, "train_batch is '0'"),
        (["run", "--model", "/no/such/model", "--recipe", "nope"], 2, "no recipe 'nope'"),
        (["stop", "none"], 1, "There is no run 'none'"),
        (["evaluate", "none"], 2, "'none' is no model key"),
        (["frobnicate"], 2, "No such command"),
    ],
)
def test_bad_usage_is_one_sentence_and_its_status(workspace, words, status, said):
    done = call(workspace, *words, check=False)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout.strip()


def test_a_lost_terminal_changes_nothing_and_ctrl_c_stops(workspace, make_base, data_file):
    base = make_base(std=1.0)
    command = [sys.executable, "-m", "training", "run", "--model", str(base), "--data", str(data_file),
               "--recipe", "miniature", *settings(max_steps=20_000, eval_steps=20_000, epochs=1000)]  # fmt: skip
    environment = {**os.environ, "SOCRATIC_HOME": str(workspace.root)}

    def foreground():
        child = subprocess.Popen(
            command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            living = jobs.active(workspace)
            if living and living[0].status().step >= 2:
                return child, living[0]
            time.sleep(0.05)
        raise AssertionError("the run did not begin")

    child, run = foreground()
    child.send_signal(signal.SIGKILL)
    child.wait()
    step = run.status().step
    until(run, lambda status: status.step > step + 2)
    jobs.stop(run)
    until(run, ended)
    child, run = foreground()
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=120) == 0
    assert run.status().state == "stopped"
    assert list(Path(run.checkpoints).glob("checkpoint-*"))
