"""Figures: what is drawn, what stays constant between redraws, what is said when there is nothing."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from socratic import catalog, figures
from socratic.errors import UsageError
from socratic.figures import Look
from socratic.figures.measurements import MOST_POINTS, decimated, smoothed
from socratic.results import Record


def record(name="Ours", kind="own", value=0.2, **changes):
    given = {
        "metric": "rougeL",
        "low": 0.19,
        "high": 0.22,
        "n": 300,
        "split": "test",
        "decoding": "thesis",
        "implementation": "how; version",
        "source": "command",
        "comparable": True,
        "reason": "",
        "dataset": "sample",
        "colour": catalog.BLUE,
    }
    return Record(name=name, kind=kind, value=value, **given | changes)


def points(n=10, **more):
    return [
        {"step": i * 10, "epoch": i / 10, "time": i * 60.0, "loss": 5.0 - i, **more}
        for i in range(n)
    ]


def curve(title="Run", colour=catalog.BLUE, **more):
    return figures.Curve(title, colour, more.pop("points", None) or points(**more))


def words(figure):
    return " ".join(note.text for note in figure.layout.annotations)


# --- metric chart --------------------------------------------------------------------------------


def test_a_bar_per_system_with_its_interval_and_colour():
    figure = figures.metric_chart(
        [
            record("T5-p", "published", 0.211, low=None, high=None),
            record(),
            record("Ours, no adapter", "zero_shot", 0.1),
            record("constant question", "floor", 0.17, colour=catalog.GREY),
            record(metric="bleu4", name="other"),
        ],
        "rougeL",
    )
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [bar.x[0] for bar in bars] == [0.2, 0.1, 0.17]
    assert bars[0].marker.color == catalog.BLUE
    assert bars[1].marker.color == "rgba(0, 114, 178, 0.35)"
    assert bars[2].marker.pattern.shape == "/"
    assert bars[0].error_x.array[0] == pytest.approx(0.02)
    assert bars[0].error_x.arrayminus[0] == pytest.approx(0.01)
    line, point = figure.data[-2:]
    assert set(line.x) == {0.211, None}
    assert point.marker.symbol == "diamond"
    assert "<b>Ours</b> 0.200 [0.190, 0.220]" in words(figure)
    assert "<b>T5-p</b> 0.211" in words(figure)
    assert "other" not in words(figure)
    assert figure.layout.xaxis.title.text == "ROUGE-L (higher is better)"
    assert figure.layout.xaxis.range[0] == 0
    assert figure.layout.xaxis.range[1] > 0.22


def test_what_is_not_comparable_is_faint_and_says_of_which_rows():
    figure = figures.metric_chart(
        [
            record(comparable=False, reason="Other rows."),
            record("P", "published", comparable=False),
        ],
        "rougeL",
    )
    assert [trace.opacity for trace in figure.data] == [0.45, 0.45, 0.45]
    assert "0.200† · sample test, 300 rows" in words(figure)
    assert "Other rows." in figure.data[0].hovertemplate
    assert figure.data[1].line.dash == "dot"


def test_names_are_text_and_no_markup():
    name = '<img src=x onerror="alert(1)">%{x}'
    figure = figures.metric_chart([record(name)], "rougeL")
    assert "<img" not in figure.to_json().replace("\\u003c", "<")
    assert "%{" not in figure.data[0].hovertemplate
    drawn = figures.curves([curve(name)], "loss", Look())
    assert "<img" not in drawn.to_json().replace("\\u003c", "<")
    assert drawn.data[0].hovertemplate.count("%{") == 2


def test_a_negative_value_stays_in_view():
    figure = figures.metric_chart([record(value=-0.2, low=-0.3, high=-0.1)], "rougeL")
    assert figure.layout.xaxis.range[0] < -0.3


def test_one_row_has_no_whiskers():
    figure = figures.metric_chart([record(low=None, high=None)], "rougeL")
    assert not figure.data[0].error_x.visible


def test_nothing_measured_is_said_in_a_sentence():
    figure = figures.metric_chart([record()], "bertscore")
    assert words(figure) == "No BERTScore has been measured yet."
    assert not figure.layout.xaxis.visible
    with pytest.raises(UsageError, match="no metric"):
        figures.metric_chart([], "rouge9")


# --- curves --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("axis", "last"), [("step", 90), ("epoch", 0.9), ("time", 9.0)])
def test_the_x_axis_can_be_chosen(axis, last):
    figure = figures.curves([curve()], "loss", Look(axis, 0.0, False))
    assert figure.data[0].x[-1] == pytest.approx(last)


def test_an_axis_or_smoothing_out_of_range_is_refused():
    with pytest.raises(UsageError, match="no axis 'day'"):
        figures.curves([curve()], "loss", Look("day", 0.0, False))
    with pytest.raises(UsageError, match=r"Smoothing is 1\.0"):
        figures.curves([curve()], "loss", Look("step", 1.0, False))


def test_runs_of_one_model_share_its_colour_and_differ_in_dash():
    figure = figures.curves([curve("a"), curve("b", catalog.GREEN), curve("c")], "loss", Look())
    assert [t.line.color for t in figure.data] == [catalog.BLUE, catalog.GREEN, catalog.BLUE]
    assert [t.line.dash for t in figure.data] == ["solid", "solid", "dash"]
    assert all(t.showlegend for t in figure.data)


def test_a_smoothed_curve_stands_over_its_faint_raw_one():
    raw, strong = figures.curves([curve()], "loss", Look("step", 0.9, False)).data
    assert raw.opacity < 0.5
    assert raw.y == tuple(5.0 - i for i in range(10))
    assert strong.opacity is None
    assert (raw.showlegend, strong.showlegend) == (False, True)
    assert raw.line.width < strong.line.width


def test_smoothing_by_hand():
    # Weight 1/2: 4, then (2 + 2*1)/(3/4) / 2 = (0.5*2 + 0.25*4)/0.75, and so on.
    assert smoothed(np.array([4.0, 2.0]), 0.5) == pytest.approx([4.0, (0.5 * 2 + 0.25 * 4) / 0.75])
    assert smoothed(np.full(50, 3.0), 0.99) == pytest.approx(np.full(50, 3.0))


def test_validation_comes_along_as_markers_and_is_not_smoothed():
    run = [*points(), {"step": 95, "epoch": 1.0, "time": 600.0, "eval_loss": 1.5, "rougeL": 0.2}]
    _raw, _smooth, marks = figures.curves(
        [curve(points=run)], "loss", Look("step", 0.5, False)
    ).data
    assert (marks.mode, marks.x, marks.y) == ("markers", (95.0,), (1.5,))
    assert marks.showlegend is False
    (rouge,) = figures.curves([curve(points=run)], "rougeL", Look("step", 0.5, False)).data
    assert (rouge.mode, rouge.showlegend) == ("lines+markers", True)
    # Before the first training loss is logged, the validation stands in the legend.
    (alone,) = figures.curves([curve(points=run[-1:])], "loss", Look()).data
    assert alone.showlegend


def test_few_points_can_be_seen():
    (trace,) = figures.curves([curve(n=1)], "loss", Look()).data
    assert trace.mode == "lines+markers"
    (many,) = figures.curves([curve(n=40)], "loss", Look()).data
    assert many.mode == "lines"


def test_what_cannot_be_drawn_is_left_out():
    run = points(3) + [
        {"step": 40, "epoch": 1.0, "time": 5.0, "loss": math.nan},
        {"step": 50, "epoch": 1.0, "time": 5.0, "loss": 0.0},
        {"step": 60, "epoch": 1.0, "time": 5.0, "grad_norm": 1.0},
        {"loss": 2.0},
    ]
    (linear,) = figures.curves([curve(points=run)], "loss", Look()).data
    assert linear.y == (5.0, 4.0, 3.0, 0.0)
    figure = figures.curves([curve(points=run)], "loss", Look("step", 0.0, True))
    assert figure.data[0].y == (5.0, 4.0, 3.0)
    assert figure.layout.yaxis.type == "log"


def test_a_resumed_run_does_not_draw_steps_twice():
    run = points(6) + [{"step": 30, "epoch": 0.3, "time": 400.0, "loss": 1.0}]
    (trace,) = figures.curves([curve(points=run)], "loss", Look()).data
    assert trace.x == (0, 10, 20, 30, 30)
    assert trace.y == (5, 4, 3, 2, 1)


def test_decimation_keeps_extremes_and_ends():
    ys = np.sin(np.arange(100_000) / 500)
    ys[43_210], ys[77_777] = 9.0, -9.0
    xs = np.arange(100_000.0)
    thin_x, thin_y = decimated(xs, ys)
    assert len(thin_x) <= MOST_POINTS
    assert (thin_x[0], thin_x[-1]) == (0, 99_999)
    assert (thin_y.max(), thin_y.min()) == (9.0, -9.0)
    assert (np.diff(thin_x) > 0).all()
    assert decimated(xs[:10], ys[:10])[0] is not None
    assert len(decimated(xs[:10], ys[:10])[0]) == 10


def test_zoom_is_kept_until_the_axes_mean_something_else():
    def revision(*look):
        return figures.curves([curve()], *look).layout.uirevision

    first = revision("loss", Look())
    longer = figures.curves([curve(n=50)], "loss", Look("step", 0.9, False)).layout.uirevision
    assert longer == first
    others = {
        revision("loss", Look("epoch", 0.0, False)),
        revision("loss", Look("step", 0.0, True)),
        revision("grad_norm", Look()),
    }
    assert first not in others
    assert len(others) == 3


def test_no_data_is_said_in_a_sentence():
    assert words(figures.curves([], "loss", Look())).startswith("No run is chosen")
    told = words(figures.curves([curve()], "gpu_memory", Look()))
    assert told.startswith("No GPU memory has been")


def test_figures_suit_light_and_dark_pages_and_load_nothing():
    for figure in (
        figures.metric_chart([record()], "rougeL"),
        figures.curves([curve()], "loss", Look()),
    ):
        look = figure.layout.template.layout
        assert look.paper_bgcolor == look.plot_bgcolor == "rgba(0,0,0,0)"
        assert look.font.color == "#808080"
        assert figure.layout.title.text is None
        assert "http" not in json.dumps(figure.to_plotly_json(), default=str)


def test_importing_is_light():
    code = (
        "import sys, socratic.figures, socratic.tables, socratic.results, socratic.scoring;"
        "heavy = 'torch transformers peft gradio matplotlib sklearn nltk bert_score'.split();"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=catalog.ROOT
    )
    assert done.stdout.strip() == "[]"
