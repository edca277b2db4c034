"""Runs and scores as the page reads them: what is new, what is sent, in which groups."""

import asyncio
import dataclasses
import itertools
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest
from typer.testing import CliRunner

from socratic import device, differences, figures, jobs, runs
from socratic.errors import DataError
from socratic.runs import Status
from socratic.ui import (
    compare_evaluate,
    parts,
    run_facts,
    run_table,
    run_views,
    scores,
    train_live,
    train_run,
    train_setup,
)
from socratic.ui import pulse as pulses
from socratic.ui.drawn import Drawn
from socratic.ui.pulse import Pulse
from socratic.ui.run_table import Order
from socratic.ui.run_views import Board
from socratic.ui.scores import Choice, Library, Shown
from training.__main__ import app


def add_run(workspace, manifest, state="finished", steps=(), **status):
    run = runs.create(workspace, manifest)
    add_points(run, steps)
    run.write_status(Status(state=state, **status))
    return run


def add_points(run, steps):
    with run.metrics_file.open("a") as file:
        for step in steps:
            point = {
                "step": step,
                "epoch": step / 10,
                "time": float(step),
                "loss": 4.0 - step / 100,
            }
            if step % 10 == 0:
                point |= {"eval_loss": 3.0, "rougeL": step / 1000}
            file.write(json.dumps(point) + "\n")


@pytest.fixture
def board(workspace, monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "BUNDLED", tmp_path / "no bundled runs")
    return Board(workspace)


def test_a_run_is_read_only_as_far_as_it_grew(board, workspace, make_manifest):
    run = add_run(workspace, make_manifest("a"), steps=range(5, 25, 5))
    (before,) = board.views()
    assert before.best == 0.02
    assert before.newest == {"loss": 3.8, "eval_loss": 3.0}
    add_points(run, [25, 30])
    (after,) = board.views()
    assert after.best == 0.03
    assert after.version != before.version
    assert [point["step"] for point in board.points(run)] == [5, 10, 15, 20, 25, 30]


def test_a_run_resumed_from_an_earlier_step_forgets_the_best_it_lost(
    board, workspace, make_manifest
):
    run = add_run(workspace, make_manifest("a"), steps=range(10, 60, 10))
    assert board.views()[0].best == 0.05
    run.metrics_file.unlink()
    add_points(run, [10])
    assert board.views()[0].best == 0.01


def test_time_left_is_the_pace_of_the_newest_steps(board, workspace, make_manifest, monkeypatch):
    monkeypatch.setattr(runs, "process_of", lambda status: object())
    add_run(
        workspace,
        make_manifest("a"),
        "running",
        range(1, 41),
        step=40,
        total_steps=100,
        phase="training",
    )
    assert board.views()[0].eta == pytest.approx(60.0)


def test_time_left_of_an_evaluation_is_its_own_pace(board, workspace, make_manifest, monkeypatch):
    monkeypatch.setattr(runs, "process_of", lambda status: object())
    steps = {"total_steps": 500, "phase": "evaluating"}
    run = add_run(
        workspace, make_manifest("a"), "running", range(1, 41), step=0, updated=10.0, **steps
    )
    assert board.views()[0].eta is None
    run.write_status(Status(state="running", step=100, updated=30.0, **steps))
    assert board.views()[0].eta == pytest.approx(80.0)


def test_no_time_is_told_before_there_is_a_pace(board, workspace, make_manifest, monkeypatch):
    monkeypatch.setattr(runs, "process_of", lambda status: object())
    add_run(workspace, make_manifest("a"), "running", [1], step=1, total_steps=100)
    assert board.views()[0].eta is None


def test_a_damaged_run_is_named_and_hides_no_other(board, workspace, make_manifest):
    add_run(workspace, make_manifest("good"))
    bad = add_run(workspace, make_manifest("bad"))
    (bad.path / "manifest.json").write_text("{")
    shown = run_table.table(board.views())
    assert "damaged" in shown
    assert 'data-run="good"' in shown
    assert train_run.possible(next(v for v in board.views() if v.run.id == "bad"))["delete"]


def test_a_table_shows_hostile_names_as_text(board, workspace, make_manifest):
    add_run(workspace, make_manifest("a", title="<script>x</script>"), message="<img src=x>")
    shown = run_table.table(board.views(), "a")
    assert "<script" not in shown
    assert "<img" not in shown


