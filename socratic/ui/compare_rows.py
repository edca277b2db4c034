"""The Compare tab's browser of rows: what each system asked about each test context."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from socratic import browsing, prompts, tables
from socratic.browsing import Asked, Page, Query, RowView
from socratic.comparison import Comparison
from socratic.ui import parts
from socratic.ui.bench import Bench
from socratic.ui.boundary import wire

Inputs = Mapping[Any, Any]
ALL_TYPES = "all types"
FINE_TUNED = "mean of the fine-tuned"
LONGEST = 500  # characters of a search
NOTHING = parts.empty(
    "No row to show",
    "Rows appear here for evaluations whose predictions are on this machine. Evaluate a system "
    "below; a pulled adapter brings its scores, not its predictions.",
)
NO_MATCH = parts.empty("No row matches", "Search for fewer words, or choose all types.")


@dataclass(frozen=True)
class Controls:
    """The controls, by name. group: which data, chosen above."""

    bench: Bench
    group: Any
    search: Any
    kind: Any
    sort: Any
    system: Any
    metric: Any
    told: Any
    shown: Any
    back: Any
    number: Any
    on: Any

    @property
    def chosen(self) -> list[Any]:
        """What decides which rows are found, and in which order."""
        return [self.search, self.kind, self.sort, self.system, self.metric]


def build(bench: Bench, group: Any, tab: Any) -> None:
    """Draw the browser and connect it; `group` chooses the data, `tab` is the one it is in."""
    with gr.Row(elem_classes="controls"):
        drawn = _choices()
    drawn["told"] = parts.markup("rows-told")
    drawn["shown"] = parts.markup("rows-shown")
    with gr.Row(elem_classes="controls"):
        drawn |= _paging()
    _connect(Controls(bench, group, **drawn), tab)


def _choices() -> dict[str, Any]:
    return {
        "search": gr.Textbox(
            label="Search", placeholder="words in context or questions", min_width=220,
            elem_id="rows-search",
        ),
        "kind": gr.Dropdown(
            [ALL_TYPES, *((kind.label, kind.key) for kind in prompts.TYPES)],
            value=ALL_TYPES, label="Type", filterable=False, min_width=180, elem_id="rows-type",
        ),
        "sort": gr.Dropdown(
            [(label, key) for key, label in browsing.SORTS.items()],
            value="data", label="Order", filterable=False, min_width=260, elem_id="rows-sort",
        ),
        "system": gr.Dropdown(
            [FINE_TUNED], value=FINE_TUNED, label="by the scores of", allow_custom_value=True,
            min_width=220, elem_id="rows-system",
        ),
        "metric": gr.Dropdown(
            [("ROUGE-L", "rougeL")], value="rougeL", label="Score", allow_custom_value=True,
            min_width=160, elem_id="rows-metric",
        ),
    }  # fmt: skip


def _paging() -> dict[str, Any]:
    return {
        "back": gr.Button("← Earlier rows", size="sm", scale=0, min_width=150),
        "number": gr.Number(
            1, precision=0, label="Page", scale=0, min_width=110, elem_id="rows-page"
        ),
        "on": gr.Button("Later rows →", size="sm", scale=0, min_width=150, elem_id="rows-on"),
    }


def _connect(controls: Controls, tab: Any) -> None:
    number, told = controls.number, controls.told

    def look(inputs: Inputs, step: int = 0) -> dict[Any, Any]:
        return _look(controls, inputs, step)

    def fresh(inputs: Inputs) -> dict[Any, Any]:
        return look({**inputs, number: 1})

    def offer(inputs: Inputs) -> dict[Any, Any]:
        return _offer(controls, inputs)

    every = {controls.group, number, *controls.chosen}
    outputs = [controls.shown, told, number]
    offered = [*outputs, controls.system, controls.metric]
    wire([tab.select, controls.group.change], offer, every, offered, told=told)
    always = {"told": told, "trigger_mode": "always_last"}
    # A textbox tells of an input only where a key put a letter in: not of pasting, not of deleting.
    changes = [each.input for each in controls.chosen if each is not controls.search]
    wire([controls.search.change, *changes], fresh, every, outputs, **always)
    wire([number.submit, number.blur], look, every, outputs, **always)
    wire(controls.back.click, lambda inputs: look(inputs, -1), every, outputs, told=told)
    wire(controls.on.click, lambda inputs: look(inputs, 1), every, outputs, told=told)


def _look(controls: Controls, inputs: Inputs, step: int = 0) -> dict[Any, Any]:
    """Return the updates that show a page: the one chosen, or `step` pages on."""
    compared = controls.bench.comparison(inputs[controls.group])
    kind, system = inputs[controls.kind], inputs[controls.system]
    query = Query(
        search=(inputs[controls.search] or "")[:LONGEST],
        type=None if kind == ALL_TYPES else kind,
        sort=inputs[controls.sort],
        metric=inputs[controls.metric],
        system=system if system in compared.members else None,
        page=(inputs[controls.number] or 1) + step,
    )
    page = browsing.page(compared, query)
    return {
        controls.shown: _markup(compared, page), controls.told: "", controls.number: page.page
    }  # fmt: skip


def _offer(controls: Controls, inputs: Inputs) -> dict[Any, Any]:
    """Return the updates that offer the systems and metrics of the data, and show its rows."""
    compared = controls.bench.comparison(inputs[controls.group])
    own = [n for n, m in compared.members.items() if m.record.kind == "own"]
    keys = [key for key in compared.metrics() if not key.startswith("length")]
    name = inputs[controls.system] if inputs[controls.system] in own else FINE_TUNED
    key = inputs[controls.metric] if inputs[controls.metric] in keys else next(iter(keys), "rougeL")
    offered = [(tables.metric(one).label, one) for one in keys] or [("ROUGE-L", "rougeL")]
    return {
        **_look(controls, {**inputs, controls.system: name, controls.metric: key}),
        controls.system: parts.offered([FINE_TUNED, *own], name, inputs[controls.system]),
        controls.metric: parts.offered(offered, key, inputs[controls.metric]),
    }


def _markup(compared: Comparison, page: Page) -> str:
    if not compared.members:
        return NOTHING
    if not page.rows:
        return NO_MATCH
    rows = "1 row" if page.found == 1 else f"{page.found:,} rows"
    head = f'<p class="caption">{rows}, page {page.page:,} of {page.pages:,}.</p>'
    return head + "".join(_row(compared, row) for row in page.rows)


def _row(compared: Comparison, row: RowView) -> str:
    label = prompts.question_type(row.type).label
    references = "".join(f"<p>{escape(text)}</p>" for text in dict.fromkeys(row.references))
    floors = [one for one in row.asked if compared.members[one.system].record.kind == "floor"]
    asked = [one for one in row.asked if one not in floors]
    # A floor says nearly the same everywhere: it is there for who looks for it.
    folded = f"<details><summary>Floors</summary>{_asked(compared, floors)}</details>"
    return (
        f'<article class="row"><h3>Row {row.number + 1:,} {parts.badge(label)}</h3>'
        f"<blockquote>{escape(row.context)}</blockquote>"
        f'<div class="reference"><b>Human question</b>{references}</div>'
        f"{_asked(compared, asked)}{folded if floors else ''}</article>"
    )


def _asked(compared: Comparison, asked: Sequence[Asked]) -> str:
    lines = "".join(
        f"<tr><th>{parts.dot(compared.members[one.system].record.colour)}{escape(one.system)}</th>"
        f"<td>{escape(one.question) or '<i>no question</i>'}</td>"
        f"<td>{'' if one.score is None else f'{one.score:.3f}'}</td></tr>"
        for one in asked
    )
    return f'<div class="scroll"><table class="asked"><tbody>{lines}</tbody></table></div>'
