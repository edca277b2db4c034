"""The rating form as markup: one item, its questions alike in everything but letter and text."""

from collections.abc import Sequence
from html import escape

from socratic.prompts import question_type
from socratic.rating.desk import NONE, Progress, Revealed
from socratic.rating.order import LETTERS, Sheet
from socratic.ui import parts

# Anchors of the authors' scales (Ang et al. 2023, human evaluation).
FLUENCY = "1 cannot be read, 5 reads as a person wrote it"
RELEVANCE = "1 has nothing to do with the passage, 5 is right about it"
EMPTY_QUESTION = "(this model asked nothing)"
WELCOME = parts.empty(
    "Rate without knowing who asked",
    "Choose a round, give your name or initials, and start. Every rating is kept at the moment "
    "you submit it; come back in this browser with the same name to go on. A round is a fixed set "
    "of passages with the questions several models asked about them; “Rounds” has those there are.",
)
LEGEND = (
    "<details class='keys'><summary>By keyboard</summary><ul>"
    "<li><kbd>1</kbd> to <kbd>5</kbd> rate and go on to the next line; "
    "<kbd>y</kbd> or <kbd>n</kbd> says whether the answer is in the passage</li>"
    "<li><kbd>a</kbd>, <kbd>b</kbd>, ... chooses the question you would ask, "
    "<kbd>0</kbd> none of them</li>"
    "<li><kbd>&uarr;</kbd> <kbd>&darr;</kbd> go between lines, <kbd>&larr;</kbd> "
    "<kbd>&rarr;</kbd> change a value, <kbd>Tab</kbd> reaches note and buttons</li>"
    "<li><kbd>Enter</kbd> submits (<kbd>Ctrl</kbd> <kbd>Enter</kbd> in the note), and goes on "
    "to the next item</li></ul></details>"
)


def form(sheet: Sheet, progress: Progress) -> str:
    """Return the form of an item; it holds nothing but letters, texts and the item's number."""
    kind = question_type(sheet.type)
    letters = LETTERS[: len(sheet.questions)]
    questions = "".join(map(_question, letters, sheet.questions))
    return (
        f'<form class="rating" data-item="{sheet.item}" autocomplete="off">'
        f"{head(sheet, progress)}"
        f'<blockquote class="passage">{escape(sheet.context)}</blockquote>'
        f'<p class="quiet">The questions were to be of the type <b>{escape(kind.label)}</b>: '
        f"{escape(kind.definition)}.</p>"
        f"{questions}{_choice(letters)}"
        '<label class="note">Note (optional)<textarea rows="2" maxlength="2000"></textarea></label>'
        '<p class="missing-told" role="alert"></p>'
        '<div class="acts"><button type="submit" class="act primary">Submit</button>'
        f'<button type="button" class="act" data-act="skip" data-item="{sheet.item}">Skip this '
        f"item</button></div>{LEGEND}</form>"
    )


def head(sheet: Sheet, progress: Progress) -> str:
    """Return which item this is and how far the rater is."""
    done = progress.items - progress.open
    share = 100 * done / progress.items
    skipped = f", {progress.skipped} skipped" if progress.skipped else ""
    return (
        f'<div class="rating-head"><b>Item {sheet.item + 1} of {progress.items}</b>'
        f'<span class="quiet">{progress.rated} rated{skipped}</span>'
        f'<span class="bar" role="img" aria-label="{done} of {progress.items} done">'
        f'<i style="width:{share:.0f}%"></i></span></div>'
    )


def _question(letter: str, text: str) -> str:
    shown = escape(text) if text else f"<i>{EMPTY_QUESTION}</i>"
    five = [(str(n), str(n), str(n)) for n in range(1, 6)]
    answers = [("yes", "yes", "y 1"), ("no", "no", "n 2")]
    return (
        f'<section class="asked"><h3>Question {letter}</h3><p class="question">{shown}</p>'
        f"{_group('fluency', letter, 'Fluency', FLUENCY, five)}"
        f"{_group('relevance', letter, 'Relevance', RELEVANCE, five)}"
        f"{_group('answered', letter, 'Answer in the passage?', '', answers)}</section>"
    )


