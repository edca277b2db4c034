"""A round as a plain CSV form for one rater: a line per question, to be filled in anywhere.

The questions stand in that rater's own blind order and no model is named. Filled in are `fluency`
and `relevance` (1-5), `answered` (yes or no), `ask` (yes for the one question one would ask, no
for the others) and, on any line of an item, a `note`. An item left blank is not rated.
"""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from socratic.decoding import told
from socratic.errors import DataError, RatingError
from socratic.printing import harmless
from socratic.prompts import question_type
from socratic.rating import order
from socratic.rating.order import LETTERS
from socratic.rating.rounds import Mark, Rating, Round
from socratic.rating.store import Store, new_rating

GIVEN = ("round", "rater", "item", "type", "context", "letter", "question")
FILLED = ("fluency", "relevance", "answered", "ask", "note")
_YES = {"yes": True, "y": True, "1": True, "x": True, "true": True}
_NO = {"no": False, "n": False, "0": False, "false": False}
_SPREADSHEETS = ",;\t"

Line = Mapping[str, str]


def export(round_: Round, rater: str) -> str:
    """Return the form of a rater as CSV (UTF-8 with a mark, as spreadsheets expect it)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*GIVEN, *FILLED])
    for item in range(len(round_.items)):
        sheet = order.sheet(round_, item, rater)
        label = question_type(sheet.type).label
        for letter, question in zip(LETTERS, sheet.questions, strict=False):
            given = (round_.id, rater, item + 1, label, sheet.context, letter, question)
            writer.writerow([*map(harmless, given), *("" for _ in FILLED)])
    return "\ufeff" + text.getvalue()


def read(path: Path, content: bytes, store: Store) -> tuple[Round, list[Rating]]:
    """Return the round of a filled-in form, and what was filled in.

    Raises DataError naming the line where something is missing, wrong or not of this form.
    """
    lines = _lines(path, content)
    names = {(line["round"], line["rater"]) for _, line in lines}
    if len(names) != 1:
        raise DataError(
            f"{path.name} holds {len(names)} rounds or raters; a form is one rater's of one round."
        )
    name, rater = names.pop()
    round_ = store.round(name)
    items: dict[int, list[tuple[int, Line]]] = {}
    for number, line in lines:
        items.setdefault(_item(path, number, line, round_), []).append((number, line))
    found = []
    for item, rows in items.items():
        _check_given(path, rows, order.sheet(round_, item, rater.removeprefix("'")))
        if any(line[column].strip() for _, line in rows for column in FILLED):
            found.append(_rating(path, rows, round_, item))
    return round_, found


def _lines(path: Path, content: bytes) -> list[tuple[int, Line]]:
    """Return line numbers and cells; whatever a spreadsheet separates them with."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not UTF-8 text; save it again as CSV UTF-8.") from None
    head = text.partition("\n")[0]
    separator = max(_SPREADSHEETS, key=head.count)
    try:
        reader = csv.DictReader(io.StringIO(text), delimiter=separator, restval="")
        rows: list[tuple[int, Line]] = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise DataError(f"{path.name} cannot be read as CSV ({error}).") from None
    missing = [name for name in (*GIVEN, *FILLED) if name not in (reader.fieldnames or ())]
    if missing or not rows:
        lacks = f"lacks the columns {', '.join(missing)}" if missing else "has no line"
        raise DataError(f"{path.name} {lacks}; start from the form that was exported.")
    return rows


def _item(path: Path, number: int, line: Line, round_: Round) -> int:
    text = line["item"].strip()
    if not text.isdecimal() or not 1 <= int(text) <= len(round_.items):
        raise DataError(
            f"{path.name}, line {number}: there is no item {text[:20]!r} in this round; it has "
            f"{len(round_.items)}."
        )
    return int(text) - 1


def _check_given(path: Path, rows: Sequence[tuple[int, Line]], sheet: order.Sheet) -> None:
    """Raise DataError unless the questions are this rater's, in their order, untouched.

    A changed rater would silently give each mark to another model.
    """
    letters = LETTERS[: len(sheet.questions)]
    if [line["letter"].strip() for _, line in rows] != list(letters):
        raise DataError(
            f"{path.name}, line {rows[0][0]}: item {sheet.item + 1} has the questions "
            f"{', '.join(letters)}, each on its line and in this order; keep the form's lines."
        )
    for (number, line), question in zip(rows, sheet.questions, strict=True):
        if _words(line["question"]) != _words(question):
            raise DataError(
                f"{path.name}, line {number}: that is not question {line['letter'].strip()} of "
                f"{line['rater'][:40]!r}; leave rater and questions as they were exported."
            )


def _words(text: str) -> str:
    return " ".join(text.removeprefix("'").split())


def _rating(path: Path, rows: Sequence[tuple[int, Line]], round_: Round, item: int) -> Rating:
    rater = rows[0][1]["rater"].removeprefix("'")
    marks = [_mark(path, number, line) for number, line in rows]
    asked = [i for i, (number, line) in enumerate(rows) if _yes(path, number, line, "ask")]
    if len(asked) > 1:
        raise DataError(
            f"{path.name}, line {rows[0][0]}: item {item + 1} has {len(asked)} questions one "
            "would ask; say yes to one, or no to all."
        )
    notes = [line["note"].strip() for _, line in rows if line["note"].strip()]
    by_candidate, choice = order.from_places(
        round_, item, rater, marks, asked[0] if asked else None
    )
    values = {"marks": by_candidate, "choice": choice, "note": " / ".join(notes)}
    # The same form merged twice is the same rating: its id follows from what was filled in.
    filled = [tuple(line[column].strip() for column in FILLED) for _, line in rows]
    name = repr((round_.id, rater, item, filled))
    try:
        made = new_rating(item, rater, "rated", **values)
    except RatingError as error:
        raise DataError(f"{path.name}, line {rows[0][0]}: {error}") from None
    return made.model_copy(update={"id": hashlib.sha256(name.encode()).hexdigest()[:32]})


def _mark(path: Path, number: int, line: Line) -> Mark:
    values = {name: line[name].strip() for name in ("fluency", "relevance")}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise DataError(
            f"{path.name}, line {number}: {' and '.join(missing)} is missing; fill in every "
            "question of an item, or none."
        )
    answered = _yes(path, number, line, "answered")
    try:
        return Mark.model_validate({**values, "answered": answered})
    except ValidationError as error:
        raise DataError(f"{path.name}, line {number}: {told(error)}.") from None


def _yes(path: Path, number: int, line: Line, column: str) -> bool:
    text = line[column].strip().lower()
    found = (_YES | _NO).get(text)
    if found is None:
        raise DataError(f"{path.name}, line {number}: {column} is {text[:20]!r}; write yes or no.")
    return found
