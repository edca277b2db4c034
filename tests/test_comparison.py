"""Systems on the same rows: tests, scores by type, bold, the answer, the browser of rows."""

import numpy as np
import pandas as pd
import pytest
from comparing import CONTEXTS, FAIR, GOOD, POOR, REFERENCES, write

from socratic import answer, browsing, comparison, printing, results, tables
from socratic.browsing import Query
from socratic.errors import ScoreError, UsageError
from socratic.figures import heat_map, printed, spread
from socratic.scoring import measures, pairs, statistics, stored
from socratic.scoring.pairs import Pair


def group_of(workspace, *paths):
    found, damaged = results.load([path.parent.parent for path in paths])
    assert not damaged
    records = results.records(found)
    return comparison.assemble([r for r in records if r.comparable], workspace)


@pytest.fixture
def two(workspace):
    """An instruction-tuned model that is right, and a plain one of its architecture that is not."""
    tuned = write(
        workspace.runs, "tuned", {"FLAN": ("own", GOOD), "FLAN, no adapter": ("zero_shot", POOR)}
    )
    plain = write(workspace.runs, "plain", {"v1.1": ("own", FAIR)}, model="t5-v1_1-base")
    return group_of(workspace, tuned, plain)


# --- all pairs -----------------------------------------------------------------------------------


def random_systems(count=4, rows=60):
    chance = np.random.default_rng(0)
    return {
        f"s{i}": [
            measures.mean("rougeL", chance.normal(0.2 + i / 20, 0.1, rows), "how"),
            measures.mean("wellformed", chance.integers(0, 2, rows), "how"),
        ]
        for i in range(count)
    }


def test_all_pairs_at_once_give_what_each_gives_alone():
    systems = random_systems()
    found = pairs.compare(systems, samples=500)
    assert len(found) == 2 * 6
    for pair in found:
        place = ("rougeL", "wellformed").index(pair.metric)
        a, b = systems[pair.a][place], systems[pair.b][place]
        alone = statistics.paired_bootstrap(a, b, 500)
        assert pair.p == statistics.randomisation(a, b, 500)
        assert (pair.difference, pair.p_bootstrap) == (alone.value, alone.p)
        assert (pair.low, pair.high) == pytest.approx((alone.low, alone.high))
        assert pair.effect == pytest.approx(statistics.cohens_dz(a, b))
    assert [p.holm for p in found] == statistics.holm([p.p for p in found])


def test_so_many_tests_get_swaps_enough_to_pass_the_correction():
    assert pairs.samples_for(10) == statistics.SWAPS
    many = 700
    assert many / pairs.samples_for(many) < pairs.ALPHA


def test_two_recipes_of_a_metric_are_not_tested_against_each_other():
    systems = random_systems(2)
    systems["s1"] = [measures.mean("rougeL", np.zeros(60), "another way"), systems["s1"][1]]
    assert [p.metric for p in pairs.compare(systems, samples=50)] == ["wellformed"]
    assert pairs.compare({}) == []
    with pytest.raises(ScoreError, match="same rows"):
        pairs.compare({**systems, "short": random_systems(1, rows=9)["s0"]}, samples=50)


# --- the group -----------------------------------------------------------------------------------


def test_systems_of_several_runs_stand_together_on_their_rows(two, workspace):
    assert list(two.members) == ["FLAN", "v1.1", "FLAN, no adapter"]
    assert two.left_out == ()
    assert two.types == ("clarity", "assumptions")
    found = comparison.tests(two, workspace)
    assert {p.metric for p in found} == {"rougeL", "bleu4"}
    gap = comparison.between(found, "rougeL", "v1.1", "FLAN")
    assert gap.difference == pytest.approx(two.members["v1.1"].measures["rougeL"].value - 1.0)
    assert gap.turned() == comparison.between(found, "rougeL", "FLAN", "v1.1")


