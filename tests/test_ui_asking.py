"""What the Generate tab's handlers yield, with an engine that answers at once."""

import asyncio
import csv
import json
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from socratic import replay
from socratic.engines import Output
from socratic.errors import Cancelled, GenerationError, UsageError
from socratic.grid import Grid
from socratic.pool import Pool
from socratic.ui import (
    generate_ask,
    generate_controls,
    generate_memory,
    generate_session,
    histories,
)
from socratic.ui.desk import Desk

MODELS = ["mini-flan-small", "mini-t5-base"]


class Scripted:
    """Answers with what it was asked; `failing` with what goes wrong instead."""

    name, memory, notes = "scripted", 3 * 2**20, ()

    def __init__(self, key, log):
        self.key, self.log, self.failing = key, log, None

    def generate(self, inputs, decoding, stop):
        if stop():
            raise Cancelled("Cancelled.")
        self.log.append(self.key)
        if self.failing:
            raise self.failing
        made = range(decoding.candidates)
        return [
            Output(tuple(f"{self.key} {decoding.seed} {i}?" for i in made), (2,) * len(made), 9, 9)
            for _ in inputs
        ]


class Scripts(Pool):
    """A pool of scripted engines."""

    def __init__(self, workspace):
        super().__init__(workspace)
        self.log, self.engines = [], {}

    def engine(self, system):
        return self.engines.setdefault(system.key, Scripted(system.key, self.log))


@pytest.fixture
def controls(workspace):
    async def build():
        with gr.Blocks():
            return generate_controls.draw(workspace, Scripts(workspace))

    # Outside of an event loop Gradio would open one of its own and leave it open.
    return asyncio.run(build())


def inputs_of(controls, **changes):
    knobs = {knob: knob.value for knob in controls.knobs.values()}
    values = {
        controls.context: "Zoos are bad.",
        controls.types: ["clarity", "assumptions"],
        controls.systems: MODELS,
        controls.bases: False,
    }
    named = {getattr(controls, name): value for name, value in changes.items()}
    return {**knobs, **values, **named}


def never():
    return False


def ask(controls, **changes):
    return list(generate_ask.ask(controls, inputs_of(controls, **changes), never))


def last(controls, updates):
    return updates[-1][controls.asked]


def test_a_model_is_shown_before_the_next_is_asked(controls):
    stream = generate_ask.ask(controls, inputs_of(controls), never)
    assert next(stream)[controls.grid].count("card waiting") == 4
    assert controls.pool.log == []
    first = next(stream)
    assert (first[controls.grid].count("card done"), len(controls.pool.log)) == (2, 1)
    assert "1 of 2 answered" in first[controls.told]
    *_, end = stream
    assert end[controls.grid].count("card done") == 4
    assert end[controls.told] == ""


def test_a_cancel_in_the_middle_keeps_what_came(controls):
    updates = []
    for update in generate_ask.ask(controls, inputs_of(controls), lambda: len(updates) > 1):
        updates.append(update)
    shown = generate_ask.cancelled(controls, last(controls, updates))
    assert shown[controls.grid].count("card done") == 2
    assert shown[controls.grid].count("cancelled") == 2
    assert controls.pool.log == ["mini-flan-small"]


def test_a_request_that_was_left_before_its_turn_asks_nobody(controls):
    assert list(generate_ask.ask(controls, inputs_of(controls), lambda: True)) == []
    assert list(generate_ask.ask_with(controls, "{}", lambda: True)) == []
    assert controls.pool.log == []


def test_one_cell_again_in_its_place(controls):
    grid = last(controls, ask(controls))
    place = ("mini-t5-base", "clarity")
    waiting, done = generate_ask.ask_again(controls, grid, place, never)
    assert waiting[controls.grid].count("card waiting") == 1
    after = done[controls.asked]
    assert after.card(place).questions == ("mini-t5-base 42 1?",)
    assert {key: card for key, card in after.again.items() if key != place} == {}
    twice = list(generate_ask.ask_again(controls, after, place, never))[-1][controls.asked]
    assert twice.card(place).questions == ("mini-t5-base 42 2?",)


@pytest.mark.parametrize(
    ("problem", "told"), [(GenerationError("It broke."), "It broke."), (Cancelled("x"), None)]
)
def test_a_cell_that_cannot_be_asked_again_stays_as_it_was(controls, problem, told):
    grid = last(controls, ask(controls))
    controls.pool.engines["mini-t5-base"].failing = problem
    place = ("mini-t5-base", "clarity")
    *_, end = generate_ask.ask_again(controls, grid, place, never)
    assert end[controls.asked] == grid
    assert (told or "") in end[controls.told]
    assert bool(end[controls.told]) == bool(told)


@pytest.mark.parametrize("place", [None, ("nobody", "clarity"), ("mini-t5-base", "rhetoric")])
def test_a_cell_that_is_not_there_is_not_asked(controls, place):
    grid = last(controls, ask(controls))
    assert list(generate_ask.ask_again(controls, grid, place, never)) == []
    assert list(generate_ask.ask_again(controls, None, place, never)) == []


