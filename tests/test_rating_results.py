"""Ratings: each statistic against a published worked example, what is concluded, files and back."""

import csv
import io
import json

import numpy as np
import pytest
from test_rating import HOSTILE, filled, make_round
from typer.testing import CliRunner

from socratic.errors import DataError, UsageError
from socratic.rating import exchange, figures, forms, inference, report
from socratic.rating.analysis import ITEMS_NEEDED, analyse
from socratic.rating.commands import app
from socratic.rating.desk import Desk
from socratic.rating.store import Store, new_rating
from socratic.workspace import Workspace

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", part C: 4 observers, 12 units.
ABSENT = None
KRIPPENDORFF = {
    "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, ABSENT, ABSENT, ABSENT],
    "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, ABSENT, 3],
    "C": [ABSENT, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, ABSENT],
    "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, ABSENT],
}
# Agresti, Categorical Data Analysis (2nd ed. 2002), table 10.10: American League East, 1987.
# Wins of row over column: Milwaukee, Detroit, Toronto, New York, Boston, Cleveland, Baltimore.
BASEBALL = [
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
]
BASEBALL_STRENGTHS = [1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0.0]


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_alpha_is_krippendorff_s_own(level, published):
    units = [
        {rater: values[unit] for rater, values in KRIPPENDORFF.items() if values[unit] is not None}
        for unit in range(12)
    ]
    assert inference.alpha(units, level) == pytest.approx(published, abs=0.0005)


def test_alpha_of_one_value_throughout_has_no_value():
    assert inference.alpha([{"A": 1.0, "B": 1.0}] * 5, "ordinal") is None
    assert inference.alpha([{"A": 1.0}, {"B": 2.0}], "ordinal") is None


def test_bradley_terry_is_agresti_s_baseball():
    found = inference.bradley_terry(np.array(BASEBALL, dtype=float), prior=0)
    assert found - found[-1] == pytest.approx(BASEBALL_STRENGTHS, abs=0.005)
    assert found.sum() == pytest.approx(0)


def test_who_never_won_has_a_finite_strength():
    found = inference.bradley_terry(np.array([[0.0, 9.0], [0.0, 0.0]]))
    assert np.isfinite(found).all()
    assert found[0] > found[1]


def test_the_binomial_test_is_r_s_own_example():
    # R, help(binom.test), Conover 1971 p. 97: 682 of 925 against 3/4 there; here the classical
    # exact case of Fisher's lady: all of 8 right by chance, twice 1/256.
    assert inference.exact_binomial(8, 8)[3] == pytest.approx(2 / 256)
    # Clopper and Pearson 1934, chart for n = 10, x = 2: 0.025 to 0.556.
    rate, low, high, _ = inference.exact_binomial(2, 10)
    assert (rate, round(low, 3), round(high, 3)) == (0.2, 0.025, 0.556)


def test_what_it_takes_to_conclude():
    assert [inference.fewest_decided(pairs) for pairs in (1, 3)] == [6, 7]
    for pairs in (1, 3):
        needed = inference.decided_for_power(pairs)
        level = inference.LEVEL / pairs
        assert inference._power(needed, level) >= 0.8 > inference._power(needed - 1, level)


# From ratings to results


def rate(desk, item, favourite="t5", **marks):
    """Rate an item as one who knows: the favourite gets 5, the others 2."""
    sheet = desk.sheet(item)
    texts = sheet.questions
    form = filled(sheet)
    form["marks"] = [
        {"fluency": 5 if favourite in text else 2, "relevance": 3, "answered": favourite in text}
        | marks
        for text in texts
    ]
    place = next((i for i, text in enumerate(texts) if favourite in text), None)
    form["choice"] = "none" if place is None else "ABC"[place]
    desk.submit(item, form)


@pytest.fixture
def rated(workspace):
    """A function that keeps a round, rated by two who prefer t5, and returns store and round."""

    def make(items=30, done=None, merged=()):
        store, round_ = Store(workspace), make_round(items, merged=merged)
        store.keep(round_)
        for item in range(items if done is None else done):
            for rater in ("AB", "CD"):
                rate(Desk(store, round_, rater), item)
        return store, round_

    return make


def results_of(store, round_):
    return analyse(round_, store.ratings(round_.id))


def test_what_people_said_stands_in_compare_too(rated, workspace):
    from socratic.ui import compare_ratings

    assert "Nobody has rated yet" in compare_ratings.markup(Store(workspace))
    store, round_ = rated(items=4)
    shown = compare_ratings.markup(store)
    assert round_.id in shown
    for system in round_.systems:
        assert system.title in shown
    assert results_of(store, round_).refusal.split(".")[0] in shown  # four items conclude nothing


