"""Results of a round as sentences, a table, CSV and LaTeX. Rounding happens here alone."""

import csv
import io
from collections.abc import Sequence

import pandas as pd

from socratic import latex
from socratic.printing import harmless
from socratic.prompts import question_type
from socratic.rating.analysis import (
    CRITERIA,
    ITEMS_NEEDED,
    TYPE_ITEMS_NEEDED,
    Agreement,
    Criterion,
    Mean,
    Pair,
    Results,
)
from socratic.rating.inference import LEVEL, PRIOR
from socratic.tables import ABSENT, MINIATURE

COLUMNS = (
    "kind", "system", "versus", "criterion", "type", "value", "low", "high", "n_items",
    "n_ratings", "wins", "losses", "p", "p_holm", "note",
)  # fmt: skip
METHOD = (
    f"Brackets: 95% intervals, percentile bootstrap over items (from {ITEMS_NEEDED} items on, by "
    f"type from {TYPE_ITEMS_NEEDED}). Wins: items where most raters would ask the one and not the "
    "other; exact binomial test, Clopper-Pearson intervals, p corrected over the pairs (Holm). "
    f"Strength: Bradley-Terry log-strength, adding up to zero, {PRIOR:g} pseudo-wins per pair. "
    "Alpha: Krippendorff's, ordinal for the scales, nominal else."
)


def with_interval(value: float, low: float | None, high: float | None, percent: bool) -> str:
    """Return "4.12 [3.90, 4.31]" or "61 % [52, 70]"; without brackets where there are no bounds."""
    scale, form = (100, ".0f") if percent else (1, ".2f")
    text = f"{value * scale:{form}}{' %' if percent else ''}"
    if low is None or high is None:
        return text
    return f"{text} [{low * scale:{form}}, {high * scale:{form}}]"


def p_value(p: float | None) -> str:
    """Return a p-value in three digits, or a dash."""
    if p is None:
        return ABSENT
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def caption(results: Results) -> str:
    """Return what was rated, by how many, and how the numbers were computed."""
    round_ = results.round
    mini = any(system.family == "miniature" for system in round_.systems)
    return (
        f"Blind rating of {round_.data}, {round_.split} split: {results.items} of "
        f"{len(round_.items)} items rated, {results.ratings} ratings by {len(results.raters)} "
        f"raters; decoding {round_.decoding}, seed {round_.seed}. {METHOD}"
        f"{f' {MINIATURE}' if mini else ''}"
    )


def mean_table(results: Results, kind: str | None = None) -> pd.DataFrame:
    """Return a row per system and a column per criterion, for all items or those of a type."""
    found = {(m.system, m.criterion): m for m in results.means if m.type == kind}
    strengths = {one.system: one for one in results.strengths} if kind is None else {}
    rows = []
    for system in results.round.systems if found else ():
        row = {"Model": system.title}
        row |= {one.label: _mean(found[system.key, one.key], one) for one in CRITERIA}
        if strengths:
            one = strengths[system.key]
            row["Strength"] = with_interval(one.value, one.low, one.high, False)
        rows.append(row)
    return pd.DataFrame(rows)


def _mean(mean: Mean, criterion: Criterion) -> str:
    return with_interval(mean.value, mean.low, mean.high, criterion.percent)


def pair_table(results: Results) -> pd.DataFrame:
    """Return a row per pair of systems: who would be asked, how sure that is."""
    rows = [
        {
            "Pair": f"{_title(results, pair.one)} : {_title(results, pair.other)}",
            "Items won": f"{pair.wins} : {pair.losses}",
            "Win rate": ABSENT
            if pair.rate is None
            else with_interval(pair.rate, pair.low, pair.high, True),
            "p (exact)": p_value(pair.p),
            "p (Holm)": p_value(pair.holm),
            "What it says": verdict(results, pair),
        }
        for pair in results.pairs
    ]
    return pd.DataFrame(rows)


def verdict(results: Results, pair: Pair) -> str:
    """Return what may be concluded about a pair, or what it takes to conclude something."""
    if pair.rate is None:
        more = f" {pair.needed} more decided items needed." if pair.needed else ""
        return f"Too few ratings to conclude.{more}"
    if pair.holm is not None and pair.holm < LEVEL:
        better = pair.one if pair.wins > pair.losses else pair.other
        return f"{_title(results, better)} would be asked rather."
    more = f"; about {pair.needed} more decided items would show 2 to 1" if pair.needed else ""
    return f"No difference shown{more}."


def _title(results: Results, system: str) -> str:
    return results.round.title_of(system)


