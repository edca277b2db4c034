"""Loading: sound, or one sentence why not; nothing on disk is changed."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import T5ForConditionalGeneration

from socratic import adapters, loading
from socratic.errors import HubError, ModelError, UnsoundModel
from socratic.prompts import MARKER

TEXT = "Generate a Socratic question for this context: clarity: Cats are better than dogs."


def loss_of(loaded):
    batch = loaded.tokenizer([TEXT], return_tensors="pt")
    labels = loaded.tokenizer([f"{MARKER} Why are cats better?"], return_tensors="pt").input_ids
    with torch.inference_mode():
        return float(loaded.model(input_ids=batch.input_ids, labels=labels).loss)


def head_in_file(folder):
    return load_file(folder / "model.safetensors")["lm_head.weight"]


def state_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# The fault: transformers 5 forces the tie flag, and a resize then overwrites a separate head.


def test_without_the_guard_a_resize_destroys_the_head_in_silence(make_base, plan):
    folder = make_base()
    good = loss_of(loading.load_base(str(folder), plan))
    naive = T5ForConditionalGeneration.from_pretrained(folder)
    assert naive.config.tie_word_embeddings  # the library's own doing: the file says false
    naive.resize_token_embeddings(4096, mean_resizing=False)
    assert torch.equal(naive.lm_head.weight, naive.shared.weight)
    loaded = loading.load_base(str(folder), plan)
    loaded.model = naive.eval()
    assert loss_of(loaded) > good + 50


def test_with_the_guard_a_resize_keeps_the_head(make_base, plan):
    folder = make_base()
    loaded = loading.load_base(str(folder), plan)
    good = loss_of(loaded)
    assert not loaded.tied
    loaded.model.resize_token_embeddings(4096, mean_resizing=False)
    assert torch.equal(loaded.model.lm_head.weight, head_in_file(folder))
    assert loss_of(loaded) == pytest.approx(good, abs=1e-4)


def test_a_tied_model_stays_tied(make_base, plan):
    loaded = loading.load_base(str(make_base(gated=False)), plan)
    assert loaded.tied
    assert loaded.model.lm_head.weight is loaded.model.shared.weight
    assert loaded.model.config.scale_decoder_outputs


def test_a_destroyed_head_is_refused(make_base, plan):
    folder = make_base()
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["shared.weight"].clone()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UnsoundModel, match="output head.*overwritten by its input embedding"):
        loading.load_base(str(folder), plan)


# Adapters of every origin.


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("merge", [True, False])
def test_an_untrained_adapter_changes_nothing(make_base, make_adapter, plan, gated, merge):
    base = make_base(gated=gated)
    adapter = make_adapter(base, trained=False)
    before = loss_of(loading.load(str(base), plan))
    assert loss_of(loading.load(str(base), plan, adapter, merge=merge)) == pytest.approx(
        before, abs=1e-4
    )


def test_merged_and_unmerged_agree_and_a_trained_one_counts(make_base, make_adapter, plan):
    base = make_base()
    adapter = make_adapter(base)
    merged, apart = (
        loss_of(loading.load(str(base), plan, adapter, merge=m)) for m in (True, False)
    )
    assert merged == pytest.approx(apart, abs=1e-3)
    assert abs(merged - loss_of(loading.load(str(base), plan))) > 1e-3


def resized_adapter(make_adapter, base, rows, destroyed=False):
    """What the thesis log's way leaves: LoRA with the embeddings in full, resized to `rows`."""
    adapter = make_adapter(base, "resized")
    weights = load_file(base / "model.safetensors")
    embedding, head = (
        weights["shared.weight"][:rows].clone(),
        weights["lm_head.weight"][:rows].clone(),
    )
    saved = load_file(adapter / adapters.WEIGHTS)
    saved["base_model.model.shared.weight"] = embedding
    saved["base_model.model.lm_head.weight"] = embedding.clone() if destroyed else head
    save_file(saved, adapter / adapters.WEIGHTS, metadata={"format": "pt"})
    return adapter


def test_an_adapter_with_resized_embeddings_loads_and_keeps_the_head(make_base, make_adapter, plan):
    base = make_base(rows=4200)
    adapter = resized_adapter(make_adapter, base, 4101)
    loaded = loading.load(str(base), plan, adapter)
    assert loaded.model.get_input_embeddings().num_embeddings == 4101
    assert torch.equal(loaded.model.lm_head.weight, head_in_file(base)[:4101])
    assert not loaded.notes


def test_an_adapter_trained_on_a_destroyed_head_is_named_as_such(make_base, make_adapter, plan):
    base = make_base(rows=4200)
    adapter = resized_adapter(make_adapter, base, 4101, destroyed=True)
    loaded = loading.load(str(base), plan, adapter)
    assert "trained on a destroyed head" in loaded.notes[0]


def test_modules_to_save_are_loaded(make_base, make_adapter, plan):
    base = make_base()
    adapter = make_adapter(base, modules_to_save=["lm_head"])
    saved = load_file(adapter / adapters.WEIGHTS)
    (key,) = [key for key in saved if "lm_head" in key]
    saved[key] = saved[key] * 0.5
    save_file(saved, adapter / adapters.WEIGHTS, metadata={"format": "pt"})
    loaded = loading.load(str(base), plan, adapter)
    assert torch.allclose(loaded.model.lm_head.weight, head_in_file(base) * 0.5)


