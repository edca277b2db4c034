"""The “Rounds” part of the Generate tab: what a round says, as table, figure, file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any

import gradio as gr
import pandas as pd

from socratic.prompts import TYPES
from socratic.rating import analysis, figures, report
from socratic.rating.analysis import CRITERIA, Results
from socratic.rating.rounds import Rating, Round
from socratic.rating.store import Store
from socratic.ui import parts, rating_rounds
from socratic.ui.boundary import after, wire
from socratic.ui.rating import choices
from socratic.ui.ticking import follow, opened
from socratic.workspace import Workspace

Inputs = Mapping[Any, Any]
SECONDS = 3
ALL = "all"
FORMATS = ("png", "svg", "pdf")
KINDS = [("All types", ALL), *((kind.label, kind.key) for kind in TYPES)]
EMPTY = parts.empty(
    "No round yet",
    "A round is a fixed set of passages with the questions several models asked about them. "
    "Once people have rated it, its means, win rates and agreement stand here.",
)
UNRATED = parts.empty("Nobody has rated this round yet", "Open “Rate blind” to be the first.")


@dataclass(frozen=True)
class Controls:
    """The controls, by name. pictures: the figure's downloads, by format.

    offered: the rounds this browser was last sent.
    """

    store: Store
    round: Any
    refresh: Any
    told: Any
    tables: Any
    drawn: Any
    kind: Any
    chart: Any
    latex: Any
    csv: Any
    pictures: Mapping[str, Any]
    offered: Any

    @property
    def outputs(self) -> list[Any]:
        """What showing a round may change."""
        return [self.told, self.tables, self.drawn, self.chart, self.latex, self.csv]


def build(page: Any, workspace: Workspace, public: bool = False) -> None:
    """Draw the part and connect it. public: strangers see results, the owner makes the rounds."""
    store = Store(workspace)
    if not public:
        rating_rounds.build(page, workspace)
    controls = Controls(store=store, offered=gr.State(None), **_drawn(choices(store)))
    _connect(page, controls)


def _drawn(offered: Sequence[str]) -> dict[str, Any]:
    with gr.Row(elem_classes="controls"):
        drawn: dict[str, Any] = {
            "round": gr.Dropdown(
                list(offered),
                value=offered[0] if offered else None,
                label="Results of",
                filterable=False,
                min_width=260,
                elem_id="results-round",
            ),
            "refresh": gr.Button(
                "Compute again", scale=0, min_width=160, elem_id="results-refresh"
            ),
        }
    drawn["told"] = parts.markup("results-told")
    drawn["tables"] = parts.markup("results-tables", "" if offered else EMPTY)
    with gr.Row(elem_classes="controls"):
        drawn["drawn"] = gr.Dropdown(
            [(one.label, one.key) for one in CRITERIA],
            value=CRITERIA[0].key,
            label="Figure of",
            filterable=False,
            min_width=200,
            elem_id="results-criterion",
        )
        drawn["kind"] = gr.Dropdown(
            KINDS, value=ALL, label="Items", filterable=False, min_width=200, elem_id="results-type"
        )
    drawn["chart"] = parts.chart("results-chart", "the chosen criterion, as in the tables above")
    with gr.Row():
        for key, label in {"latex": "LaTeX", "csv": "CSV"}.items():
            drawn[key] = gr.DownloadButton(
                f"Results as {label}", size="sm", min_width=160, elem_id=f"results-{key}"
            )
        drawn["pictures"] = {
            form: gr.DownloadButton(
                f"Figure as {form.upper()}", size="sm", min_width=160, interactive=False,
                elem_id=f"results-{form}",
            )
            for form in FORMATS
        }  # fmt: skip
    return drawn


def _connect(page: Any, controls: Controls) -> None:
    def show(inputs: Inputs) -> dict[Any, Any]:
        return _show(controls, inputs)

    def offer(known: Any, chosen: str | None) -> Any:
        rounds = choices(controls.store)
        if rounds == known:
            return gr.skip()
        value = chosen if chosen in rounds else next(iter(rounds), None)
        return gr.update(choices=rounds, value=value), rounds

    follow(
        page,
        SECONDS,
        offer,
        [controls.offered, controls.round],
        [controls.round, controls.offered],
    )
    chosen = {controls.round, controls.drawn, controls.kind}
    changes = [controls.round.change, controls.drawn.input, controls.kind.input]
    shown = wire(
        [opened(page, controls.round), controls.refresh.click, *changes],
        show,
        chosen,
        controls.outputs,
        told=controls.told,
        trigger_mode="always_last",
    )
    # Drawing for print takes a second: what is read comes first.
    after(shown, lambda inputs: _draw(controls, inputs), chosen, [*controls.pictures.values()])


def _show(controls: Controls, inputs: Inputs) -> dict[Any, Any]:
    name = inputs[controls.round]
    if not name:
        return {controls.told: "", controls.tables: EMPTY, controls.chart: ""}
    results = _results(controls, name)
    offered = figures.choices(results)
    drawn, kind = _drawn_of(controls, inputs, results)
    figure = figures.figure(results, drawn, kind)
    return {
        controls.told: parts.notice(results.refusal, "bad") if results.ratings else "",
        controls.tables: markup(results) if results.ratings else UNRATED,
        controls.drawn: parts.offered(offered, drawn, inputs[controls.drawn]),
        controls.chart: parts.figure_json(figure),
        controls.latex: gr.update(value=parts.download(report.as_latex(results), f"{name}.tex")),
        controls.csv: gr.update(value=parts.download(report.as_csv(results), f"{name}.csv")),
    }


def _results(controls: Controls, name: str) -> Results:
    return analysed(controls.store.round(name), tuple(controls.store.ratings(name)))


def _drawn_of(controls: Controls, inputs: Inputs, results: Results) -> tuple[str, str | None]:
    """Return the criterion that is drawn and the type whose items are, None for all."""
    keys = [key for _, key in figures.choices(results)]
    chosen, kind = inputs[controls.drawn], inputs[controls.kind]
    return chosen if chosen in keys else keys[0], None if kind == ALL else kind


def _draw(controls: Controls, inputs: Inputs) -> dict[Any, Any]:
    """Return the figure that is shown as files to download; none where nothing was rated."""
    name = inputs[controls.round]
    results = _results(controls, name) if name else None
    if results is None or not results.ratings:
        return {button: gr.update(interactive=False) for button in controls.pictures.values()}
    drawn, kind = _drawn_of(controls, inputs, results)
    stem = "-".join([name, drawn, *([kind] if kind else [])])
    return {
        button: gr.update(value=parts.download(content, f"{stem}.{form}"), interactive=True)
        for form, button in controls.pictures.items()
        for content in [figures.printed(results, drawn, kind, form)]
    }


@lru_cache(maxsize=8)
def analysed(round_: Round, ratings: tuple[Rating, ...]) -> Results:
    """Return what the ratings of a round say."""
    # Resampling takes a second: once per state of a round, however many look at it.
    return analysis.analyse(round_, ratings)


def markup(results: Results) -> str:
    """Return the tables of a round, colours beside the models' names, and how to read them."""
    colours = {one.title: one.colour for one in results.round.systems}
    raters = ", ".join(f"{escape(name)} ({n})" for name, n in sorted(results.raters.items()))
    tables = "".join(
        f"<h3>{escape(heading)}</h3>{_table(frame, colours)}"
        for heading, frame in report.as_text(results)
    )
    return (
        f'{tables}<p class="caption">{escape(report.caption(results))}</p>'
        f'<p class="caption">Raters (items): {raters}. The round: {escape(results.round.made)}.</p>'
    )


def _table(frame: pd.DataFrame, colours: Mapping[str, str]) -> str:
    heads = "".join(f"<th>{escape(str(head))}</th>" for head in frame.columns)
    rows = ""
    for first, *cells in frame.itertuples(index=False):
        dot = parts.dot(colours[first]) if first in colours else ""
        values = "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
        rows += f"<tr><th>{dot}{escape(str(first))}</th>{values}</tr>"
    return (
        f'<div class="scroll"><table class="ratings"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
