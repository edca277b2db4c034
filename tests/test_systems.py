"""What a name means: a run, a key, a folder, a Hub id; and what happens when it is gone."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from conftest import ROOT
from hub_server import Hub

from socratic import generation, hub, systems
from socratic.decoding import preset
from socratic.errors import ModelError, UsageError
from socratic.generation import Request
from socratic.pool import Pool
from socratic.runs import BUNDLED

SHORT = preset("thesis").changed(max_new_tokens=4, beams=1)


@pytest.fixture
def server():
    hub = Hub()
    yield hub
    hub.close()


def test_a_key_is_its_newest_adapter_and_with_base_behind_it_none(workspace):
    assert systems.resolve("mini-t5-base", workspace).adapter is not None
    plain = systems.resolve("mini-t5-base:base", workspace)
    assert plain.adapter is None
    assert systems.resolve(plain.key, workspace) == plain


def test_every_key_means_its_system_again(make_base, make_adapter, workspace):
    adapter = make_adapter(make_base())
    for name in ("mini-flan-small", str(adapter), str(make_base("other"))):
        system = systems.resolve(name, workspace)
        assert systems.resolve(system.key, workspace) == system


def test_what_disappeared_says_so_and_the_others_are_asked(workspace, make_base):
    here = str(make_base())
    chosen = systems.choose(["gone-run", here, here], False, workspace)
    assert [bool(system.missing) for system in chosen] == [True, False]
    request = Request("Cats.", ("clarity",), tuple(replace(s, size=2) for s in chosen), SHORT)
    gone, answered = generation.ask(request, Pool(workspace, "torch"))
    assert "'gone-run' is no model key, adapter folder or run" in gone.error
    assert answered.cards
    with pytest.raises(UsageError, match="gone-run"):
        systems.choose(["gone-run"], True, workspace)


def test_an_adapter_that_disappears_between_choice_and_click(workspace, make_base, make_adapter):
    adapter = make_adapter(make_base(std=1.0))
    chosen = systems.choose([str(adapter)], False, workspace)
    pool = Pool(workspace, "torch")
    request = Request("Cats.", ("clarity",), chosen, SHORT)
    assert next(generation.ask(request, pool)).cards
    (adapter / "adapter_model.safetensors").unlink()
    (answer,) = generation.ask(request, pool)
    assert "adapter_model.safetensors" in answer.error
    assert "is missing" in answer.error


def test_a_path_as_base_of_a_hub_adapter_is_not_followed(tmp_path, monkeypatch, workspace):
    config = {"peft_type": "LORA", "base_model_name_or_path": "/etc/model"}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    monkeypatch.setattr(hub, "adapter_folder", lambda repo: tmp_path)
    with pytest.raises(ModelError, match="names no base model but the path"):
        systems.resolve("somebody/adapter", workspace)


ASK = ("generate", "--context", "Cats are better.", "--type", "clarity", "--json")


@pytest.mark.slow
def test_an_adapter_of_the_hub_is_asked_by_its_id(server, tmp_path):
    adapter = next(BUNDLED.glob("mini-flan-small*/adapter"))
    server.files["a/questions"] = {
        path.name: path.read_bytes() for path in adapter.iterdir() if path.is_file()
    }
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), **server.environment()}

    def ask(name, **changes):
        return subprocess.run(
            [sys.executable, "-m", "socratic", *ASK, "--model", name],
            cwd=ROOT, env=environment | changes, capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = ask("a/questions")
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(done.stdout)
    assert record["model"] == "a/questions"
    assert record["question"]
    # Without a network the cache answers.
    assert (
        json.loads(ask("a/questions", HF_HUB_OFFLINE="1").stdout)[0]["question"]
        == (record["question"])
    )
    gone = ask("a/nothing")
    assert gone.returncode == 2
    assert "'a/nothing' is no run, folder or model key here, and as a Hub id" in gone.stderr
    assert gone.stderr.count("\n") == 1
