"""Scoring as a whole: every metric in one call, the guard, the form of outputs, the floors."""

import random
from pathlib import Path

import numpy as np
import pytest

from socratic import scoring
from socratic.data import Row
from socratic.errors import ScoreError
from socratic.scoring import form, overlap
from socratic.scoring.floors import CONSTANT, last_sentence

MTURK = Path(__file__).parents[2] / "shared" / "data" / "socratiq_mturk_train_valid.csv"
VOCABULARY = ["why", "do", "you", "think", "that", "is", "so", "what", "if", "never", "it,", "not?"]
METRICS = ["rouge1", "rouge2", "rougeL", "rougeLstem", "bleu1", "bleu2", "bleu3", "bleu4"]
METRICS += ["sacrebleu", "distinct1", "distinct2", "selfbleu", "unique"]
METRICS += ["wellformed", "length", "copied"]


def corpus(rows: int, seed: int = 0) -> tuple[list[str], list[list[str]], list[str]]:
    """Return outputs, references and contexts of random words, some rows with two references."""
    draw = random.Random(seed)

    def text() -> str:
        return " ".join(draw.choices(VOCABULARY, k=draw.randint(5, 14)))

    return (
        [text() for _ in range(rows)],
        [[text() for _ in range(draw.choice([1, 1, 2]))] for _ in range(rows)],
        [text() for _ in range(rows)],
    )


def values(*args: list, **options: object) -> dict[str, float]:
    return {score.metric: score.value for score in scoring.score_outputs(*args, **options)}


def test_every_metric_comes_with_an_interval_that_holds_it():
    outputs, references, contexts = corpus(120, seed=5)
    steps: list[tuple[str, float]] = []
    scores = scoring.score_outputs(
        outputs, references, contexts, samples=200, progress=lambda *step: steps.append(step)
    )
    assert [score.metric for score in scores] == METRICS
    for score in scores:
        assert score.low <= score.value <= score.high
    shares = [share for _, share in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_the_same_seed_gives_the_same_intervals():
    texts = corpus(30, seed=6)
    assert scoring.score_outputs(*texts, samples=50) == scoring.score_outputs(*texts, samples=50)
    other = scoring.score_outputs(*texts, samples=50, seed=7)
    assert other != scoring.score_outputs(*texts, samples=50)


def test_one_row_has_values_and_no_intervals():
    scores = scoring.score_outputs(["Why do you say so?"], [["Why so?"]], ["So."])
    assert {(score.low, score.high) for score in scores} == {(None, None)}


def test_no_answers_at_all_score_zero():
    found = values(["", ""], [["Why so?"], ["Who says?"]], ["So.", "He says."])
    assert set(found.values()) - {0.0} == {0.5}  # two empty outputs, one of them unique


@pytest.mark.parametrize(
    ("outputs", "references", "contexts", "message"),
    [
        ([], [], [], "no outputs to score"),
        (["a"], [["b"], ["c"]], ["d"], r"Outputs \(1\), references \(2\)"),
        (["a"], [["b"]], [], r"contexts \(0\)"),
        (["[Question] why?"], [["b"]], ["d"], "output of row 0 still holds"),
        (["a", "why?</s>"], [["b"], ["c"]], ["d", "e"], "output of row 1 still holds '</s>'"),
        (["why?<pad><pad>"], [["b"]], ["d"], "'<pad>'"),
        (["a"], [["b", "[question] why?"]], ["d"], "reference of row 0 still holds"),
        ([[-100, 5]], [["b"]], ["d"], "not text; decode token ids"),
        (["a"], [["  "]], ["d"], "reference of row 0 is empty"),
        (["a"], [[]], ["d"], "one or more references"),
        (["a"], ["b"], ["d"], "needs a list"),
    ],
)
def test_what_must_not_be_scored_is_refused(outputs, references, contexts, message):
    with pytest.raises(ScoreError, match=message):
        scoring.score_outputs(outputs, references, contexts)


@pytest.mark.parametrize("left", ["[Question] why?", "[QUESTION]why?", "why?</s>", "<pad>why?"])
def test_rouge_l_refuses_markers(left):
    with pytest.raises(ScoreError, match="still holds"):
        scoring.rouge_l(left, ["why?"])
    with pytest.raises(ScoreError, match="still holds"):
        scoring.rouge_l("why?", [left])
    with pytest.raises(ScoreError, match="one or more references"):
        scoring.rouge_l("why?", [])


def test_the_marker_would_raise_rouge_l_on_human_rows():
    if not MTURK.is_file():
        pytest.skip("the MTurk rows are not beside this checkout (shared/data)")
    import pandas as pd

    questions = pd.read_csv(MTURK)["question"].str.strip().tolist()
    clean = np.mean([scoring.rouge_l(CONSTANT, [question]) for question in questions])
    # Under the guard: what rouge-score says when the marker stands on both sides.
    marked = np.mean(
        [
            overlap._rouge_row(f"[Question] {CONSTANT}", [f"[Question] {q}"], ("rougeL",), False)
            for q in questions
        ]
    )
    assert clean == pytest.approx(0.174, abs=0.002)
    assert marked - clean == pytest.approx(0.08, abs=0.01)
    with pytest.raises(ScoreError):
        scoring.rouge_l(f"[Question] {CONSTANT}", [f"[Question] {questions[0]}"])


@pytest.mark.slow
def test_a_full_test_split_takes_less_than_a_minute():
    import time

    outputs, references, contexts = corpus(10_573, seed=8)
    start = time.process_time()  # of this process: others on the machine do not count
    scoring.score_outputs(outputs, references, contexts)
    assert time.process_time() - start < 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Why do you think so?", True),
        ("Tell me: who said 'this is art?'", True),
        ("ما رأيك في هذا؟?", True),
        ("You think so.", False),
        ("Why so?", False),
        (", do you think so?", False),
        ("", False),
        ("why do you why do you why do you?", False),
        ("so " * 61 + "?", False),
    ],
)
def test_well_formed(text, expected):
    assert form.is_well_formed(text) is expected


