"""The Compare tab's exports: tables, tests and the answer as text, figures for print."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from socratic import answer, printing, tables
from socratic.errors import UsageError
from socratic.ui import parts
from socratic.ui.bench import Bench
from socratic.ui.boundary import wire

Inputs = Mapping[Any, Any]
TEXTS = {"LaTeX": "tex", "Markdown": "md", "CSV": "csv"}
WORDS = {"LaTeX": "tex", "Markdown": "md", "Text": "txt"}
PICTURES = {"PNG": "png", "SVG": "svg", "PDF": "pdf"}
WHAT = {
    "scores": "the table of scores",
    "tests": "the tests between systems",
    "answer": "the answer",
    "bars": "figure: scores with intervals",
    "types": "figure: by question type",
    "spread": "figure: how the rows score",
    "differences": "figure: differences and their significance",
}
UNREADY = "The tests are still being made; try again in a few seconds."
FORMATS = {"scores": TEXTS, "tests": TEXTS, "answer": WORDS}


def build(bench: Bench, group: Any, metrics: Any, tab: Any) -> None:
    """Draw the exports and connect them; `group` and `metrics` choose what is in them."""
    with gr.Row(elem_classes="controls"):
        what = gr.Dropdown(
            [(label, key) for key, label in WHAT.items()], value="scores", label="What",
            filterable=False, min_width=280, elem_id="export-what",
        )  # fmt: skip
        metric = gr.Dropdown(
            [(one.label, one.key) for one in tables.METRICS], value="rougeL",
            label="Metric of tests and figures", min_width=200, elem_id="export-metric",
        )  # fmt: skip
        kind = gr.Radio(list(TEXTS), value="LaTeX", label="Format", elem_id="export-format")
        download = gr.DownloadButton(
            "Download", size="sm", scale=0, min_width=160, elem_id="export-download"
        )
    told = parts.markup("export-told")
    text = gr.Code(
        label="Text", interactive=False, max_lines=22, buttons=["copy"], elem_id="export-text"
    )

    def offer(inputs: Inputs) -> dict[Any, Any]:
        formats = list(FORMATS.get(inputs[what], PICTURES))
        form = inputs[kind] if inputs[kind] in formats else formats[0]
        return look({**inputs, kind: form}) | {kind: gr.update(choices=formats, value=form)}

    def look(inputs: Inputs) -> dict[Any, Any]:
        chosen = inputs[what]
        if chosen not in WHAT:
            raise UsageError(f"There is no export {chosen!r}; choose from {', '.join(WHAT)}.")
        formats = FORMATS.get(chosen, PICTURES)
        form = inputs[kind] if inputs[kind] in formats else next(iter(formats))
        order = Order(bench, inputs[group], tuple(inputs[metrics] or ()), inputs[metric])
        made = order.text(chosen, form) if chosen in FORMATS else order.picture(chosen, form)
        name = f"socratic-{chosen}.{formats[form]}"
        return {
            download: gr.update(value=parts.download(made, name)),
            text: gr.update(value=made.decode(), visible=True)
            if chosen in FORMATS
            else gr.update(visible=False),
            told: f'<p class="caption">{name}, {parts.size(len(made))}</p>',
        }

    given = {group, metrics, what, metric, kind}
    outputs = [download, text, told]
    # What was clicked is not sent back: a choice drawn anew misses the next click on it.
    wire([tab.select, what.input], offer, given, [kind, *outputs], told=told)
    wire(
        [group.change, metrics.change, metric.input, kind.input],
        look,
        given,
        outputs,
        told=told,
        trigger_mode="always_last",
    )


class Order:
    """What is to be exported of one group: `text` and `picture` make it."""

    def __init__(self, bench: Bench, group: str, metrics: tuple[str, ...], metric: str) -> None:
        self.bench, self.group, self.metrics, self.metric = bench, group, metrics, metric

    def text(self, what: str, form: str) -> bytes:
        """Return scores, tests or the answer as a text file."""
        makers: Mapping[str, Callable[[str], str]] = {
            "scores": self._scores,
            "tests": self._tests,
            "answer": self._answer,
        }
        return makers[what](form).encode()

    def picture(self, what: str, form: str) -> bytes:
        """Return a figure as a file; raises UsageError where there is nothing to draw."""
        from socratic.figures import printed

        compared = self.bench.comparison(self.group)
        if what == "bars":
            records = self.bench.records(self.group)
            return printed.saved(printed.bars(records, self.metric), PICTURES[form])
        if self.metric not in compared.metrics():
            raise UsageError(
                f"{tables.metric(self.metric).label} has no row scores here; choose another metric."
            )
        if what == "types":
            drawn = printed.by_type(compared.by_type(self.metric), self.metric)
        elif what == "spread":
            drawn = printed.spread(compared, self.metric)
        else:
            drawn = printed.differences(compared, self._pairs(), self.metric)
        return printed.saved(drawn, PICTURES[form])

    def _pairs(self) -> list[Any]:
        tested = self.bench.tested(self.group)
        if not tested.ready:
            raise UsageError(UNREADY)
        if self.metric not in {pair.metric for pair in tested.pairs}:
            known = dict.fromkeys(tables.metric(pair.metric).label for pair in tested.pairs)
            raise UsageError(
                f"{tables.metric(self.metric).label} is not tested here; tested are: "
                f"{', '.join(known) or 'none'}."
            )
        return list(tested.pairs)

    def _scores(self, form: str) -> str:
        records = self.bench.records(self.group)
        if form == "CSV":
            return printing.as_csv(records)
        make = printing.as_latex if form == "LaTeX" else printing.as_markdown
        findings = self.bench.tested(self.group).findings
        return make(records, metrics=self.metrics or None, findings=findings)

    def _tests(self, form: str) -> str:
        pairs = self._pairs()
        if form == "CSV":
            return printing.pairs_csv(pairs)
        make = printing.pairs_latex if form == "LaTeX" else printing.pairs_markdown
        members = self.bench.comparison(self.group).members.values()
        on = tables.setting(member.record for member in members)
        return make(pairs, self.metric, f"{on} {self.bench.tested(self.group).findings.sentence}")

    def _answer(self, form: str) -> str:
        tested = self.bench.tested(self.group)
        if not tested.ready:
            raise UsageError(UNREADY)
        made = answer.answer(self.bench.comparison(self.group), tested.pairs)
        if form == "Text":
            return f"{made.text}\n"
        return made.latex if form == "LaTeX" else made.markdown