@pytest.mark.parametrize(
    ("state", "able"),
    [
        ("queued", {"stop", "delete", "earlier", "later"}),
        ("running", {"stop", "stop-now"}),
        ("stopping", {"stop-now"}),
        ("stopped", {"resume", "delete"}),
        ("failed", {"resume", "delete"}),
        ("finished", {"delete"}),
    ],
)
def test_a_button_works_only_where_it_can_do_something(workspace, make_manifest, state, able):
    run = add_run(workspace, make_manifest("a"))
    view = run_views.View(run, state, "")
    assert {name for name, can in train_run.possible(view).items() if can} == able
    bundled = run_views.View(runs.Run(run.path, bundled=True), state, "")
    assert not any(train_run.possible(bundled).values())


def make_views(board, workspace, make_manifest):
    """Three runs: the best is the middle one, one has no score at all."""
    add_run(workspace, make_manifest("a", model="mini-t5-base", title="T5"), steps=[10])
    add_run(workspace, make_manifest("b", recipe="other"), "failed", steps=[10, 20])
    add_run(workspace, make_manifest("c"))
    return board.views()


def test_the_table_is_sorted_and_filtered(board, workspace, make_manifest):
    views = make_views(board, workspace, make_manifest)

    def ids(order):
        return "".join(view.run.id for view in run_table.ordered(views, order))

    order = Order().pressed("Best ROUGE-L")
    assert ids(Order()) == "cba"
    assert ids(order) == "bac"
    assert ids(order.pressed("Best ROUGE-L")) == "abc"  # without a score: last either way
    assert order.pressed("Best ROUGE-L").pressed("Best ROUGE-L") == Order()
    assert ids(Order(words="T5-BASE")) == "a"
    assert ids(Order(words="failed other")) == "b"
    busy = dataclasses.replace(views[0], state="running")
    assert "Time left" in run_table.table([busy, *views])
    assert "Time left" not in run_table.table([view for view in views if not view.alive])
    assert "No run matches" in run_table.table(views, None, Order(words="<nobody>"))
    assert "<nobody>" not in run_table.table(views, None, Order(words="<nobody>"))


def test_patience_is_counted_as_the_trainer_does(board, workspace, make_manifest):
    from socratic.recipes import Hyperparameters

    chosen = Hyperparameters(patience=3, threshold=0.05)
    run = add_run(workspace, make_manifest("a", hyperparameters=chosen))
    left = []
    for step, score in ((0, 0.9), (5, 0.2), (10, 0.1), (15, 0.22), (20, 0.3), (25, 0.3)):
        with run.metrics_file.open("a") as file:
            file.write(json.dumps({"step": step, "rougeL": score}) + "\n")
        left.append(board.views()[0].patience)
    # The look before the first step counts for nothing; 0.22 gains less than the threshold.
    assert left == [3, 3, 2, 1, 3, 2]


def test_runs_are_told_apart_by_what_was_chosen(make_manifest):
    from socratic.recipes import Hyperparameters

    faster = Hyperparameters(learning_rate=0.001)
    found = differences.between([make_manifest("a"), make_manifest("b", hyperparameters=faster)])
    assert found == [("learning rate", ("0.0005", "0.001"))]
    assert differences.between([make_manifest("a"), make_manifest("b")]) == []


def test_a_machine_left_unused_is_told_with_what_would_use_it(board, workspace, make_manifest):
    run = add_run(workspace, make_manifest("a"))
    (view,) = board.views()
    gpu = device.Machine("cuda", "A10G", 24.0)

    def hint(**newest):
        return run_facts.hint(replace(view, state="running", newest=newest), gpu)

    assert "16% of its memory; a train_batch of 128 would fit" in hint(gpu_memory=3.84)
    assert hint(gpu_memory=20.0) == ""
    assert "keeps 12 % of it busy" in hint(cpu_utilisation=12.0)
    assert hint(cpu_utilisation=90.0) == ""
    assert run_facts.hint(replace(view, newest={"gpu_memory": 1.0}), gpu) == ""  # it has ended
    assert run_facts.fitting(32, 0.45) == 32
    assert not run.adapter


def test_what_a_run_asks_as_it_learns_is_shown_as_text(board, workspace, make_manifest):
    run = add_run(workspace, make_manifest("a"))
    for step in range(0, 100, 10):
        said = {"type": "clarity", "context": "<b>x</b>", "reference": "Why?"}
        line = {"step": step, "questions": [{**said, "question": f"<i>{step}"}]}
        with run.samples_file.open("a") as file:
            file.write(json.dumps(line) + "\n")
    shown = run_facts.samples(board.views()[0])
    assert "<b>" not in shown
    assert "<i>" not in shown
    assert shown.count("<th>step") == run_facts.SHOWN
    assert "step 0<" in shown
    assert "step 90<" in shown
    assert run_facts.samples(None) == ""


