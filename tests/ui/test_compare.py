"""The Compare tab in a browser: the answer, tests and views of the bundled runs."""

import itertools
import re

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


def choose(page, name, option):
    page.locator(f"#{name} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def gains(page, own, base):
    """What fine-tuning added on each row of the page."""

    def score(row, name):
        line = row.locator("tr", has=page.get_by_role("rowheader", name=name, exact=True))
        return float(line.locator("td").last.inner_text())

    return [score(row, own) - score(row, base) for row in page.locator("article.row").all()]


def test_rows_are_sorted_filtered_searched_and_paged(page):
    view(page, "Questions")
    rows, told = page.locator("article.row"), page.locator("#rows-shown .caption")
    expect(told).to_have_text("250 rows, page 1 of 25.")
    floor = rows.first.get_by_text("constant question")
    expect(floor).to_be_hidden()
    rows.first.get_by_text("Floors").click()
    expect(floor).to_be_visible()

    expect(rows.first.locator("h3")).to_contain_text("Row 1 ")
    choose(page, "rows-system", "Mini FLAN base")
    choose(page, "rows-sort", "gain over zero-shot, smallest first")
    expect(rows.first.locator("h3")).not_to_contain_text(re.compile(r"Row 1\b"))
    found = gains(page, "Mini FLAN base", "Mini FLAN base, no adapter")
    assert found[0] < 0
    # Gains of numbers rounded to three decimals.
    assert all(after > before - 0.002 for before, after in itertools.pairwise(found))

    page.locator("#rows-on").click()
    expect(told).to_contain_text("page 2 of 25")
    choose(page, "rows-type", "Implications")
    expect(told).to_have_text("50 rows, page 1 of 5.")
    assert set(rows.locator("h3 .badge").all_inner_texts()) == {"Implications"}
    words = rows.nth(3).locator("blockquote").inner_text()
    page.locator("#rows-search input, #rows-search textarea").fill(words)
    expect(rows).to_have_count(1)
    expect(rows.locator("blockquote")).to_have_text(words)
    page.locator("#rows-search input, #rows-search textarea").fill("xyzzy plugh")
    expect(page.locator("#rows-shown")).to_contain_text("No row matches")


def test_fairness_says_what_differs_and_what_the_classifier_is_worth(page):
    view(page, "Fairness")
    panel = page.locator("#compare-fairness")
    expect(panel.get_by_role("row", name=re.compile("^activation"))).to_contain_text("ReLU")
    for part in ("Mini FLAN base against Mini T5 base", "not instruction tuning", "macro F1"):
        expect(panel).to_contain_text(part)


def test_tables_answers_and_figures_are_taken_away(page):
    view(page, "Export")
    expect(page.locator("#export-text")).to_contain_text(r"\begin{table}")
    assert taken(page, "tex").startswith(b"% needs")
    choose(page, "export-what", "the answer")
    page.locator("#export-format").get_by_text("Text").click()
    assert taken(page, "txt").startswith(b"Does instruction tuning improve")
    choose(page, "export-what", "figure: differences and their significance")
    for form, start in {"PNG": b"\x89PNG", "SVG": b"<?xml", "PDF": b"%PDF"}.items():
        page.locator("#export-format").get_by_text(form).click()
        assert taken(page, form.lower()).startswith(start)
    choose(page, "export-metric", "Distinct-1")
    expect(page.locator("#export-told")).to_contain_text("Distinct-1 has no row scores here")


def taken(page, ending):
    """Return the download once it is the one with this ending."""
    expect(page.locator("#export-told")).to_contain_text(f".{ending}, ")
    with page.expect_download() as download:
        page.locator("#export-download").click()
    assert download.value.suggested_filename.endswith(f".{ending}")
    return download.value.path().read_bytes()
