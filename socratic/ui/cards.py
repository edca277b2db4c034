"""The grid of questions as markup: a column per model, a row per type, stacked on a phone."""

from collections.abc import Mapping
from html import escape

from socratic import marking
from socratic.generation import Answer, Card
from socratic.grid import Grid
from socratic.prompts import question_type
from socratic.systems import System, distinct_titles
from socratic.ui import parts

# A new grid is brought into view, once: on a phone it begins far below the button.
SCRIPT = (
    parts.COPY_SCRIPT
    + """
element.addEventListener("click", (event) => {
  const cell = event.target.closest("[data-again]")?.closest(".card");
  if (cell) trigger("click", { system: cell.dataset.system, type: cell.dataset.type });
});
let waiting = false;
watch("value", () => {
  const now = element.querySelectorAll(".card.waiting").length > 1;
  if (now && !waiting) element.scrollIntoView({ behavior: "smooth", block: "nearest" });
  waiting = now;
});
"""
)
EMPTY = parts.empty(
    "No question yet",
    "Write an opinion or take an example, choose who is asked, and press the button. Every model "
    "answers in its own column, as soon as it is ready.",
)
LEGEND = '<p class="legend"><mark>Marked</mark> words come from the context.</p>'
CUT_SHOWN = 3_000


def markup(grid: Grid | None) -> str:
    """Return the grid as it is now: answers, and placeholders for those still to come."""
    if grid is None:
        return EMPTY
    titles = distinct_titles(grid.systems)
    heads = "".join(_head(system, titles[system.key]) for system in grid.systems)
    rows = "".join(_row(grid, key, titles) for key in grid.types)
    legend = LEGEND if any(answer.cards for answer in grid.answers.values()) else ""
    return (
        f"{_notes(grid)}{legend}"
        f'<div class="grid" style="--columns:{len(grid.systems)}">'
        f'<div class="corner"></div>{heads}{rows}</div>'
    )


def _notes(grid: Grid) -> str:
    said = [note for answer in grid.answers.values() for note in answer.notes]
    cut = max((answer.cut for answer in grid.answers.values()), key=len, default="")
    return parts.notices(dict.fromkeys([*grid.notes, *said])) + _cut(cut)


def _cut(text: str) -> str:
    """Return the words of the context no model has read, folded away."""
    if not text:
        return ""
    shown = text if len(text) <= CUT_SHOWN else f"{text[:CUT_SHOWN]} ..."
    return (
        "<details class='cut'><summary>What was not read</summary>"
        f'<p class="quiet" dir="auto">{escape(shown)}</p></details>'
    )


def _head(system: System, title: str) -> str:
    return (
        f'<div class="head" style="--model:{escape(system.colour)}"><b>{escape(title)}</b>'
        f"{parts.badges(system.family, system.bundled)}</div>"
    )


def _row(grid: Grid, key: str, titles: Mapping[str, str]) -> str:
    kind = question_type(key)
    label = f'<div class="type"><b>{escape(kind.label)}</b><p>{escape(kind.definition)}</p></div>'
    return label + "".join(_cell(grid, system, key, titles) for system in grid.systems)


def _cell(grid: Grid, system: System, key: str, titles: Mapping[str, str]) -> str:
    who = f'<span class="who">{parts.dot(system.colour)}{escape(titles[system.key])}</span>'
    state, inside = _content(grid, system, key)
    return (
        f'<div class="card {state}" data-system="{escape(system.key)}" data-type="{escape(key)}" '
        f'style="--model:{escape(system.colour)}">{who}{inside}</div>'
    )


def _content(grid: Grid, system: System, key: str) -> tuple[str, str]:
    """Return the state of a cell, and what it shows."""
    answer = grid.answers.get(system.key)
    if grid.pending == (system.key, key) or (answer is None and not grid.ended):
        return "waiting", _PLACEHOLDER
    if answer is None:
        return "ended", '<p class="quiet">cancelled</p>'
    if answer.error:
        return "failed", _failure(answer, first=key == grid.types[0])
    card = grid.card((system.key, key))
    return "done", _card(card, grid) if card else ""


def _failure(answer: Answer, first: bool) -> str:
    # Told once, in the first row: the same sentence five times would bury the other models.
    return parts.notice(answer.error, "bad") if first else '<p class="quiet">no answer</p>'


_PLACEHOLDER = '<div class="skeleton" aria-label="waiting"><i></i><i></i></div>'


def _card(card: Card, grid: Grid) -> str:
    said = [f'<p class="question" dir="auto">{_marked(q, grid)}</p>' for q in card.questions]
    if len(said) > 1:
        said = ["<ol>", *(f"<li>{one}</li>" for one in said), "</ol>"]
    again = "" if grid.busy else _AGAIN
    return (
        f'{"".join(said)}<div class="facts"><span title="time of this model\'s whole answer, new '
        f'tokens, engine">{escape(_facts(card, grid))}</span><span class="buttons">{again}'
        f"{parts.copy_button(chr(10).join(card.questions))}</span></div>"
    )


_AGAIN = (
    '<button type="button" class="copy" data-again title="ask this model for this type once more">'
    "Ask again</button>"
)


def _facts(card: Card, grid: Grid) -> str:
    facts = [f"{card.seconds:.1f} s", f"{sum(card.new_tokens)} tokens", card.engine]
    if card.attempt:
        seed = grid.request.decoding.again(card.attempt).seed
        sampled = grid.request.decoding.sample
        facts.append(f"seed {seed}" if sampled else f"beam search, choice {card.attempt + 1}")
    return " · ".join(facts)


def _marked(question: str, grid: Grid) -> str:
    found = marking.pieces(question, grid.request.context)
    return "".join(
        f"<mark>{escape(text)}</mark>" if from_context else escape(text)
        for text, from_context in found
    )


def progress(grid: Grid) -> str:
    """Return how far the answers are, in words."""
    if grid.pending is not None:
        return "Asking once more ..."
    return "" if grid.done else f"{len(grid.answers)} of {len(grid.systems)} answered ..."
