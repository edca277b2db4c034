"""The identity proof holds on sound models and names the step that breaks another."""

import pytest
import torch

from socratic import loading, soundness
from socratic.errors import UnsoundModel


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
