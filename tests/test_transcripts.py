"""A session as a file: every question is there, and nothing in it runs or breaks the table."""

import csv
import io

import pytest

from socratic import marking, systems, transcripts
from socratic.decoding import preset
from socratic.generation import Answer, Card, Request
from socratic.grid import Grid

HOSTILE = '=cmd|"/c calc"!A1'
MARKUP = "<img src=x onerror=alert(1)> | *bold* [link](javascript:1)\n# title"


def grid_of(context, *questions):
    first, second = systems.base("mini-flan-small"), systems.base("mini-t5-base")
    request = Request(context, ("clarity", "assumptions"), (first, second), preset("paper"))
    cards = tuple(
        Card(first.key, first.title, kind, questions, 1.5, (4,) * len(questions), "torch")
        for kind in request.types
    )
    grid = Grid(request, started=1_700_000_000.0)
    grid = grid.with_answer(Answer(first, cards)).with_answer(Answer(second, error="+gone"))
    return grid.with_card(Card(first.key, "t", "clarity", ("Whose?",), 0.5, (3,), "torch", 2))


def test_every_question_is_a_row_and_no_cell_is_a_formula():
    text = transcripts.as_csv([grid_of(HOSTILE, "Why?", "@how"), grid_of("B.", "Which?")])
    rows = list(csv.DictReader(io.StringIO(text)))
    said = [(row["type"], row["candidate"], row["question"]) for row in rows if not row["error"]]
    assert said == [
        ("clarity", "1", "Whose?"),
        ("assumptions", "1", "Why?"),
        ("assumptions", "2", "'@how"),
        ("clarity", "1", "Whose?"),
        ("assumptions", "1", "Which?"),
    ]
    assert rows[0]["context"] == f"'{HOSTILE}"
    assert rows[0]["again"] == "2"
    assert [row["error"] for row in rows if row["error"]] == ["'+gone"] * 2
    assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())


def test_markdown_has_a_table_per_request_and_text_stays_text():
    text = transcripts.as_markdown([grid_of(MARKUP, MARKUP, "Why?")])
    lines = text.splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 4
    assert all(line.replace("\\|", "").count("|") == 4 for line in table)
    assert "<img" not in text
    assert "\\[link\\](javascript:1) \\# title<br>Why?" in text
    assert "no answer: +gone" in text
    assert "Whose?" in table[2]
    assert not any(line.startswith("# ") for line in lines)


@pytest.mark.parametrize(
    ("question", "context", "marked"),
    [
        ("Why are the Elephants happy?", "An elephant is HAPPIEST, happy.", ["Elephants", "happy"]),
        ("What is it that they do?", "What they do is that.", []),
        ("Don’t zoos help?", "Zoos don't help.", ["zoos", "help"]),
        ("למה שינה חשובה?", "שינה טובה", ["שינה"]),
        ("Why 🦉?", "🦉", []),
        ("", "a", []),
    ],
)
def test_content_words_of_the_context_are_marked(question, context, marked):
    pieces = marking.pieces(question, context)
    assert "".join(text for text, _ in pieces) == question
    assert [text for text, known in pieces if known] == marked