def agreement_table(results: Results) -> pd.DataFrame:
    """Return Krippendorff's alpha of each criterion, or why there is none."""
    labels = {one.key: one.label for one in CRITERIA}
    rows = [
        {
            "Criterion": labels[one.criterion],
            "Krippendorff's alpha": ABSENT if one.alpha is None else f"{one.alpha:.2f}",
            "Judged by two or more": f"{one.units} {_unit(one)}",
            "Reading": one.reason or _reading(one.alpha or 0.0),
        }
        for one in results.agreements
    ]
    return pd.DataFrame(rows)


def _unit(one: Agreement) -> str:
    return "items" if one.criterion == "asked" else "questions"


def _reading(alpha: float) -> str:
    """Return Krippendorff's own reading of alpha (Content Analysis, 2004, section 11.4.2)."""
    if alpha >= 0.8:
        return "reliable (0.80 or more)"
    return "tentative conclusions only (0.667 to 0.80)" if alpha >= 0.667 else "low (below 0.667)"


def types(results: Results) -> list[str]:
    """Return the question types that were rated."""
    return list(dict.fromkeys(one.type for one in results.means if one.type is not None))


def records(results: Results) -> list[dict[str, object]]:
    """Return every number, unrounded, one per record with the keys `COLUMNS`."""
    found: list[dict[str, object]] = []
    for mean in results.means:
        found.append(
            {"kind": "mean", "system": _title(results, mean.system), "criterion": mean.criterion,
             "type": mean.type or "all", "value": mean.value, "low": mean.low, "high": mean.high,
             "n_items": mean.items, "n_ratings": mean.ratings}
        )  # fmt: skip
    for pair in results.pairs:
        found.append(
            {"kind": "pair", "system": _title(results, pair.one),
             "versus": _title(results, pair.other), "criterion": "asked", "type": "all",
             "value": pair.rate, "low": pair.low, "high": pair.high, "n_items": pair.decided,
             "wins": pair.wins, "losses": pair.losses, "p": pair.p, "p_holm": pair.holm,
             "note": verdict(results, pair)}
        )  # fmt: skip
    for one in results.strengths:
        found.append(
            {"kind": "strength", "system": _title(results, one.system), "criterion": "asked",
             "type": "all", "value": one.value, "low": one.low, "high": one.high,
             "n_items": results.items, "n_ratings": results.ratings}
        )  # fmt: skip
    for agreement in results.agreements:
        found.append(
            {"kind": "alpha", "criterion": agreement.criterion, "type": "all",
             "value": agreement.alpha, "n_items": agreement.units, "note": agreement.reason}
        )  # fmt: skip
    return [{key: record.get(key) for key in COLUMNS} for record in found]


def as_csv(results: Results) -> str:
    """Return `records` as CSV; a text that a spreadsheet would run gets a quote before it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in records(results):
        writer.writerow(["" if value is None else harmless(value) for value in record.values()])
    return text.getvalue()


def as_latex(results: Results) -> str:
    r"""Return booktabs tables (`\usepackage{booktabs}`): means, pairs and agreement, by type."""
    parts = [_latex(mean_table(results), caption(results), "means")]
    for kind in types(results):
        label = question_type(kind).label
        parts.append(_latex(mean_table(results, kind), f"Blind rating, {label}.", f"means-{kind}"))
    pairs = pair_table(results)
    if not pairs.empty:
        # A sentence in a column would make the table too wide to be read.
        says = [f"{one.Pair}: {one[-1]}" for one in pairs.itertuples(index=False)]
        parts.append(_latex(pairs.iloc[:, :-1], "Which model would be asked.", "pairs", notes=says))
    parts.append(_latex(agreement_table(results), "Agreement of the raters.", "agreement"))
    notes = [f"% {results.refusal}\n"] if results.refusal else []
    return "\n".join([*notes, *(part for part in parts if part)])


def _latex(frame: pd.DataFrame, words: str, label: str, notes: Sequence[str] = ()) -> str:
    if frame.empty:
        return ""
    return latex.Table(
        caption=words,
        label=f"rating-{label.replace('_', '-')}",
        columns="l" + "r" * (len(frame.columns) - 1),
        heads=list(frame.columns),
        body=[latex.row(row) for row in frame.itertuples(index=False)],
        notes=notes,
    ).text()


def as_text(results: Results) -> Sequence[tuple[str, pd.DataFrame]]:
    """Return the tables with their headings, for a terminal or a page; empty ones left out."""
    found = [("Means", mean_table(results)), ("Which would be asked", pair_table(results))]
    found.append(("Agreement", agreement_table(results)))
    found += [(question_type(kind).label, mean_table(results, kind)) for kind in types(results)]
    return [(heading, frame) for heading, frame in found if not frame.empty]
