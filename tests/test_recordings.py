"""Answers kept for the day a model cannot be loaded: of these very weights, and said to be so."""

import json
from dataclasses import replace

import pytest
from conftest import torch_engine
from test_hub import make_run

from socratic import decoding, generation, recordings, systems
from socratic.generation import Request
from socratic.pool import Pool
from socratic.prompts import TYPE_KEYS, clean_text
from socratic.recordings import Recording
from socratic.sharing import prepare

EXAMPLE = recordings.contexts()[0]


def ask(system, workspace, context=EXAMPLE, types=TYPE_KEYS):
    request = Request(context, tuple(types), (system,), decoding.preset("thesis"))
    (answer,) = generation.ask(request, Pool(workspace))
    return answer


@pytest.fixture
def broken(workspace, tmp_path):
    """An adapter whose base is gone."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"these weights")
    known = systems.base(str(tmp_path / "gone"))
    return replace(known, key="run-1", title="Mine", adapter=folder)


def keep(system, workspace, **changes):
    hashes = recordings.hashes(system, workspace)
    answers = {clean_text(EXAMPLE): {"clarity": "Which homework?"}}
    one = Recording(system=system.key, engine="torch", answers=answers, **hashes)
    recordings.write(workspace.root / recordings.NAME, [one.model_copy(update=changes)])


def test_the_shipped_answers_are_those_of_the_shipped_weights(workspace):
    """Remade by `python -m socratic record --bundled` whenever the miniature family is."""
    kept = {one.system: one for one in recordings.read(recordings.BUNDLED)}
    shipped = [system for system in systems.available(workspace) if system.bundled]
    assert set(kept) == {system.key for system in shipped}
    for system in shipped:
        one = kept[system.key]
        named = {"adapter_sha256": one.adapter_sha256, "base_sha256": one.base_sha256}
        assert named == recordings.hashes(system, workspace), "record them again"
        assert set(one.answers) == {clean_text(context) for context in recordings.contexts()}
        assert all(set(answer) == set(TYPE_KEYS) for answer in one.answers.values())


def test_a_model_that_cannot_be_loaded_answers_as_recorded_and_says_so(broken, workspace):
    keep(broken, workspace)
    answer = ask(broken, workspace, types=("clarity", "assumptions"))
    assert [(card.type, card.questions, card.engine) for card in answer.cards] == [
        ("clarity", ("Which homework?",), "recorded")
    ]
    assert answer.notes[0].startswith("Mine: recorded earlier, with thesis decoding")
    assert "there is no such folder" in answer.notes[0] or "no config.json" in answer.notes[0]


def test_other_weights_are_not_spoken_for(broken, workspace):
    keep(broken, workspace)
    (broken.adapter / "adapter_model.safetensors").write_bytes(b"other weights")
    assert ask(broken, workspace).error
    keep(broken, workspace, base_sha256="0" * 64)
    assert ask(broken, workspace).cards, "a base that is gone cannot be compared"


def test_another_context_is_not_answered_from_the_recordings(broken, workspace):
    keep(broken, workspace)
    assert ask(broken, workspace, context="Cats are better.").error


@pytest.mark.parametrize("content", ["", "{}", "[1]", "[{}]", "\x00"])
def test_a_damaged_file_of_recordings_is_no_recording(broken, workspace, content):
    (workspace.root / recordings.NAME).write_text(content)
    assert ask(broken, workspace).error


def test_preparing_tells_whose_answers_are_not_kept(workspace, make_manifest):
    assert prepare.recorded(workspace).ready
    run = make_run(workspace, make_manifest)
    told = prepare.recorded(workspace)
    assert not told.ready
    assert told.said == f"none of {run.id}; `python -m socratic record` keeps them"
    (mine,) = [system for system in systems.available(workspace) if system.key == run.id]
    keep(mine, workspace)
    assert prepare.recorded(workspace).ready
    (run.path / "adapter" / "adapter_model.safetensors").write_bytes(b"trained again")
    assert run.id in prepare.recorded(workspace).said, "these are answers of other weights"


@pytest.mark.slow
def test_the_command_keeps_what_a_model_says(workspace, monkeypatch, tmp_path):
    from typer.testing import CliRunner

    from socratic.__main__ import app

    monkeypatch.setattr(recordings, "BUNDLED", tmp_path / "recorded.json")
    monkeypatch.setattr(recordings, "contexts", lambda: [EXAMPLE])
    words = ["record", "--bundled", "--json", "--workspace", str(workspace.root)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert all(one["recorded"] for one in told)
    kept = recordings.read(tmp_path / "recorded.json")
    assert [one.system for one in kept] == [one["system"] for one in told]
    assert kept[0].engine == torch_engine()