def test_tests_are_made_once_and_again_when_the_predictions_change(two, workspace, monkeypatch):
    first = comparison.tests(two, workspace)
    monkeypatch.setattr(pairs, "compare", lambda measured: pytest.fail("tested again"))
    assert comparison.tests(two, workspace) == first
    monkeypatch.undo()
    write(workspace.runs, "plain", {"v1.1": ("own", POOR)}, model="t5-v1_1-base")
    again = group_of(workspace, *sorted(workspace.runs.glob("*/evaluation/test.json")))
    assert comparison.tests(again, workspace) != first


def test_rows_of_another_order_are_left_out_and_named(workspace):
    one = write(workspace.runs, "one", {"A": ("own", GOOD)})
    turned = {"contexts": CONTEXTS[::-1], "references": REFERENCES[::-1]}
    two = write(workspace.runs, "two", {"B": ("own", GOOD)}, given=turned, created=1.0)
    group = group_of(workspace, one, two)
    assert list(group.members) == ["A"]
    (told,) = group.left_out
    assert told.startswith("B is not tested or shown row by row: other rows")


def test_missing_or_foreign_row_sums_are_made_again(workspace):
    path = write(workspace.runs, "one", {"A": ("own", FAIR)}, rows=False)
    group = group_of(workspace, path)
    assert group.members["A"].measures["rougeL"].value < 1
    (kept,) = (workspace.cache / "rows").glob("*.npz")
    file = path.parent.parent / "predictions" / "test.parquet"
    sha = stored.read(file).sha256
    assert stored.read_rows(kept, sha)["A"]["bleu4"].value == pytest.approx(
        group.members["A"].measures["bleu4"].value
    )
    assert stored.read_rows(kept, "other predictions") is None
    kept.write_bytes(b"torn")
    assert stored.read_rows(kept, sha) is None


def test_damaged_predictions_are_named_and_left_out(workspace):
    paths = [write(workspace.runs, name, {name: ("own", GOOD)}) for name in ("a", "b")]
    (workspace.runs / "b" / "predictions" / "test.parquet").write_bytes(b"no parquet")
    group = group_of(workspace, *paths)
    assert list(group.members) == ["a"]
    assert "b is not tested or shown row by row" in group.left_out[0]
    assert "damaged" in group.left_out[0]


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        (None, None, "no outputs to score"),
        ("a", "[Question] Why?", "still holds '[Question]'"),
        ("a", None, "is None, not text"),
        ("references", [""], "reference of row 0 is empty"),
    ],
)
def test_predictions_that_cannot_be_scored_are_named_and_the_others_stand(
    workspace, column, value, told
):
    # What is damaged comes first: it must not decide which rows the others are held to.
    paths = [
        write(workspace.runs, name, {name: ("own", GOOD)}, created=created)
        for name, created in (("a", 2.0), ("b", 1.0))
    ]
    file = workspace.runs / "a" / "predictions" / "test.parquet"
    frame = pd.read_parquet(file)
    if column:
        frame[column] = [value] * len(frame)
    (frame if column else frame.iloc[:0]).to_parquet(file)
    group = group_of(workspace, *paths)
    assert list(group.members) == ["b"]
    (sentence,) = group.left_out
    assert sentence.startswith("a is not tested or shown row by row: ")
    assert told in sentence
    assert ".." not in sentence


def test_scores_by_type_are_scores_of_those_rows(two):
    (first, *_) = two.by_type("rougeL")
    assert (first.system, first.type, first.n) == ("FLAN", "clarity", 6)
    assert first.value == first.low == first.high == pytest.approx(1.0)
    fair = next(s for s in two.by_type("rougeL") if s.system == "v1.1")
    rows = two.members["v1.1"].row_scores("rougeL")[::2]
    assert fair.value == pytest.approx(rows.mean())
    assert fair.low <= fair.value <= fair.high
    assert sum(two.distribution("rougeL")["v1.1"]) == len(CONTEXTS)
    assert two.distribution("rougeL")["FLAN"][-1] == len(CONTEXTS)
    assert two.highest("length") > 1


# --- bold ----------------------------------------------------------------------------------------


def pair(a, b, difference, holm, metric="rougeL"):
    return Pair(
        metric=metric, a=a, b=b, difference=difference, low=0, high=0, p=holm, p_bootstrap=holm,
        holm=holm, holm_bootstrap=holm,
    )  # fmt: skip


