"""The page's small parts: controls from fields, cards, the boundary, what will happen."""

import asyncio
import json
from dataclasses import replace

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from socratic import decoding, recipes, runs, systems
from socratic.catalog import ASSETS
from socratic.decoding import Decoding
from socratic.errors import DataError, UsageError
from socratic.generation import Answer, Card, Request
from socratic.grid import Grid
from socratic.recipes import Hyperparameters
from socratic.ui import boundary, cards, fields, parts, train_plan
from socratic.ui.train_plan import Chosen

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"
GOOD = recipes.load("miniature").hyperparameters.model_dump()


@pytest.mark.parametrize("model", [Hyperparameters, Decoding])
def test_every_field_has_a_control_with_its_reason_and_default(model):
    start = model()
    made = fields.controls(model, start)
    assert list(made) == list(model.model_fields)
    for name, control in made.items():
        info = model.model_fields[name]
        assert info.description in control.info
        assert "default" in control.info
        assert control.value == getattr(start, name)


def test_the_control_follows_the_type_of_the_field():
    made = fields.controls(Hyperparameters, Hyperparameters())
    assert isinstance(made["scheduler"], gr.Dropdown)
    assert made["train_batch"].precision == 0
    assert made["learning_rate"].precision is None
    assert "> 0, ≤ 0.1, default 0.0005" in made["learning_rate"].info
    assert isinstance(fields.controls(Decoding, Decoding())["sample"], gr.Checkbox)


def test_what_the_controls_show_is_what_is_chosen():
    made = fields.controls(Decoding, decoding.preset("paper"))
    inputs = {control: control.value for control in made.values()}
    assert Decoding(**fields.chosen(made, inputs)) == decoding.preset("paper")


def grid_of(*keys):
    chosen = tuple(systems.base(key) for key in keys)
    return Grid(Request("An opinion.", ("clarity", "assumptions"), chosen, Decoding()))


def answer(system, text="Why?"):
    made = [
        Card(system.key, system.title, kind, (text,), 1.25, (7,), "torch")
        for kind in ("clarity", "assumptions")
    ]
    return Answer(system, tuple(made), notes=(f"cut {HOSTILE}",))


def test_cards_wait_then_show_time_tokens_and_engine():
    grid = grid_of("mini-flan-small", "mini-t5-base")
    assert cards.markup(grid).count("card waiting") == 4
    grid = grid.with_answer(answer(grid.systems[0]))
    shown = cards.markup(grid)
    assert shown.count("card waiting") == 2
    assert shown.count("1.2 s · 7 tokens · torch") == 2
    assert cards.progress(grid) == "1 of 2 answered ..."
    assert "miniature" in shown


def test_a_failing_model_says_so_once_and_the_others_still_answer():
    grid = grid_of("mini-flan-small", "mini-t5-base")
    first, second = grid.systems
    grid = grid.with_answer(Answer(first, error="It is gone.")).with_answer(answer(second))
    shown = cards.markup(grid)
    assert shown.count("It is gone.") == 1
    assert shown.count("card failed") == 2
    assert shown.count("card done") == 2
    assert grid.done


def test_a_cancelled_grid_waits_for_nothing():
    grid = replace(grid_of("mini-t5-base"), ended=True)
    assert "card waiting" not in cards.markup(grid)
    assert cards.markup(grid).count("cancelled") == 2


def test_a_cell_asked_again_waits_alone_and_then_says_its_own():
    grid = grid_of("mini-t5-base").with_answer(answer(systems.base("mini-t5-base")))
    assert cards.markup(grid).count("data-again") == 2
    place = ("mini-t5-base:base", "clarity")
    waiting = cards.markup(replace(grid, pending=place))
    assert waiting.count("card waiting") == 1
    assert "data-again" not in waiting, "two cells can be asked again at once"
    other = replace(grid.first(place), questions=("Which?", "Whose?"), new_tokens=(3, 4), attempt=2)
    shown = cards.markup(grid.with_card(other))
    assert shown.count("<li>") == 2
    assert "choice 3" in shown
    assert grid.with_card(other).first(place) == grid.first(place)


def test_words_of_the_context_are_marked_and_hostile_ones_stay_text():
    grid = grid_of("mini-t5-base")
    said = "Why are the elephants <b>happy</b> about it?"
    grid = replace(grid, request=replace(grid.request, context="An elephant, <b>happy</b>."))
    shown = cards.markup(grid.with_answer(answer(grid.systems[0], said)))
    assert "<mark>elephants</mark> &lt;<mark>b</mark>&gt;<mark>happy</mark>" in shown
    assert cards.LEGEND in shown
    assert "<b>happy" not in shown


def test_what_was_cut_can_be_read():
    grid = grid_of("mini-t5-base")
    long = replace(answer(grid.systems[0]), cut=f"{HOSTILE} the end " * 500)
    shown = cards.markup(grid.with_answer(long))
    assert "What was not read" in shown
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown


