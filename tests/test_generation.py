"""One context, several models and types: order, cuts, errors of one beside answers of others."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT

from socratic import generation, systems
from socratic.decoding import preset
from socratic.errors import UsageError
from socratic.generation import Pool, Request

SHORT = preset("thesis").changed(max_new_tokens=8, beams=2)
TYPES = ("clarity", "assumptions")


@pytest.fixture
def system(make_base):
    return replace(systems.base(str(make_base(std=1.0))), size=2)


def ask(context, chosen, workspace, types=TYPES, decoding=SHORT):
    pool = Pool(workspace)
    return list(generation.ask(Request(context, types, tuple(chosen), decoding), pool)), pool


def test_every_type_of_every_model_smallest_first(system, workspace):
    larger = replace(system, key="larger", size=9)
    answers, pool = ask("Cats are better than dogs.", [larger, system], workspace)
    assert [answer.system.key for answer in answers] == [system.key, "larger"]
    for answer in answers:
        assert [card.type for card in answer.cards] == list(TYPES)
        assert all(card.engine == "torch-fp32-cpu" and card.seconds > 0 for card in answer.cards)
        assert all(0 < card.new_tokens <= 8 for card in answer.cards)
    assert pool.loaded() == sorted([system.key, "larger"])
    pool.unload()
    assert pool.loaded() == []


def test_a_model_that_cannot_be_loaded_answers_with_its_reason(system, workspace, tmp_path):
    gone = replace(system, key="gone", model=str(tmp_path / "gone"), size=1)
    (failed, good), _ = ask("Cats are better.", [gone, system], workspace)
    assert "there is no such folder" in failed.error
    assert not failed.cards
    assert len(good.cards) == 2


@pytest.mark.parametrize(
    ("context", "types", "chosen", "said"),
    [
        ("", TYPES, True, "context is empty"),
        (" \n\t\u200b\x00", TYPES, True, "context is empty"),
        ("A.", (), True, "No question type"),
        ("A.", ("why",), True, "no question type 'why'"),
        ("A.", TYPES, False, "No model is chosen"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_loaded(
    system, workspace, context, types, chosen, said
):
    with pytest.raises(UsageError, match=said):
        ask(context, [system] if chosen else [], workspace, types)


def test_a_long_context_says_how_much_was_read(system, workspace):
    (answer,), _ = ask("Cats are better than dogs. " * 4_000, [system], workspace)
    assert "The context has 108,000 characters; only the first 100,000" in answer.notes[0]
    assert "tokens long; the first 400 were read" in answer.notes[1]
    (short,), _ = ask("Cats are better than dogs.", [system], workspace)
    assert short.notes == ()


@pytest.mark.parametrize(
    "context", ["🙂🙂", "שלום עולם", "<script>alert(1)</script>", "a\x00b", "[Question] x"]
)
def test_odd_text_is_answered(system, workspace, context):
    (answer,), _ = ask(context, [system], workspace)
    assert len(answer.cards) == 2
    assert all("[Question]" not in q for card in answer.cards for q in card.questions)


def test_sampling_repeats_with_its_seed_and_candidates_are_several(system, workspace):
    paper = preset("paper").changed(max_new_tokens=12, candidates=3, top_p=1.0, top_k=50)

    def questions(seed):
        (answer,), _ = ask("Cats.", [system], workspace, decoding=paper.changed(seed=seed))
        return [card.questions for card in answer.cards]

    assert questions(1) == questions(1) != questions(2)
    assert all(len(each) == 3 for each in questions(1))


def test_types_in_one_batch_give_what_each_gives_alone(system, workspace):
    (both,), _ = ask("Cats are better than dogs.", [system], workspace)
    for card in both.cards:
        (alone,), _ = ask("Cats are better than dogs.", [system], workspace, (card.type,))
        assert alone.cards[0].questions == card.questions


@pytest.mark.slow
def test_generate_command_prints_the_contracts_records(make_base, make_adapter, workspace):
    adapter = make_adapter(make_base(std=1.0))
    command = [sys.executable, "-m", "socratic", "generate", "--context", "-", "--model", str(adapter),
               "--type", "clarity", "--type", "assumptions", "--json"]  # fmt: skip
    done = subprocess.run(
        command, input="Cats are better.", cwd=ROOT, capture_output=True, text=True, check=True
    )
    records = json.loads(done.stdout)
    assert [r["type"] for r in records] == ["clarity", "assumptions"]
    assert all(
        set(r) == {"model", "type", "question", "seconds", "new_tokens", "engine"} for r in records
    )
    assert records[0]["model"] == str(Path(adapter))
    bad = subprocess.run(
        [*command[:4], "--context", " "], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert bad.returncode == 2
    assert bad.stderr.count("\n") == 1
