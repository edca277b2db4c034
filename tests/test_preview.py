"""Data as a model sees it, before a model is there."""

import pytest
from conftest import MTURK, needs_mturk

from socratic import catalog, data, estimates, preview
from socratic.data import Corpus, Row
from socratic.recipes import Hyperparameters
from socratic.ui import train_preview

MINI = "mini-flan-small"
LONG = "Cats are better than dogs because they sleep. " * 20


def corpus(*train, validation=()):
    return Corpus("own", {"train": tuple(train), "validation": tuple(validation)}, "hash")


def row(context, question="Why?", kind="clarity"):
    return Row(context, question, kind)


def test_a_row_reads_as_training_makes_it(workspace, tokenizer_folder):
    """The page may not import transformers: what it shows must be what transformers makes."""
    from socratic import loading
    from training.texts import _tokenise

    rows = [row(LONG, "Why do cats sleep? " * 30), row("Zoos are prisons.", kind="assumptions")]
    limits = (60, 20)
    tokenizer = loading.load_tokenizer(None, str(tokenizer_folder))
    made = _tokenise(rows, tokenizer, limits)
    found = preview.of(corpus(*rows), MINI, limits, workspace)
    for shown, ids, labels in zip(found.rows, made["input_ids"], made["labels"], strict=True):
        assert shown.read == len(ids)
        assert shown.input == tokenizer.decode(ids)
        assert shown.target == tokenizer.decode(labels)
    assert (found.cut_inputs, found.cut_targets) == (1, 1)
    long = found.rows[0]
    assert long.total > 60 == long.read
    assert long.cut.endswith("because they sleep.")
    assert not found.rows[1].cut


def test_repeats_and_leaks_are_counted(workspace):
    rows = [row("A cat."), row("a cat"), row("A cat.", "What?"), row("A cat.", kind="assumptions")]
    found = preview.of(
        corpus(*rows, row("A dog."), row("A dog."), validation=[row("A dog!")]),
        MINI, (100, 40), workspace,
    )  # fmt: skip
    assert (found.duplicates, found.same, found.shared) == (3, 1, 1)
    assert found.types["train"]["clarity"] == 5


def test_a_model_that_is_not_here_is_shown_with_another_tokenizer_and_says_so(workspace):
    found = preview.of(corpus(row("A cat.")), "somebody/model", (100, 40), workspace)
    assert not found.own
    values = {"input_tokens": 100, "target_tokens": 40}
    shown = train_preview.panel(corpus(row("<b>A cat.</b>")), ["somebody/model"], values, workspace)
    assert "is not on this machine yet" in shown
    assert "<b>A cat" not in shown


def test_a_local_copy_of_a_model_brings_its_tokenizer(workspace, tokenizer_folder):
    folder = workspace.models / "t5-base"
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_bytes((tokenizer_folder / "tokenizer.json").read_bytes())
    assert preview.tokenizer_file("google-t5/t5-base", workspace) == folder / "tokenizer.json"
    assert preview.tokenizer_file(str(folder), workspace) == folder / "tokenizer.json"


def test_the_longest_batch_is_the_longest_row_within_the_limits(workspace):
    rows = [row("A cat."), row(LONG)]
    inputs, targets = preview.longest(corpus(*rows), MINI, (1000, 40), workspace)
    counted, _, _ = preview.lengths(rows, MINI, workspace)
    assert inputs == max(counted) > 150
    assert preview.longest(corpus(*rows), MINI, (64, 4), workspace) == (64, 4)
    assert targets < 40


@pytest.mark.parametrize("values", [[], [5], [0, 1, 2, 400], list(range(1000))])
def test_a_histogram_counts_every_value_once(values):
    found = preview.histogram(values)
    assert sum(count for _, _, count in found) == len(values)
    for low, high, count in found:
        assert sum(low <= value <= high for value in values) == count


@needs_mturk
def test_the_real_rows_are_shown(workspace):
    found = preview.of(data.load(MTURK), MINI, (400, 80), workspace)
    assert found.cut_inputs > 0
    assert any(shown.cut for shown in found.rows)
    assert found.shared == 0


# What whole runs held at most, in GB: two cores, rows of the MTurk file, the longest of them cut at
# 400 tokens, shapes with random weights. Of each: model, batches of training and validation, target
# tokens of the longest batch, and the GB in fp32 and in bf16.
MEASURED = [
    ("flan-t5-small", 4, 8, 27, 2.392, 1.893),
    ("flan-t5-small", 8, 16, 28, 2.463, 1.906),
    ("flan-t5-small", 16, 16, 35, 2.669, 2.179),
    ("t5-base", 4, 8, 27, 3.847, 2.596),
    ("flan-t5-base", 4, 8, 27, 4.029, 2.689),
]


@pytest.mark.parametrize(("model", "batch", "eval_batch", "targets", "fp32", "bf16"), MEASURED)
def test_memory_is_told_within_a_fifth_of_what_was_measured(
    model, batch, eval_batch, targets, fp32, bf16
):
    chosen = Hyperparameters(train_batch=batch, eval_batch=eval_batch)
    shape = catalog.spec(model).shape
    for wide, seen in ((4, fp32), (2, bf16)):
        told = estimates.peak_gb(shape, chosen, (400, targets), wide, 2)
        assert told == pytest.approx(seen, rel=0.2)
