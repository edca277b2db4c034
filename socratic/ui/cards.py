"""The grid of questions as markup: a column per model, a row per type, stacked on a phone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape

from socratic.generation import Answer, Card
from socratic.prompts import question_type
from socratic.systems import System, distinct_titles
from socratic.ui import parts


@dataclass(frozen=True)
class Grid:
    """What was asked and what has been answered so far. ended: no more answers will come."""

    systems: tuple[System, ...] = ()
    types: tuple[str, ...] = ()
    answers: Mapping[str, Answer] = field(default_factory=dict)
    ended: bool = False

    def with_answer(self, answer: Answer) -> "Grid":
        """Return the grid with one more answer."""
        return replace(self, answers={**self.answers, answer.system.key: answer})

    @property
    def done(self) -> bool:
        """Whether every system has answered."""
        return len(self.answers) == len(self.systems)


# A new grid is brought into view, once: on a phone it begins far below the button.
SCRIPT = (
    parts.COPY_SCRIPT
    + """
let waiting = false;
watch("value", () => {
  const now = element.querySelector(".card.waiting") !== null;
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


def markup(grid: Grid) -> str:
    """Return the grid as it is now: answers, and placeholders for those still to come."""
    if not grid.systems:
        return EMPTY
    titles = distinct_titles(grid.systems)
    heads = "".join(_head(system, titles[system.key]) for system in grid.systems)
    rows = "".join(_row(grid, key, titles) for key in grid.types)
    return (
        f"{_notes(grid)}"
        f'<div class="grid" style="--columns:{len(grid.systems)}">'
        f'<div class="corner"></div>{heads}{rows}</div>'
    )


def _notes(grid: Grid) -> str:
    said = [note for answer in grid.answers.values() for note in answer.notes]
    return parts.notices(dict.fromkeys(said))


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
    answer = grid.answers.get(system.key)
    if answer is None:
        inside = '<p class="quiet">not asked</p>' if grid.ended else _PLACEHOLDER
        state = "ended" if grid.ended else "waiting"
    elif answer.error:
        # Told once, in the first row: the same sentence five times would bury the other models.
        first = key == grid.types[0]
        inside = parts.notice(answer.error, "bad") if first else '<p class="quiet">no answer</p>'
        state = "failed"
    else:
        found = next((card for card in answer.cards if card.type == key), None)
        inside, state = (_card(found), "done") if found else ("", "done")
    return (
        f'<div class="card {state}" data-system="{escape(system.key)}" data-type="{escape(key)}" '
        f'style="--model:{escape(system.colour)}">{who}{inside}</div>'
    )


_PLACEHOLDER = '<div class="skeleton" aria-label="waiting"><i></i><i></i></div>'


def _card(card: Card) -> str:
    said = "".join(f'<p class="question" dir="auto">{escape(q)}</p>' for q in card.questions)
    facts = f"{card.seconds:.1f} s · {sum(card.new_tokens)} tokens · {card.engine}"
    return (
        f'{said}<div class="facts"><span title="time of this model\'s whole answer, new tokens of '
        f'this question, engine">{escape(facts)}</span>'
        f"{parts.copy_button(chr(10).join(card.questions))}</div>"
    )


def progress(grid: Grid) -> str:
    """Return how far the answers are, in words."""
    return "" if grid.done else f"{len(grid.answers)} of {len(grid.systems)} answered ..."
