"""Asking in the page: any text, models one after the other, two people, cancelling."""

import re

import pytest
from playwright.sync_api import expect

from ui.driving import show, tick, unfold

HOSTILE = (
    "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\"> &amp;"
)
CONTEXTS = {
    "markup": HOSTILE,
    "emoji": "Owls 🦉 are wiser than 👩‍👩‍👧‍👦, I think.",
    "right to left": "\u202eאני חושב שכל תלמיד צריך לישון יותר. لا واجبات بعد اليوم.",
    "control characters": "Zoos\u0000 are\u0007 prisons\u001b[31m.\u2028No doubt.",
}
# Notes how many cards were done and waiting each time the grid changed.
WATCH = """() => {
  window.seen = [];
  const count = (name) => document.querySelectorAll(`.card.${name}`).length;
  const note = () => window.seen.push([count("done"), count("waiting")]);
  const options = { childList: true, subtree: true, attributes: true };
  new MutationObserver(note).observe(document.querySelector("#ask-grid"), options);
}"""


@pytest.fixture
def page(shared_app, open_page):
    return opened(shared_app, open_page)


def opened(app, open_page):
    page = open_page(app.url)
    show(page, "Generate")
    tick(page, "#ask-types", 1)
    return page


def ask(page, context):
    page.locator("#context textarea").fill(context)
    page.locator("#ask").click()


def answered(page, cards=3):
    expect(page.locator(".card.done")).to_have_count(cards, timeout=240_000)
    expect(page.locator("#ask")).to_be_enabled()


@pytest.mark.parametrize("name", CONTEXTS)
def test_any_text_is_answered_and_shown_as_text(page, name):
    ask(page, CONTEXTS[name])
    answered(page)
    assert page.title() == "Socratic questions"
    assert page.locator("#ask-grid img, #ask-grid script").count() == 0


def test_a_context_of_100000_characters_says_how_much_was_read(page):
    context = "Zoos are bad. " * 7_142 + "Zoos are bad"
    assert len(context) == 100_000
    ask(page, context)
    answered(page)
    expect(page.locator("#ask-grid .notice").first).to_contain_text("were read")
    expect(page.locator("#ask-grid .notice").first).to_contain_text("words of the context were not")
    page.get_by_text("What was not read").click()
    expect(page.locator("#ask-grid .cut p")).to_contain_text("Zoos are bad.")


def test_a_megabyte_is_answered(page):
    ask(page, "Zoos are bad. " * 75_000)
    answered(page)
    expect(page.locator("#ask-grid")).to_contain_text("The context has 1,050,000 characters")


def test_cards_come_as_each_model_is_ready(page):
    page.evaluate(WATCH)
    ask(page, "Zoos are prisons with better lighting.")
    answered(page)
    assert any(done and waiting for done, waiting in page.evaluate("window.seen"))


def test_each_card_tells_time_tokens_and_engine(page):
    ask(page, "Zoos are prisons with better lighting.")
    answered(page)
    for facts in page.locator(".card .facts > span[title]").all_inner_texts():
        assert facts.count("·") == 2
        assert "tokens" in facts


def test_the_bases_can_be_asked_too(page):
    page.get_by_label("Also ask each base").check()
    ask(page, "Zoos are prisons with better lighting.")
    answered(page, 6)
    expect(page.locator(".grid .head", has_text="no adapter")).to_have_count(3)


def ask_at_length(page):
    """Ask six systems for long answers: whatever the machine, it takes a while."""
    page.get_by_label("Also ask each base").check()
    unfold(page, "Every decoding knob")
    for label, value in {"Min new tokens": 80, "Max new tokens": 256, "Candidates": 8}.items():
        page.get_by_label(label).fill(str(value))
    ask(page, "Zoos are prisons with better lighting.")
    expect(page.locator(".card.waiting").first).to_be_visible()


def test_two_people_both_get_their_answers_and_see_their_place(page, shared_app, open_page):
    other = opened(shared_app, open_page)
    tick(page, "#ask-types", 5)
    ask_at_length(page)
    ask(other, "Homework should be abolished.")
    expect(other.locator("#ask-told")).to_contain_text(re.compile(r"queue: 1/1"))
    answered(page, 30)
    answered(other)
    expect(page.locator("#context textarea")).to_have_value(re.compile("Zoos"))
    expect(other.locator("#context textarea")).to_have_value(re.compile("Homework"))


def test_a_cancel_keeps_what_came_and_frees_the_place(page):
    tick(page, "#ask-types", 5)
    ask_at_length(page)
    expect(page.locator(".card.done").first).to_be_visible()
    page.locator("#ask-cancel").click()
    expect(page.locator(".card.waiting")).to_have_count(0)
    expect(page.locator(".card.ended").first).to_contain_text("cancelled")
    assert page.locator(".card.done .question").count() > 0
    expect(page.locator("#ask")).to_be_enabled()
    for label, value in {"Min new tokens": 0, "Max new tokens": 8, "Candidates": 1}.items():
        page.get_by_label(label).fill(str(value))
    page.get_by_label("Also ask each base").uncheck()
    ask(page, "Museums should be free.")
    answered(page, 15)


def test_models_in_memory_can_be_let_go(page):
    ask(page, "Zoos are prisons with better lighting.")
    answered(page)
    unfold(page, "Models in memory")
    rows = page.locator("#memory-list li")
    expect(rows.first).to_contain_text(re.compile(r"[\d.]+ MB"))
    # The app is shared: a test before this one may have left its models in memory too.
    held = rows.count()
    assert held >= 3
    page.locator("#memory-list [data-unload]").first.click()
    expect(rows).to_have_count(held - 1)
    page.get_by_role("button", name="Unload all").click()
    expect(page.locator("#memory-list")).to_contain_text("No model is in memory")