def test_the_marker_is_one_token_whatever_the_tokenizer(make_base, make_adapter, plan):
    base = make_base()
    config = json.loads((base / "tokenizer.json").read_text())
    config["added_tokens"] = [t for t in config["added_tokens"] if t["content"] != MARKER]
    (base / "tokenizer.json").write_text(json.dumps(config))
    settings = json.loads((base / "tokenizer_config.json").read_text())
    for key in ("extra_special_tokens", "additional_special_tokens"):
        if key in settings:
            settings[key] = [t for t in settings[key] if t != MARKER]
    settings.pop("added_tokens_decoder", None)
    (base / "tokenizer_config.json").write_text(json.dumps(settings))
    for adapter in (None, make_adapter(base, tokenizer=False)):
        loaded = loading.load(str(base), plan, adapter)
        ids = loaded.tokenizer(MARKER, add_special_tokens=False).input_ids
        assert len(ids) == 1
        assert ids[0] < loaded.model.get_input_embeddings().num_embeddings
        assert loaded.tokenizer.decode(ids, skip_special_tokens=True) == ""


def test_the_base_is_found_by_key_id_or_the_end_of_a_moved_path(tmp_path):
    for named, key in [
        ("google/flan-t5-base", "flan-t5-base"),
        ("t5-base", "t5-base"),
        ("/home/ubuntu/models/flan-t5-small", "flan-t5-small"),
        ("someone/else", "someone/else"),
    ]:
        values = {"peft_type": "LORA", "base_model_name_or_path": named}
        (tmp_path / adapters.CONFIG).write_text(json.dumps(values))
        assert adapters.base_of(tmp_path) == key


@pytest.mark.parametrize(
    "text", ["[]", "{", "null", '{"peft_type": "IA3"}', '{"peft_type": "LORA"}']
)
def test_a_strange_adapter_configuration_is_one_sentence(tmp_path, text):
    (tmp_path / adapters.CONFIG).write_text(text)
    refused(adapters.base_of, "adapter", tmp_path)


# Bad input: one sentence, nothing changed.


def refused(what, match, *arguments):
    with pytest.raises(ModelError, match=match) as caught:
        what(*arguments)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)
    return caught.value


def test_an_adapter_of_another_base_is_refused_with_the_shapes(make_base, make_adapter, plan):
    adapter = make_adapter(make_base("wide", width=64))
    other = make_base("narrow")
    before = state_of(adapter)
    refused(
        loading.load, r"made for another base: .*\(4, 64\).*\(32, 32\)", str(other), plan, adapter
    )
    assert state_of(adapter) == before
    gated = make_adapter(make_base("gated"), "gated-adapter")
    relu = make_base("relu", gated=False)
    refused(loading.load, "there is no such layer", str(relu), plan, gated)


def test_a_torn_adapter_and_a_pickled_one_are_refused(make_base, make_adapter, plan):
    base = make_base()
    adapter = make_adapter(base)
    weights = adapter / adapters.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:1000])
    refused(loading.load, r"adapter_model\.safetensors' is damaged", str(base), plan, adapter)
    weights.unlink()
    (adapter / "adapter_model.bin").write_bytes(b"\x80\x04.")
    refused(loading.load, "pickled weights can run code", str(base), plan, adapter)


def test_a_folder_that_is_no_adapter_says_what_it_holds(make_base, tmp_path, plan):
    base = make_base()
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(
        loading.load, r"adapter_config\.json is missing \(it is empty\)", str(base), plan, empty
    )


def test_a_torn_base_a_missing_file_and_another_architecture(make_base, tmp_path, plan):
    base = make_base()
    weights = base / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    refused(loading.load, "damaged|cannot be loaded", str(base), plan)
    weights.unlink()
    refused(loading.load, r"no \.safetensors weights \(it holds config\.json", str(base), plan)
    (base / "config.json").write_text(json.dumps({"model_type": "bert"}))
    refused(loading.load, "is a bert model, not a T5 one", str(base), plan)
    (base / "config.json").unlink()
    refused(loading.load, r"no config\.json \(it holds", str(base), plan)
    refused(loading.load, "there is no such folder", str(tmp_path / "gone"), plan)


def test_a_hub_that_cannot_be_reached_says_how_to_use_a_local_copy(workspace, plan):
    error = refused(
        loading.load, "copy the model folder to workspace/models/t5-base", "t5-base", plan
    )
    assert isinstance(error, HubError)
    refused(loading.load, "give the path of a local copy", "nobody/no-such-model", plan)


def test_a_copy_in_the_workspace_comes_before_the_hub(make_base, workspace, plan):
    shutil.copytree(make_base(gated=False), workspace.models / "t5-base")
    loaded = loading.load("t5-base", plan, workspace=workspace)
    assert loaded.source == str(workspace.models / "t5-base")


def test_a_catalogue_base_that_exists_only_as_bin_is_read_and_another_is_not(
    make_base, workspace, plan
):
    base = make_base(gated=False)
    torch.save(load_file(base / "model.safetensors"), base / "pytorch_model.bin")
    (base / "model.safetensors").unlink()
    refused(loading.load, "pickled weights can run code", str(base), plan)
    shutil.copytree(base, workspace.models / "t5-base")
    assert loading.load("t5-base", plan, workspace=workspace).tied


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("GatedRepoError", "gated; accept its terms"),
        ("RepositoryNotFoundError", "or it is private"),
    ],
)
def test_a_gated_and_a_private_model_are_told_apart(monkeypatch, plan, name, match):
    import httpx
    from huggingface_hub import errors

    response = httpx.Response(401, request=httpx.Request("GET", "http://127.0.0.1/x"))

    def refuse(source, **_):
        try:
            raise getattr(errors, name)("no", response=response)
        except errors.HfHubHTTPError as cause:
            raise OSError("You are trying to access a gated repo.\nMore lines.") from cause

    monkeypatch.setattr(loading.AutoConfig, "from_pretrained", refuse)
    assert isinstance(refused(loading.load, match, "owner/secret", plan), HubError)