def test_only_what_beats_every_other_significantly_wins():
    found = [pair("a", "b", 0.1, 0.01), pair("a", "c", 0.1, 0.04), pair("b", "c", 0.1, 0.01)]
    assert comparison.winner(found, "rougeL", "abc") == "a"
    found[1] = pair("a", "c", 0.1, 0.06)
    assert comparison.winner(found, "rougeL", "abc") is None
    assert comparison.winner(found, "rougeL", "ab") == "a"
    assert comparison.winner([pair("a", "b", -0.1, 0.01)], "rougeL", "ab") == "b"
    assert comparison.winner([], "rougeL", ["a"]) is None


def test_the_table_is_bold_only_where_the_tests_say_so(two, workspace):
    found, _ = results.load([workspace.runs / name for name in ("tuned", "plain")])
    records = results.records(found)
    told = comparison.tested(records, workspace)
    assert {(key[1], metric) for key, metric in told.bold} == {
        ("FLAN", "rougeL"),
        ("FLAN", "bleu4"),
    }
    text = printing.as_latex(records, findings=told)
    assert r"FLAN & \textbf{1.000} & " in text
    assert text.count(r"\textbf") == 2
    assert "Holm-corrected over all 6 tests. Bold: better than every other model" in text
    assert "**1.000 [1.000, 1.000]**" in printing.as_markdown(records, findings=told)
    assert r"\textbf" not in printing.as_latex(records)


def test_tests_are_printed_with_the_better_system_first(two, workspace):
    found = comparison.tests(two, workspace)
    text = printing.pairs_latex(found, "rougeL", "Tested.")
    assert text.index("FLAN & FLAN, no adapter") < text.index(r"\bottomrule")
    assert "v1.1 & FLAN &" not in text
    assert printing.pairs_markdown(found, "rougeL", "").count("\n| FLAN | ") == 2
    assert printing.pairs_csv(found).splitlines()[0].startswith('"metric","a","b","difference"')
    assert [printing.p_value(p) for p in (0.0004, 0.0499)] == ["< 0.001", "0.050"]


# --- the answer ----------------------------------------------------------------------------------


def test_a_clean_significant_difference_answers(two, workspace):
    made = answer.answer(two, comparison.tests(two, workspace))
    assert made.verdict == "yes"
    for part in ("ROUGE-L 1.000", "95% interval", "Holm", "same architecture", "One run of each"):
        assert part in made.text
    assert "Fine-tuning itself added" in made.text
    assert r"95\% interval" in made.latex
    assert made.markdown.startswith(f"**{answer.QUESTION}**")


def test_a_confounded_or_uncertain_difference_is_inconclusive(workspace):
    tuned = write(workspace.runs, "tuned", {"FLAN": ("own", GOOD)})
    other = write(workspace.runs, "plain", {"T5": ("own", POOR)}, model="t5-base")
    group = group_of(workspace, tuned, other)
    made = answer.answer(group, comparison.tests(group, workspace))
    assert made.verdict == "inconclusive"
    assert "differ in activation, tied output head as well" in made.text
    same = write(workspace.runs, "plain", {"v1.1": ("own", GOOD)}, model="t5-v1_1-base")
    group = group_of(workspace, tuned, same)
    made = answer.answer(group, comparison.tests(group, workspace))
    assert made.verdict == "inconclusive"
    assert "cannot be told apart" in made.text


def test_several_runs_must_agree(workspace):
    paths = [
        write(workspace.runs, "t1", {"FLAN": ("own", GOOD)}),
        write(workspace.runs, "t2", {"FLAN": ("own", POOR)}, created=2.0),
        write(workspace.runs, "p", {"v1.1": ("own", FAIR)}, model="t5-v1_1-base"),
    ]
    group = group_of(workspace, *paths)
    made = answer.answer(group, comparison.tests(group, workspace))
    assert made.verdict == "inconclusive"
    assert "Not every pair of runs" in made.text


def test_without_both_kinds_of_model_there_is_no_answer(workspace):
    group = group_of(workspace, write(workspace.runs, "t", {"FLAN": ("own", GOOD)}))
    made = answer.answer(group, [])
    assert made.verdict == "no answer yet"
    assert "here there are: FLAN" in made.text