def _choice(letters: str) -> str:
    options = [
        (letter, letter, f"{letter.lower()} {place}") for place, letter in enumerate(letters, 1)
    ]
    options.append((NONE, "none of them", "0"))
    title = "Which one would you ask?"
    return f'<section class="asked">{_group("choice", "", title, "", options)}</section>'


def _group(
    kind: str, letter: str, title: str, hint: str, options: Sequence[tuple[str, str, str]]
) -> str:
    """Return a line of choices; options: (value, label, the keys that choose it)."""
    name = f"{kind}-{letter}" if letter else kind
    inputs = "".join(
        f'<label><input type="radio" name="{name}" value="{value}" data-keys="{keys}">'
        f"<span>{escape(label)}</span></label>"
        for value, label, keys in options
    )
    small = f"<small>{escape(hint)}</small>" if hint else ""
    return (
        f'<fieldset data-kind="{kind}" data-letter="{letter}"><legend>{escape(title)}</legend>'
        f'<div class="options">{inputs}</div>{small}</fieldset>'
    )


def revealed(shown: Revealed, progress: Progress) -> str:
    """Return a rated item with its names: it cannot be changed any more, only withdrawn."""
    item = shown.sheet.item
    return (
        f'<div class="rating revealed" role="status">{head(shown.sheet, progress)}'
        f"<p>Kept. This is who asked; the rating cannot be changed any more.</p>"
        f'<blockquote class="passage">{escape(shown.sheet.context)}</blockquote>{_names(shown)}'
        '<div class="acts"><button type="button" class="act primary" data-act="next" data-first>'
        "Next item</button>"
        f'{_withdraw(item)}<button type="button" class="act" data-act="mine">All my ratings'
        "</button></div></div>"
    )


def _withdraw(item: int) -> str:
    return (
        f'<button type="button" class="act" data-act="withdraw" data-item="{item}">'
        "Withdraw this rating</button>"
    )


def _names(shown: Revealed) -> str:
    lines = []
    for place, letter in enumerate(LETTERS[: len(shown.systems)]):
        who = " and ".join(
            f"{parts.dot(one.colour)}{escape(one.title)}{parts.badges(one.family, False)}"
            for one in shown.systems[place]
        )
        mark = shown.marks[place]
        said = (
            f"fluency {mark.fluency}, relevance {mark.relevance}, "
            f"answer {'' if mark.answered else 'not '}in the passage"
        )
        chosen = " &middot; <b>you would ask this one</b>" if shown.choice == place else ""
        text = shown.sheet.questions[place]
        lines.append(
            f'<section class="asked"><h3>Question {letter}: {who}</h3>'
            f'<p class="question">{escape(text) if text else EMPTY_QUESTION}</p>'
            f'<p class="quiet">{said}{chosen}</p></section>'
        )
    note = f'<p class="quiet">Your note: {escape(shown.note)}</p>' if shown.note else ""
    return "".join(lines) + note


def mine(every: Sequence[Revealed], progress: Progress) -> str:
    """Return all a rater has rated, the last one first, and what is left to do."""
    rows = "".join(
        f"<details><summary>Item {one.sheet.item + 1}: {escape(_short(one.sheet.context))}"
        f"</summary>{_names(one)}{_withdraw(one.sheet.item)}</details>"
        for one in every
    )
    return f'<div class="rating revealed">{_left(progress)}{rows}</div>'


def _left(progress: Progress) -> str:
    counts = f"{progress.rated} of {progress.items} items rated"
    if progress.withdrawn:
        counts += f", {progress.withdrawn} withdrawn"
    button = '<button type="button" class="act primary" data-first data-act="{}">{}</button>'
    if progress.open:
        words, acts = f"{counts}.", button.format("next", "Go on rating")
    elif progress.skipped:
        words = f"{counts}; {progress.skipped} skipped."
        acts = button.format("again", "Rate what was skipped")
    else:
        words, acts = f"The round is done: {counts}. Thank you.", ""
    return f'<p class="rating-head"><b>{words}</b></p><div class="acts">{acts}</div>'


def _short(text: str, letters: int = 80) -> str:
    return text if len(text) <= letters else f"{text[:letters].rstrip()} …"
