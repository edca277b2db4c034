import pytest

from socratic import decoding, recipes
from socratic.errors import UsageError
from socratic.recipes import Hyperparameters


@pytest.mark.parametrize("name", recipes.names())
def test_every_shipped_recipe_is_valid(name):
    assert recipes.load(name).description


def test_recipes_are_those_of_the_design():
    assert recipes.names()[0] == "recommended"
    assert set(recipes.names()) == {"recommended", "ec2-a10g", "apple-silicon", "miniature"}
    log = recipes.load("ec2-a10g").hyperparameters
    assert (log.learning_rate, log.train_batch, log.eval_batch, log.warmup) == (5e-5, 32, 64, 0.06)
    first = recipes.load("apple-silicon").hyperparameters
    assert (first.accumulation, first.warmup, first.patience, first.threshold) == (2, 500, 5, 0.001)


def test_all_problems_are_told_at_once():
    with pytest.raises(UsageError) as caught:
        recipes.load("recommended", {"learning_rate": -1, "train_batch": 0, "seed": "x"})
    for name in ("learning_rate is -1", "train_batch is 0", "seed is 'x'"):
        assert name in str(caught.value)


def test_validation_that_never_comes_is_refused():
    with pytest.raises(UsageError, match="eval_steps 500 is beyond max_steps 100"):
        recipes.load("recommended", {"max_steps": 100})


def test_unknown_names_list_the_known():
    with pytest.raises(UsageError, match="'nope'.*recommended"):
        recipes.load("nope")
    with pytest.raises(UsageError, match="'lr'.*learning_rate"):
        recipes.parse_overrides(["lr=1"])
    with pytest.raises(UsageError, match="not of the form"):
        recipes.parse_overrides(["learning_rate"])


def test_a_recipe_file_is_read_and_a_broken_one_named(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("description: mine\nhyperparameters:\n  learning_rate: 1.0e-3\n")
    assert recipes.load(str(path)).hyperparameters == Hyperparameters(learning_rate=1e-3)
    path.write_text("- just\n- a list\n")
    with pytest.raises(UsageError, match=r"mine\.yaml is not a recipe"):
        recipes.load(str(path))


def test_decoding_presets_are_the_contracts():
    assert decoding.preset("thesis").arguments()["num_beams"] == 4
    paper = decoding.preset("paper").arguments()
    assert (paper["top_k"], paper["top_p"], paper["do_sample"]) == (5, 0.6, True)
    assert (paper["repetition_penalty"], paper["no_repeat_ngram_size"]) == (1.2, 3)
    assert decoding.name_of(decoding.preset("paper").changed(seed=7, candidates=2)) == "paper"
    assert decoding.name_of(decoding.preset("thesis").changed(beams=2)) == "custom"
    with pytest.raises(UsageError, match="beams is 0"):
        decoding.preset("thesis").changed(beams=0)
    assert decoding.preset("thesis").changed(candidates=6).arguments()["num_beams"] == 6
