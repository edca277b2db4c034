"""The inputs of a result: they give it again, and what is wrong with them is one sentence."""

import json
from dataclasses import replace

import pytest
from conftest import torch_engine

from socratic import adapters, generation, replay, systems
from socratic.decoding import preset
from socratic.errors import UsageError
from socratic.generation import Answer, Card, Request
from socratic.grid import Grid
from socratic.pool import Pool

CONTEXT = "Zoos are prisons. <script>alert(1)</script>"


def grid_of(*chosen, decoding=None):
    request = Request(CONTEXT, ("clarity", "assumptions"), chosen, decoding or preset("thesis"))
    return Grid(request)


@pytest.fixture
def system(make_base, make_adapter, workspace):
    return systems.resolve(str(make_adapter(make_base(std=1.0))), workspace)


def answered(grid, pool):
    for answer in generation.ask(grid.request, pool):
        grid = grid.with_answer(answer)
    return grid


def test_inputs_give_the_same_questions_again_also_of_a_cell_asked_again(system, workspace):
    decoding = preset("paper").changed(max_new_tokens=8, top_p=1.0, candidates=2, seed=7)
    grid = answered(grid_of(system, decoding=decoding), Pool(workspace, "torch"))
    place = (system.key, "clarity")
    redone = generation.again(grid.first(place), grid.request, Pool(workspace, "torch"), 3).cards[0]
    grid = grid.with_card(redone)

    inputs = replay.parse(replay.as_json(replay.inputs_of(grid)))
    chosen = systems.choose([one.name for one in inputs.systems], False, workspace)
    request = Request(inputs.context, tuple(inputs.types), chosen, inputs.decoding)
    once_more = answered(Grid(request), Pool(workspace, "torch"))
    (again,) = inputs.again
    card = generation.again(
        once_more.first((again.system, again.type)),
        request,
        Pool(workspace, "torch"),
        again.attempt,
    ).cards[0]
    assert request == grid.request
    assert card.questions == redone.questions
    for one, two in zip(grid.answers.values(), once_more.answers.values(), strict=True):
        assert [c.questions for c in one.cards] == [c.questions for c in two.cards]
    assert replay.changed(inputs, {s.key: s for s in chosen}) == []
    assert replay.other_engines(inputs, once_more) == []


def test_a_changed_adapter_and_another_engine_are_told(system, workspace):
    grid = answered(grid_of(system), Pool(workspace, "torch"))
    inputs = replay.inputs_of(grid)
    assert inputs.systems[0].adapter_sha256 == adapters.digest(system.adapter)
    weights = system.adapter / adapters.WEIGHTS
    weights.write_bytes(weights.read_bytes() + b" ")
    (told,) = replay.changed(inputs, {system.key: system})
    assert f"The adapter of {system.title} has changed since" in told
    other = inputs.systems[0].model_copy(update={"engine": "torch-bf16-cuda"})
    (told,) = replay.other_engines(inputs.model_copy(update={"systems": [other]}), grid)
    assert (
        told == f"Made with torch-bf16-cuda then, with {torch_engine()} now: questions may differ."
    )


GOOD = {
    "socratic_inputs": 1,
    "context": "A.",
    "types": ["clarity"],
    "systems": [{"name": "mini-t5-base"}],
    "decoding": {},
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"types": ["rhetoric"]}, "types: There is no question type 'rhetoric'"),
        ({"types": []}, "types: List should have at least 1 item"),
        ({"decoding": {"beams": 99}}, "decoding.beams: Input should be less than or equal to 16"),
        ({"decoding": {"magic": 1}}, "decoding.magic: Extra inputs are not permitted"),
        ({"systems": [{"name": "a", "adapter_sha256": "zz"}]}, "systems.0.adapter_sha256"),
        ({"systems": [{"name": "a"}] * 51}, "systems: List should have at most 50"),
        ({"context": ""}, "context: String should have at least 1 character"),
        ({"context": None, "types": 3}, "and 1 more problems"),
        ({"socratic_inputs": 2}, "socratic_inputs: Input should be 1"),
    ],
)
def test_wrong_inputs_are_one_sentence(changes, said):
    assert replay.parse(json.dumps(GOOD))
    with pytest.raises(UsageError, match="These are not the inputs of a result") as caught:
        replay.parse(json.dumps(GOOD | changes))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "There are no inputs to use"),
        ("{", "the text: Invalid JSON"),
        ("[1]", "the text: Input should be an object"),
        ("x" * (2**20 + 1), "too long"),
        ("<script>alert(1)</script>", "Invalid JSON"),
    ],
)
def test_what_is_no_json_of_inputs(text, said):
    with pytest.raises(UsageError, match=said):
        replay.parse(text)


def test_a_grid_without_all_its_answers_has_inputs_too():
    system = replace(systems.base("mini-t5-base"), adapter=None)
    failed = Answer(system, error="gone")
    inputs = replay.inputs_of(grid_of(system).with_answer(failed))
    assert inputs.systems[0].model_dump() == {
        "name": "mini-t5-base:base",
        "adapter_sha256": "",
        "engine": "",
    }
    card = Card(system.key, "t", "clarity", ("Why?",), 1.0, (2,), "torch-fp32-cpu")
    inputs = replay.inputs_of(grid_of(system).with_answer(Answer(system, (card,))))
    assert inputs.systems[0].engine == "torch-fp32-cpu"
