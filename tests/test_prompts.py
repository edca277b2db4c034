import pytest

from socratic.errors import UsageError
from socratic.prompts import TYPE_KEYS, clean_text, input_text, strip_marker, target_text


def test_input_and_target_are_the_contracts():
    assert input_text("clarity", "Cats are  better.\n") == (
        "Generate a Socratic question for this context: clarity: Cats are better."
    )
    assert target_text("Why?") == "[Question] Why?"


def test_marker_is_put_once_and_taken_off_wherever_it_stands():
    assert target_text("[Question] Why?") == "[Question] Why?"
    assert strip_marker(" [question] [Question] Why?") == "Why?"
    assert strip_marker("Why[Question] not [QUESTION]") == "Why not"


def test_control_characters_go_and_other_scripts_stay():
    assert clean_text("a\x00b\x1bc\u200bd\r\n e") == "a b c d e"
    assert clean_text("It is <s>wrong</s> right.<pad><extra_id_3>") == "It is wrong right."
    assert clean_text("שלום 🙂 <script>") == "שלום 🙂 <script>"


def test_unknown_type_names_the_five():
    with pytest.raises(UsageError, match="'why'.*clarity.*implication_consequences"):
        input_text("why", "x")
    assert len(TYPE_KEYS) == 5
