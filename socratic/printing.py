"""Tables in print: LaTeX (booktabs), Markdown, CSV; the scores, and the tests between systems."""

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence

from socratic import latex
from socratic.results import Record
from socratic.scoring.pairs import Pair
from socratic.tables import (
    ABSENT,
    KIND_LABELS,
    MARK,
    UNTESTED,
    Findings,
    Line,
    caption,
    cell,
    lines,
    measured,
    metric,
    notes,
)

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_latex(
    records: Iterable[Record],
    *,
    metrics: Sequence[str] | None = None,
    findings: Findings = UNTESTED,
) -> str:
    """Return a booktabs table: kinds apart, intervals under their values, notes beneath.

    metrics: the headline ones that were measured, when None. Same errors as `metric_table`.
    """
    found, chosen = _printed(records, metrics)
    heads = ["System", *(metric(key).label for key in chosen)]
    # The caption states the one data set, the notes that of the others: a page is narrow.
    several = len({record.data for record in found if record.kind != "published"}) > 1
    if several:
        heads.insert(1, "Data")
    body: list[str] = []
    for kind, group in itertools.groupby(lines(found, chosen), lambda line: line.record.kind):
        body += [r"\addlinespace"] if body else []
        body.append(rf"\multicolumn{{{len(heads)}}}{{l}}{{\textit{{{KIND_LABELS[kind]}}}}} \\")
        for line in group:
            body += _latex_lines(line, chosen, findings, several)
    return latex.Table(
        caption=caption(found, findings),
        label="socratic",
        columns=("ll" if several else "l") + "r" * len(chosen),
        heads=heads,
        body=body,
        notes=[f"{MARK} {note}" for note in notes(found)],
    ).text()


def _latex_lines(
    line: Line, chosen: Sequence[str], findings: Findings, several: bool
) -> Iterator[str]:
    """Yield a system's values, then their intervals where it has any."""
    names = [line.record.name, line.record.rows] if several else [line.record.name]
    values, intervals = [], []
    for key in chosen:
        value, interval = _latex_cell(line.cells.get(key), findings)
        values.append(value)
        intervals.append(interval)
    first = " & ".join([*map(latex.escaped, names), *values])
    if not any(intervals):
        yield rf"{first} \\"
        return
    yield rf"{first} \\[-2pt]"
    yield " & ".join(["", *([""] if several else []), *intervals]) + r" \\"


def _latex_cell(record: Record | None, findings: Findings) -> tuple[str, str]:
    if record is None:
        return latex.escaped(ABSENT), ""
    text, _, interval = cell(record).removesuffix(MARK).partition(" ")
    value = latex.escaped(text if record.comparable else text + MARK)
    small = rf"{{\scriptsize {latex.escaped(interval)}}}" if interval else ""
    return rf"\textbf{{{value}}}" if findings.is_bold(record) else value, small


def _printed(
    records: Iterable[Record], metrics: Sequence[str] | None
) -> tuple[list[Record], list[str]]:
    """Return what a printed table shows: its records and its metrics."""
    every = list(records)
    headline = [one.key for one in measured(every) if one.headline]
    chosen = headline if metrics is None else list(metrics)
    found = [record for record in every if record.metric in chosen]
    return found, chosen


def as_markdown(
    records: Iterable[Record],
    *,
    metrics: Sequence[str] | None = None,
    findings: Findings = UNTESTED,
) -> str:
    """Return the table in Markdown, its caption before and its notes after it.

    metrics: the headline ones that were measured, when None. Same errors as `metric_table`.
    """
    found, chosen = _printed(records, metrics)
    parts = [
        caption(found, findings),
        "",
        _pipes(["System", "Kind", "Data", *(metric(key).label for key in chosen)]),
        _pipes(["---"] * 3 + ["---:"] * len(chosen)),
        *(_pipes(_markdown_cells(line, chosen, findings)) for line in lines(found, chosen)),
        "",
        *(f"- {MARK} {note}" for note in notes(found)),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _markdown_cells(line: Line, chosen: Sequence[str], findings: Findings) -> list[str]:
    numbers = []
    for key in chosen:
        record = line.cells.get(key)
        text = ABSENT if record is None else cell(record)
        numbers.append(f"**{text}**" if record and findings.is_bold(record) else text)
    return [line.record.name, KIND_LABELS[line.record.kind], line.record.rows, *numbers]


def _pipes(cells: Iterable[object]) -> str:
    escaped = (str(one).replace("\\", "\\\\").replace("|", "\\|") for one in cells)
    return f"| {' | '.join(' '.join(text.split()) for text in escaped)} |"


def as_csv(records: Iterable[Record]) -> str:
    """Return every record on its line, unrounded, with all that is known of it.

    A text that a spreadsheet would run as a formula gets a quote before it.
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(name for name, info in Record.model_fields.items() if not info.exclude)
    for record in records:
        writer.writerow(map(harmless, record.model_dump().values()))
    return text.getvalue()


def harmless(value: object) -> object:
    """Return a cell as a spreadsheet shows it: what it would run as a formula gets a quote."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def pairs_csv(found: Iterable[Pair]) -> str:
    """Return every test on its line, unrounded."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow([*Pair.model_fields, "significant"])
    for pair in found:
        writer.writerow([*map(harmless, pair.model_dump().values()), pair.significant])
    return text.getvalue()


def pair_cells(pair: Pair) -> tuple[str, str, str, str]:
    """Return a test in words: difference with interval, p-value, corrected, effect."""
    gap = f"{pair.difference:+.4f} [{pair.low:+.4f}, {pair.high:+.4f}]"
    effect = ABSENT if pair.effect is None else f"{pair.effect:+.2f}"
    return gap, p_value(pair.p), p_value(pair.holm), effect


def p_value(p: float) -> str:
    """Return a p-value as one writes it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


_PAIR_HEADS = ("Better", "Than", "Difference [95% interval]", "p", "p (Holm)", "dz")


def pairs_latex(found: Sequence[Pair], key: str, sentence: str) -> str:
    """Return the tests of one metric as a booktabs table; sentence: which tests, on what."""
    return latex.Table(
        caption=f"Differences in {metric(key).label}. {sentence}",
        label="socratic-tests",
        columns="llrrrr",
        heads=_PAIR_HEADS,
        body=[latex.row(row) for row in _pair_rows(found, key)],
    ).text()


def pairs_markdown(found: Sequence[Pair], key: str, sentence: str) -> str:
    """Return the tests of one metric in Markdown; sentence: which tests, on what."""
    head = f"Differences in {metric(key).label}. {sentence}"
    parts = [head, "", _pipes(_PAIR_HEADS), _pipes(["---"] * 2 + ["---:"] * 4)]
    return "\n".join([*parts, *map(_pipes, _pair_rows(found, key))]) + "\n"


def _pair_rows(found: Sequence[Pair], key: str) -> list[tuple[str, ...]]:
    """Return the tests of a metric, each with the better system first, the surest first."""
    turned = [pair if pair.difference >= 0 else pair.turned() for pair in found]
    chosen = sorted((p for p in turned if p.metric == key), key=lambda p: (p.holm, -p.difference))
    return [(pair.a, pair.b, *pair_cells(pair)) for pair in chosen]
