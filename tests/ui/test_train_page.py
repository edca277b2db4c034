"""What the Train tab offers beside training: queue, data, configuration, curves, comparison."""

import pytest
import yaml
from playwright.sync_api import expect

from socratic import jobs, plans, recipes, runs
from socratic.plans import TrainingChoice
from socratic.workspace import Workspace
from ui.driving import kept, states, unfold


@pytest.fixture
def waiting(own_app, open_page, tmp_path):
    """An app whose queue holds three runs, and nobody who drains it."""
    workspace = Workspace.open(tmp_path / "workspace")
    recipe = recipes.load("miniature", {"max_steps": 60})
    models = ("mini-flan-small", "mini-flan-base", "mini-t5-base")
    with jobs.runner_lock(workspace):
        made = jobs.submit(workspace, plans.training(TrainingChoice(models, recipe=recipe)))
        app = own_app(workspace.root)
        yield app, open_page(app.url), [run.id for run in made]


def row(page, run_id):
    return page.locator("table.runs tr", has_text=run_id)


def test_a_queue_of_three_is_reordered_and_cleared(waiting):
    app, page, (first, second, third) = waiting
    expect(row(page, third)).to_contain_text("number 3 in the queue")
    page.locator(f"[data-run='{third}']").click()
    page.locator("#run-earlier").click()
    expect(row(page, third)).to_contain_text("number 2 in the queue")
    page.locator("#run-earlier").click()
    expect(row(page, third)).to_contain_text("number 1 in the queue")
    page.locator(f"[data-run='{first}']").click()
    expect(page.locator("#run-chosen")).to_contain_text(first)
    page.locator("#run-later").click()
    expect(row(page, first)).to_contain_text("number 3 in the queue")
    assert [run.id for run in jobs.queued(app.workspace)] == [third, second, first]
    kept(page, "queue-1280-light")
    page.locator("#queue-clear").click()
    expect(row(page, first)).to_contain_text("taken off the queue")
    assert set(states(app.workspace).values()) == {"stopped"}
    page.reload()
    expect(row(page, second)).to_contain_text("stopped")
    expect(page.locator("#queue-clear")).to_be_disabled()


def test_runs_are_sorted_filtered_and_set_apart(waiting):
    _, page, ids = waiting
    expect(page.locator("#runs-apart")).to_contain_text("What sets these 3 runs apart")
    page.get_by_text("What sets these").click()
    expect(page.locator("#runs-apart table")).to_contain_text("mini-t5-base")
    page.get_by_role("button", name="Best ROUGE-L").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Best ROUGE-L")
    expect(page.locator("table.runs tbody tr").first).to_contain_text("bundled")
    page.locator("#runs-filter").get_by_label("Show runs with").fill("queued t5-base")
    expect(page.locator("table.runs tbody tr")).to_have_count(1)
    expect(row(page, ids[2])).to_be_visible()


@pytest.fixture
def page(shared_app, open_page):
    return open_page(shared_app.url)


def test_the_data_are_shown_as_the_model_sees_them(page):
    unfold(page, "The data as the model sees it")
    look = page.locator("#train-seen")
    expect(look).to_contain_text("Generate a Socratic question for this context: clarity:")
    expect(look).to_contain_text("[Question]")
    expect(look.locator("del")).to_have_count(0)
    unfold(page, "Every hyperparameter")
    page.get_by_label("Input tokens").fill("32")
    expect(look.locator("del").first).to_be_visible()
    expect(look).to_contain_text("limits of 32 and 64")


def test_a_configuration_is_saved_and_taken_back(page, tmp_path):
    page.locator("#train-models input[name=mini-flan-base]").uncheck()
    unfold(page, "Every hyperparameter")
    page.get_by_label("Learning rate").fill("0.003")
    expect(page.locator("#train-plan")).to_contain_text("learning_rate=0.003")
    with page.expect_download() as download:
        page.get_by_text("Save this configuration").click()
    path = tmp_path / "training.yaml"
    download.value.save_as(path)
    saved = yaml.safe_load(path.read_text())
    assert saved["models"] == ["mini-flan-small", "mini-t5-base"]
    assert saved["hyperparameters"]["learning_rate"] == 0.003
    page.reload()
    expect(page.locator("#train-models input[name=mini-flan-base]")).to_be_checked()
    unfold(page, "Your own data, model or saved configuration")
    page.locator("#train-load input[type=file]").set_input_files(path)
    expect(page.locator("#train-models input[name=mini-flan-base]")).not_to_be_checked()
    expect(page.locator("#train-plan")).to_contain_text("learning_rate=0.003")


@pytest.mark.parametrize(
    ("form", "name", "start"),
    [("PDF", "curves-loss.pdf", b"%PDF"), ("LaTeX figure", "curves-loss.zip", b"PK")],
)
def test_curves_are_downloaded(page, tmp_path, form, name, start):
    unfold(page, "Download these curves")
    page.locator("#train-export").get_by_label(form, exact=True).check()
    page.locator("#train-export").get_by_label("A panel per run").check()
    page.locator("#curves-make").click()
    expect(page.locator("#curves-download")).to_contain_text(name)
    with page.expect_download() as download:
        page.locator("#curves-download").click()
    assert download.value.suggested_filename == name
    assert download.value.path().read_bytes().startswith(start)


def test_a_chart_is_picked_and_drawn(page):
    page.locator("#train-charts input").click()
    page.get_by_role("option", name="Gradient norm").click()
    page.wait_for_function(
        "document.querySelector('#chart-grad_norm .js-plotly-plot')?.data.length >= 3"
    )


def test_a_bundled_run_is_asked_in_one_click(page):
    run = next(run for run in runs.discover(Workspace.open()) if run.bundled)
    page.locator(f"[data-run='{run.id}']").click()
    expect(page.locator("#run-chosen")).to_contain_text(run.id)
    page.locator("#run-ask").click()
    expect(page.locator("#ask")).to_be_visible()
    expect(page.locator("#ask-systems")).to_contain_text(run.manifest().title)
    expect(page.locator("#ask-systems .token")).to_have_count(1)
