"""Diversity by hand and against nltk; its intervals against repeated draws."""

import random

import numpy as np
import pytest

from socratic.scoring import diversity, words

VOCABULARY = ["why", "do", "you", "think", "that", "is", "so", "what", "if", "never", "it,", "not?"]


def questions(rows: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(VOCABULARY, k=draw.randint(5, 14))) for _ in range(rows)]


def test_distinct_and_unique_by_hand():
    outputs = ["a b a", "a c", "A, c?"]
    assert diversity.distinct(outputs, 1).value == pytest.approx(3 / 7)
    assert diversity.distinct(outputs, 2).value == pytest.approx(3 / 4)
    assert diversity.unique(outputs).value == pytest.approx(2 / 3)


def test_outputs_without_words_have_no_diversity():
    assert diversity.distinct(["", "?"], 2).value == 0.0
    assert diversity.self_bleu(["", ""]).value == 0.0


def test_leaving_a_row_out_is_exact():
    outputs = ["a b a", "a c", "d", "d e"]
    rows = [text.split() for text in outputs]
    left_out = [
        len({w for i, row in enumerate(rows) if i != out for w in row})
        / sum(len(row) for i, row in enumerate(rows) if i != out)
        for out in range(4)
    ]
    error = 1.959964 * np.sqrt(3 * np.var(left_out))
    score = diversity.distinct(outputs, 1)
    assert score.high - score.value == pytest.approx(min(error, 1 - score.value))


def test_the_jackknife_interval_is_as_wide_as_chance():
    chance = np.random.default_rng(0)
    share = 1 / np.arange(1, 2001)

    def draw() -> list[str]:
        return [
            " ".join(map(str, row)) for row in chance.choice(2000, (120, 8), p=share / share.sum())
        ]

    for measure in (lambda o: diversity.distinct(o, 1), diversity.self_bleu):
        scores = [measure(draw()) for _ in range(30)]
        spread = np.std([score.value for score in scores])
        told = np.mean([(score.high - score.low) / 2 / 1.96 for score in scores])
        assert told == pytest.approx(spread, rel=0.35)


def test_self_bleu_agrees_with_nltk():
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    outputs = questions(25, seed=3)
    rows = [words.stripped_words(text) for text in outputs]
    theirs = [
        sentence_bleu(
            [other for j, other in enumerate(rows) if j != i],
            row,
            smoothing_function=SmoothingFunction().method1,
        )
        for i, row in enumerate(rows)
    ]
    assert diversity.self_bleu(outputs).value == pytest.approx(np.mean(theirs), abs=1e-12)


def test_self_bleu_reads_a_fixed_sample():
    outputs = questions(700, seed=4)
    first, again = diversity.self_bleu(outputs), diversity.self_bleu(outputs)
    assert first == again
    assert "500 rows" in first.implementation
    assert diversity.self_bleu(["why do you think so"] * 20).value == pytest.approx(1.0)
