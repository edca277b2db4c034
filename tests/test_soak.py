"""Kill -9 of app, browser, runner and trainer at random moments: `pytest -m soak tests/test_soak.py`.

SOAK_SEED repeats a session, SOAK_KILLS changes how many kills there are.
"""

import json
import os
import random
import signal
import subprocess
import time

import psutil
import pytest
from ui.conftest import CHROMIUM, QUIET
from ui.driving import start as start_app
from ui.driving import wait_for

from socratic import jobs, plans, recipes, runs
from socratic.runs import process_of

pytestmark = [pytest.mark.soak, pytest.mark.slow, pytest.mark.timeout(4 * 3600)]

SEED = int(os.environ.get("SOAK_SEED", "1"))
KILLS = int(os.environ.get("SOAK_KILLS", "20"))
STEPS, EVAL = 400, 20
SETTINGS = {
    "max_steps": STEPS,
    "epochs": 1000,
    "eval_steps": EVAL,
    "logging_steps": 1,
    "sample_rows": 3,
    "train_batch": 8,
    "eval_batch": 8,
    "target_tokens": 16,
    "patience": 0,
}
PATIENT = 900


class Scene:
    """A run in training, an app and a browser that look at it, and what one can kill."""

    def __init__(self, workspace, run, folder):
        self.workspace, self.run, self.folder = workspace, run, folder
        self.random = random.Random(SEED)
        self.app = start_app(workspace.root)
        self.browser = self.open_browser()
        self.said = []

    def open_browser(self):
        words = [CHROMIUM, "--headless=new", f"--user-data-dir={self.folder}", *QUIET, self.app.url]
        return subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def ours(self, word):
        """Living processes of this workspace whose command has `word`."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            words = process.info["cmdline"] or []
            living = process.info["status"] != psutil.STATUS_ZOMBIE
            if str(self.workspace.root) in words and word in words and living:
                found.append(process)
        return found

    def to_a_random_moment(self):
        """Wait until the run is at work, then for some steps more or for a part of a second."""
        wait_for(lambda: self.run.status().state in (*runs.ALIVE, "finished"), PATIENT)
        if self.random.random() < 0.3:
            time.sleep(self.random.uniform(0, 5))  # while it loads, most likely
            return
        goal = self.run.status().step + self.random.randint(1, EVAL + 5)
        wait_for(lambda: self.run.status().step >= min(goal, STEPS) or self.over(), PATIENT)
        time.sleep(self.random.uniform(0, 0.3))

    def over(self):
        return self.run.status().state in ("failed", "stopped", "finished")

    def kill_app(self):
        self.app.process.kill()
        self.app.process.wait()
        self.app = start_app(self.workspace.root)

    def kill_browser(self):
        os.killpg(self.browser.pid, signal.SIGKILL)
        self.browser.wait()
        self.browser = self.open_browser()

    def kill_runner(self):
        before = self.run.status()
        for process in self.ours("work"):
            process.kill()
        if before.state == "running":
            assert self.run.status().state in ("running", "finished"), "it fell with its runner"
        jobs.ensure_runner(self.workspace)

    def kill_trainer(self):
        process = process_of(self.run.status())
        if process is None:
            return
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
        state = self.run.status()
        assert state.state == "failed", state
        assert state.message
        assert not self.ours("execute"), "a process of the run is left"
        jobs.resume(self.workspace, self.run)

    def truth(self):
        """The state told must be the state there is."""
        status = self.run.status()
        alive = self.ours("execute")
        assert len(alive) <= 1, "two processes do one run"
        if status.state in runs.ALIVE:
            assert [process.pid for process in alive] == [status.pid]

    def close(self):
        os.killpg(self.browser.pid, signal.SIGKILL)
        self.browser.wait()
        self.app.close()


@pytest.fixture
def scene(workspace, make_base, tmp_path):
    lines = [f"Opinion {i} is that cats are better.,Why is it {i}?,clarity" for i in range(60)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["context,question,type", *lines]) + "\n")
    recipe = recipes.load("miniature", SETTINGS)
    choice = plans.TrainingChoice((str(make_base(std=1.0)),), str(path), recipe)
    (run,) = jobs.submit(workspace, plans.training(choice))
    scene = Scene(workspace, run, tmp_path / "browser")
    yield scene
    scene.close()


def steps(path, key):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["step"] for line in lines if key in line]


def test_nothing_is_lost_or_doubled_however_one_kills(scene):
    kills = ["trainer"] * 8 + ["runner"] * 4 + ["app"] * 4 + ["browser"] * 4
    scene.random.shuffle(kills)
    done = []
    for what in (kills * (KILLS // len(kills) + 1))[:KILLS]:
        scene.to_a_random_moment()
        before = scene.run.status()
        if before.state == "finished":
            break
        getattr(scene, f"kill_{what}")()
        scene.truth()
        done.append((what, before.phase, before.step))
        print(done[-1], flush=True)
    wait_for(scene.over, PATIENT)
    run = scene.run
    assert run.status().state == "finished", run.log_tail()
    assert steps(run.metrics_file, "loss") == list(range(1, STEPS + 1))
    validated = list(range(0, STEPS + 1, EVAL))
    assert steps(run.metrics_file, "rougeL") == validated
    assert steps(run.samples_file, "questions") == validated
    wait_for(lambda: not scene.ours("work") and not scene.ours("execute"), 60)
    assert run.adapter is not None
    print(f"seed {SEED}: {len(done)} kills: {done}")
