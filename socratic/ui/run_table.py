"""The table of runs: sorted by a click on a column, filtered by a word."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from socratic.runs import Status
from socratic.ui import parts
from socratic.ui.run_views import LOSSES, View

# A press on a name picks the run, one on a head sorts by its column.
SCRIPT = """
element.addEventListener("click", (event) => {
  const row = event.target.closest("[data-run]");
  const head = event.target.closest("[data-sort]");
  if (row) trigger("click", { run: row.dataset.run, sort: "" });
  if (head) trigger("click", { run: "", sort: head.dataset.sort });
});
"""


@dataclass(frozen=True)
class Order:
    """By which column the runs are sorted (none: newest first), and which of them are shown."""

    column: str = ""
    falling: bool = True
    words: str = ""

    def pressed(self, column: str) -> "Order":
        """Return the order after a press on a column's head: falling, rising, as it was."""
        if column != self.column:
            return Order(column, True, self.words)
        return Order(column, False, self.words) if self.falling else Order("", True, self.words)


# What each column is sorted by; a run that has no such value comes last.
_KEYS: dict[str, Callable[[View], Any]] = {
    "Run": lambda view: view.title.lower(),
    "State": lambda view: view.state,
    "Step": lambda view: view.status.step if view.status else None,
    "Epoch": lambda view: view.status.epoch if view.status else None,
    "Time left": lambda view: view.eta,
    "Training loss": lambda view: view.newest.get("loss"),
    "Validation loss": lambda view: view.newest.get("eval_loss"),
    "Best ROUGE-L": lambda view: view.best,
    "Patience left": lambda view: view.patience if view.alive else None,
    "Message": lambda view: view.message or None,
}
WHILE_ALIVE = ("Time left", "Patience left")


def ordered(views: Sequence[View], order: Order) -> list[View]:
    """Return the runs that match every word of the filter, sorted."""
    words = order.words.lower().split()
    found = [view for view in views if all(word in _text(view) for word in words)]
    key = _KEYS.get(order.column)
    if key is None:
        return found
    with_value = [view for view in found if key(view) is not None]
    without = [view for view in found if key(view) is None]
    return sorted(with_value, key=key, reverse=order.falling) + without


def _text(view: View) -> str:
    manifest = view.manifest
    said = [view.run.id, view.title, view.state, view.message, view.kind]
    said += [manifest.model, manifest.family, manifest.recipe] if manifest else []
    said += [manifest.data.source, manifest.data.name] if manifest else []
    said += ["bundled"] if view.run.bundled else []
    return " ".join(said).lower()


def table(views: Sequence[View], selected: str | None = None, order: Order | None = None) -> str:
    """Return the runs as a table; a row's button carries the run's id in `data-run`.

    order: how they are sorted and filtered; without one the heads are no buttons.
    """
    shown = ordered(views, order or Order())
    # What only a run at work has would be empty columns, and push the messages off the page.
    alive = any(view.alive for view in shown)
    columns = [column for column in _KEYS if alive or column not in WHILE_ALIVE]
    head = "".join(_head(column, order) for column in columns)
    rows = "".join(_row(view, columns, view.run.id == selected) for view in shown)
    if not shown:
        words = escape(repr(order.words if order else ""))
        rows = f'<tr><td colspan="{len(columns)}">No run matches {words}.</td></tr>'
    return (
        f'<div class="scroll"><table class="runs"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _head(column: str, order: Order | None) -> str:
    if order is None:
        return f"<th>{column}</th>"
    falling = "descending" if order.falling else "ascending"
    sort = falling if column == order.column else "none"
    return (
        f'<th aria-sort="{sort}"><button type="button" data-sort="{column}">{column}</button></th>'
    )


def _row(view: View, columns: Sequence[str], selected: bool) -> str:
    values = (
        _name_cell(view),
        _state_cell(view),
        _step_cell(view.status),
        f"{view.status.epoch:.1f}" if view.status and view.status.epoch else "",
        parts.duration(view.eta) if view.eta is not None else "",
        *(_number(view.newest.get(loss)) for loss in LOSSES),
        _best_cell(view),
        str(view.patience) if view.alive and view.patience is not None else "",
        f'<span class="message">{escape(view.message)}</span>',
    )
    marked = ' class="selected"' if selected else ""
    cells = dict(zip(_KEYS, values, strict=True))
    return f"<tr{marked}>" + "".join(f"<td>{cells[column]}</td>" for column in columns) + "</tr>"


def _state_cell(view: View) -> str:
    phase = view.status.phase if view.status and view.alive else ""
    shown = f"<small>{escape(phase)}</small>" if phase else ""
    return f'<span class="state {escape(view.state)}">{escape(view.state)}</span>{shown}'


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _best_cell(view: View) -> str:
    where = f"<small>step {view.best_step:,}</small>" if view.best is not None else ""
    return _number(view.best) + where


def _name_cell(view: View) -> str:
    family = view.manifest.family if view.manifest else ""
    labels = parts.badges(family, view.run.bundled)
    labels += parts.badge("evaluation") if view.kind == "evaluation" else ""
    return (
        f'<button type="button" class="run-name" data-run="{escape(view.run.id)}">'
        f"{parts.dot(view.colour)}{escape(view.title)}</button> {labels}"
        f"<small>{escape(view.run.id)}</small>"
    )


def _step_cell(status: Status | None) -> str:
    if status is None or not status.total_steps:
        return ""
    share = round(100 * status.progress)
    return (
        f'{status.step:,} / {status.total_steps:,}<div class="bar" role="progressbar" '
        f'aria-valuenow="{share}" aria-valuemin="0" aria-valuemax="100">'
        f'<i style="width:{share}%"></i></div>'
    )