def test_means_wins_strengths_and_agreement(rated):
    found = results_of(*rated())
    assert found.refusal == ""
    means = {(m.system, m.criterion): m for m in found.means if m.type is None}
    assert means["t5", "fluency"].value == 5
    assert means["small", "fluency"].value == 2
    assert means["t5", "asked"].value == means["t5", "answered"].value == 1
    assert (means["t5", "fluency"].items, means["t5", "fluency"].ratings) == (30, 60)
    pairs = {(p.one, p.other): p for p in found.pairs}
    # 30 items, not 60 ratings: raters of one item are not independent.
    assert (pairs["small", "t5"].wins, pairs["small", "t5"].losses) == (0, 30)
    assert pairs["small", "t5"].p == pytest.approx(2 * 0.5**30)
    assert pairs["small", "t5"].holm == pytest.approx(3 * 2 * 0.5**30)
    assert pairs["small", "base"].p is None
    strongest = max(found.strengths, key=lambda one: one.value)
    assert strongest.system == "t5"
    assert strongest.low <= strongest.value <= strongest.high
    alphas = {one.criterion: one.alpha for one in found.agreements}
    assert alphas["fluency"] == alphas["answered"] == 1
    assert alphas["relevance"] is None


def test_who_asked_the_same_question_shares_what_is_said_of_it(rated):
    found = results_of(*rated(merged=range(30)))
    means = {(m.system, m.criterion): m.value for m in found.means if m.type is None}
    assert means["small", "fluency"] == means["base", "fluency"] == 2
    pairs = {(p.one, p.other): p for p in found.pairs}
    assert pairs["small", "base"].decided == 0
    assert pairs["small", "t5"].losses == pairs["base", "t5"].losses == 30


def test_the_interval_of_a_mean_is_over_items(workspace):
    store, round_ = Store(workspace), make_round(20)
    store.keep(round_)
    for item in range(20):
        for rater in ("AB", "CD", "EF", "GH"):
            rate(Desk(store, round_, rater), item, fluency=1 if item < 10 else 5)
    (mean,) = (
        m for m in results_of(store, round_).means
        if (m.system, m.criterion, m.type) == ("t5", "fluency", None)
    )  # fmt: skip
    # The mean of 20 values, half 1 and half 5: 3 with a standard error of 0.447.
    assert mean.value == 3
    assert mean.low == pytest.approx(3 - 1.96 * 0.447, abs=0.15)
    assert mean.high == pytest.approx(3 + 1.96 * 0.447, abs=0.15)


def test_too_few_ratings_conclude_nothing_and_say_how_many_more(rated):
    found = results_of(*rated(30, done=ITEMS_NEEDED - 3))
    assert "it takes 20, so 3 more" in found.refusal
    assert found.strengths == ()
    assert all(pair.p is None for pair in found.pairs)
    assert all(mean.low is None for mean in found.means if mean.type is None)
    assert "Too few ratings" in report.as_text(found)[1][1]["What it says"][0]
    short = results_of(*rated(8, done=8))
    assert "This round has only 8 items" in short.refusal


def test_withdrawn_and_skipped_ratings_count_nowhere(rated):
    store, round_ = rated(30)
    before = results_of(store, round_)
    Desk(store, round_, "EF").skip(0)
    odd = Desk(store, round_, "GH")
    rate(odd, 0, "small")
    assert results_of(store, round_) != before
    odd.withdraw(0)
    assert results_of(store, round_) == before


def test_none_of_them_is_no_win(workspace):
    store, round_ = Store(workspace), make_round(30)
    store.keep(round_)
    for item in range(30):
        desk = Desk(store, round_, "AB")
        desk.submit(item, filled(desk.sheet(item), choice="none"))
    found = results_of(store, round_)
    assert all(pair.decided == 0 and pair.needed == 7 for pair in found.pairs)
    assert found.strengths == ()


def test_no_rating_at_all_is_told_everywhere():
    found = analyse(make_round(), [])
    assert found.ratings == 0
    assert "20 more" in found.refusal
    assert report.as_csv(found).count("\n") == 1 + 3 + 4
    assert "Nothing has been rated" in figures.figure(found, "fluency").layout.annotations[0].text


