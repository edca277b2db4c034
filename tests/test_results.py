"""Evaluation files, records and what may be compared with what."""

import json

import pytest

from socratic import catalog, results, scoring, tables
from socratic.errors import RunError, WorkspaceError
from socratic.results import Evaluation, Score, SystemScores

ROUGE = "ROUGE-L F1 without stemmer, mean over rows; rouge-score 0.1.2, one reference a row"


def score(metric: str = "rougeL", value: float = 0.2, how: str = ROUGE) -> Score:
    return Score(
        metric=metric,
        value=value,
        low=round(value - 0.01, 4),
        high=round(value + 0.01, 4),
        implementation=how,
    )


def evaluation(run: str = "r1", value: float = 0.2, **changes) -> Evaluation:
    systems = [
        SystemScores(name="FLAN-T5-small", kind="own", scores=[score(value=value)]),
        SystemScores(name="FLAN-T5-small, no adapter", kind="zero_shot", scores=[score(value=0.1)]),
        SystemScores(name="constant question", kind="floor", scores=[score(value=0.17)]),
    ]
    given = {
        "run": run,
        "title": "FLAN-T5-small",
        "model": "flan-t5-small",
        "family": "thesis",
        "adapter": "adapter",
        "dataset": "socratiq",
        "dataset_sha256": "ab" * 32,
        "split": "test",
        "n": 10_573,
        "decoding": "thesis",
        "decoding_values": {"beams": 4},
        "engine": "torch",
        "created": 1000.0,
        "command": f"python -m training evaluate {run}",
        "versions": {"torch": "2.13.0"},
        "systems": systems,
    }
    return Evaluation(**given | changes)


def named(records, name, metric="rougeL"):
    (found,) = [r for r in records if r.name == name and r.metric == metric]
    return found


# --- files ---------------------------------------------------------------------------------------


def test_an_evaluation_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "r1" / "evaluation" / "test.json"
    evaluation().write(path)
    again = Evaluation.read(path)
    assert again == evaluation().model_copy(update={"path": path})
    assert json.loads(path.read_text())["format"] == 1
    assert "path" not in json.loads(path.read_text())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "invalid json"),
        ('{"format": 1, "run"', "invalid json"),
        ("{}", "run: field required"),
        ("[]", "the file"),
        ('{"format": 2}', "format: input should be 1"),
    ],
)
def test_a_damaged_file_is_named_and_left_out(tmp_path, text, told):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    evaluation().write(whole / "evaluation" / "test.json")
    evaluation().write(broken / "evaluation" / "validation.json")
    (broken / "evaluation" / "test.json").write_text(text)
    (broken / "evaluation" / "status-test.json").write_text("{}")
    found, damaged = results.load([whole, broken, tmp_path / "no evaluations"])
    assert [one.folder for one in found] == [whole, broken]
    (sentence,) = damaged
    assert "test.json" in sentence
    assert told in sentence
    with pytest.raises(RunError, match="damaged"):
        Evaluation.read(broken / "evaluation" / "test.json")


def test_a_file_with_a_value_that_is_no_number_is_damaged(tmp_path):
    path = tmp_path / "evaluation" / "test.json"
    evaluation().write(path)
    path.write_text(path.read_text().replace("0.17", "NaN"))
    with pytest.raises(RunError, match="finite"):
        Evaluation.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RunError, match=r"test\.json.*no such file"):
        Evaluation.read(tmp_path / "test.json")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "evaluation").write_text("a file stands in the way")
    with pytest.raises(WorkspaceError, match="cannot be made"):
        evaluation().write(tmp_path / "evaluation" / "test.json")


def test_writing_again_leaves_one_file(tmp_path):
    path = tmp_path / "evaluation" / "test.json"
    for value in (0.1, 0.2):
        evaluation(value=value).write(path)
    assert [child.name for child in path.parent.iterdir()] == ["test.json"]
    assert Evaluation.read(path).systems[0].scores[0].value == 0.2