def test_length_and_copied_by_hand():
    found = values(["Don't dogs bark?", "why?"], [["a"], ["b"]], ["Dogs don't fly.", "who"])
    assert found["length"] == 2.0
    assert found["copied"] == pytest.approx(2 / 4)
    assert found["wellformed"] == 0.5


def test_floors_by_hand():
    rows = [Row(f"First. Then {i}! And </s> last {i}?", f"Why {i}?", "clarity") for i in range(9)]
    found = scoring.floors(rows, seed=1)
    assert list(found) == [
        "constant question",
        "shuffled references",
        "last sentence of the context",
    ]
    assert found["constant question"] == [CONSTANT] * 9
    shuffled = found["shuffled references"]
    assert sorted(shuffled) == sorted(row.question for row in rows)
    assert all(text != row.question for text, row in zip(shuffled, rows, strict=True))
    assert found["last sentence of the context"][3] == "And last 3?"
    assert scoring.floors(rows, seed=1) == found
    assert scoring.floors(rows, seed=2) != found
    with pytest.raises(ScoreError, match="no rows"):
        scoring.floors([], seed=1)


def test_shuffled_references_come_from_another_context():
    rows = [Row(f"Context {i // 5}.", f"Why {i}?", "clarity") for i in range(40)]
    about = {row.question: row.context for row in rows}
    for seed in range(20):
        shuffled = scoring.floors(rows, seed)["shuffled references"]
        assert sorted(shuffled) == sorted(about)
        assert all(about[q] != row.context for q, row in zip(shuffled, rows, strict=True))


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ("No end", "No end"),
        ('He said "Stop." Then he left.', "Then he left."),
        ("A. B...", "B..."),
        ("", ""),
    ],
)
def test_last_sentence(context, expected):
    assert last_sentence(context) == expected
