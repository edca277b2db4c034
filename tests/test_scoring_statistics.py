"""Every statistic against a worked example, a brute-force count or scipy."""

import numpy as np
import pytest
import scipy.stats

from socratic.errors import ScoreError
from socratic.scoring import measures, overlap, statistics
from socratic.scoring.measures import Measure


def rows(values, metric="rougeL"):
    return measures.mean(metric, values, "how")


def test_the_interval_of_a_mean_agrees_with_scipy_and_with_the_normal():
    values = np.random.default_rng(0).normal(0.2, 0.1, 400)
    score = statistics.scored([rows(values)], samples=4000)[0]
    theirs = scipy.stats.bootstrap((values,), np.mean, method="percentile", rng=1)
    low, high = theirs.confidence_interval
    assert score.value == pytest.approx(values.mean())
    assert (score.low, score.high) == pytest.approx((low, high), abs=0.001)
    assert (score.high - score.low) / 2 == pytest.approx(1.96 * 0.1 / 20, rel=0.12)


def test_resampled_sums_are_sums_over_rows_drawn_with_replacement():
    columns = np.eye(7)
    sums = statistics.resampled_sums(columns, 120, seed=3)
    assert sums.shape == (120, 7)
    assert (sums.sum(axis=1) == 7).all()
    assert (sums == sums.round()).all()
    assert sums.mean(axis=0) == pytest.approx(np.ones(7), abs=0.35)
    assert len(np.unique(sums, axis=0)) > 100


def test_the_interval_of_bleu_is_that_of_scoring_each_resample_again():
    outputs = [
        "why do you think so now",
        "what is it then for you",
        "who says that it is so",
        "a b",
    ]
    references = [["why do you say so now"], ["what is it for you then"], ["who says it"], ["a b"]]
    bleu2 = overlap.bleu(outputs, references, lambda _: None)[1]
    sums = statistics.resampled_sums(np.eye(4), 100, seed=5).astype(int)
    again = []
    for times in sums:
        picks = np.repeat(np.arange(4), times)
        chosen = [outputs[i] for i in picks], [references[i] for i in picks]
        again.append(overlap.bleu(*chosen, lambda _: None)[1].value)
    score = statistics.scored([bleu2], samples=100, seed=5)[0]
    assert (score.low, score.high) == pytest.approx(statistics.percentiles(np.array(again)))


def test_paired_bootstrap_counts_what_is_common_to_both():
    chance = np.random.default_rng(1)
    hard = chance.normal(0.3, 0.2, 300)
    a, b = rows(hard + 0.02 + chance.normal(0, 0.02, 300)), rows(hard)
    found = statistics.paired_bootstrap(a, b)
    assert found.value == pytest.approx(a.value - b.value)
    assert 0 < found.low < found.value < found.high < 0.03
    assert found.p == pytest.approx(2 / 1001)
    # Unpaired, the same difference drowns in the spread of the rows.
    alone = statistics.scored([a])[0]
    assert alone.low < b.value < alone.high
    other_way = statistics.paired_bootstrap(b, a)
    assert other_way.value == pytest.approx(-found.value)
    assert other_way.p == found.p


def test_equal_systems_do_not_differ():
    a = rows([0.1, 0.5, 0.3])
    assert statistics.paired_bootstrap(a, a) == statistics.Difference(0.0, 0.0, 0.0, 1.0)
    assert statistics.randomisation(a, a) == 1.0
    assert statistics.cohens_dz(a, a) == 0.0


def test_randomisation_by_hand_and_against_scipy():
    # Three differences, all one way: 2 of the 8 sign patterns are as extreme.
    assert statistics.randomisation(rows([1, 2, 3]), rows([0, 0, 0])) == pytest.approx(
        0.25, abs=0.02
    )
    chance = np.random.default_rng(2)
    a, b = chance.normal(0.3, 0.2, 12), chance.normal(0.2, 0.2, 12)
    exact = scipy.stats.permutation_test(
        (a, b), lambda x, y, axis: np.mean(x - y, axis), permutation_type="samples", vectorized=True
    )
    assert statistics.randomisation(rows(a), rows(b)) == pytest.approx(exact.pvalue, abs=0.015)


def test_randomisation_of_bleu_swaps_whole_rows():
    references = [[f"why is word{i} so odd here now"] for i in range(30)]
    good = overlap.bleu([group[0] for group in references], references, lambda _: None)[3]
    bad = overlap.bleu(["what is that even for you"] * 30, references, lambda _: None)[3]
    assert statistics.randomisation(good, bad, samples=500) == pytest.approx(1 / 501)
    assert statistics.paired_bootstrap(good, bad).low > 0.9


def test_p_values_are_uniform_when_nothing_differs():
    chance = np.random.default_rng(4)
    found = [
        statistics.randomisation(rows(chance.normal(size=40)), rows(chance.normal(size=40)), 200)
        for _ in range(200)
    ]
    assert np.mean(np.array(found) < 0.05) < 0.1
    assert scipy.stats.kstest(found, "uniform").pvalue > 0.01


def test_holm_by_hand():
    # 0.005 x 4, 0.01 x 3, 0.03 x 2, then 0.04 x 1, lifted to the 0.06 before it.
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.6, 0.9]) == [1.0, 1.0]
    assert statistics.holm([]) == []


def test_cohens_dz_by_hand():
    assert statistics.cohens_dz(rows([1, 2, 3]), rows([0, 0, 0])) == pytest.approx(2.0)
    with pytest.raises(ScoreError, match="same amount"):
        statistics.cohens_dz(rows([1, 1]), rows([0, 0]))
    bleu = overlap.bleu(["a"], [["a"]], lambda _: None)[0]
    with pytest.raises(ScoreError, match="no mean over rows"):
        statistics.cohens_dz(bleu, bleu)
    copied = measures.share("copied", [1, 2], [3, 4], "how")
    with pytest.raises(ScoreError, match="no mean over rows"):
        statistics.cohens_dz(copied, copied)


@pytest.mark.parametrize(
    "test", [statistics.paired_bootstrap, statistics.randomisation, statistics.cohens_dz]
)
def test_only_the_same_metric_on_the_same_rows_is_compared(test):
    with pytest.raises(ScoreError, match="not the same metric on the same rows"):
        test(rows([1, 2, 3]), rows([1, 2]))
    other = Measure("rougeL", rows([1, 2]).columns, measures.ratio, "another way")
    with pytest.raises(ScoreError, match="another way"):
        test(rows([1, 2]), other)
