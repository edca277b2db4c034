"""The benchmarks' own arithmetic, and that each runs at toy size; nothing here asserts a time."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from benchmarks import apart, growth, live, pairs, report, selection, serving, start
from benchmarks.pairs import Pair, Ratio
from benchmarks.report import Result
from socratic.errors import UsageError


def sides(order, reference=3.0, ours=1.0):
    """Two sides that write down who went first and take as long as they are told."""

    def side(name, seconds):
        def run():
            order.append(name)
            return {"seconds": seconds, "step_seconds": seconds / 2}

        return run

    return side("reference", reference), side("ours", ours)


def quiet(text):
    pass


def test_both_sides_warm_up_once_and_take_turns_at_going_first():
    order = []
    found = pairs.measure(*sides(order), 3, quiet)
    assert order[:2] == ["reference", "ours"]
    assert order[2:] == ["reference", "ours", "ours", "reference", "reference", "ours"]
    assert (
        found
        == [Pair({"seconds": 3.0, "step_seconds": 1.5}, {"seconds": 1.0, "step_seconds": 0.5})] * 3
    )


def test_a_smaller_warm_up_takes_the_place_of_a_whole_round():
    order = []
    pairs.measure(*sides(order), 1, quiet, [lambda: order.append("small")] * 2)
    assert order == ["small", "small", "reference", "ours"]


@pytest.mark.parametrize("slowed", [1, 2, 10])
def test_a_slowed_reference_shows_in_the_ratio(slowed):
    found = pairs.measure(*sides([], reference=3.0 * slowed), 2, quiet)
    assert pairs.ratio(found).value == pytest.approx(3 * slowed)
    assert pairs.ratio(found, "step_seconds").value == pytest.approx(3 * slowed)
    assert pairs.ratio(found, inverse=True).value == pytest.approx(1 / (3 * slowed))


def test_the_ratio_is_the_median_pair_with_its_extremes():
    found = [
        Pair({"seconds": r}, {"seconds": o}) for r, o in ((2, 1), (9, 3), (40, 2), (4, 1), (5, 1))
    ]
    assert pairs.ratio(found) == Ratio(4.0, 2.0, 20.0)
    assert pairs.median([pair.ours for pair in found]) == {"seconds": 1}


def test_no_pair_is_no_measurement():
    with pytest.raises(UsageError):
        pairs.measure(*sides([]), 0, quiet)


@pytest.mark.parametrize("slowed", [1, 3])
def test_the_live_benchmark_counts_what_its_sides_do(monkeypatch, slowed):
    """A clock that only work moves: a reference slowed on purpose shows, to the digit."""
    now = [0.0]

    def costs(seconds, answer=None):
        def work(*args, **kwargs):
            now[0] += seconds
            return answer

        return work

    monkeypatch.setattr(live.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(live, "_draw_all", costs(1.0 * slowed))
    monkeypatch.setattr(live.pulse, "word_of", costs(0.25))
    monkeypatch.setattr(live.figures, "curves", costs(0.5))
    monkeypatch.setattr(live.parts, "figure_json", costs(0.0))
    found = live.run(2, quick=True)
    assert found.ratios["ratio"].value == pytest.approx(4 * slowed)
    assert found.ratios["ratio_draw"].value == pytest.approx(2 * slowed)


def test_a_result_says_both_sides_the_ratio_and_its_spread(workspace, capsys):
    found = pairs.measure(*sides([]), 2, quiet)
    result = Result(
        "train",
        found,
        {"ratio": pairs.ratio(found), "ratio_steps": pairs.ratio(found, "step_seconds")},
    )
    report.finish(result, workspace, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["reference"]["seconds"], told["ours"]["seconds"]) == (3.0, 1.0)
    assert (told["ratio"], told["ratio_low"], told["ratio_high"], told["ratio_steps"]) == (
        3.0,
        3.0,
        3.0,
        3.0,
    )
    assert len(told["pairs"]) == 2
    assert {"device", "load_average", "versions"} <= set(told["machine"])
    (written,) = (workspace.root / "benchmarks").glob("train-*.json")
    assert json.loads(written.read_text()) == told
    report.finish(result, workspace, as_json=False)
    assert "ratio: 3.00 (from 3.00 to 3.00), 2 pairs" in capsys.readouterr().out


def test_without_a_browser_the_start_is_skipped_in_a_sentence(workspace, monkeypatch, capsys):
    from benchmarks import __main__ as commands

    def none(count):
        raise serving.NoBrowser("No Chromium can be started here (gone).")

    monkeypatch.setattr(start, "run", none)
    commands.start(workspace=workspace.root)
    assert capsys.readouterr().out == "Skipped: No Chromium can be started here (gone).\n"
    commands.start(as_json=True, workspace=workspace.root)
    assert json.loads(capsys.readouterr().out)["skipped"]


def command(workspace, *words):
    place = ["--workspace", str(workspace.root)] if workspace else []
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words, "--json", *place],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        check=False,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_generate_runs_at_toy_size_and_both_sides_say_the_same(workspace, tokenizer_folder):
    told = command(
        workspace, "generate", "--quick", "--pairs", "1", "--tokenizer", str(tokenizer_folder)
    )
    assert told["facts"]["models"] == ["mini-flan-small", "mini-flan-base", "mini-t5-base"]
    assert told["facts"]["input_tokens"] <= 159
    assert told["ratio"] == pytest.approx(told["reference"]["seconds"] / told["ours"]["seconds"])
    if told["facts"]["engines"] == ["torch-fp32-cpu"]:
        assert told["facts"]["equal_questions"] == 1.0


@pytest.mark.slow
def test_train_runs_at_toy_size_and_both_sides_learn_alike(workspace, tokenizer_folder):
    told = command(
        workspace, "train", "--quick", "--pairs", "1", "--tokenizer", str(tokenizer_folder)
    )
    assert told["facts"]["rows"]["train"] == 12
    assert told["ratio_steps"] > 0
    assert told["ours"]["eval_loss"] == pytest.approx(told["reference"]["eval_loss"], rel=0.05)
    assert not [path for path in workspace.runs.iterdir() if path.is_dir()]


@pytest.mark.slow
def test_live_runs_at_toy_size(workspace):
    told = command(workspace, "live", "--quick", "--pairs", "1")
    assert told["facts"]["points"] == 2000
    assert set(told["ours"]) == {"seconds", "draw_seconds"}


def test_a_slope_is_the_exponent_of_time():
    found = growth.Growth("rows", "", (1, 10, 100), (2.0, 200.0, 20_000.0), (1.0, 1.0, 1.0))
    assert found.slope == pytest.approx(2)
    steady = growth.Growth("runs", "", (1, 10), (3.0, 3.0), (1.0, 1.0))
    assert steady.slope == pytest.approx(0, abs=1e-9)


def test_what_a_sample_gives_away_is_counted():
    beams, errors = (0.2, 0.3, 0.4), (0.06, 0.02, 0.0)
    told = selection.summary(
        [
            selection.Selected(
                0,
                "a",
                selection.Scored((0.1, 0.2, 0.3), (0.1, 0.3, 0.2), errors),
                selection.Scored((0.3, 0.2, 0.1), beams, errors),
            ),
            selection.Selected(
                1,
                "b",
                selection.Scored((0.1, 0.3, 0.2), (0.1, 0.3, 0.2), errors),
                selection.Scored((0.1, 0.2, 0.3), beams, errors),
            ),
        ]
    )
    greedy = told["greedy sample, beams on all rows"]
    assert (greedy["runs"], greedy["same_best"]) == (2, 0.5)
    assert greedy["kendall_tau"] == pytest.approx((1 + 1 / 3) / 2)
    assert greedy["most_given_away"] == pytest.approx(0.1)
    assert greedy["within_noise"] == 0.5  # a tenth is five standard errors of that checkpoint's
    rows = told["sample, all rows: beams"]
    assert rows["kendall_tau"] == pytest.approx(0)
    assert rows["rougeL_given_away"] == pytest.approx(0.1)
    assert told["greedy, beams: all rows"]["same_best"] == 0
    assert told["sample, all rows: greedy"]["same_best"] == 0.5


def test_a_lead_is_judged_row_by_row():
    """Rows differ by far more than checkpoints do; what counts is how the difference varies."""
    first = [0.1, 0.9, 0.3, 0.7]
    found = selection.Scored.of(
        [first, [score + 0.01 for score in first], [0.9, 0.1, 0.7, 0.3]],
        [True, False, True, False],
    )
    assert found.sample == pytest.approx((0.2, 0.21, 0.8))
    assert found.whole == pytest.approx((0.5, 0.51, 0.5))
    assert found.errors[:2] == pytest.approx((0, 0), abs=1e-12)
    assert found.errors[2] == pytest.approx(np.std([-0.79, 0.81, -0.39, 0.41], ddof=1) / 2)


@pytest.mark.slow
def test_selection_runs_at_toy_size(workspace):
    told = command(workspace, "selection", "--runs", "2", "--quick")
    assert {told[name]["runs"] for name in selection.COMPARED} == {2}
    # Two checkpoints of four steps: what was scored before the first is none.
    for one in told["each"]:
        for way in ("greedy", "beams"):
            assert {len(scores) for scores in one[way].values()} == {2}


def test_memory_is_counted_in_a_process_of_its_own():
    small, large = (apart.run(bytearray, size) for size in (1, 300 * 2**20))
    assert 0.25 < large.peak_gb - small.peak_gb < 0.7
    assert small.peak_gb < 0.3


@pytest.mark.slow
def test_growth_runs_at_toy_size(workspace):
    told = command(workspace, "growth", "--quick")
    axes = [one["axis"] for one in told]
    assert axes == ["models", "rows", "runs"]
    assert all(value > 0 for one in told for value in (*one["seconds"], *one["gigabytes"]))


@pytest.mark.slow
def test_fidelity_compares_both_engines_on_the_same_rows(workspace):
    told = command(workspace, "fidelity", "--rows", "6")
    assert {one["rows"] for one in told} == {6}
    for one in told:
        assert one["change"] == pytest.approx(one["fast"] - one["torch"])
        assert 0 <= one["equal"] <= 1


@pytest.mark.slow
def test_start_measures_a_real_browser_or_says_why_not(workspace):
    told = command(workspace, "start", "--pairs", "1")
    assert "skipped" in told or told["ratio"] > 0


@pytest.mark.slow
def test_watching_costs_the_page_more_with_more_browsers():
    told = command(None, "watch", "--quick")
    if "skipped" not in told:
        shares = {one["browsers"]: one["share"] for one in told}
        assert list(shares) == [0, 1, 10] and 0 <= shares[0] < shares[10]


def test_a_tokenizer_that_is_none_is_named(workspace, tmp_path):
    from benchmarks import material

    with pytest.raises(UsageError, match="--tokenizer DIR"):
        material.tokenizer_folder(tmp_path)


def test_measured_rows_come_from_the_data_in_proportion(workspace):
    from benchmarks import material
    from socratic import data

    folder = material.rows_folder("sample", {"train": 25, "validation": 10}, workspace)
    corpus = data.load(str(folder), workspace)
    assert corpus.counts == {"train": 25, "validation": 10}
    assert all(data.type_counts(corpus.split("train")).values())