# --- published numbers ---------------------------------------------------------------------------

TABLE = {
    ("T5-p", "rougeL"): 0.211,
    ("T5-p", "bertscore"): 0.632,
    ("T5-p", "bleu4"): 0.017,
    ("T5-p", "bleu1"): 0.172,
    ("T5-p", "bleurt"): 0.426,
    ("ProphetNet-p", "rougeL"): 0.208,
    ("ProphetNet-p", "bertscore"): 0.632,
    ("ProphetNet-p", "bleu4"): 0.018,
    ("ProphetNet-p", "bleu1"): 0.178,
    ("ProphetNet-p", "bleurt"): 0.425,
    ("GPT-p", "rougeL"): 0.187,
    ("GPT-p", "bertscore"): 0.615,
    ("GPT-p", "bleu4"): 0.013,
    ("GPT-p", "bleu1"): 0.165,
    ("GPT-p", "bleurt"): 0.423,
}


def test_every_published_number_is_there_with_its_source():
    found = results.baselines()
    table = {(r.name, r.metric): r.value for r in found if "Ang, Gollapalli" in r.source}
    assert table == TABLE
    assert all("10.18653/v1/2023.eacl-main.12" in r.source for r in found if r.name == "T5-p")
    assert {r.value for r in found if "Ang" not in r.source} == {0.273, 0.205, 0.215, 0.217}
    for record in found:
        assert record.kind == "published"
        assert record.comparable or record.reason
        assert (record.low, record.high) == (None, None)


def test_the_first_report_is_shown_and_not_comparable():
    (record,) = [r for r in results.baselines() if r.value == 0.273]
    assert not record.comparable
    assert record.split == "validation"
    assert "[Question]" in record.reason


def test_comparable_published_numbers_have_the_recipe_of_ours():
    texts = ["Why do you say that it is so?", "What if it is not so?"]
    ours = scoring.score_outputs(texts, [[text] for text in texts], texts, samples=10)
    recipes = {one.metric: one.implementation.partition(";")[0] for one in ours}
    comparable = [r for r in results.baselines() if r.comparable]
    assert {r.metric for r in comparable} == {"rougeL", "bleu4"}
    for record in comparable:
        assert record.recipe == recipes[record.metric]


def test_a_damaged_file_of_baselines_is_named(tmp_path, monkeypatch):
    path = tmp_path / "baselines.json"
    file = json.loads(results.BASELINES.read_text())
    del file["systems"][0]["scores"][0]["value"]
    path.write_text(json.dumps(file))
    monkeypatch.setattr(results, "BASELINES", path)
    with pytest.raises(RunError, match=r"baselines\.json.*value: field required"):
        results.baselines()


def test_a_number_that_was_not_published_is_absent_and_the_rest_stands(tmp_path, monkeypatch):
    path = tmp_path / "baselines.json"
    file = json.loads(results.BASELINES.read_text())
    file["systems"][0]["scores"] = [
        s for s in file["systems"][0]["scores"] if s["metric"] == "bleu4"
    ]
    path.write_text(json.dumps(file))
    monkeypatch.setattr(results, "BASELINES", path)
    found = results.records([evaluation()])
    assert [r.metric for r in found if r.name == "T5-p"] == ["bleu4"]
    assert results.best_comparable_gain(found).published.name == "ProphetNet-p"
    table = tables.metric_table(found, metrics=["rougeL", "bleu4"])
    (line,) = table[table["System"] == "T5-p"].to_numpy().tolist()
    assert line[-2] == tables.ABSENT


# --- records -------------------------------------------------------------------------------------


def test_a_record_carries_the_fields_of_the_contract_first():
    fields = list(results.Record.model_fields)
    assert fields[:13] == [
        "name", "kind", "metric", "value", "low", "high", "n", "split", "decoding",
        "implementation", "source", "comparable", "reason",
    ]  # fmt: skip


