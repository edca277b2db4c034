"""The Compare tab in a browser: the answer, tests and views of the bundled runs."""

import pytest
from playwright.sync_api import expect

from ui.driving import show


@pytest.fixture
def page(shared_app, open_page):
    opened = open_page(shared_app.url)
    show(opened, "Compare")
    return opened


def view(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def test_the_answer_stands_first_and_bold_only_after_the_tests(page):
    card = page.locator("#compare-answer")
    expect(card).to_contain_text("Inconclusive")
    for part in ("95% interval", "Holm", "Confounds", "miniature models", "Recorded results"):
        expect(card).to_contain_text(part)
    expect(page.locator("#compare-caption")).to_contain_text("Holm-corrected")
    # Which of the shipped models is best may change with them; that the words agree may not.
    bold = page.locator("table.scores td b").count()
    caption = page.locator("#compare-caption").inner_text()
    assert ("nothing is set in bold" in caption) == (bold == 0)
    assert bold <= 2


def test_a_click_on_a_name_tells_how_to_get_its_numbers_again(page):
    name = page.locator("table.scores tbody th button").first
    name.click()
    panel = page.locator("section.details:visible")
    expect(panel).to_have_count(1)
    expect(panel).to_contain_text("python -m socratic score")
    expect(panel).to_contain_text("Data sha256")
    name.click()
    expect(panel).to_have_count(0)


def test_the_table_is_searched(page):
    rows = page.locator("table.scores > tbody > tr")
    expect(rows.first).to_be_visible()
    page.locator("#compare-search input, #compare-search textarea").fill("published t5-base")
    expect(rows).to_have_count(2)
    page.locator("#compare-search input, #compare-search textarea").fill("no such words")
    expect(page.locator("#compare-table")).to_contain_text("No number to show")


def test_types_spread_and_curves_are_drawn(page):
    view(page, "Types and curves")
    for chart in ("types", "spread", "learning"):
        page.wait_for_function(
            f"document.querySelector('#views-{chart} .js-plotly-plot')?.data.length > 0"
        )
    expect(page.locator("#views-learning-told")).to_contain_text("best 0.")


def test_differences_stand_in_a_matrix(page):
    view(page, "Differences")
    matrix = page.locator("table.matrix")
    expect(matrix.locator("tbody tr")).to_have_count(9)
    expect(matrix.locator("tbody tr").first.locator("td")).to_have_count(9)
    before = matrix.inner_text()
    page.locator("#tests-metric").get_by_text("BLEU-4").click()
    expect(matrix).not_to_have_text(before)
