"""Records -> the table: on the page, in LaTeX, in Markdown, and every record as CSV.

A new metric is one entry in `METRICS`. Records keep raw numbers; rounding happens here alone.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from socratic.errors import UsageError
from socratic.results import KINDS, Kind, Record


@dataclass(frozen=True)
class Metric:
    """A metric as it is shown.

    key: its name in files. label: on the page. meaning: in one line. better: which way.
    percent: whether its scale is 0..100. coarse: decimals shown fewer than for a share of 1.
    headline: whether it stands in a printed table when none is chosen.
    """

    key: str
    label: str
    meaning: str
    better: Literal["higher", "lower", "neither"] = "higher"
    percent: bool = False
    coarse: int = 0
    headline: bool = False

    @property
    def higher_is_better(self) -> bool | None:
        """True or False, None for a metric that only describes."""
        return None if self.better == "neither" else self.better == "higher"


METRICS: tuple[Metric, ...] = (
    Metric("rougeL", "ROUGE-L", "longest common subsequence of words, F1", headline=True),
    Metric("rouge1", "ROUGE-1", "words shared with the reference, F1"),
    Metric("rouge2", "ROUGE-2", "word pairs shared with the reference, F1"),
    Metric("rougeLstem", "ROUGE-L (stem)", "ROUGE-L on word stems (Porter)"),
    Metric("bleu1", "BLEU-1", "words shared, precision with brevity penalty", headline=True),
    Metric("bleu2", "BLEU-2", "as BLEU-1, words and pairs"),
    Metric("bleu3", "BLEU-3", "as BLEU-1, up to three words in a row"),
    Metric("bleu4", "BLEU-4", "as BLEU-1, up to four words in a row", headline=True),
    Metric(
        "sacrebleu", "sacreBLEU", "BLEU-4 with standard tokens, 0 to 100", percent=True, coarse=1
    ),
    Metric("bertscore", "BERTScore", "similarity of meaning by an encoder, F1", headline=True),
    Metric("bleurt", "BLEURT", "learned rating of similarity; published numbers only"),
    Metric("distinct1", "Distinct-1", "different words over all words of all outputs"),
    Metric("distinct2", "Distinct-2", "different word pairs over all pairs", headline=True),
    Metric("selfbleu", "Self-BLEU", "how alike the outputs are, 500 rows", better="lower"),
    Metric("unique", "Unique", "share of different outputs", headline=True),
    Metric("wellformed", "Well-formed", "share that reads as one complete question"),
    Metric("length", "Length", "words per question", better="neither", coarse=2),
    Metric("copied", "Copied", "share of words found in the context", better="neither"),
)
_BY_KEY = {metric.key: metric for metric in METRICS}
KIND_LABELS: Mapping[Kind, str] = {
    "own": "fine-tuned",
    "zero_shot": "zero-shot",
    "floor": "floor",
    "published": "published",
}
MARK = "\u2020"
ABSENT = "\u2013"
INTERVALS = (
    "Brackets: 95% intervals over rows (percentile bootstrap; jackknife for distinct-n, unique "
    "and self-BLEU)."
)
TESTS = "Differences between systems are not tested here, so nothing is set in bold."
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        MARK: r"\textsuperscript{\textdagger}",
        ABSENT: "--",
    }
)


def metric(key: str) -> Metric:
    """Return the metric called `key`; raise UsageError naming the choices when there is none."""
    try:
        return _BY_KEY[key]
    except KeyError:
        raise UsageError(f"There is no metric {key!r}; choose from {', '.join(_BY_KEY)}.") from None


def measured(records: Iterable[Record]) -> list[Metric]:
    """Return the metrics that have at least one record, in the catalogue's order."""
    keys = {record.metric for record in records}
    return [one for one in METRICS if one.key in keys]


def cell(record: Record, decimals: int = 3, interval: bool = True) -> str:
    """Return "0.215 [0.210, 0.220]", with a dagger where it is not comparable."""
    places = max(decimals - metric(record.metric).coarse, 0)
    text = f"{record.value:.{places}f}"
    if interval and record.low is not None and record.high is not None:
        text += f" [{record.low:.{places}f}, {record.high:.{places}f}]"
    return text if record.comparable else text + MARK


def metric_table(
    records: Iterable[Record],
    *,
    metrics: Sequence[str] | None = None,
    decimals: int = 3,
    interval: bool = True,
) -> pd.DataFrame:
    """Return one row per system: own, zero-shot, floors, published, each as `records` has them.

    Columns: System, Kind, Data, then one per metric (all that were measured, when None).
    A dagger marks what is not comparable; `notes` says why. Raises UsageError for a metric that
    is not in the catalogue.
    """
    found = list(records)
    chosen = measured(found) if metrics is None else [metric(key) for key in metrics]
    wanted = {one.key for one in chosen}
    rows: dict[tuple[object, ...], dict[str, str]] = {}
    for record in sorted(found, key=lambda one: KINDS.index(one.kind)):
        if record.metric not in wanted:
            continue
        key = (record.kind, record.name, record.run, record.decoding, *record.data)
        row = rows.setdefault(key, _start(record, chosen))
        row[metric(record.metric).label] = cell(record, decimals, interval)
    columns = ["System", "Kind", "Data", *(one.label for one in chosen)]
    return pd.DataFrame(list(rows.values()), columns=columns)


def _start(record: Record, chosen: Sequence[Metric]) -> dict[str, str]:
    first = {"System": record.name, "Kind": KIND_LABELS[record.kind], "Data": record.rows}
    return first | {one.label: ABSENT for one in chosen}


def notes(records: Iterable[Record]) -> list[str]:
    """Return, once each, why marked numbers are not comparable: "T5-p (BLEU-1): reason"."""
    marked: dict[str, dict[str, list[str]]] = {}
    for record in records:
        if not record.comparable:
            of_reason = marked.setdefault(record.reason, {})
            of_reason.setdefault(metric(record.metric).label, []).append(record.name)
    return [
        f"{_joined(names for group in by_label.values() for names in group)} "
        f"({_joined(by_label)}): {reason}"
        for reason, by_label in marked.items()
    ]


def _joined(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def caption(records: Iterable[Record]) -> str:
    """Return the sentences that a table or chart of `records` needs beside it, in plain text."""
    found = [record for record in records if record.kind != "published"]
    rows = _joined(record.rows for record in found) or "published numbers only"
    ways = _joined(r.decoding for r in found if r.kind != "floor")
    decoding = f" Decoding: {ways}." if ways else ""
    return f"Socratic question generation: {rows}.{decoding} {INTERVALS} {TESTS}"


def as_latex(records: Iterable[Record], *, metrics: Sequence[str] | None = None) -> str:
    r"""Return a booktabs table (`\usepackage{booktabs}`) with caption, and notes beneath.

    metrics: the headline ones that were measured, when None. Same errors as `metric_table`.
    """
    found, chosen, table = _printed(records, metrics)
    left = "lll"
    if len({record.data for record in found if record.kind != "published"}) <= 1:
        # The caption states the one data set, the notes that of the others: a page is narrow.
        table, left = table.drop(columns="Data"), "ll"
    head = " & ".join(map(_latex, table.columns))
    body = [" & ".join(map(_latex, row)) + r" \\" for row in table.itertuples(index=False)]
    under = [rf"{_latex(MARK)} {_latex(note)}\\" for note in notes(found)]
    lines = [
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{_latex(caption(found))}}}",
        r"\label{tab:socratic}",
        r"\footnotesize",
        rf"\begin{{tabular}}{{{left}{'r' * len(chosen)}}}",
        r"\toprule",
        rf"{head} \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        *([r"\par\smallskip\raggedright", *under] if under else []),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _printed(
    records: Iterable[Record], metrics: Sequence[str] | None
) -> tuple[list[Record], list[str], pd.DataFrame]:
    """Return what a printed table shows: its records, its metrics, itself."""
    every = list(records)
    headline = [one.key for one in measured(every) if one.headline]
    chosen = headline if metrics is None else list(metrics)
    found = [record for record in every if record.metric in chosen]
    return found, chosen, metric_table(found, metrics=chosen)


def _latex(text: object) -> str:
    plain = str(text)
    # After the end of a row, "[" and "*" would be read as its options.
    first = f"{{{plain[0]}}}" if plain[:1] in ("[", "*") else plain[:1].translate(_LATEX)
    return first + plain[1:].translate(_LATEX)


def as_markdown(records: Iterable[Record], *, metrics: Sequence[str] | None = None) -> str:
    """Return the table in Markdown, its caption before and its notes after it.

    metrics: the headline ones that were measured, when None. Same errors as `metric_table`.
    """
    found, chosen, table = _printed(records, metrics)
    lines = [
        caption(found),
        "",
        _pipes(table.columns),
        _pipes(["---"] * 3 + ["---:"] * len(chosen)),
        *(_pipes(row) for row in table.itertuples(index=False)),
        "",
        *(f"- {MARK} {note}" for note in notes(found)),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _pipes(cells: Iterable[object]) -> str:
    escaped = (str(one).replace("\\", "\\\\").replace("|", "\\|") for one in cells)
    return f"| {' | '.join(' '.join(text.split()) for text in escaped)} |"


def as_csv(records: Iterable[Record]) -> str:
    """Return every record on its line, unrounded, with all that is known of it.

    A text that a spreadsheet would run as a formula gets a quote before it.
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(Record.model_fields)
    for record in records:
        writer.writerow(map(_harmless, record.model_dump().values()))
    return text.getvalue()


def _harmless(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