def test_own_zero_shot_floors_and_published_come_in_this_order():
    found = results.records([evaluation()])
    kinds = [r.kind for r in found]
    assert list(dict.fromkeys(kinds)) == ["own", "zero_shot", "floor", "published"]
    own = found[0]
    assert (own.value, own.low, own.high, own.n) == (0.2, 0.19, 0.21, 10_573)
    assert own.source == "python -m training evaluate r1"
    assert own.colour == catalog.spec("flan-t5-small").colour
    assert named(found, "constant question").colour == catalog.GREY


def test_without_evaluations_only_published_numbers_stand():
    assert results.records([]) == sorted(results.baselines(), key=lambda r: not r.comparable)


def test_on_soqg_published_numbers_of_the_same_recipe_are_comparable():
    found = results.records([evaluation()])
    assert named(found, "T5-p").comparable
    assert found[0].comparable
    # Nothing own measures BLEU-4 here, so there is nothing to compare the published one with.
    bleu = named(found, "T5-p", "bleu4")
    assert not bleu.comparable
    assert "No own bleu4" in bleu.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 512, "limit": 512},
        {"split": "validation"},
        {"dataset": "sample", "family": "miniature"},
        {"dataset": "socratiq_mturk_train_valid.csv", "n": 250},
    ],
)
def test_beside_other_rows_no_published_number_is_comparable(changes):
    found = results.records([evaluation(**changes)])
    published = [r for r in found if r.kind == "published"]
    assert not any(r.comparable for r in published)
    assert "Published for the SoQG test split (10,573 rows)" in named(found, "T5-p").reason
    assert results.best_comparable_gain(found) is None


def test_another_recipe_is_not_comparable():
    how = "ROUGE-L F1 without stemmer, mean over rows, best of several references; x"
    own = SystemScores(name="FLAN-T5-small", kind="own", scores=[score(how=how)])
    found = results.records([evaluation(systems=[own])])
    assert not named(found, "T5-p").comparable
    assert "computed the same way" in named(found, "T5-p").reason
    assert results.best_comparable_gain(found) is None


def test_own_results_on_other_rows_are_never_compared_in_silence():
    miniature = evaluation("mini", dataset="sample", n=300, family="miniature", created=3000.0)
    found = results.records([evaluation(), miniature])
    small = [r for r in found if r.dataset == "sample"]
    assert len(small) == 3
    assert not any(r.comparable for r in small)
    assert small[0].reason == (
        "Measured on sample test, 300 rows; the reference here is socratiq test, 10,573 rows."
    )
    assert named(found, "T5-p").comparable


def test_another_hash_of_the_same_data_is_not_comparable():
    other = evaluation("r0", dataset_sha256="cd" * 32, created=500.0)
    found = results.records([evaluation(), other])
    reasons = {r.reason for r in found if r.dataset_sha256 == "cd" * 32}
    assert reasons == {
        "Measured on another version of the data (sha256 cdcdcdcd; the reference is abababab)."
    }


def test_most_systems_then_the_newest_choose_the_reference_rows():
    sample = {"dataset": "sample", "n": 300}
    many = [evaluation("a", **sample), evaluation("b", **sample)]
    lone = evaluation("c", dataset="mine.csv", n=50, created=9000.0)
    found = results.records([lone, *many])
    assert {r.run: r.comparable for r in found if r.kind == "own"} == {
        "a": True,
        "b": True,
        "c": False,
    }
    again = results.records([lone, many[0]])
    assert {r.run: r.comparable for r in again if r.kind == "own"} == {"a": False, "c": True}


def test_bare_models_alone_choose_the_reference_rows():
    bare = evaluation(adapter=None)
    del bare.systems[0]
    found = results.records([bare])
    assert found[0].kind == "zero_shot"
    assert found[0].comparable
    assert named(found, "T5-p").comparable
    elsewhere = bare.model_copy(update={"n": 300, "limit": 300})
    assert not named(results.records([elsewhere]), "T5-p").comparable


