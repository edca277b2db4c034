"""The table in its four forms: rounding, order, marks, escaping."""

import csv
import io
import re
import shutil
import subprocess

import pytest

from socratic import latex, printing, results, scoring, tables
from socratic.errors import UsageError
from socratic.results import Record


def record(name="Ours", kind="own", metric="rougeL", value=0.2149, **changes):
    given = {
        "low": 0.21,
        "high": 0.22,
        "n": 300,
        "split": "test",
        "decoding": "thesis",
        "implementation": "how",
        "source": "python -m training evaluate r1",
        "comparable": True,
        "reason": "",
        "dataset": "sample",
    }
    return Record(name=name, kind=kind, metric=metric, value=value, **given | changes)


PUBLISHED = record(
    "T5-p", "published", low=None, high=None, n=None, comparable=False, reason="Other rows."
)


def test_one_row_per_system_one_column_per_metric():
    found = [
        PUBLISHED,
        record("constant question", "floor", value=0.171),
        record(metric="sacrebleu", value=12.345, low=11.1, high=13.9),
        record(metric="length", value=9.876, low=9.1, high=10.2),
        record(),
    ]
    table = tables.metric_table(found)
    assert list(table.columns) == ["System", "Kind", "Data", "ROUGE-L", "sacreBLEU", "Length"]
    assert table.to_numpy().tolist() == [
        ["Ours", "fine-tuned", "sample test, 300 rows", "0.215 [0.210, 0.220]",
         "12.35 [11.10, 13.90]", "9.9 [9.1, 10.2]"],
        ["constant question", "floor", "sample test, 300 rows", "0.171 [0.210, 0.220]", "–", "–"],
        ["T5-p", "published", "sample test, rows not stated", "0.215†", "–", "–"],
    ]  # fmt: skip


def test_metrics_decimals_and_interval_can_be_chosen():
    table = tables.metric_table(
        [record(), record(metric="bleu4")], metrics=["bleu4"], decimals=2, interval=False
    )
    assert table.to_numpy().tolist() == [["Ours", "fine-tuned", "sample test, 300 rows", "0.21"]]
    assert list(tables.metric_table([], metrics=["bleu4"]).columns)[-1] == "BLEU-4"
    assert tables.metric_table([]).empty
    with pytest.raises(UsageError, match="no metric 'rouge9'; choose from rougeL"):
        tables.metric_table([record()], metrics=["rouge9"])


def test_two_systems_of_one_name_on_other_rows_keep_their_rows():
    table = tables.metric_table([record(), record(n=10), record(run="r2")])
    assert len(table) == 3


def test_every_metric_that_is_scored_or_published_is_in_the_catalogue():
    texts = ["Why do you say so?", "What if not?"]
    keys = {s.metric for s in scoring.score_outputs(texts, [[t] for t in texts], texts, samples=5)}
    keys |= {r.metric for r in results.baselines()} | {"bertscore", "fidelity"}
    assert keys == {metric.key for metric in tables.METRICS}
    assert tables.metric("selfbleu").higher_is_better is False
    assert tables.metric("length").higher_is_better is None
    assert tables.metric("rougeL").higher_is_better is True


def test_notes_say_once_why_numbers_are_marked():
    other = PUBLISHED.model_copy(update={"name": "GPT-p"})
    bleu = PUBLISHED.model_copy(update={"metric": "bleu4"})
    assert tables.notes([record(), PUBLISHED, other, bleu]) == [
        "T5-p, GPT-p (ROUGE-L, BLEU-4): Other rows."
    ]


def test_the_caption_states_rows_split_decoding_and_tests():
    told = tables.caption([record(), record("zero", "zero_shot"), PUBLISHED])
    assert "sample test, 300 rows. Decoding: thesis." in told
    assert "95% intervals over rows (percentile bootstrap" in told
    assert "not tested here, so nothing is set in bold" in told
    assert "published numbers only." in tables.caption([PUBLISHED])


# Braces that are not escaped, once escaped characters are taken out.
def balanced(text: str) -> bool:
    plain = re.sub(r"\\[{}]", "", text)
    return plain.count("{") == plain.count("}")


