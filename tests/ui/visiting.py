"""What a visitor does on a public page, for every way in which one is served."""

from playwright.sync_api import expect

from ui.driving import kept, show, tick

DRAWN = """document.querySelector('#chart-loss .js-plotly-plot')
    .data.reduce((sum, trace) => sum + trace.y.filter((y) => y !== null).length, 0)"""
AXES = """['xaxis', 'yaxis'].flatMap((name) =>
    document.querySelector('#chart-loss .js-plotly-plot')._fullLayout[name].range).join()"""


def visit(page, picture):
    """Replay the curves, ask one question of every model, look at the scores."""
    expect(page.locator("#train-start")).to_have_count(0)
    expect(page.locator("#run-delete")).to_have_count(0)
    page.wait_for_function("document.querySelector('#chart-loss .js-plotly-plot')?.data.length > 1")
    replayed(page)
    show(page, "Generate")
    expect(page.locator("#ask-limits")).to_contain_text("4,000 characters")
    page.locator("#context textarea").fill("Zoos are prisons with better lighting.")
    tick(page, "#ask-types", 1)
    page.locator("#ask").click()
    expect(page.locator(".card.done").first).to_be_visible(timeout=300_000)
    show(page, "Compare")
    expect(page.locator("#compare-table")).to_contain_text("T5-p")
    expect(page.locator("#evaluate-start")).to_have_count(0)
    kept(page, picture)


def replayed(page):
    """See the curves grow on the axes of the whole, stand still, and come back whole."""
    replay, told = page.locator("#replay button"), page.locator("#replay output")
    expect(page.locator("#replay")).to_contain_text("Recorded runs")
    whole, axes = page.evaluate(DRAWN), page.evaluate(AXES)
    replay.click()
    page.wait_for_function(f"({DRAWN}) < {whole}")
    replay.click()
    expect(replay).to_have_text("Replay")
    page.locator("#replay input").fill("500")
    expect(told).to_contain_text("step")
    half = page.evaluate(DRAWN)
    assert 0 < half < whole
    assert page.evaluate(AXES) == axes
    page.locator("#replay input").fill("990")
    replay.click()
    expect(told).to_have_text("all of the training")
    assert page.evaluate(DRAWN) == whole
