"""Runs survive the page and the app: reload, restart, stop, resume, queue, delete."""

import pytest
from playwright.sync_api import expect

from socratic import runs
from socratic.runs import process_of
from ui.driving import states, unfold, wait_for

# Small steps and many of them: the run is at work for as long as a test looks at it.
SETTINGS = {
    "Max steps": 5000,
    "Epochs": 1000,
    "Logging steps": 1,
    "Sample rows": 2,
    "Train batch": 4,
    "Eval batch": 128,
}
# The bundled runs were logged every fifth step: a curve that has step 1 is the run's own.
POINTS = """() => {
  const plot = document.querySelector("#chart-loss .js-plotly-plot");
  const own = (plot?.data ?? []).filter((trace) => trace.x.includes(1));
  return own.flatMap((trace) => trace.x).length;
}"""

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def training(own_app, open_page):
    """An app, a page of it, and the ids of two runs: one at work, long enough, one waiting."""
    app = own_app()
    page = open_page(app.url)
    page.locator("#train-models input[name=mini-flan-base]").uncheck()
    unfold(page, "Every hyperparameter")
    for label, value in SETTINGS.items():
        page.get_by_label(label).fill(str(value))
    page.locator("#train-evaluate input").uncheck()
    expect(page.locator("#train-plan")).to_contain_text("max_steps=5000")
    page.locator("#train-start").click()
    expect(page.locator("#train-told")).to_contain_text("2 runs are in the queue")
    expect(page.locator("table.runs")).to_contain_text("number 1 in the queue")
    page.wait_for_function(f"({POINTS})() >= 3", timeout=300_000)
    found = states(app.workspace)
    busy = next(run_id for run_id, state in found.items() if state == "running")
    waiting = next(run_id for run_id, state in found.items() if state == "queued")
    return app, page, busy, waiting


def row(page, run_id):
    return page.locator("table.runs tr", has_text=run_id)


def select(page, run_id):
    page.locator(f"[data-run='{run_id}']").click()
    expect(page.locator("#run-chosen")).to_contain_text(run_id)


def test_a_run_survives_reload_and_restart(training, own_app, open_page):
    app, page, busy, waiting = training
    page.reload()
    expect(row(page, busy)).to_contain_text("running")
    page.wait_for_function(f"({POINTS})() >= 3")

    run = runs.find(app.workspace, busy)
    assert app.end() == 0
    assert process_of(run.status()), "the run ended with the app"
    steps = run.status().step
    wait_for(lambda: run.status().step > steps)

    again = own_app(app.workspace.root)
    page = open_page(again.url)
    expect(row(page, busy)).to_contain_text("running")
    expect(row(page, waiting)).to_contain_text("queued")
    page.wait_for_function(f"({POINTS})() >= 3")


def test_stop_resume_queue_and_delete(training):
    app, page, busy, waiting = training
    select(page, waiting)
    page.locator("#run-stop").click()
    expect(row(page, waiting)).to_contain_text("stopped")
    expect(row(page, waiting)).to_contain_text("taken off the queue")

    select(page, busy)
    expect(page.locator("#run-delete")).to_be_disabled()
    page.locator("#run-stop").click()
    expect(row(page, busy)).to_contain_text("stopped", timeout=300_000)
    before = runs.find(app.workspace, busy).status().step

    page.locator("#run-resume").click()
    expect(row(page, busy)).to_contain_text("running", timeout=300_000)
    wait_for(lambda: runs.find(app.workspace, busy).status().step > before)
    page.locator("#run-stop-now").click()
    expect(row(page, busy)).to_contain_text("stopped")

    page.locator("#run-delete").click()
    page.locator("#run-delete-no").click()
    expect(page.locator("#run-asking").first).to_be_hidden()
    assert (app.workspace.runs / busy).is_dir()
    page.locator("#run-delete").click()
    page.locator("#run-delete-yes").click()
    expect(row(page, busy)).to_have_count(0)
    assert not (app.workspace.runs / busy).exists()
    assert (app.workspace.runs / waiting).is_dir()
