"""One context, several models and types: order, cuts, errors of one beside answers of others."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT, torch_engine

from socratic import generation, systems
from socratic.decoding import preset
from socratic.errors import UsageError
from socratic.generation import Request
from socratic.pool import Pool

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
        assert all(card.engine == torch_engine() and card.seconds > 0 for card in answer.cards)
        assert all(0 < card.new_tokens[0] <= 8 for card in answer.cards)
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
    read = "Cats are better than dogs. " * 4_000
    assert read[:100_000].endswith(answer.cut)
    assert f"the last {len(answer.cut.split()):,} words" in answer.notes[1]
    # The words that were read and those that were not are the whole of what was looked at.
    (again,), _ = ask(read[:100_000][: -len(answer.cut)], [system], workspace)
    assert again.cut == ""
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


PAPER = preset("paper").changed(max_new_tokens=12, candidates=2, top_p=1.0, top_k=50)


def test_a_cell_says_the_same_whatever_is_asked_beside_it(system, workspace):
    """Holds Draw: with one stream of random numbers a batch, other types would change a cell."""
    other = replace(system, key="other", size=9)
    (both, _), _ = ask("Cats.", [other, system], workspace, decoding=PAPER)
    (alone,), _ = ask("Cats.", [system], workspace, TYPES[1:], PAPER)
    assert alone.cards[0].questions == both.cards[1].questions
    assert len(set(alone.cards[0].questions)) == 2


def test_drawing_follows_the_probabilities():
    """Over many seeds each token comes as often as its probability says."""
    import torch

    from socratic.engines.sampling import Draw

    ids = torch.zeros((1, 1), dtype=torch.long)
    scores = torch.log(torch.tensor([[0.1, 0.6, 0.3, 1e-9]]))
    counts = [0, 0, 0, 0]
    for seed in range(2_000):
        decoding = preset("paper").changed(top_k=0, top_p=1.0, seed=seed)
        counts[int(Draw(["a"], decoding, "cpu")(ids, scores).argmax())] += 1
    assert counts[3] == 0
    assert [round(count / 2_000, 1) for count in counts[:3]] == [0.1, 0.6, 0.3]
    kept = preset("paper").changed(top_k=1)
    assert int(Draw(["a"], kept, "cpu")(ids, scores).argmax()) == 1


@pytest.mark.parametrize("decoding", [SHORT, PAPER], ids=["beams", "sampling"])
def test_a_cell_asked_again_says_something_else_and_the_same_each_time(system, workspace, decoding):
    request = Request("Cats are better.", ("clarity",), (system,), decoding)
    pool = Pool(workspace)
    first = list(generation.ask(request, pool))[0].cards[0]
    one, two, once_more = (
        generation.again(first, request, pool, attempt).cards[0] for attempt in (1, 2, 1)
    )
    said = [question for card in (first, one, two) for question in card.questions]
    assert len(set(said)) == 3 * decoding.candidates
    assert once_more.questions == one.questions
    assert one.attempt == 1


def test_beam_search_has_an_end_and_says_so(system, workspace):
    request = Request("Cats.", ("clarity",), (system,), SHORT.changed(candidates=4))
    pool = Pool(workspace)
    first = list(generation.ask(request, pool))[0].cards[0]
    with pytest.raises(UsageError, match="no other question for this cell"):
        generation.again(first, request, pool, 4)


@pytest.mark.parametrize("decoding", [SHORT, PAPER], ids=["beams", "sampling"])
def test_asking_stops_in_the_middle_of_a_model(system, workspace, decoding):
    asked = []

    def stop():
        asked.append(1)
        return len(asked) > 4

    request = Request("Cats.", TYPES, (system, replace(system, key="b")), decoding)
    assert list(generation.ask(request, Pool(workspace), stop)) == []
    assert len(asked) == 5, "more tokens were made after it was asked to stop"


@pytest.mark.parametrize("kind", ["MemoryError", "OutOfMemoryError", "RuntimeError"])
def test_a_model_that_does_not_fit_is_named_and_freed_and_the_others_answer(
    system, workspace, monkeypatch, kind
):
    import torch

    from socratic import loading

    errors = {
        "MemoryError": MemoryError("no room"),
        "OutOfMemoryError": torch.OutOfMemoryError("CUDA out of memory."),
        "RuntimeError": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
    }
    huge = replace(system, key="huge", title="The huge one", size=3)
    last = replace(system, key="last", size=4)
    real, tried = loading.load, []

    def load(*arguments):
        tried.append(arguments)
        if len(tried) in (2, 3):  # the second system, and its second try, alone
            raise errors[kind]
        return real(*arguments)

    monkeypatch.setattr(loading, "load", load)
    answers, pool = ask("Cats.", [system, huge, last], workspace)
    assert [bool(answer.cards) for answer in answers] == [True, False, True]
    assert "The huge one did not fit into memory and was let go" in answers[1].error
    assert "fewer types" in answers[1].error
    assert pool.loaded() == ["last"]


def test_a_model_that_fits_once_the_others_are_gone_answers(system, workspace, monkeypatch):
    from socratic import loading

    real, tried = loading.load, []

    def load(*arguments):
        tried.append(arguments)
        if len(tried) == 2:
            raise MemoryError
        return real(*arguments)

    monkeypatch.setattr(loading, "load", load)
    second = replace(system, key="second", size=3)
    answers, pool = ask("Cats.", [system, second], workspace)
    assert all(answer.cards for answer in answers)
    assert pool.loaded() == ["second"]


def test_new_tokens_end_with_the_end_mark_however_the_row_is_filled_up():
    import torch

    from socratic.engines.torch_engine import lengths

    made = torch.tensor([[0, 7, 1, 1, 1], [0, 7, 8, 1, 0], [0, 7, 8, 9, 9]])
    assert lengths(made, 1) == [2, 3, 4]


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
