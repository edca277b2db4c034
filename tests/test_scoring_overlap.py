"""ROUGE, BLEU and sacreBLEU by hand, by published example, and against their packages."""

import random

import numpy as np
import pytest

from socratic import scoring
from socratic.scoring import overlap, words

VOCABULARY = ["why", "do", "you", "think", "that", "is", "so", "what", "if", "never", "it,", "not?"]


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


def silent(_: int) -> None:
    """Progress nobody listens to."""


def test_rouge_by_hand():
    # 2 of 3 and 2 of 5 words shared: F1 = 2 * (2/3 * 2/5) / (2/3 + 2/5) = 1/2. Bigrams: 1/2, 1/4.
    found = values(["the cat sat"], [["The cat ate the fish!"]], ["-"])
    assert found["rouge1"] == pytest.approx(1 / 2)
    assert found["rouge2"] == pytest.approx(1 / 3)
    assert found["rougeL"] == pytest.approx(1 / 2)


def test_rouge_l_is_a_subsequence_not_a_bag():
    assert scoring.rouge_l("police kill the gunman", ["police killed the gunman"]) == 0.75
    # Lin 2004, section 3.1: same words, another order; only "the gunman" or "police" stays in order.
    assert scoring.rouge_l("the gunman kill police", ["police killed the gunman"]) == 0.5


def test_the_stemmer_joins_forms_of_a_word():
    found = values(["running dogs"], [["run dog"]], ["-"])
    assert (found["rougeL"], found["rougeLstem"]) == (0.0, 1.0)


def test_the_best_reference_counts():
    assert scoring.rouge_l("why so", ["never", "why so", "why"]) == 1.0


def test_rouge_agrees_with_rouge_score():
    from rouge_score.rouge_scorer import RougeScorer

    outputs, references, contexts = corpus(60)
    found = values(outputs, references, contexts, samples=2)
    plain = RougeScorer(["rouge1", "rouge2", "rougeL"])
    pairs = list(zip(references, outputs, strict=True))
    for key in ("rouge1", "rouge2", "rougeL"):
        theirs = np.mean([plain.score_multi(r, o)[key].fmeasure for r, o in pairs])
        assert found[key] == pytest.approx(theirs, abs=1e-12)
    stem = RougeScorer(["rougeL"], use_stemmer=True)
    theirs = np.mean([stem.score_multi(r, o)["rougeL"].fmeasure for r, o in pairs])
    assert found["rougeLstem"] == pytest.approx(theirs, abs=1e-12)


def test_bleu_by_hand():
    # Papineni et al. 2002, section 2.1: "the" seven times, clipped at two.
    the = "the the the the the the the"
    mats = ["The cat is on the mat.", "There is a cat on the mat."]
    assert values([the], [mats], ["-"])["bleu1"] == pytest.approx(2 / 7)
    # Two words against four: brevity exp(1 - 4/2).
    assert values(["the cat"], [["The cat, sat on"]], ["-"])["bleu1"] == pytest.approx(np.exp(-1))
    # Precisions 4/5, 3/4, 2/3, 1/2 at equal length: BLEU-4 is their geometric mean.
    found = values(["a b c d x"], [["a b c d e"]], ["-"])
    assert found["bleu4"] == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert found["bleu2"] == pytest.approx((4 / 5 * 3 / 4) ** 0.5)


def test_bleu_without_a_match_of_some_order_is_zero():
    found = values(["a b"], [["b a"]], ["-"])
    assert found["bleu1"] == 1.0
    assert found["bleu2"] == found["bleu4"] == 0.0


def test_bleu_agrees_with_nltk_on_one_reference():
    from nltk.translate.bleu_score import corpus_bleu

    outputs, references, contexts = corpus(80, seed=1)
    # Half of each output begins its reference, so that no order of n-grams goes without a match.
    first = [
        [f"{' '.join(output.split()[:6])} {group[0]}"]
        for output, group in zip(outputs, references, strict=True)
    ]
    found = values(outputs, first, contexts, samples=2)
    tokens = [words.stripped_words(text) for text in outputs]
    targets = [[words.stripped_words(text) for text in group] for group in first]
    for order in (1, 2, 3, 4):
        theirs = corpus_bleu(targets, tokens, weights=[1 / order] * order)
        assert found[f"bleu{order}"] == pytest.approx(theirs, abs=1e-12)


def test_stripped_words_turn_punctuation_into_spaces():
    assert words.stripped_words("Don't stop--really?") == ["don", "t", "stop", "really"]


@pytest.mark.parametrize("rows", [1, 3, 80])
def test_sacrebleu_agrees_with_sacrebleu(rows):
    from sacrebleu.metrics import BLEU

    outputs, references, _ = corpus(rows, seed=2)
    measure = overlap.sacre_bleu(outputs, references, silent)
    streams = [[g[i] if i < len(g) else None for g in references] for i in range(2)]
    if not any(streams[1]):
        streams = streams[:1]
    theirs = BLEU()
    assert measure.value == pytest.approx(theirs.corpus_score(outputs, streams).score, abs=1e-9)
    assert measure.implementation == f"sacreBLEU; {theirs.get_signature().format()}"


@pytest.mark.parametrize("output", ["", "so", "why do", "nothing shared here at all"])
def test_sacrebleu_of_short_outputs(output):
    from sacrebleu.metrics import BLEU

    measure = overlap.sacre_bleu([output], [["why do you think so?"]], silent)
    theirs = BLEU().corpus_score([output], [["why do you think so?"]]).score
    assert measure.value == pytest.approx(theirs, abs=1e-9)


def test_implementation_tells_how_many_rows_have_several_references():
    assert overlap.of_references([["a"], ["b"]]) == ("", "one reference a row")
    few = [["a", "b"]] + [["c"]] * 199
    assert overlap.of_references(few) == (
        "",
        "best of the references, 0.50% of rows have several",
    )
    recipe, detail = overlap.of_references([["a", "b"], ["c"]])
    assert recipe == ", best of several references"
    assert detail == "50% of rows have several"