def test_a_miniature_answer_says_that_it_is_one(workspace):
    paths = [
        write(
            workspace.runs, "a", {"A": ("own", GOOD)}, model="mini-flan-base", family="miniature"
        ),
        write(workspace.runs, "b", {"B": ("own", POOR)}, model="mini-t5-base", family="miniature"),
    ]
    group = group_of(workspace, *paths)
    assert "miniature" in answer.answer(group, comparison.tests(group, workspace)).text


# --- the browser of rows -------------------------------------------------------------------------


def test_rows_are_searched_filtered_and_paged(two):
    first = browsing.page(two, Query())
    assert (first.found, first.pages, len(first.rows)) == (12, 2, browsing.PAGE)
    assert [asked.system for asked in first.rows[0].asked] == list(two.members)
    assert browsing.page(two, Query(page=99)).page == 2
    assert browsing.page(two, Query(search="CATS 7 number")).rows[0].number == 7
    assert browsing.page(two, Query(search="nothing such")).rows == []
    only = browsing.page(two, Query(type="assumptions"))
    assert {row.type for row in only.rows} == {"assumptions"}


def test_rows_are_sorted_by_disagreement_and_by_gain(workspace):
    mixed = [*GOOD[:3], POOR[0], *GOOD[4:]]
    path = write(workspace.runs, "a", {"A": ("own", mixed), "A alone": ("zero_shot", FAIR)})
    other = write(workspace.runs, "b", {"B": ("own", GOOD)}, model="t5-base")
    group = group_of(workspace, path, other)
    assert browsing.page(group, Query(sort="disagreement")).rows[0].number == 3
    assert browsing.page(group, Query(sort="loss", system="A")).rows[0].number == 3
    assert browsing.page(group, Query(sort="worst", system="A")).rows[0].number == 3
    assert browsing.page(group, Query(sort="gain", system="A")).rows[-1].number != 3
    with pytest.raises(UsageError, match="no gain"):
        browsing.page(group, Query(sort="gain", system="B"))
    with pytest.raises(UsageError, match="no order"):
        browsing.page(group, Query(sort="luck"))
    with pytest.raises(UsageError, match="no distinct1 row by row"):
        browsing.page(group, Query(sort="best", metric="distinct1"))


# --- figures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_every_figure_is_printed_in_every_format(two, workspace, kind, start):
    found = comparison.tests(two, workspace)
    records = [member.record for member in two.members.values()] + results.baselines()
    scores = two.by_type("rougeL")
    for figure in (
        printed.bars([r for r in records if r.metric in ("rougeL", "rouge1")], "rougeL"),
        printed.by_type(scores, "rougeL"),
        printed.differences(two, found, "rougeL"),
        printed.spread(two, "rougeL"),
    ):
        assert printed.saved(figure, kind).startswith(start)
    with pytest.raises(UsageError, match="no figure format 'gif'"):
        printed.saved(printed.spread(two, "rougeL"), "gif")


def test_a_dollar_in_a_name_is_no_mathematics(workspace):
    path = write(workspace.runs, "a", {r"$\frac$": ("own", GOOD), "B": ("zero_shot", POOR)})
    group = group_of(workspace, path)
    found = comparison.tests(group, workspace)
    records = [member.record for member in group.members.values()]
    for figure in (
        printed.bars(records, records[0].metric),
        printed.by_type(group.by_type("rougeL"), "rougeL"),
        printed.differences(group, found, "rougeL"),
        printed.spread(group, "rougeL"),
    ):
        assert rb"<!-- $\frac$ -->" in printed.saved(figure, "svg")


def test_figures_on_the_page_have_every_system(two):
    heat = heat_map(two.by_type("rougeL"), "rougeL")
    assert list(heat.data[0].y) == list(two.members)
    assert len(spread(two, "rougeL").data) == len(two.members)
    assert "No ROUGE-L" in heat_map([], "rougeL").layout.annotations[0].text
    assert tables.metric("fidelity").label == "Type fidelity"