def test_latex_is_a_booktabs_table_with_everything_escaped():
    nasty = r"50% of A&B_c #1 {x} $y$ ~z^2 \input{secret} <b>"
    text = printing.as_latex([record(nasty), PUBLISHED])
    assert r"50\% of A\&B\_c \#1 \{x\} \$y\$ \textasciitilde{}z\textasciicircum{}2" in text
    assert r"\textbackslash{}input\{secret\} \textless{}b\textgreater{}" in text
    assert r"\input" not in text.replace(r"\textbackslash{}input", "")
    for part in (r"\toprule", r"\midrule", r"\bottomrule", r"\caption{", r"95\% intervals"):
        assert part in text
    assert r"0.215\textsuperscript{\textdagger}" in text
    assert r"\textsuperscript{\textdagger} T5-p (ROUGE-L): Other rows.\\" in text
    assert balanced(text)
    rows = re.search(r"\\toprule(.*)\\bottomrule", text, re.DOTALL).group(1)
    lines = [line for line in rows.splitlines() if line.endswith(r"\\")]
    cells = [re.sub(r"\\&", "", line).count(" & ") for line in lines]
    assert cells == [1, 0, 1, 0, 1]  # heads, kind, ours, kind, published
    assert r"\begin{tabular}{lr}" in text


def test_latex_sets_kinds_apart_and_intervals_beneath():
    text = printing.as_latex([record(), record(metric="bleu4"), PUBLISHED])
    kind = r"\multicolumn{3}{l}{\textit{fine-tuned}} \\"
    values = r"Ours & 0.215 & 0.215 \\[-2pt]"
    small = r"{\scriptsize {[}0.210, 0.220]}"
    assert f"{kind}\n{values}\n & {small} & {small} \\\\\n\\addlinespace\n" in text
    assert r"T5-p & 0.215\textsuperscript{\textdagger} & -- \\" in text
    mean = printing.as_latex([record(low=None, high=None, spread=0.0123)])
    assert r"{\scriptsize $\pm$ 0.012}" in mean


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_latex_compiles_and_is_no_wider_than_the_text(tmp_path):
    metrics = [one.key for one in tables.METRICS if one.headline]
    nasty = r"50% of A&B_c #1 {x} $y$ ~z^2 \input{secret} <b> [z]"
    found = [record(name, metric=key) for name in (nasty, "[x]") for key in metrics]
    text = printing.as_latex([*found, PUBLISHED, record("mean", low=None, high=None, spread=0.1)])
    (tmp_path / "main.tex").write_text(
        rf"\documentclass{{article}}\usepackage[T1]{{fontenc}}{latex.NEEDS[8:]}"
        rf"\begin{{document}}{chr(10)}{text}\end{{document}}"
    )
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert b"Overfull" not in done.stdout


def test_latex_names_the_data_of_each_row_where_it_differs():
    text = printing.as_latex([record(), record(n=10)])
    assert r"\begin{tabular}{llr}" in text
    assert "Ours & sample test, 10 rows & 0.215" in text


def test_latex_rows_may_start_with_what_latex_takes_for_an_option():
    text = printing.as_latex([record("[x] y"), record("*z")])
    assert "\n{[}x] y & " in text
    assert "\n{*}z & " in text


def test_a_printed_table_shows_the_headline_metrics_unless_told():
    found = [record(), record(metric="rouge2"), record(metric="bleu4")]
    assert "ROUGE-2" not in printing.as_latex(found)
    assert "ROUGE-2" in printing.as_latex(found, metrics=["rouge2"])
    assert "ROUGE-2" not in printing.as_markdown(found)
    assert printing.as_latex([]).count("begin{tabular}{l}") == 1


def test_markdown_keeps_its_columns():
    text = printing.as_markdown([record("a|b\nc"), PUBLISHED])
    lines = text.splitlines()
    assert lines[2] == "| System | Kind | Data | ROUGE-L |"
    assert lines[3] == "| --- | --- | --- | ---: |"
    assert lines[4].startswith(r"| a\|b c | fine-tuned |")
    assert lines[-1] == "- † T5-p (ROUGE-L): Other rows."


def test_csv_holds_every_record_unrounded():
    found = [record(value=1 / 3), PUBLISHED]
    lines = list(csv.DictReader(io.StringIO(printing.as_csv(found))))
    assert list(lines[0]) == list(record().model_dump())
    assert "stored" not in lines[0]  # a path on this machine
    assert float(lines[0]["value"]) == 1 / 3
    assert (lines[1]["low"], lines[1]["n"], lines[1]["comparable"]) == ("", "", "False")
    assert lines[0]["n"] == "300"
    assert printing.as_csv([]).count("\n") == 1


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_csv_cells_that_look_like_formulas_are_neutralised(start):
    text = printing.as_csv([record(start, value=-0.25)])
    (line,) = csv.DictReader(io.StringIO(text, newline=""))
    assert line["name"] == f"'{start}"
    assert float(line["value"]) == -0.25  # a number stays one


def test_a_mean_over_seeds_has_its_spread():
    mean = record(low=None, high=None, spread=0.0123, seeds=3)
    assert tables.cell(mean) == "0.215 \u00b1 0.012"
    assert "standard deviation over seeds" in tables.caption([mean])
    assert "over seeds" not in tables.caption([record()])