def test_only_a_finished_training_is_asked_and_scored(workspace, make_manifest, monkeypatch):
    run = add_run(workspace, make_manifest("a"))
    (run.path / "adapter").mkdir()
    (run.path / "adapter" / "adapter_config.json").write_text("{}")
    view = run_views.View(run, "finished", "", run.manifest())
    assert {name for name, can in train_run.possible(view).items() if can} == {
        "ask", "score", "delete",
    }  # fmt: skip
    started = []
    monkeypatch.setattr(jobs, "submit", lambda place, made: started.extend(made))
    monkeypatch.setattr(gr, "Info", lambda text: None)
    train_run.score(workspace, run)
    (manifest,) = started
    assert (manifest.kind, manifest.of_run, manifest.evaluate) == ("evaluation", "a", "test")


def test_data_that_cannot_be_looked_at_are_told_where_one_looks(workspace):
    async def build():
        with gr.Blocks() as page:
            return train_setup.build(page, workspace)

    setup = asyncio.run(build())
    inputs = {control: control.value for control in setup.inputs}
    assert "What the model reads" in train_setup._look(setup, inputs)
    told = train_setup._look(setup, inputs | {setup.data: "/no/such <file>.csv"})
    assert 'class="notice bad"' in told and "/no/such &lt;file&gt;.csv" in told


# --- what a tick sends ---------------------------------------------------------------------------


@pytest.fixture
def live(board):
    async def build():
        with gr.Blocks() as page:
            return train_live.build(page, board)

    # Outside of an event loop Gradio would open one of its own and leave it open.
    return asyncio.run(build())


def start_inputs(live):
    curves = live.curves
    look = {curves.x: "step", curves.smoothing: 0.0, curves.log_y: False}
    look |= {curves.shown: [], curves.picked: ["loss", "rougeL"], live.words: "", live.order: {}}
    return {live.selected: None, live.seen: {}, **look}


def charts(live):
    """The charts that are picked to begin with."""
    return {live.curves.charts[metric] for metric in ("loss", "rougeL")}


def tick(live, inputs):
    """Return what a tick sends, and take it into `inputs` as a browser would."""
    updates = train_live.refresh(live, inputs)
    for component, update in updates.items():
        if component in inputs and update != gr.skip():
            inputs[component] = (
                update["value"] if isinstance(update, dict) and "value" in update else update
            )
    return {part for part, update in updates.items() if update != gr.skip()} - {live.seen}


def test_nothing_is_sent_twice(live, workspace, make_manifest):
    run = add_run(workspace, make_manifest("a"), steps=range(5, 25, 5))
    inputs = start_inputs(live)
    assert {live.table, live.curves.shown, *charts(live)} <= tick(live, inputs)
    assert tick(live, inputs) == set()
    add_points(run, [25])
    assert tick(live, inputs) == {live.table, live.chosen, *charts(live)}
    run.log_file.write_text("more")
    assert tick(live, inputs) == {live.log}


def test_what_two_browsers_see_is_drawn_once(live, workspace, make_manifest, monkeypatch):
    run = add_run(workspace, make_manifest("a"), steps=[5, 10])
    drawn, curves = [], figures.curves

    def note(series, metric, look):
        drawn.append(metric)
        return curves(series, metric, look)

    monkeypatch.setattr(figures, "curves", note)
    one, other = start_inputs(live), start_inputs(live)
    assert charts(live) <= tick(live, one)
    assert charts(live) <= tick(live, other)
    assert sorted(drawn) == ["loss", "rougeL"]
    add_points(run, [15])
    tick(live, one)
    other[live.curves.x] = "time"
    tick(live, other)
    assert sorted(drawn) == ["loss"] * 3 + ["rougeL"] * 3


def test_of_what_was_drawn_the_oldest_is_forgotten():
    drawn, asked = Drawn(most=2), []

    def ask(name):
        return drawn.get(name, lambda: asked.append(name) or f"picture of {name}")

    assert [ask(name) for name in "abacab"] == [f"picture of {name}" for name in "abacab"]
    assert asked == ["a", "b", "c", "b"]


@pytest.fixture
def pulse(board, monkeypatch):
    """A pulse whose every word is asked for a minute after the one before."""
    minutes = itertools.count(0, 60)
    monkeypatch.setattr(pulses, "time", SimpleNamespace(monotonic=lambda: next(minutes)))
    return Pulse(board)


