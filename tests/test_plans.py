"""A choice kept as a file and taken back."""

import pytest

from socratic import device, plans, recipes
from socratic.errors import UsageError
from socratic.plans import TrainingChoice
from socratic.ui import train_config


def test_a_saved_choice_comes_back_as_it_was():
    recipe = recipes.load("miniature", {"learning_rate": 0.004, "patience": 3})
    choice = TrainingChoice(("mini-flan-small", "mini-t5-base"), "sample", recipe, "test", True)
    back = plans.from_yaml(plans.to_yaml(choice), "saved.yaml")
    assert back.recipe.hyperparameters == recipe.hyperparameters
    assert (back.models, back.data, back.evaluate, back.cpu) == (
        choice.models, choice.data, "test", True,
    )  # fmt: skip
    assert back.recipe.name == "miniature"
    more = plans.from_yaml(plans.to_yaml(choice), "saved.yaml", {"seed": "7"})
    assert more.recipe.hyperparameters.seed == 7


def test_a_saved_choice_is_a_recipe_too(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(plans.to_yaml(TrainingChoice(("t5-base",))))
    assert recipes.load(str(path)).hyperparameters == recipes.load("recommended").hyperparameters


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[1", "is not YAML"),
        ("", "holds no settings"),
        ("a: 1", "models.*a is 1"),
        (
            "models: [x]\nhyperparameters: {train_batch: 0, seed: -1}",
            "train_batch is 0.*seed is -1",
        ),
        ("models: [x]\nhyperparameters: {nonsense: 1}", "nonsense is 1"),
        ("models: [x]\nevaluate: later", "evaluate is 'later'"),
    ],
)
def test_a_file_that_is_none_is_told_what_is_wrong(text, sentence):
    with pytest.raises(UsageError, match=f"saved.yaml .*{sentence}"):
        plans.from_yaml(text, "saved.yaml")


def test_the_page_shows_what_a_file_holds(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(plans.to_yaml(TrainingChoice(("t5-base", "google/flan-t5-large"))))
    read = train_config.read(path)
    assert (read.family, read.models, read.other) == ("thesis", ["t5-base"], "google/flan-t5-large")
    path.write_text(plans.to_yaml(TrainingChoice(("t5-base", "mini-t5-base", "x/y"))))
    with pytest.raises(UsageError, match="training run --config mine.yaml"):
        train_config.read(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is no text"):
        train_config.read(path)


def test_the_command_says_what_several_gpus_will_do(monkeypatch):
    machine = device.Machine("cuda", "NVIDIA A10G", 22.5, cores=8, count=4, capability=(8, 6))
    monkeypatch.setattr(device, "describe", lambda: machine)
    recipe = recipes.load("recommended", {"train_batch": 32})
    told = plans.training(TrainingChoice(("t5-base",), recipe=recipe))[0].command
    assert told.endswith("# accelerate launch --num_processes 4, 8 rows of each batch in every one")
    alone = recipes.load("recommended", {"processes": 1})
    assert "#" not in plans.training(TrainingChoice(("t5-base",), recipe=alone))[0].command
