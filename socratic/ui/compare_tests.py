"""The Compare tab's tests of differences, and what else one must know to trust them."""

from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr

from socratic import catalog, fairness, printing, prompts, tables
from socratic.comparison import Comparison, between
from socratic.scoring.fidelity import Confusion
from socratic.scoring.pairs import Pair
from socratic.ui import parts
from socratic.ui.bench import Bench, Tested
from socratic.ui.boundary import wire

Inputs = Mapping[Any, Any]
SECONDS = 2
WAITING = parts.empty("Testing", "Every two systems are being tested; this takes a few seconds.")
NOTHING = parts.empty(
    "Nothing to test",
    "It takes two systems scored on the same rows, with their predictions on this machine.",
)


def build(bench: Bench, group: Any, tab: Any) -> None:
    """Draw the matrix and connect it; `group` chooses the data, `tab` is the one it is in."""
    metric = gr.Radio(
        [("ROUGE-L", "rougeL")], value="rougeL", label="Difference in", elem_id="tests-metric"
    )
    told = parts.markup("tests-told")
    matrix = parts.markup("tests-matrix")
    seen = gr.State(())

    def look(inputs: Inputs) -> dict[Any, Any]:
        tested = bench.tested(inputs[group])
        keys = list(dict.fromkeys(pair.metric for pair in tested.pairs))
        key = inputs[metric] if inputs[metric] in keys else next(iter(keys), "rougeL")
        now = (bench.shelf().stamp, inputs[group], key, tested.ready)
        if inputs[seen] == now:
            return {seen: gr.skip()}
        offered = [(tables.metric(one).label, one) for one in keys] or [("ROUGE-L", "rougeL")]
        return {
            metric: parts.offered(offered, key, inputs[metric]),
            matrix: shown(bench.comparison(inputs[group]), tested, key)
            if tested.ready
            else WAITING,
            told: "",
            seen: now,
        }

    triggers = [tab.select, group.change, metric.input, gr.Timer(SECONDS).tick]
    wire(triggers, look, {group, metric, seen}, [metric, told, matrix, seen], told=told)


def shown(compared: Comparison, tested: Tested, metric: str) -> str:
    """Return the matrix of one metric, row minus column, and the same in a list."""
    names = list(compared.members)
    if not tested.pairs:
        return parts.notices(compared.left_out) + NOTHING
    heads = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = ""
    for a in names:
        cells = "".join(_cell(between(tested.pairs, metric, a, b), a == b) for b in names)
        dot = parts.dot(compared.members[a].record.colour)
        body += f"<tr><th>{dot}{escape(a)}</th>{cells}</tr>"
    return (
        f'<div class="scroll"><table class="matrix"><thead><tr><th>row minus column</th>'
        f"{heads}</tr></thead><tbody>{body}</tbody></table></div>"
        f'<p class="caption">{escape(tested.findings.sentence)} In each cell: difference, 95% '
        "interval, corrected p-value; bold where p &lt; 0.05. dz: Cohen’s effect size, below 0.2 "
        f"less than small.</p>{parts.notices(compared.left_out)}"
    )


def _cell(pair: Pair | None, same: bool) -> str:
    if pair is None:
        return f'<td title="{"" if same else "not scored by one recipe"}">{tables.ABSENT}</td>'
    gap, p, corrected, effect = printing.pair_cells(pair)
    value, _, interval = gap.partition(" ")
    value = f"<b>{value}</b>" if pair.significant else value
    said = (
        f"uncorrected p {p}; paired bootstrap, corrected: {printing.p_value(pair.holm_bootstrap)}"
    )
    return (
        f'<td title="{escape(said)}">{value} <small>{escape(interval)}</small>'
        f"<small>p {escape(corrected)}, dz {effect}</small></td>"
    )


def build_fairness(bench: Bench, group: Any, tab: Any) -> None:
    """Draw what differs between the models, and what the classifier of types is worth."""
    panel = parts.markup("compare-fairness")

    def look(inputs: Inputs) -> str:
        found = bench.shelf().groups()[bench.name(inputs[group])]
        specs = [spec for spec in catalog.MODELS if spec.key in {one.model for one in found}]
        confusion = next((one.confusion for one in found if one.confusion), None)
        absent = {reason for one in found if (reason := one.absent.get("fidelity"))}
        return _fairness(specs) + _classifier(confusion, absent)

    wire([tab.select, group.change], look, {group}, panel)


def _fairness(specs: list[catalog.ModelSpec]) -> str:
    if not specs:
        return parts.empty("No model", "Evaluate systems to see what differs between them.")
    profiles = [fairness.profile(spec) for spec in specs]
    heads = ["", *(spec.title for spec in specs)]
    said = "".join(f"<li>{escape(one)}</li>" for one in fairness.conclusions(specs))
    return (
        "<h3>What differs between these models</h3>"
        + _table(heads, [list(row) for row in fairness.rows(profiles)])
        + f'<ul class="said">{said}</ul>'
    )


def _classifier(confusion: Confusion | None, absent: set[str]) -> str:
    title = "<h3>The classifier behind type fidelity</h3>"
    if confusion is None:
        return title + parts.notices(absent or {"No evaluation here measured type fidelity."})
    labels = [prompts.question_type(key).label for key in confusion.types]
    rows = [
        [label, *(f"{count:,}" for count in line)]
        for label, line in zip(labels, confusion.matrix, strict=True)
    ]
    said = (
        f"{confusion.n:,} labelled questions of {confusion.source}, each judged by a classifier "
        f"that had not seen its context: right in {confusion.accuracy:.1%}, macro F1 "
        f"{confusion.macro_f1:.3f}. Type fidelity errs as it does."
    )
    matrix = _table(["labelled ↓, taken for →", *labels], rows)
    return f'{title}{matrix}<p class="caption">{escape(said)}</p>'


def _table(heads: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join(
        f"<tr><th>{escape(row[0])}</th>"
        + "".join(f"<td>{escape(one)}</td>" for one in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )
