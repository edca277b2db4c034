"""Records -> the table: its metrics, its lines, what stands in a cell and what is said beneath.

A new metric is one entry in `METRICS`. Records keep raw numbers; rounding happens here alone.
"""

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
    Metric("fidelity", "Type fidelity", "share taken for the type asked for, by a classifier"),
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
MINIATURE = "Miniature models: the numbers show how this works, not what the thesis models do."
SPREAD = "After \u00b1: standard deviation over seeds."
TESTS = "Differences between systems are not tested here, so nothing is set in bold."


@dataclass(frozen=True)
class Findings:
    """What tests found. bold: (`Record.key`, metric) better than every other model.

    sentence: which tests, for a caption. rule: what is bold in a table of scores.
    """

    bold: frozenset[tuple[tuple[object, ...], str]] = frozenset()
    sentence: str = TESTS
    rule: str = ""

    def is_bold(self, record: Record) -> bool:
        """Tell whether a number may be set in bold."""
        return (record.key, record.metric) in self.bold


UNTESTED = Findings()


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
    """Return "0.215 [0.210, 0.220]", with a dagger where it is not comparable.

    The mean over several seeds has their standard deviation: "0.215 \u00b1 0.002".
    """
    places = max(decimals - metric(record.metric).coarse, 0)
    text = f"{record.value:.{places}f}"
    if interval and record.low is not None and record.high is not None:
        text += f" [{record.low:.{places}f}, {record.high:.{places}f}]"
    if interval and record.spread is not None:
        text += f" \u00b1 {record.spread:.{places}f}"
    return text if record.comparable else text + MARK


@dataclass(frozen=True)
class Line:
    """A row of the table. record: any of its system's; cells: its records by metric."""

    record: Record
    cells: dict[str, Record]


def lines(records: Iterable[Record], metrics: Sequence[str]) -> list[Line]:
    """Return one line per system that has one of `metrics`: own, zero-shot, floors, published."""
    found: dict[tuple[object, ...], Line] = {}
    for record in sorted(records, key=lambda one: KINDS.index(one.kind)):
        if record.metric in metrics:
            found.setdefault(record.key, Line(record, {})).cells[record.metric] = record
    return list(found.values())


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
    rows = [
        {
            "System": line.record.name,
            "Kind": KIND_LABELS[line.record.kind],
            "Data": line.record.rows,
            **{
                one.label: cell(line.cells[one.key], decimals, interval)
                if one.key in line.cells
                else ABSENT
                for one in chosen
            },
        }
        for line in lines(found, [one.key for one in chosen])
    ]
    columns = ["System", "Kind", "Data", *(one.label for one in chosen)]
    return pd.DataFrame(rows, columns=columns)


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


def setting(records: Iterable[Record]) -> str:
    """Return on which rows, decoded how, and whether by miniature models, in plain text."""
    found = [record for record in records if record.kind != "published"]
    rows = _joined(record.rows for record in found) or "published numbers only"
    ways = _joined(r.decoding for r in found if r.kind != "floor")
    decoding = f" Decoding: {ways}." if ways else ""
    mini = f" {MINIATURE}" if any(record.miniature for record in found) else ""
    return f"{rows}.{decoding}{mini}"


def caption(records: Iterable[Record], findings: Findings = UNTESTED) -> str:
    """Return the sentences that a table or chart of `records` needs beside it, in plain text."""
    found = list(records)
    spread = f" {SPREAD}" if any(record.spread is not None for record in found) else ""
    return (
        f"Socratic question generation: {setting(found)} {INTERVALS}{spread} "
        f"{findings.sentence} {findings.rule}".rstrip()
    )
