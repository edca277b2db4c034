"""Type fidelity: the classifier, what it is worth, and where it cannot be had."""

import pytest

from socratic import data
from socratic.data import Row
from socratic.errors import ScoreError
from socratic.scoring import extras, fidelity
from socratic.scoring.extras import Extras, Place
from socratic.scoring.stored import Predictions


def labelled(each=12):
    asked = {"clarity": "What do you mean by {}?", "assumptions": "What do you assume about {}?"}
    return [
        Row(f"Opinion {i} of {kind}.", text.format(f"word{i}"), kind)
        for kind, text in asked.items()
        for i in range(each)
    ]


def predictions(outputs, types):
    contexts = [f"Context {i}" for i in range(len(types))]
    return Predictions(contexts, types, [["Why?"]] * len(types), ["Why?"] * len(types), outputs)


def test_the_share_of_questions_taken_for_the_type_asked_for():
    judge = fidelity.train(labelled(), "labels.csv")
    outputs = ["What do you mean by this?", "What do you mean by that?", "What do you assume?", ""]
    types = ["clarity", "assumptions", "assumptions", "clarity"]
    found = judge.measure(outputs, types)
    assert found.columns[:, 0].tolist() == [1, 0, 1, 0]
    assert found.value == 0.5
    assert "24 labels of labels.csv (sha256" in found.implementation


def test_the_confusion_matrix_is_of_questions_it_was_not_trained_on():
    confusion = fidelity.train(labelled(), "labels.csv").confusion
    assert confusion.types == ["clarity", "assumptions"]
    assert confusion.matrix == [[12, 0], [0, 12]]
    assert (confusion.n, confusion.accuracy, confusion.macro_f1) == (24, 1.0, 1.0)
    # Labels that say nothing about the text are not learnt, whatever the training rows remember.
    told = [Row(f"Opinion {i}.", f"Why {i}?", ("clarity", "assumptions")[i % 2]) for i in range(40)]
    assert fidelity.train(told, "noise").confusion.accuracy < 0.8


@pytest.mark.parametrize("rows", [[], labelled(5), labelled()[:12]])
def test_too_few_labels_are_refused(rows):
    with pytest.raises(ScoreError, match="too few"):
        fidelity.train(rows, "labels.csv")


def test_a_metric_that_cannot_be_had_says_why_and_the_rest_goes_on(workspace):
    rows = predictions({"A": ["What do you mean?"] * 2}, ["clarity", "assumptions"])
    found = extras.measure(rows, Extras(), Place(workspace, "mine.csv"), lambda *told: None)
    assert found.measures == {}
    assert "'roberta-large' is not on this machine" in found.absent["bertscore"]
    assert "no labelled questions on this machine" in found.absent["fidelity"]
    off = Extras(bertscore="off", labels="off")
    found = extras.measure(rows, off, Place(workspace, "mine.csv"), lambda *told: None)
    assert set(found.absent.values()) == {"Switched off for this evaluation."}


def test_fetched_labels_are_found_and_scored_contexts_kept_out_of_training(workspace):
    rows = labelled()
    lines = ["thought,question,label", *(f"{r.context},{r.question},{r.type}" for r in rows)]
    file = workspace.uploads / "0a-socratiq_mturk_train.csv"
    file.write_text("\n".join(lines))
    asked = predictions({"A": ["What do you mean?"]}, ["clarity"])
    scored = Predictions([rows[0].context], asked.types, asked.references, ["Why?"], asked.outputs)
    place = Place(workspace, "mine.csv")
    assert extras.judge_for(asked, "auto", place).confusion.n == 24
    assert extras.judge_for(scored, "auto", place).confusion.n == 23
    found = extras.measure(asked, Extras(bertscore="off"), place, lambda *told: None)
    assert found.measures["A"][0].value == 1.0
    assert found.confusion.source == file.name


def test_the_sample_is_judged_by_its_own_labels(workspace):
    asked = predictions({"A": ["What do you mean?"]}, ["clarity"])
    judge = extras.judge_for(asked, "auto", Place(workspace, "sample"))
    assert judge.confusion.n == len(data.load("sample").split("train"))
    assert judge.confusion.accuracy > 0.9
