"""The main job, end to end in the page: train, watch, ask three models, read the table."""

import pytest
from playwright.sync_api import expect

from socratic import catalog, runs
from ui.driving import kept, show, states, unfold, wait_for

MODEL = "mini-flan-small"
STEPS = {"Max steps": 60, "Eval steps": 20, "Logging steps": 5, "Sample rows": 10}
# The bundled run of the same model may be drawn too; its curve goes on to step 300.
DRAWN = """(last) => {
  const plot = document.querySelector("#chart-loss .js-plotly-plot");
  const own = (plot?.data ?? []).filter((trace) => Math.max(...trace.x) <= last);
  return own.flatMap((trace) => trace.x);
}"""
# The other two forms of each tab: see test_pages.py.
SIZES = [(1280, "dark"), (390, "light")]


def choose_one_short_run(page):
    for spec in catalog.family("miniature"):
        page.locator(f"#train-models input[name={spec.key}]").set_checked(spec.key == MODEL)
    unfold(page, "Every hyperparameter")
    for label, value in STEPS.items():
        page.get_by_label(label).fill(str(value))
    expect(page.locator("#train-plan")).to_contain_text("max_steps=60")


def watch_the_curve_grow(page, workspace, run_id):
    """Return the steps that stood in the page's plot while the process was at work."""
    seen = set()

    def five():
        drawn = page.evaluate(DRAWN, STEPS["Max steps"])
        if runs.find(workspace, run_id).status().state in runs.ALIVE:
            seen.update(drawn)
        return len(seen) >= 5

    wait_for(five, 300)
    return seen


@pytest.mark.timeout(1800)
def test_train_watch_ask_compare(own_app, open_page):
    app = own_app()
    page = open_page(app.url)
    choose_one_short_run(page)
    page.locator("#train-start").click()
    expect(page.locator("#train-told")).to_contain_text("in the queue")
    (run_id,) = states(app.workspace)

    steps = watch_the_curve_grow(page, app.workspace, run_id)
    assert len(steps) >= 5
    row = page.locator("table.runs tr", has_text=run_id)
    kept(page, "training-1280-light")
    expect(row).to_contain_text("finished", timeout=400_000)
    expect(row).to_contain_text("60 / 60")

    show(page, "Generate")
    expect(page.locator("#ask-systems")).to_contain_text("Mini FLAN small")
    choose_every_bundled(page)
    page.get_by_text("Zoos", exact=True).click()
    page.locator("#ask").click()
    expect(page.locator(".card.done")).to_have_count(15, timeout=200_000)
    assert all(text.strip() for text in page.locator(".card .question").all_inner_texts())
    assert "[Question]" not in page.locator("#ask-grid").inner_text()

    show(page, "Compare")
    expect(page.locator("table.scores")).to_contain_text("T5-p")
    expect(page.locator("table.scores")).to_contain_text("Mini FLAN small")
    page.wait_for_function(
        "document.querySelector('#compare-chart .js-plotly-plot')?.data.length > 0"
    )

    for width, theme in SIZES:
        other = open_page(app.url, width=width, theme=theme)
        look_at_every_tab(other, width, theme)
        other.close()


def choose_every_bundled(page):
    """Ask the adapter just trained, and the bundled ones of the two other models."""
    field = page.locator("#ask-systems input")
    for title in ("Mini FLAN base", "Mini T5 base"):
        if title not in page.locator("#ask-systems").inner_text():
            field.click()
            page.get_by_role("option", name=title).first.click()
    field.press("Escape")


def look_at_every_tab(page, width, theme):
    for tab in ("Train", "Generate", "Compare"):
        show(page, tab)
        if tab == "Generate":
            page.get_by_text("Phones in class", exact=True).click()
            page.locator("#ask").click()
            expect(page.locator(".card.waiting")).to_have_count(0)
            expect(page.locator(".card.done").first).to_be_visible(timeout=100_000)
            expect(page.locator("#ask")).to_be_enabled(timeout=100_000)
        else:
            chart = "#chart-loss" if tab == "Train" else "#compare-chart"
            page.wait_for_function(
                f"document.querySelector('{chart} .js-plotly-plot')?.data.length > 0"
            )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        kept(page, f"{tab.lower()}-{width}-{theme}")