def test_inputs_fill_the_controls_and_repeat_cells_asked_again(controls):
    paper = {name: controls.knobs[name] for name in ("sample", "seed")}
    values = {**inputs_of(controls), paper["sample"]: True, paper["seed"]: 7}
    grid = list(generate_ask.ask(controls, values, never))[-1][controls.asked]
    place = ("mini-t5-base", "clarity")
    grid = list(generate_ask.ask_again(controls, grid, place, never))[-1][controls.asked]
    text = replay.as_json(replay.inputs_of(grid))

    begun, *_, end = generate_ask.ask_with(controls, text, never)
    assert begun[controls.context] == "Zoos are bad."
    assert begun[controls.systems] == MODELS
    assert begun[controls.knobs["seed"]] == 7
    assert begun[controls.preset] == "custom"
    again = end[controls.asked]
    assert again.card(place).questions == ("mini-t5-base 8 0?",)
    assert again.notes == ()

    other = json.loads(text)
    other["systems"][0] |= {"adapter_sha256": "0" * 64, "engine": "another"}
    *_, end = generate_ask.ask_with(controls, json.dumps(other), never)
    assert "has changed since" in end[controls.grid]
    assert "Made with another then, with scripted now" in end[controls.grid]


def test_wrong_inputs_ask_nobody(controls):
    with pytest.raises(UsageError, match="not the inputs of a result"):
        list(generate_ask.ask_with(controls, '{"context": 1}', never))
    assert controls.pool.log == []


def test_a_run_at_work_is_told_before_the_first_answer(controls, monkeypatch):
    monkeypatch.setattr(controls.pool, "settle", lambda: "The run x computes too.")
    first, *_, end = ask(controls)
    assert "The run x computes too." in first[controls.grid]
    assert end[controls.grid].count("The run x computes too.") == 1


def test_the_history_has_each_request_once_and_is_seen_again(controls, tmp_path):
    one, two = last(controls, ask(controls)), last(controls, ask(controls, context="Second."))
    history = []
    for grid in (one, two, replace(one, ended=True)):
        updates = generate_session.finished(controls, grid, history)
        history = updates[controls.history]
    assert [grid.request.context for grid in history] == ["Second.", "Zoos are bad."]
    rows = csv.DictReader(
        Path(updates[controls.csv]["value"]).read_text(encoding="utf-8-sig").splitlines()
    )
    assert len(list(rows)) == 8
    assert "> Second." in Path(updates[controls.markdown]["value"]).read_text(encoding="utf-8")
    assert replay.parse(updates[controls.inputs]) == replay.inputs_of(one)

    shown = generate_session.seen_again(controls, str(two.started), history)
    assert shown[controls.context] == "Second."
    assert shown[controls.asked] == two
    assert generate_session.seen_again(controls, "0.0", history) == {controls.told: gr.skip()}
    many = [replace(one, started=float(i)) for i in range(generate_session.MOST + 5)]
    kept = generate_session.finished(controls, two, many)[controls.history]
    assert len(kept) == generate_session.MOST
    assert kept[-1] == two


def test_a_reload_finds_what_this_browser_asked_and_no_other(controls, monkeypatch):
    one, two = last(controls, ask(controls)), last(controls, ask(controls, context="Second."))
    key = generate_session.finished(controls, one, [])[controls.browser]
    # Another tab of the same browser began without a history.
    assert generate_session.finished(controls, two, [], key)[controls.browser] == key
    found = generate_session.restored(controls, key, [])
    assert found[controls.history] == [one, two]
    assert (found[controls.asked], found[controls.context]) == (two, "Second.")
    for other in (None, "", "forged", 7, [key], {"key": key}):
        assert generate_session.restored(controls, other, []) == {controls.history: gr.skip()}
    assert generate_session.restored(controls, key, [one]) == {controls.history: gr.skip()}
    assert generate_session.finished(controls, one, [], "forged")[controls.browser] != "forged"
    monkeypatch.setattr(histories, "MOST_BROWSERS", 2)
    for _ in range(2):
        controls.histories.keep(None, [one])
    assert controls.histories.of(key) == []


def test_what_was_not_asked_is_no_history(controls):
    empty = Grid(last(controls, ask(controls)).request)
    assert generate_session.finished(controls, empty, []) == {controls.history: gr.skip()}
    assert generate_session.finished(controls, None, []) == {controls.history: gr.skip()}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "no text file"),
        (b"x" * (2**20 + 1), "too large"),
        (b"{}", "not the inputs"),
    ],
)
def test_a_file_that_is_not_inputs(tmp_path, content, said):
    given = tmp_path / "given.json"
    given.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        generate_session.opened(str(given))


def test_what_is_in_memory_is_listed_with_its_size(controls, workspace):
    pool = controls.pool
    assert "No model is in memory" in generate_memory.markup(pool)
    from socratic import systems
    from socratic.pool import Held

    system = replace(systems.resolve("mini-t5-base", workspace), title="<b>T5</b>")
    pool._held[system.key] = Held(system, pool.engine(system), "cpu", ())
    shown = generate_memory.markup(pool)
    assert "&lt;b&gt;T5" in shown
    assert "3.0 MB" in shown
    assert 'data-unload="mini-t5-base"' in shown
    pool.unload("mini-t5-base")
    assert pool.held() == []


def test_the_desk_stops_one_session_and_no_other():
    desk = Desk()
    desk.begin("a")
    desk.begin("b")
    one, other = desk.watch("a"), desk.watch("b")
    assert not one()
    desk.stop("a")
    assert one()
    assert not other()
    assert desk.watch("a")(), "what was cancelled while it waited would be asked"
    desk.begin("b")
    assert other(), "what a session asked before goes on beside what it asks now"
    assert not desk.watch("b")()
