"""A session of asking: one cell again, the history, a result from its inputs, own adapters."""

import csv
import io
import json
import shutil

import pytest
from playwright.sync_api import expect

from socratic.runs import BUNDLED
from ui.driving import kept, show, unfold
from ui.test_asking import answered, ask, opened

ZOOS = "Zoos are prisons with better lighting. No elephant is happy on concrete."
MUSEUMS = "If museums were free, nobody would value them."


@pytest.fixture
def page(shared_app, open_page):
    return opened(shared_app, open_page)


def questions(page):
    """Every question by its place in the grid."""
    cells = page.locator("#ask-grid .card.done").all()
    return {
        (cell.get_attribute("data-system"), cell.get_attribute("data-type")): (
            cell.locator(".question").all_inner_texts()
        )
        for cell in cells
    }


def paste(page, text):
    page.locator("#ask-inputs-text textarea").fill(text)
    page.locator("#ask-inputs-use").click()


def test_one_cell_is_asked_again_in_its_place(page):
    ask(page, ZOOS)
    answered(page)
    before = questions(page)
    place = list(before)[1]
    cell = page.locator(".card", has=page.locator("[data-again]")).nth(1)
    cell.locator("[data-again]").click()
    expect(cell).to_contain_text("choice 2")
    expect(page.locator("#ask")).to_be_enabled()
    after = questions(page)
    assert after.pop(place) != before.pop(place)
    assert after == before
    cell.locator("[data-again]").click()
    expect(cell).to_contain_text("choice 3")


def test_words_of_the_context_are_marked_with_a_legend(page):
    ask(page, ZOOS)
    answered(page)
    expect(page.locator("#ask-grid .legend")).to_contain_text("come from the context")
    marked = {word.lower() for word in page.locator(".card mark").all_inner_texts()}
    assert marked
    assert not marked & {"the", "is", "are", "on", "with", "no"}


def test_candidates_stand_as_a_list(page):
    page.get_by_label("Candidates").fill("3")
    ask(page, ZOOS)
    answered(page)
    assert [len(each) for each in questions(page).values()] == [3, 3, 3]
    kept(page, "candidates")


def test_the_history_is_seen_again_and_taken_away(page):
    ask(page, ZOOS)
    answered(page)
    first = questions(page)
    page.locator("#ask-preset").get_by_text("Paper").click()
    ask(page, MUSEUMS)
    expect(page.locator("#ask")).to_be_disabled()
    answered(page)
    unfold(page, "History of this session")
    page.locator("#ask-past input").click()
    page.get_by_role("option").filter(has_text="Zoos").click()
    expect(page.locator("#context textarea")).to_have_value(ZOOS)
    expect(page.locator("#ask-preset input[value=thesis]")).to_be_checked()
    expect(page.locator("#ask-types input:checked")).to_have_count(1)
    assert questions(page) == first

    with page.expect_download() as taken:
        page.get_by_text("Download all as CSV").click()
    text = io.StringIO(taken.value.path().read_text(encoding="utf-8-sig"))
    rows = list(csv.DictReader(text))
    assert {row["context"] for row in rows} == {ZOOS, MUSEUMS}
    assert {row["question"] for row in rows if row["context"] == ZOOS} == {
        said for each in first.values() for said in each
    }
    with page.expect_download() as taken:
        page.get_by_text("Download all as Markdown").click()
    assert taken.value.path().read_text(encoding="utf-8").count("\n## ") == 1

    page.reload()
    show(page, "Generate")
    expect(page.locator("#context textarea")).to_have_value(MUSEUMS)
    answered(page)
    unfold(page, "History of this session")
    page.locator("#ask-past input").click()
    page.get_by_role("option").filter(has_text="Zoos").click()
    expect(page.locator("#context textarea")).to_have_value(ZOOS)
    assert questions(page) == first


def test_inputs_give_the_result_again_in_another_browser(page, shared_app, open_page):
    page.locator("#ask-preset").get_by_text("Paper").click()
    page.get_by_label("Seed").locator("visible=true").fill("7")
    ask(page, ZOOS)
    answered(page)
    page.locator(".card [data-again]").first.click()
    expect(page.locator(".card").first).to_contain_text("seed 8")
    expect(page.locator("#ask")).to_be_enabled()
    said = questions(page)
    unfold(page, "Inputs of this result, as JSON")
    text = page.locator("#ask-inputs-text textarea").input_value()

    other = open_page(shared_app.url)
    show(other, "Generate")
    unfold(other, "Inputs of this result, as JSON")
    paste(other, text)
    answered(other)
    assert questions(other) == said
    expect(other.locator("#context textarea")).to_have_value(ZOOS)
    expect(other.get_by_label("Seed").locator("visible=true")).to_have_value("7")
    expect(other.locator("#ask-grid")).not_to_contain_text("has changed")

    changed = json.loads(text)
    changed["systems"][0]["adapter_sha256"] = "0" * 64
    paste(other, json.dumps(changed))
    expect(other.locator("#ask-grid")).to_contain_text("has changed since (sha256 000000000000")
    answered(other)
    paste(other, text.replace('"clarity"', '"rhetoric"'))
    expect(other.locator("#ask-told")).to_contain_text("There is no question type 'rhetoric'")
    expect(other.locator("#ask")).to_be_enabled()


def test_own_adapters_more_than_three_and_one_that_disappears(page, tmp_path):
    adapter = next(BUNDLED.glob("mini-flan-small*/adapter"))
    own = [shutil.copytree(adapter, tmp_path / name) for name in ("stays", "goes")]
    picker = page.locator("#ask-systems input")
    for folder in own:
        picker.fill(str(folder))
        picker.press("Enter")
    page.locator("#context textarea").fill(ZOOS)
    shutil.rmtree(own[1])
    page.locator("#ask").click()
    answered(page, 4)
    expect(page.locator(".card.failed")).to_have_count(1)
    expect(page.locator(".card.failed")).to_contain_text("goes")
    expect(page.locator(".grid .head", has_text="stays")).to_have_count(1)
