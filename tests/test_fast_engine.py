"""The int8 engine: converted once, without the scaling fault, the same inputs as torch's."""

import json

import pytest
import torch

from socratic import loading, systems
from socratic.decoding import Decoding, preset
from socratic.engines import fast_engine
from socratic.errors import ModelError
from socratic.prompts import TYPE_KEYS, input_text

CONTEXT = "Homework should be banned, because children learn more when they play after school."
INPUTS = [input_text(key, CONTEXT) for key in TYPE_KEYS]


def _scores_by_torch(loaded, source, target):
    batch = loaded.tokenizer(source, return_tensors="pt")
    labels = loaded.tokenizer(target, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        logits = loaded.model(**batch, labels=labels).logits.log_softmax(-1)
    return logits[0].gather(-1, labels[0][:, None])[:, 0]


def _scores_by_ct2(folder, loaded, source, target):
    import ctranslate2

    translator = ctranslate2.Translator(str(folder), compute_type="float32", intra_threads=1)
    words = loaded.tokenizer.convert_ids_to_tokens
    encoded = [words(loaded.tokenizer(text)["input_ids"]) for text in (source, target)]
    (result,) = translator.score_batch([encoded[0]], [encoded[1][:-1]])
    return torch.tensor(result.log_probs)


@pytest.mark.parametrize("gated", [True, False])
def test_a_converted_model_scores_as_torch_does(make_base, plan, tmp_path, gated):
    """Fault 5 of the notes: the converter reads a tie flag that transformers sets on every T5."""
    loaded = loading.load_base(str(make_base(gated=gated)), plan)
    loaded.model.eval()
    expected = _scores_by_torch(loaded, INPUTS[0], "Why is that so?")
    loaded.model.config.tie_word_embeddings = True  # as transformers leaves it
    fast_engine._converter(loaded).convert(str(tmp_path / "out"))
    again = _scores_by_ct2(tmp_path / "out", loaded, INPUTS[0], "Why is that so?")
    assert again == pytest.approx(expected, abs=1e-3)


def test_without_the_guard_the_outputs_of_a_separate_head_are_scaled(make_base, plan, tmp_path):
    from ctranslate2.converters import TransformersConverter

    base = make_base()
    loaded = loading.load_base(str(base), plan)
    expected = _scores_by_torch(loaded, INPUTS[0], "Why is that so?")
    TransformersConverter(str(base)).convert(str(tmp_path / "out"))
    naive = _scores_by_ct2(tmp_path / "out", loaded, INPUTS[0], "Why is that so?")
    assert (naive - expected).abs().max() > 1


@pytest.fixture
def system(make_base, make_adapter):
    base = make_base()
    adapter = make_adapter(base)
    return systems._with_adapter("own", "Own", str(base), adapter, bundled=False)


def test_a_system_is_converted_once_and_again_when_its_adapter_changed(
    system, workspace, monkeypatch
):
    converted = []

    def here(system, workspace):  # in this process: the spawned one is tested below
        converted.append(system.key)
        fast_engine.convert(system, workspace.root)

    monkeypatch.setattr(fast_engine, "_convert_apart", here)
    for _ in range(2):
        engine = fast_engine.load(system, 1, workspace)
    assert converted == ["own"]
    assert engine.name == "ct2-int8-cpu"
    assert engine.notes == ()
    config = system.adapter / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "lora_alpha": 1}))
    fast_engine.load(system, 1, workspace)
    assert converted == ["own", "own"]


@pytest.mark.slow
def test_converting_happens_in_another_process_and_its_refusal_arrives(system, workspace):
    engine = fast_engine.load(system, 1, workspace)
    assert len(engine.generate(INPUTS, Decoding(max_new_tokens=8))) == len(INPUTS)
    (system.adapter / "adapter_model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError, match="adapter"):
        fast_engine.load(system, 1, workspace)


@pytest.fixture
def engine(workspace):
    """The bundled FLAN small, converted in this process."""
    found = systems.resolve("mini-flan-small", workspace)
    return fast_engine.FastEngine(fast_engine.convert(found, workspace.root), 1)


def test_inputs_are_cut_as_torch_cuts_them(engine, tokenizer_folder):
    tokenizer = loading.load_tokenizer(None, str(tokenizer_folder))
    engine.input_tokens = 20
    for text in (*INPUTS, "short", "ünknown ✓ signs and   spaces "):
        ids = tokenizer(text, max_length=20, truncation=True)["input_ids"]
        read = engine._tokens(engine._tokenizer.encode(text).ids)
        assert read == tokenizer.convert_ids_to_tokens(ids)


def test_candidates_lengths_and_what_was_read(engine):
    outputs = engine.generate(INPUTS, preset("thesis").changed(candidates=3, max_new_tokens=12))
    assert [len(output.questions) for output in outputs] == [3] * 5
    assert all(max(output.new_tokens) <= 12 for output in outputs)
    assert all(output.read == output.total > 10 for output in outputs)
    assert not any("[Question]" in q for output in outputs for q in output.questions)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_each_thread_has_a_part_of_the_batch_and_the_answers_stay(engine, monkeypatch, threads):
    told = preset("thesis").changed(max_new_tokens=16)
    texts = [INPUTS[0], "clarity: Dogs bark.", *INPUTS[1:]]
    alone = [output.questions for output in engine.generate(texts, told)]
    several = fast_engine.FastEngine(engine._folder, threads)
    parts, awaited = [], fast_engine._awaited

    def watched(translator, sources, chosen, stop):
        parts.append((translator.num_translators, chosen["max_batch_size"]))
        return awaited(translator, sources, chosen, stop)

    monkeypatch.setattr(fast_engine, "_awaited", watched)
    assert [output.questions for output in several.generate(texts, told)] == alone
    assert parts == [(threads, {2: 3, 3: 2, 8: 1}[threads])]


def test_equal_seeds_give_equal_text(engine):
    drawn = Decoding(beams=1, sample=True, temperature=2.0, max_new_tokens=20)
    first, again, other = (
        [o.questions for o in engine.generate(INPUTS, drawn.changed(seed=seed))]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_beam_search_goes_on_until_nothing_better_can_come(workspace, plan, tmp_path):
    """In fp32 the two engines ask the same; with the library's own patience a third differ."""
    from socratic import data
    from socratic.engines.torch_engine import TorchEngine

    found = systems.resolve("mini-t5-base", workspace)
    rows = data.stratified(data.load("sample").split("test"), 30)
    inputs = [input_text(row.type, row.context) for row in rows]
    loaded = loading.load(found.model, plan, found.adapter, workspace)
    by_torch = TorchEngine(loaded).generate(inputs, preset("thesis"))
    fast_engine._converter(loaded).convert(str(tmp_path / "out"))
    loaded.tokenizer.save_pretrained(tmp_path / "out")
    by_ct2 = fast_engine.FastEngine(tmp_path / "out", 1, compute="float32")
    answers = by_ct2.generate(inputs, preset("thesis"))
    same = [a.questions == b.questions for a, b in zip(by_torch, answers, strict=True)]
    assert sum(same) / len(same) >= 0.85
