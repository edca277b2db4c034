"""Curves as files one can open, include and compute with."""

import csv
import io
import json
import zipfile

import pytest

from socratic import catalog, curve_files, runs
from socratic.errors import UsageError
from socratic.figures import Curve, Look
from socratic.figures.printed_curves import Sheet, printed

STARTS = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}


def curve(title="FLAN-T5-small", colour=catalog.BLUE, n=40):
    points = [{"step": i, "epoch": i / 10, "time": float(i), "loss": 4 - i / n} for i in range(n)]
    points += [{"step": i, "time": 1.0, "eval_loss": 3.0, "rougeL": 0.0} for i in range(0, n, 10)]
    return Curve(title, colour, sorted(points, key=lambda point: point["step"]))


@pytest.fixture
def make_run(workspace, make_manifest):
    def make(run_id, **changes):
        run = runs.create(workspace, make_manifest(run_id, **changes))
        lines = [json.dumps(point) for point in curve().points]
        run.metrics_file.write_text("\n".join(lines) + "\n")
        return run

    return make


THREE = (curve(), curve("FLAN-T5-base", catalog.VERMILLION), curve("T5-base", catalog.GREEN))


@pytest.mark.parametrize("panels", [False, True])
@pytest.mark.parametrize("form", STARTS)
def test_a_figure_is_a_file_of_its_format_and_always_the_same(form, panels):
    sheet = Sheet(THREE, "loss", Look(smoothing=0.6), panels)
    made = printed(sheet, form)
    assert made.startswith(STARTS[form])
    assert printed(sheet, form) == made


def test_a_figure_names_every_curve_and_its_axes():
    text = printed(Sheet(THREE, "loss", Look("time")), "svg").decode()
    for words in ("FLAN-T5-small", "T5-base, validation", "minutes", ">loss<"):
        assert words in text
    panels = printed(Sheet(THREE, "loss", Look(), panels=True), "svg").decode()
    for words in ("FLAN-T5-small", "FLAN-T5-base", "T5-base", ">training<", ">validation<"):
        assert words in panels


def test_a_figure_is_as_wide_as_the_text_of_a_thesis():
    text = printed(Sheet(THREE), "svg").decode()
    assert 'width="453.6pt"' in text  # 6.3 inches


def test_a_score_of_nothing_starts_at_zero():
    from socratic.figures.printed_curves import _figure

    (axis,) = _figure(Sheet(THREE, "rougeL"), THREE).axes
    assert axis.get_ylim()[0] == 0.0


@pytest.mark.parametrize(
    ("series", "metric", "sentence"),
    [((), "loss", "No run is chosen"), (THREE, "gpu_memory", "No GPU memory has been measured")],
)
def test_nothing_to_show_is_a_sentence(series, metric, sentence):
    with pytest.raises(UsageError, match=sentence):
        printed(Sheet(series, metric), "pdf")


def test_csv_holds_every_number_with_its_run(make_run):
    found = [make_run("a"), make_run("b")]
    sheet = Sheet(curve_files.distinct(found))
    ((name, content),) = curve_files.files(sheet, found, "csv", "curves").items()
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert name == "curves.csv"
    assert len(rows) == 2 * len(curve().points)
    assert {row["run"] for row in rows} == {"a", "b"}
    assert float(rows[-1]["loss"]) == curve().points[-1]["loss"]


def test_runs_of_one_model_get_titles_of_their_own_in_the_catalogues_order(make_run):
    made = [make_run("mini-20261122-101010-aaaa", model="mini-t5-base", title="T5")]
    made += [make_run("x-20261122-101010-bbbb"), make_run("x-20261122-101010-cccc")]
    titles = [curve.title for curve in curve_files.distinct(made)]
    assert len(set(titles)) == 3
    assert titles[2] == "T5"


def test_latex_comes_with_its_pdf_and_escapes(make_run):
    found = [make_run("a", title="50% & more_or_less")]
    made = curve_files.files(Sheet(curve_files.distinct(found)), found, "tex", "curves-loss")
    assert set(made) == {"curves-loss.tex", "curves-loss.pdf"}
    text = made["curves-loss.tex"].decode()
    assert r"50\% \& more\_or\_less" in text
    assert r"\includegraphics[width=\linewidth]{curves-loss.pdf}" in text
    name, content = curve_files.packed(made, "curves-loss")
    assert name == "curves-loss.zip"
    assert set(zipfile.ZipFile(io.BytesIO(content)).namelist()) == set(made)


def test_an_unknown_format_names_those_there_are(make_run):
    with pytest.raises(UsageError, match="no format 'gif'; choose csv, png, svg, pdf, tex"):
        curve_files.files(Sheet(THREE), [], "gif", "x")


def test_the_command_writes_the_file(workspace, make_run, tmp_path):
    from typer.testing import CliRunner

    from training.__main__ import app

    make_run("a")
    out = tmp_path / "loss.tex"
    words = ["curves", "a", "--out", str(out), "--workspace", str(workspace.root), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == [str(out), str(out.with_suffix(".pdf"))]
    assert out.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