def test_the_pulse_changes_with_all_there_is_to_see(pulse, workspace, make_manifest):
    words = [pulse.word()]
    run = add_run(workspace, make_manifest("a"), state="running")
    news = [
        lambda: None,
        lambda: add_points(run, [5]),
        lambda: run.log_file.write_text("more"),
        lambda: run.samples_file.write_text("{}"),
        lambda: run.write_status(Status(state="running", step=7)),
        lambda: run.write_status(Status(state="finished", step=7)),
        lambda: shutil.rmtree(run.path),
    ]
    for happens in news:
        happens()
        words.append(pulse.word())
        assert pulse.word() == words[-1]
    assert words[0] == words.pop()  # of no run, before and after
    assert len(set(words)) == len(words)


def test_the_runs_are_looked_at_once_for_all_who_ask_at_a_time(board, monkeypatch):
    looks, views = [], board.views
    monkeypatch.setattr(board, "views", lambda: looks.append(1) or views())
    monkeypatch.setattr(pulses, "time", SimpleNamespace(monotonic=lambda: 7.0))
    pulse = Pulse(board)
    assert len({pulse.word() for _ in range(10)}) == 1
    assert len(looks) == 1


def test_looking_at_other_axes_sends_the_charts_alone(live, workspace, make_manifest):
    add_run(workspace, make_manifest("a"), steps=[5, 10])
    inputs = start_inputs(live)
    tick(live, inputs)
    inputs[live.curves.x] = "time"
    assert tick(live, inputs) == charts(live)


def test_a_new_run_takes_the_place_of_its_models_old_one(live, workspace, make_manifest):
    add_run(workspace, make_manifest("old"), steps=[5])
    add_run(workspace, make_manifest("other", model="mini-t5-base"), steps=[5])
    inputs = start_inputs(live)
    tick(live, inputs)
    assert set(inputs[live.curves.shown]) == {"old", "other"}
    add_run(workspace, make_manifest("new"), steps=[5])
    tick(live, inputs)
    assert set(inputs[live.curves.shown]) == {"new", "other"}


def test_a_chart_is_sent_once_it_is_picked(live, workspace, make_manifest):
    add_run(workspace, make_manifest("a"), steps=[5, 10])
    inputs = start_inputs(live)
    tick(live, inputs)
    inputs[live.curves.picked] = ["loss", "memory"]
    columns = live.curves.columns
    assert tick(live, inputs) == {
        live.curves.charts["memory"], columns["memory"], columns["rougeL"],
    }  # fmt: skip
    assert tick(live, inputs) == set()


def test_a_deleted_run_leaves_the_page(live, workspace, make_manifest):
    run = add_run(workspace, make_manifest("a"), steps=[5])
    inputs = start_inputs(live)
    tick(live, inputs)
    run.delete()
    tick(live, inputs)
    assert inputs[live.curves.shown] == []
    assert inputs[live.selected] is None


def test_an_empty_workspace_says_what_to_do(live):
    updates = train_live.refresh(live, start_inputs(live))
    assert "press start" in updates[live.table]


# --- scores --------------------------------------------------------------------------------------


def evaluation(run, dataset="sample", n=250, created=1.0, value=0.2):
    score = {
        "metric": "rougeL",
        "value": value,
        "low": value - 0.01,
        "high": value + 0.01,
        "implementation": "rouge-score",
    }
    return {
        "run": run, "title": "Mini", "model": "mini-flan-small", "family": "miniature", "adapter": None,
        "dataset": dataset, "dataset_sha256": "ab" * 32, "split": "test", "n": n, "decoding": "thesis",
        "decoding_values": {}, "engine": "torch", "created": created, "command": "repeat", "versions": {},
        "systems": [{"name": "Mini", "kind": "own", "scores": [score]}],
    }  # fmt: skip


def write_evaluation(workspace, run_id, **values):
    folder = workspace.runs / run_id / "evaluation"
    folder.mkdir(parents=True)
    (folder.parent / "manifest.json").write_text("{}")
    (folder / "test.json").write_text(json.dumps(evaluation(run_id, **values)))
    return folder / "test.json"


@pytest.fixture
def library(board, workspace):
    return Library(workspace)


def test_scores_are_read_again_only_when_a_file_changed(library, workspace):
    empty = library.shelf()
    assert library.shelf() is empty
    write_evaluation(workspace, "a")
    assert library.shelf().stamp > empty.stamp
    assert len(library.shelf().evaluations) == 1


def test_numbers_of_different_data_stand_in_different_groups(library, workspace):
    write_evaluation(workspace, "a", n=250)
    write_evaluation(workspace, "b", n=250, created=2.0)
    write_evaluation(workspace, "c", n=50)
    groups = library.shelf().groups()
    assert list(groups) == ["sample, test split, 250 rows", "sample, test split, 50 rows"]
    found = scores.records(library.shelf(), Choice("sample, test split, 50 rows"))
    assert {record.run for record in found if record.kind == "own"} == {"c"}
    published = [record for record in found if record.kind == "published"]
    assert published
    assert not any(record.comparable for record in published)