def test_tables_csv_latex_and_figures_say_the_same(rated):
    found = results_of(*rated())
    rows = list(csv.DictReader(io.StringIO(report.as_csv(found))))
    assert [row["value"] for row in rows if row["kind"] == "strength"] == [
        str(one.value) for one in found.strengths
    ]
    tex = report.as_latex(found)
    assert tex.count(r"\begin{tabular}") == tex.count(r"\end{tabular}") == 5
    assert r"\toprule" in tex
    assert "5.00 [5.00, 5.00]" in tex
    assert "would be asked rather" in tex
    for _, key in figures.choices(found):
        drawn = figures.figure(found, key)
        assert len(drawn.data) == 3
    for form, start in {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}.items():
        assert figures.printed(found, "asked", "clarity", form).startswith(start)
    svg = figures.printed(found, figures.STRENGTH, None, "svg").decode()
    best = max(found.strengths, key=lambda one: one.value)
    assert f"<!-- {report.with_interval(best.value, best.low, best.high, False)} -->" in svg
    with pytest.raises(UsageError, match="no figure"):
        figures.printed(found, "fluency", "implication_consequences", "png")
    (dot,) = (d for d in figures.figure(found, "answered").data if d.x[0] == 100)
    assert dot.marker.color == found.round.systems[2].colour


def test_ratings_of_miniature_models_say_so(rated):
    store, round_ = rated(2)
    found = analyse(round_, store.ratings(round_.id))
    assert "Miniature" not in report.caption(found)
    small = tuple(one.model_copy(update={"family": "miniature"}) for one in round_.systems)
    found = analyse(round_.model_copy(update={"systems": small}), store.ratings(round_.id))
    assert "Miniature models" in report.as_latex(found)


def test_hostile_titles_are_text_in_every_output(rated):
    store, round_ = rated(20)
    bad = tuple(
        one.model_copy(update={"title": r"=x & 50% _$\frac$ " + one.title})
        for one in round_.systems
    )
    found = analyse(round_.model_copy(update={"systems": bad}), store.ratings(round_.id))
    assert r"=x \& 50\% \_\$\textbackslash{}frac\$ Title" in report.as_latex(found)
    assert "'=x & 50%" in report.as_csv(found)
    svg = figures.printed(found, "fluency", None, "svg").decode()
    assert r"50% _$\frac$ Title of t5" in svg


# Elsewhere and back


@pytest.fixture
def elsewhere(tmp_path):
    return Store(Workspace.open(tmp_path / "elsewhere"))


def exported(store, round_, path):
    path.write_text(exchange.export(round_, store.ratings(round_.id)), encoding="utf-8")
    return path


def test_a_round_goes_elsewhere_is_rated_and_comes_back_once(rated, elsewhere, tmp_path):
    store, round_ = rated(10, done=2)
    path = exported(store, round_, tmp_path / "round.json")
    assert exchange.merge(path, elsewhere)[1].added == 4
    rate(Desk(elsewhere, round_, "EF"), 5)
    back = exported(elsewhere, round_, tmp_path / "back.json")
    for added, known in ((1, 4), (0, 5)):
        merged = exchange.merge(back, store)[1]
        assert (merged.added, merged.known, merged.conflicts) == (added, known, ())
    assert len(store.ratings(round_.id)) == 5
    assert results_of(store, round_) == results_of(elsewhere, round_)


def test_a_withdrawal_follows_its_rating_and_never_turns_back(rated, elsewhere, tmp_path):
    store, round_ = rated(10, done=1)
    path = exported(store, round_, tmp_path / "round.json")
    exchange.merge(path, elsewhere)
    Desk(elsewhere, round_, "AB").withdraw(0)
    back = exported(elsewhere, round_, tmp_path / "back.json")
    assert exchange.merge(back, store)[1].withdrawn == 1
    assert exchange.merge(path, store)[1].added == 0
    assert [one.state for one in store.ratings(round_.id, "AB")] == ["withdrawn"]


def test_two_different_ratings_of_one_name_are_a_conflict_and_ours_stays(
    rated, elsewhere, tmp_path
):
    store, round_ = rated(10, done=1)
    elsewhere.keep(round_)
    rate(Desk(elsewhere, round_, "ab"), 0, "small")
    merged = exchange.merge(exported(elsewhere, round_, tmp_path / "r.json"), store)
    assert merged[1].conflicts == (("ab", 0),)
    assert "1 differ from what is here" in exchange.describe(*merged)
    assert store.ratings(round_.id, "AB")[0].marks[2].fluency == 5


