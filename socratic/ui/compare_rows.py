"""The Compare tab's browser of rows: what each system asked about each test context."""

from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr

from socratic import browsing, prompts, tables
from socratic.browsing import Page, Query, RowView
from socratic.comparison import Comparison
from socratic.ui import parts
from socratic.ui.bench import Bench
from socratic.ui.boundary import wire

Inputs = Mapping[Any, Any]
ALL_TYPES = "all types"
FINE_TUNED = "mean of the fine-tuned"
NOTHING = parts.empty(
    "No row to show",
    "Rows appear here for evaluations whose predictions are on this machine. Evaluate a system "
    "below; a pulled adapter brings its scores, not its predictions.",
)
NO_MATCH = parts.empty("No row matches", "Search for fewer words, or choose all types.")


def build(bench: Bench, group: Any, tab: Any) -> None:
    """Draw the browser and connect it; `group` chooses the data, `tab` is the one it is in."""
    with gr.Row(elem_classes="controls"):
        search = gr.Textbox(
            label="Search", placeholder="words in context or questions", min_width=220,
            elem_id="rows-search",
        )  # fmt: skip
        kind = gr.Dropdown(
            [ALL_TYPES, *((kind.label, kind.key) for kind in prompts.TYPES)],
            value=ALL_TYPES, label="Type", filterable=False, min_width=180, elem_id="rows-type",
        )  # fmt: skip
        sort = gr.Dropdown(
            [(label, key) for key, label in browsing.SORTS.items()],
            value="data", label="Order", filterable=False, min_width=260, elem_id="rows-sort",
        )  # fmt: skip
        system = gr.Dropdown(
            [FINE_TUNED], value=FINE_TUNED, label="by the scores of", allow_custom_value=True,
            min_width=220, elem_id="rows-system",
        )  # fmt: skip
        metric = gr.Dropdown(
            [("ROUGE-L", "rougeL")], value="rougeL", label="Score", allow_custom_value=True,
            min_width=160, elem_id="rows-metric",
        )  # fmt: skip
    told = parts.markup("rows-told")
    shown = parts.markup("rows-shown")
    with gr.Row(elem_classes="controls"):
        back = gr.Button("← Earlier rows", size="sm", scale=0, min_width=150)
        number = gr.Number(
            1, precision=0, label="Page", scale=0, min_width=110, elem_id="rows-page"
        )
        on = gr.Button("Later rows →", size="sm", scale=0, min_width=150, elem_id="rows-on")
    chosen = [search, kind, sort, system, metric]

    def look(inputs: Inputs, step: int = 0) -> dict[Any, Any]:
        compared = bench.comparison(inputs[group])
        query = Query(
            search=(inputs[search] or "")[:500],
            type=None if inputs[kind] == ALL_TYPES else inputs[kind],
            sort=inputs[sort],
            metric=inputs[metric],
            system=inputs[system] if inputs[system] in compared.members else None,
            page=(inputs[number] or 1) + step,
        )
        page = browsing.page(compared, query)
        return {shown: _markup(compared, page), told: "", number: page.page}

    def fresh(inputs: Inputs) -> dict[Any, Any]:
        return look({**inputs, number: 1})

    def offer(inputs: Inputs) -> dict[Any, Any]:
        compared = bench.comparison(inputs[group])
        own = [n for n, m in compared.members.items() if m.record.kind == "own"]
        keys = [key for key in compared.metrics() if not key.startswith("length")]
        name = inputs[system] if inputs[system] in own else FINE_TUNED
        key = inputs[metric] if inputs[metric] in keys else next(iter(keys), "rougeL")
        offered = [(tables.metric(one).label, one) for one in keys] or [("ROUGE-L", "rougeL")]
        return {
            **look({**inputs, system: name, metric: key}),
            system: gr.update(choices=[FINE_TUNED, *own], value=name),
            metric: gr.update(choices=offered, value=key),
        }

    every = {group, number, *chosen}
    outputs = [shown, told, number]
    wire([tab.select, group.change], offer, every, [*outputs, system, metric], told=told)
    always = {"told": told, "trigger_mode": "always_last"}
    wire([each.input for each in chosen], fresh, every, outputs, **always)
    wire([number.submit, number.blur], look, every, outputs, **always)
    wire(back.click, lambda inputs: look(inputs, -1), every, outputs, told=told)
    wire(on.click, lambda inputs: look(inputs, 1), every, outputs, told=told)


def _markup(compared: Comparison, page: Page) -> str:
    if not compared.members:
        return NOTHING
    if not page.rows:
        return NO_MATCH
    head = f'<p class="caption">{page.found:,} rows, page {page.page:,} of {page.pages:,}.</p>'
    return head + "".join(_row(compared, row) for row in page.rows)


def _row(compared: Comparison, row: RowView) -> str:
    label = prompts.question_type(row.type).label
    references = "".join(f"<p>{escape(text)}</p>" for text in dict.fromkeys(row.references))
    lines = "".join(
        f"<tr><th>{parts.dot(compared.members[one.system].record.colour)}{escape(one.system)}</th>"
        f"<td>{escape(one.question) or '<i>no question</i>'}</td>"
        f"<td>{'' if one.score is None else f'{one.score:.3f}'}</td></tr>"
        for one in row.asked
    )
    return (
        f'<article class="row"><h3>Row {row.number + 1:,} {parts.badge(label)}</h3>'
        f"<blockquote>{escape(row.context)}</blockquote>"
        f'<div class="reference"><b>Human question</b>{references}</div>'
        f'<div class="scroll"><table class="asked"><tbody>{lines}</tbody></table></div></article>'
    )