def test_floors_and_bare_models_stand_once_and_are_the_newest():
    newer = evaluation("r2", value=0.3, created=2000.0)
    newer.systems[2].scores[0] = score(value=0.18)
    found = results.records([evaluation(), newer])
    assert named(found, "constant question").value == 0.18
    assert named(found, "FLAN-T5-small, no adapter").run == "r2"
    assert {r.name for r in found if r.kind == "own"} == {
        "FLAN-T5-small (r1)",
        "FLAN-T5-small (r2)",
    }


def test_floors_of_other_rows_stand_beside_them():
    found = results.records([evaluation(), evaluation("r2", n=512)])
    assert sorted(r.n for r in found if r.name == "constant question") == [512, 10_573]


def test_bundled_and_miniature_are_told(tmp_path):
    mine = evaluation(family="miniature", dataset="sample").model_copy(
        update={"path": catalog.MINIATURE / "runs" / "x" / "evaluation" / "test.json"}
    )
    own = results.records([mine])[0]
    assert own.bundled
    assert own.miniature
    elsewhere = evaluation().model_copy(update={"path": tmp_path / "evaluation" / "test.json"})
    assert not results.records([elsewhere])[0].bundled


def test_the_gain_is_computed_over_the_best_comparable_baseline():
    gain = results.best_comparable_gain(
        results.records([evaluation(value=0.2321), evaluation("r2", value=0.22)])
    )
    assert (gain.own.run, gain.published.name) == ("r1", "T5-p")
    assert gain.absolute == pytest.approx(0.0211)
    assert gain.relative == pytest.approx(0.1)
    assert results.best_comparable_gain(results.records([evaluation()]), "bertscore") is None
    assert results.best_comparable_gain([]) is None


def test_bleu_is_not_told_to_be_bounded_where_rows_are_missing():
    how = "BLEU-4 lower-cased, punctuation stripped, corpus level, unsmoothed; x"
    own = SystemScores(name="FLAN-T5-small", kind="own", scores=[score("bleu4", 0.02, how)])
    record = named(results.records([evaluation(n=10_570, systems=[own])]), "T5-p", "bleu4")
    assert record.comparable
    assert "no such bound" in record.reason


# --- seeds, and rows that cannot be scored -------------------------------------------------------


def test_runs_that_differ_in_their_seed_alone_also_stand_as_mean_and_spread():
    made = [
        evaluation(f"r{seed}", value=value, setup="same", seed=seed)
        for seed, value in ((1, 0.20), (2, 0.22), (3, 0.24))
    ]
    found = results.records([*made, evaluation("other", value=0.9, setup="another", seed=1)])
    (mean,) = [r for r in found if r.seeds > 1]
    assert mean.name == "FLAN-T5-small, mean of 3 seeds"
    assert (mean.value, mean.spread) == (pytest.approx(0.22), pytest.approx(0.02))
    assert (mean.low, mean.high, mean.run) == (None, None, None)
    assert "over seeds 1, 2, 3 of runs r" in mean.source
    # Two runs with one seed say nothing about seeds.
    twice = [evaluation(run, setup="same", seed=1) for run in ("a", "b")]
    assert not [r for r in results.records(twice) if r.seeds > 1]
    # A mean of seeds is no system that beat a baseline.
    assert results.best_comparable_gain(found).own.run == "other"


@pytest.mark.parametrize(("n", "comparable"), [(10_573, True), (10_568, True), (10_567, False)])
def test_a_few_rows_that_cannot_be_scored_do_not_make_a_mean_incomparable(n, comparable):
    record = named(results.records([evaluation(n=n)]), "T5-p")
    assert record.comparable is comparable
    if n == 10_568:
        assert record.reason.startswith("Same rows and metric; the system is t5-large")
        assert "leave out 5 of these 10,573 rows" in record.reason
        assert "by 0.0005 at most" in record.reason
        assert "BLEU" not in record.reason
    if not comparable:
        assert "6 are missing (a --limit, or rows that cleaning left out)" in record.reason