def test_the_file_tells_nobody_by_accident_who_asked(rated, tmp_path):
    store, round_ = rated(10, done=0)
    text = exported(store, round_, tmp_path / "round.json").read_text()
    assert "Title of" not in text
    assert "t5" not in text


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"round": "AAAA"},
        {"round": "no base64!"},
        {"id": "another"},
        {"ratings": [{"id": "x"}]},
        {"surprise": 1},
    ],
)
def test_a_file_that_is_no_round_is_told_and_nothing_kept(rated, elsewhere, tmp_path, change):
    store, round_ = rated(10, done=1)
    path = exported(store, round_, tmp_path / "round.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match="round.json"):
        exchange.merge(path, elsewhere)
    assert elsewhere.rounds() == []


@pytest.mark.parametrize("change", [{"item": 99}, {"choice": 7}, {"marks": []}])
def test_ratings_that_do_not_fit_their_item_are_refused_whole(rated, elsewhere, tmp_path, change):
    store, round_ = rated(10, done=2)
    path = exported(store, round_, tmp_path / "round.json")
    content = json.loads(path.read_text())
    content["ratings"][1] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(DataError):
        exchange.merge(path, elsewhere)
    assert elsewhere.rounds() == []


def test_one_rater_twice_in_a_file_is_refused(rated, elsewhere, tmp_path):
    store, round_ = rated(10, done=1)
    twin = new_rating(0, "ab", "skipped")
    path = tmp_path / "r.json"
    path.write_text(exchange.export(round_, [*store.ratings(round_.id), twin]))
    with pytest.raises(DataError, match="twice"):
        exchange.merge(path, elsewhere)


def form_of(round_, path, who="EF", separator=",", **cells):
    """Write a form with its first item filled in, the question of t5 preferred."""
    lines = list(csv.DictReader(io.StringIO(forms.export(round_, who).removeprefix("\ufeff"))))
    for line in lines:
        if line["item"] == "1":
            best = "t5" in line["question"]
            line.update({"fluency": 5 if best else 2, "relevance": 3, "answered": "no"})
            line.update({"ask": "Yes" if best else "no"} | cells)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, lines[0], delimiter=separator)
        writer.writeheader()
        writer.writerows(lines)
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_form_filled_in_elsewhere_counts_once(rated, tmp_path, separator):
    store, round_ = rated(10, done=0)
    path = form_of(round_, tmp_path / "form.csv", separator=separator)
    assert exchange.merge(path, store)[1].added == 1
    assert exchange.merge(path, store)[1].known == 1
    (rating,) = store.ratings(round_.id)
    assert [mark.fluency for mark in rating.marks] == [2, 2, 5]
    assert rating.choice == 2


def test_the_form_names_no_model_and_runs_no_formula(rated):
    _, round_ = rated(4, done=0)
    item = round_.items[0].model_copy(update={"context": "=cmd()"})
    text = forms.export(round_.model_copy(update={"items": (item,)}), "EF")
    assert "Title of" not in text
    assert "'=cmd()" in text


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"fluency": ""}, "line 2: fluency is missing"),
        ({"fluency": "6"}, "fluency is '6'"),
        ({"relevance": "<b>"}, "relevance is '<b>'"),
        ({"answered": "maybe"}, "answered is 'maybe'; write yes or no"),
        ({"ask": "yes"}, "3 questions one would ask"),
        ({"item": "0"}, "no item '0'"),
        ({"question": "Another?"}, "that is not question A of 'EF'"),
        ({"letter": "Z"}, "keep the form's lines"),
        ({"rater": "XY"}, "2 rounds or raters"),
        ({"note": "x" * 2001}, "note is"),
    ],
)
def test_a_form_that_cannot_be_used_names_its_line_and_leaves_nothing(
    rated, tmp_path, cells, sentence
):
    store, round_ = rated(10, done=0)
    with pytest.raises(DataError, match=sentence):
        exchange.merge(form_of(round_, tmp_path / "form.csv", **cells), store)
    assert store.ratings(round_.id) == []


def test_a_form_whose_rater_was_changed_throughout_is_refused(rated, tmp_path):
    """The rater decides the order, so a new name would give every mark to another model."""
    store, round_ = rated(10, done=0)
    path = form_of(round_, tmp_path / "form.csv")
    path.write_text(path.read_text().replace(",EF,", ",GH,"))
    with pytest.raises(DataError, match="leave rater and questions as they were"):
        exchange.merge(path, store)


def test_the_commands(rated, workspace, tmp_path):
    store, round_ = rated(10, done=1)
    place = ["--workspace", str(workspace.root)]
    run = CliRunner().invoke

    def said(*words):
        done = run(app, [*words, *place], env={"COLUMNS": "300"})
        assert done.exit_code == 0, done.output
        return done.output

    assert round_.id in said("list")
    assert json.loads(said("list", "--json"))[0]["rated"] == 2
    assert "it takes 20, so 19 more" in said("results", round_.id)
    assert "19 more" in json.loads(said("results", round_.id, "--json"))["refusal"]
    assert said("results", round_.id, "--csv").startswith("kind,system")
    assert r"\toprule" in said("results", round_.id, "--latex")
    said("export", round_.id, "--out", str(tmp_path / "r.json"))
    assert "0 ratings added, 2 were here already" in said("merge", str(tmp_path / "r.json"))
    said("export", round_.id, "--out", str(tmp_path / "f.csv"), "--rater", HOSTILE[:20])
    assert "0 ratings added" in said("merge", str(tmp_path / "f.csv"))
