"""The identity proof holds on sound models and names the step that breaks another."""

import copy
import math

import pytest
import torch
from peft import get_peft_model

from socratic import loading, soundness
from socratic.errors import UnsoundModel
from socratic.prompts import MARKER


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("std", [1.0, 10.0])
def test_every_stage_agrees_on_a_sound_model(make_base, plan, gated, std):
    proof = soundness.examine(loading.load_base(str(make_base(gated=gated, std=std)), plan))
    assert [stage.name for stage in proof.stages] == [
        "loaded", "prepared", "wrapped with LoRA", "saved and loaded again", "merged"
    ]  # fmt: skip
    assert all(stage.head_kept and stage.change < 1e-4 for stage in proof.stages)


def test_without_the_settled_head_the_proof_fails_and_names_the_step(make_base, plan):
    loaded = loading.load_base(str(make_base()), plan)
    loaded.model.config.tie_word_embeddings = True  # as transformers leaves it
    with pytest.raises(UnsoundModel, match="once it is prepared: the loss went from .* no longer"):
        soundness.examine(loaded)


def test_a_step_that_makes_no_number_fails_too(make_base, plan, monkeypatch):
    loaded = loading.load_base(str(make_base()), plan)
    monkeypatch.setattr(soundness, "get_peft_model", _spoil(soundness.get_peft_model))
    with pytest.raises(UnsoundModel, match="once it is wrapped with LoRA"):
        soundness.examine(loaded)


def _spoil(wrap):
    def spoiled(*args):
        model = wrap(*args)
        model.base_model.model.encoder.final_layer_norm.weight.data.fill_(float("nan"))
        return model

    return spoiled


def test_a_hopeless_loss_is_a_warning_with_its_likely_cause(make_base, plan):
    loaded = loading.load_base(str(make_base()), plan)
    loaded.model.lm_head.weight.data.mul_(100)
    (warning,) = soundness.examine(loaded).warnings
    assert "a blind guess would cost 8.3" in warning
    assert "output head" in warning


def test_a_proof_is_made_once_per_weights(make_base, plan, workspace, monkeypatch):
    folder = str(make_base())
    looked = []
    monkeypatch.setattr(soundness, "examine", _counted(soundness.examine, looked))
    for _ in range(2):
        proof = soundness.prove(loading.load_base(folder, plan), folder, workspace)
    assert len(looked) == 1
    assert len(proof.stages) == 5
    changed = loading.load_base(folder, plan)
    changed.model.shared.weight.data.add_(1)
    soundness.prove(changed, folder, workspace)
    assert len(looked) == 2


def _counted(function, calls):
    def counting(*args):
        calls.append(args)
        return function(*args)

    return counting


def test_too_many_trainable_weights_are_named(make_base, plan):
    network = loading.load_base(str(make_base()), plan).model
    assert "shared.weight" in soundness.share_warning(network)
    for weight in network.parameters():
        weight.requires_grad = False
    network.encoder.final_layer_norm.weight.requires_grad = True
    assert soundness.share_warning(network) == ""


def test_bf16_agrees_within_its_rounding(make_base, plan):
    from dataclasses import replace

    loaded = loading.load_base(str(make_base(std=1.0)), replace(plan, dtype="bfloat16"))
    assert loaded.model.shared.weight.dtype == torch.bfloat16
    assert all(stage.change <= 2e-2 for stage in soundness.examine(loaded).stages)


def test_a_trained_row_for_the_marker_moves_an_untrained_model_and_is_never_asked_for(
    make_base, plan
):
    """Fault 2 of the notes: peft also wraps the head where the flag says that it is tied."""
    loaded = loading.load_base(str(make_base()), plan)
    batch = soundness._batch(loaded)
    before, _ = soundness._measure(loaded.model.eval(), batch)
    config = soundness.lora_config(loading.shape_of(loaded.model), 4, 8, 0.0)
    assert config.trainable_token_indices is None and not config.modules_to_save

    loaded.model.config.tie_word_embeddings = True  # as transformers leaves it
    marker = loaded.tokenizer.convert_tokens_to_ids(MARKER)
    config.trainable_token_indices = {"shared": [marker]}
    moved, _ = soundness._measure(get_peft_model(loaded.model, config).eval(), batch)
    assert abs(moved - before) > 1


def test_half_precision_overflows_where_bf16_does_not(make_base, plan):
    """Why no plan ever says fp16: T5's feed-forward passes 65,504, and its loss is no number."""
    loaded = loading.load_base(str(make_base()), plan)
    for name, weight in loaded.model.named_parameters():
        if "DenseReluDense.wi" in name:
            weight.data.normal_(0, 100)
    batch = soundness._batch(loaded)
    losses = {}
    for dtype in (torch.float16, torch.bfloat16):
        model = copy.deepcopy(loaded.model).to(dtype)
        losses[dtype], _ = soundness._measure(model, batch)
    assert math.isnan(losses[torch.float16])
    assert math.isfinite(losses[torch.bfloat16])
