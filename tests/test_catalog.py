"""Closed forms against the numbers of the published models and of the thesis log."""

import pytest

from socratic import catalog, fairness
from socratic.errors import UsageError


@pytest.mark.parametrize(
    ("key", "weights", "trainable"),
    [
        ("flan-t5-small", 76_961_152, 2_555_904),
        ("flan-t5-base", 247_577_856, 6_782_976),
        ("t5-base", 222_903_552, 6_488_064),
    ],
)
def test_weights_are_the_published_ones(key, weights, trainable):
    shape = catalog.spec(key).shape
    assert shape.parameters == weights
    assert shape.lora_parameters(16) == trainable


def test_log_list_leaves_a_quarter_of_t5_base_out():
    profile = fairness.profile(catalog.spec("t5-base"))
    assert (profile.trainable_log_list, profile.trainable) == (5_013_504, 6_488_064)
    flan = fairness.profile(catalog.spec("flan-t5-base"))
    assert flan.trainable_log_list == flan.trainable


def test_names_and_aliases_find_the_same_model():
    assert catalog.find("google-t5/t5-base") is catalog.find("t5-base")
    assert catalog.find("google/flan-t5-small") is catalog.spec("flan-t5-small")
    assert catalog.find("nobody/knows") is None
    with pytest.raises(UsageError, match="'gpt-2'.*flan-t5-small"):
        catalog.spec("gpt-2")
    with pytest.raises(UsageError, match="'huge'.*thesis, miniature"):
        catalog.family("huge")


def test_one_colour_per_role_and_none_twice_in_a_family():
    for name in catalog.FAMILIES:
        colours = [spec.colour for spec in catalog.family(name)]
        assert len(set(colours)) == len(colours)


def test_miniature_has_the_architectures_of_the_thesis_models():
    thesis = [s for s in catalog.family("thesis") if not s.optional]
    for small, full in zip(catalog.family("miniature"), thesis, strict=True):
        assert (small.shape.gated, small.shape.tied) == (full.shape.gated, full.shape.tied)
        assert small.instruction_tuned == full.instruction_tuned


def test_conclusions_name_the_confound_and_the_control():
    said = fairness.conclusions([catalog.spec("flan-t5-base"), catalog.spec("t5-base")])
    assert len(said) == 1
    assert "activation, tied output head" in said[0]
    assert "T5 v1.1 base" in said[0]
    clean = fairness.conclusions([catalog.spec("flan-t5-base"), catalog.spec("t5-v1_1-base")])
    assert "the same architecture" in clean[0]