def test_without_evaluations_the_published_numbers_stand_alone(library):
    shelf = library.shelf()
    assert list(shelf.groups()) == [scores.PUBLISHED]
    found = scores.records(shelf, Choice(None))
    assert {record.kind for record in found} == {"published"}
    assert "T5-p" in scores.table(found, Shown(scores.headline(found)))


def test_a_damaged_result_is_named(library, workspace):
    write_evaluation(workspace, "a").write_text("{")
    (told,) = library.shelf().damaged
    assert "test.json" in told


def test_the_table_has_the_interval_in_the_cell_and_escapes_names(library, workspace):
    path = write_evaluation(workspace, "a")
    content = json.loads(path.read_text())
    content["systems"][0]["name"] = "<script>x</script>"
    path.write_text(json.dumps(content))
    shown = scores.table(scores.records(library.shelf(), Choice(None)), Shown(["rougeL"]))
    assert "0.200 <small>[0.190, 0.210], n 250</small>" in shown
    assert "<script" not in shown


def test_an_empty_cell_says_why(library, workspace):
    path = write_evaluation(workspace, "a")
    content = json.loads(path.read_text()) | {"absent": {"bertscore": "No <encoder> here."}}
    path.write_text(json.dumps(content))
    folder = workspace.runs / "a" / "predictions"
    folder.mkdir()
    (folder / "test.parquet").touch()
    shelf = library.shelf()
    found = scores.records(shelf, Choice(None))
    shown = scores.table(found, Shown(["rougeL", "bertscore"], absent=scores.absences(shelf)))
    assert '<td title="No &lt;encoder&gt; here.">' in shown


# --- evaluating from the page --------------------------------------------------------------------


def test_a_base_model_alone_can_be_scored(workspace):
    keys = dict(compare_evaluate.choices(workspace)).values()
    assert "mini-t5-base:base" in keys
    assert compare_evaluate.system_of("mini-t5-base:base", workspace).adapter is None


def test_a_split_that_is_not_there_is_told_before_anything_waits(workspace, board, tmp_path):
    given = tmp_path / "two splits"
    given.mkdir()
    for split in ("train", "validation"):
        rows = f"context,question,type\nAn opinion for {split}.,Why so?,clarity\n"
        (given / f"{split}.csv").write_text(rows)
    names = [
        "system",
        "data",
        "split",
        "limit",
        "encoder",
        "labels",
        "start",
        "told",
        "table",
        "seen",
    ]
    controls = compare_evaluate.Controls(board, *names)
    chosen = {"system": "mini-t5-base:base", "data": str(given), "split": "test", "limit": 0}
    with pytest.raises(DataError, match="no test split; it has: train, validation"):
        compare_evaluate._submit(controls, {**chosen, "encoder": "off", "labels": "off"})
    words = ["evaluate", "mini-t5-base", "--data", str(given), "--workspace", str(workspace.root)]
    done = CliRunner().invoke(app, words)
    assert "no test split; it has: train, validation" in str(done.exception)
    assert [run for run in runs.discover(workspace) if not run.bundled] == []


def test_runs_are_told_apart_by_when_they_were_made(board, workspace, make_manifest):
    add_run(workspace, make_manifest("a", created=0.0))
    add_run(workspace, make_manifest("b", created=3600.0))
    names = {run_views.name(view) for view in board.views()}
    assert len(names) == 2
    assert parts.duration(0) == "0 s"


# --- the queue, as pressing buttons quickly meets it ---------------------------------------------


class Ended:
    """A process of a run that does `last` and is over."""

    def __init__(self, last):
        self.wait = last


def test_a_run_resumed_while_its_process_still_ends_waits_again(
    workspace, make_manifest, monkeypatch
):
    run = add_run(workspace, make_manifest("a"), "queued", updated=1.0)

    def last():
        run.write_status(Status(state="stopped", updated=2.0))
        jobs.resume(workspace, run)

    monkeypatch.setattr(jobs, "ensure_runner", lambda workspace: None)
    monkeypatch.setattr(jobs, "spawn", lambda *given: Ended(last))
    jobs._execute(workspace, run)
    assert run.status().state == "queued"


def test_a_run_whose_process_never_began_has_failed(workspace, make_manifest, monkeypatch):
    run = add_run(workspace, make_manifest("a"), "queued", updated=1.0)
    monkeypatch.setattr(jobs, "spawn", lambda *given: Ended(lambda: None))
    jobs._execute(workspace, run)
    assert run.status().state == "failed"