def test_hostile_text_is_text():
    grid = grid_of("mini-t5-base")
    shown = cards.markup(grid.with_answer(answer(grid.systems[0], HOSTILE)))
    for tag in ("<script", "<img"):
        assert tag not in shown
    assert "&lt;script&gt;" in shown
    for piece in (
        parts.notice(HOSTILE),
        parts.badge(HOSTILE, HOSTILE),
        parts.copy_button(HOSTILE),
        parts.empty(HOSTILE, HOSTILE),
    ):
        assert "<script" not in piece
        assert "\"'" not in piece


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (45, "45 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (3600, "60 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_times_in_words(seconds, text):
    assert parts.duration(seconds) == text


def test_the_examples_are_labelled_and_of_two_to_five_sentences():
    examples = json.loads((ASSETS / "examples.json").read_text(encoding="utf-8"))
    assert len({example["label"] for example in examples}) == len(examples) >= 8
    for example in examples:
        sentences = sum(example["context"].count(mark) for mark in ".!?")
        assert 2 <= sentences <= 5, example["label"]


def test_style_and_script_name_nothing_outside():
    for name in ("style.css", "chart.js"):
        text = (ASSETS / name).read_text(encoding="utf-8")
        assert "http" not in text
        assert "@import" not in text


# --- the boundary --------------------------------------------------------------------------------


def test_no_progress_is_told_to_any_output():
    """A browser walks through the whole page for each, at every event."""

    async def build():
        with gr.Blocks() as page:
            box, button = gr.Textbox(), gr.Button()
            boundary.wire(button.click, lambda: "", None, box)
            boundary.here(button.click, [{"visible": False}], [box])
        return page.get_config_file()["dependencies"]

    # Outside of an event loop Gradio would open one of its own and leave it open.
    assert [event["show_progress_on"] for event in asyncio.run(build())] == [[], []]


@pytest.mark.parametrize(
    "answer",
    [
        lambda one, other, state: {one: "news"},
        lambda one, other, state: {other: gr.update(visible=False), state: 5},
        lambda one, other, state: {other: "b", one: "a"},
        lambda one, other, state: gr.skip(),
        lambda one, other, state: ("a", gr.skip(), 3),
    ],
)
def test_what_a_handler_leaves_is_sent_as_gradio_sends_it(answer):
    async def sent():
        with boundary.Page() as page:
            one, other, state = gr.Textbox(), gr.Textbox(), gr.State(1)
            event = boundary.wire(gr.Button().click, lambda: None, None, [one, other, state])
        function, predictions = page.fns[event["id"]], answer(one, other, state)
        ours, theirs = SessionState(page), SessionState(page)
        usual = await gr.Blocks.postprocess_data(page, function, predictions, theirs)
        assert await page.postprocess_data(function, predictions, ours) == usual
        return ours[state._id] == theirs[state._id]

    assert asyncio.run(sent())


def test_what_a_handler_leaves_is_not_made_anew(monkeypatch):
    made, update = [], gr.blocks.postprocess_update_dict

    def note(block, **given):
        made.append(block)
        return update(block, **given)

    async def answer():
        with boundary.Page() as page:
            parts = [gr.Textbox() for _ in range(5)]
            event = boundary.wire(gr.Button().click, lambda: None, None, parts)
        await page.postprocess_data(page.fns[event["id"]], {parts[0]: gr.update(value="a")}, None)

    monkeypatch.setattr(gr.blocks, "postprocess_update_dict", note)
    asyncio.run(answer())
    assert len(made) == 1


def test_an_error_is_told_in_its_place():
    def handler():
        raise UsageError(f"No {HOSTILE}.")

    answered = boundary.guarded(handler, boundary.Way(told="place"))()
    assert "<script" not in answered["place"]
    assert "&lt;script" in answered["place"]


def test_a_message_shows_markup_as_text(monkeypatch):
    told = []
    monkeypatch.setattr(boundary.gr, "Warning", lambda text, **_: told.append(text))

    def handler():
        raise UsageError(HOSTILE)

    assert boundary.guarded(handler)() == gr.skip()
    assert "<script" not in told[0]


def test_a_bug_is_logged_and_not_told_in_detail(caplog):
    def handler():
        raise RuntimeError("secret")
        yield

    (only,) = boundary.guarded(handler, boundary.Way(told="place"))()
    assert "no fault of yours" in only["place"]
    assert "secret" not in only["place"]
    assert "secret" in caplog.text


def test_what_came_before_an_error_in_a_stream_stays():
    def handler():
        yield "first"
        raise UsageError("then this")

    first, last = boundary.guarded(handler, boundary.Way(quiet=True))()
    assert first == "first"
    assert last == gr.skip()


def test_an_endpoint_tells_programs_the_sentence():
    def endpoint():
        raise DataError("No such file.")

    with pytest.raises(gr.Error, match="No such file"):
        boundary.endpoint(endpoint)()


# --- what will happen ----------------------------------------------------------------------------


def choose(**changes):
    values = {
        "models": ("mini-flan-small",),
        "data": "sample",
        "recipe": "miniature",
        "values": GOOD,
    }
    return Chosen(**{**values, **changes})


def test_the_outlook_says_rows_steps_weights_and_command(workspace):
    outlook = train_plan.outlook(
        choose(models=("mini-flan-small", "mini-t5-base"), evaluate="test"), workspace
    )
    shown = train_plan.panel(outlook)
    assert not outlook.problems
    assert f"{outlook.corpus.counts['train']:,}" in shown
    assert f"{outlook.estimates[0].trainable:,}" in shown
    assert shown.count("python -m training run --model mini-t5-base") == 2  # to read, and to copy


def test_all_problems_are_told_at_once(workspace):
    values = {**GOOD, "learning_rate": 5.0, "train_batch": 0, "epochs": None}
    outlook = train_plan.outlook(choose(models=(), data="/nowhere.csv", values=values), workspace)
    told = " ".join(outlook.problems)
    for word in ("learning_rate", "train_batch", "epochs", "/nowhere.csv", "No model is chosen"):
        assert word in told
    assert "cannot start yet" in train_plan.panel(outlook)


@pytest.mark.parametrize("model", ["/nowhere/model", "./nothing", "~/nothing"])
def test_a_folder_without_a_model(workspace, model):
    outlook = train_plan.outlook(choose(models=(model,)), workspace)
    assert f"no model in {model!r}" in outlook.problems[0]


def test_data_without_the_split_to_score(workspace, tmp_path):
    folder = tmp_path / "only-train"
    folder.mkdir()
    (folder / "train.csv").write_text("context,question,type\na b,Why?,clarity\n")
    outlook = train_plan.outlook(choose(data=str(folder), evaluate="test"), workspace)
    assert "no test split" in outlook.problems[0]


def test_a_changed_file_is_read_again(workspace, tmp_path):
    path = tmp_path / "own.csv"
    rows = [f"context number {i},Why {i}?,clarity" for i in range(30)]
    path.write_text("context,question,type\n" + "\n".join(rows[:20]))
    before = train_plan.outlook(choose(data=str(path)), workspace).corpus
    path.write_text("context,question,type\n" + "\n".join(rows))
    after = train_plan.outlook(choose(data=str(path)), workspace).corpus
    assert sum(before.counts.values()) == 20
    assert sum(after.counts.values()) == 30


# --- data given on the page ----------------------------------------------------------------------


def test_a_file_given_on_the_page_is_kept_under_its_hash_and_offered(workspace, tmp_path):
    given = tmp_path / "my rows.csv"
    given.write_text("context,question,type\n" + "\n".join(f"c {i},Why?,clarity" for i in range(9)))
    kept = parts.keep_upload(workspace, given)
    assert parts.keep_upload(workspace, given) == kept
    assert (("my rows.csv"), str(kept)) in parts.data_choices(workspace)


def test_a_file_that_cannot_be_used_leaves_nothing_behind(workspace, tmp_path):
    given = tmp_path / "bad.csv"
    given.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"bad\.csv has the columns 'a,b'"):
        parts.keep_upload(workspace, given)
    assert list(workspace.uploads.iterdir()) == []


# --- whom to ask ---------------------------------------------------------------------------------


def finished(workspace, make_manifest, run_id, model, created):
    run = runs.create(workspace, make_manifest(run_id, model=model, created=created))
    folder = run.path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    run.write_status(runs.Status(state="finished"))
    return run


def test_bases_are_asked_beside_their_adapters_smallest_first(workspace, make_manifest):
    for run_id, model in (
        ("b", "mini-t5-base"),
        ("a", "mini-flan-small"),
        ("a2", "mini-flan-small"),
    ):
        finished(workspace, make_manifest, run_id, model, 1.0)
    chosen = systems.choose(["b", "a", "a2"], True, workspace)
    assert [system.key for system in chosen] == [
        "mini-flan-small:base",
        "a",
        "a2",
        "mini-t5-base:base",
        "b",
    ]


def test_an_adapter_that_disappeared_is_told(workspace):
    with pytest.raises(UsageError, match="gone"):
        systems.choose(["gone"], False, workspace)


def test_a_download_is_one_file_however_often_it_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    first, again = (parts.download("a,b\n", "table.csv") for _ in range(2))
    other = parts.download(b"a,c\n", "table.csv")
    assert first == again != other
    assert first.endswith("table.csv") and first.startswith(str(tmp_path))
