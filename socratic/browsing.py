"""The rows of a comparison, searched, filtered, sorted and paged: what each system asked."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from socratic.comparison import Comparison
from socratic.errors import UsageError
from socratic.scoring.measures import Floats

SORTS: Mapping[str, str] = {
    "data": "as in the data",
    "disagreement": "where the fine-tuned systems differ most",
    "gain": "gain over zero-shot, largest first",
    "loss": "gain over zero-shot, smallest first",
    "best": "highest scores first",
    "worst": "lowest scores first",
}
PAGE = 10


@dataclass(frozen=True)
class Query:
    """What is looked for. system: whose score or gain sorts, None for the mean of the fine-tuned.

    page: from 1.
    """

    search: str = ""
    type: str | None = None
    sort: str = "data"
    metric: str = "rougeL"
    system: str | None = None
    page: int = 1


@dataclass(frozen=True)
class Asked:
    """One system's question of a row, and its score; None where the metric has no row scores."""

    system: str
    question: str
    score: float | None


@dataclass(frozen=True)
class RowView:
    """One row. number: its place in the data, from 0."""

    number: int
    context: str
    type: str
    references: list[str]
    asked: list[Asked]


@dataclass(frozen=True)
class Page:
    """The rows of one page. found: rows that match; pages: how many pages they fill."""

    rows: list[RowView]
    found: int
    page: int
    pages: int


def page(group: Comparison, query: Query) -> Page:
    """Return a page of the rows that match; a page beyond the last is the last.

    Raises UsageError for an order there is none of, or that these systems do not allow.
    """
    matching = _matching(group, query)
    order = _sorted(group, query, matching)
    pages = max(1, -(-len(order) // PAGE))
    at = min(max(query.page, 1), pages)
    picked = order[(at - 1) * PAGE : at * PAGE]
    scores = {name: one.row_scores(query.metric) for name, one in group.members.items()}
    return Page([_view(group, int(row), scores) for row in picked], len(order), at, pages)


def _view(group: Comparison, row: int, scores: Mapping[str, Floats | None]) -> RowView:
    asked = []
    for name, member in group.members.items():
        known = scores[name]
        score = None if known is None else float(known[row])
        asked.append(Asked(name, member.outputs[row], score))
    rows = group.rows
    return RowView(row, rows.contexts[row], rows.types[row], list(rows.references[row]), asked)


def _matching(group: Comparison, query: Query) -> list[int]:
    words = query.search.casefold().split()
    return [
        row
        for row, text in enumerate(group.haystack)
        if (query.type is None or group.rows.types[row] == query.type)
        and all(word in text for word in words)
    ]


def _sorted(group: Comparison, query: Query, rows: list[int]) -> list[int]:
    if query.sort not in SORTS:
        raise UsageError(f"There is no order {query.sort!r}; choose from {', '.join(SORTS)}.")
    if query.sort == "data" or not rows:
        return rows
    keys = _keys(group, query)[rows]
    upwards = query.sort in ("loss", "worst")
    return [rows[i] for i in np.argsort(keys if upwards else -keys, kind="stable")]


def _keys(group: Comparison, query: Query) -> Floats:
    """Return what sorts: one number per row."""
    own = [n for n, m in group.members.items() if m.record.kind == "own"]
    chosen = [query.system] if query.system else own or list(group.members)
    if query.sort == "disagreement":
        return np.asarray(
            np.std([_scores(group, name, query.metric) for name in own or chosen], axis=0),
            dtype=np.float64,
        )
    if query.sort in ("best", "worst"):
        return np.asarray(
            np.mean([_scores(group, name, query.metric) for name in chosen], axis=0),
            dtype=np.float64,
        )
    gains = [
        _scores(group, name, query.metric) - _scores(group, alone, query.metric)
        for name in chosen
        if (alone := group.zero_shot_of(name)) is not None
    ]
    if not gains:
        raise UsageError("No zero-shot model stands beside these systems, so there is no gain.")
    return np.asarray(np.mean(gains, axis=0), dtype=np.float64)


def _scores(group: Comparison, name: str, metric: str) -> Floats:
    found = group.members[name].row_scores(metric) if name in group.members else None
    if found is None:
        raise UsageError(f"{name} has no {metric} row by row; choose another metric or system.")
    return found
