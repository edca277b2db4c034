"""Questions asked before a kill are not asked again; a journal of something else is not used."""

import pytest

from socratic import data
from training.evaluation import predict
from training.journal import Journal, key_of


class Engine:
    """Answers at once, and counts what it was asked; `left`: batches until it is killed."""

    def __init__(self, batch=2, left=99):
        self.loaded = self
        self.plan = self
        self.batch, self.left, self.asked = batch, left, []

    def generate(self, inputs, decoding):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        self.asked += inputs
        return [type("Out", (), {"questions": (f"Q{len(text)} {text[-9:]}?",)}) for text in inputs]


class Watching:
    def __init__(self):
        self.steps = []

    def update(self, step):
        self.steps.append(step)

    def leave_if_stopped(self):
        pass


def ask(path, engine, manifest, key="k"):
    rows = data.load("sample").split("test")[:11]
    watching = Watching()
    made = predict(engine, rows, manifest, watching, Journal(path, key), ("own", 0))
    return made, watching.steps


def test_a_killed_evaluation_goes_on_where_it_was(tmp_path, make_manifest):
    path = tmp_path / "predictions" / ".test.partial.jsonl"
    whole, _ = ask(tmp_path / "other.jsonl", Engine(), make_manifest())
    killed = Engine(left=3)
    with pytest.raises(KeyboardInterrupt):
        ask(path, killed, make_manifest())
    with path.open("a") as file:
        file.write('{"system": "own", "quest')  # what a kill tears off
    again = Engine()
    made, steps = ask(path, again, make_manifest())
    assert made == whole
    assert len(killed.asked) == 6
    assert not set(killed.asked) & set(again.asked)
    assert (steps[0], steps[-1]) == (8, 11)
    # What followed the torn line was kept as well: nothing is left to ask.
    last = Engine()
    assert ask(path, last, make_manifest())[0] == whole
    assert last.asked == []


@pytest.mark.parametrize(
    "content", ["", "{}\n", "[1]\n", "torn", '{"key": "other"}\n{"system": 1}\n']
)
def test_a_journal_of_something_else_is_begun_anew(tmp_path, make_manifest, content):
    path = tmp_path / "j.jsonl"
    path.write_text(content)
    engine = Engine()
    ask(path, engine, make_manifest())
    assert len(engine.asked) == 11
    assert Journal(path, "k").asked("own")
    assert not Journal(path, "another").asked("own")


def test_the_key_changes_with_what_is_asked_and_of_whom(tmp_path, make_manifest):
    corpus = data.load("sample")
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(b"one")
    base = make_manifest()
    keys = {
        key_of(base, None, corpus, "test"),
        key_of(base, None, corpus, "validation"),
        key_of(base, adapter, corpus, "test"),
        key_of(make_manifest(limit=5), None, corpus, "test"),
        key_of(make_manifest(decoding=base.decoding.changed(beams=2)), None, corpus, "test"),
    }
    (adapter / "adapter_model.safetensors").write_bytes(b"two")
    keys.add(key_of(base, adapter, corpus, "test"))
    assert len(keys) == 6
    assert key_of(make_manifest("run-2"), None, corpus, "test") in keys


@pytest.mark.slow
def test_a_process_killed_while_it_scores_keeps_what_was_asked(workspace):
    """A real process and kill -9: what the journal holds is in the result, word for word."""
    import json
    import os
    import signal

    import pandas as pd
    from test_training import call, ended, until

    from socratic import runs

    done = call(workspace, "evaluate", "mini-flan-small", "--no-zero-shot", "--detach")
    run = runs.find(workspace, done.stdout.strip())
    journal = run.path / "predictions" / ".test.partial.jsonl"
    until(run, lambda status: ended(status) or (journal.is_file() and _lines(journal) > 1))
    os.killpg(run.status().pid, signal.SIGKILL)
    assert until(run, ended).state == "failed"

    head, *kept = map(json.loads, journal.read_text(encoding="utf-8").splitlines())
    count = sum(len(entry["questions"]) for entry in kept)
    assert 0 < count < 250
    marked = [{**e, "questions": dict.fromkeys(e["questions"], "Kept?")} for e in kept]
    lines = [json.dumps(entry) + "\n" for entry in (head, *marked)]
    journal.write_text("".join(lines), encoding="utf-8")
    call(workspace, "run", "--resume", run.id, "--detach")
    assert until(run, ended).state == "finished"
    (table,) = (run.path / "predictions").glob("*.parquet")
    frame = pd.read_parquet(table)
    assert (frame == "Kept?").sum().max() >= count
    assert not journal.exists()


def _lines(path):
    return path.read_text(encoding="utf-8").count("\n")
