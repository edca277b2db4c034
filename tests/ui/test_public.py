"""The folder of a Space as visitors see it, started as a Space starts it; and presenting."""

import json

import pytest
from playwright.sync_api import expect
from test_hub import make_run

from socratic import runs, space
from socratic.workspace import Workspace
from ui.driving import kept, show, start
from ui.visiting import visit

HOSTILE = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"


@pytest.fixture
def on_a_space(tmp_path, make_manifest):
    """An app in a folder made by `python -m socratic space`, and nowhere else."""
    home = Workspace.open(tmp_path / "home")
    run = make_run(home, make_manifest, title=f"Mine {HOSTILE}")
    points = [{"step": step, "loss": 3 - step / 40, "eval_loss": 2.5} for step in range(1, 41)]
    run.metrics_file.write_text("".join(json.dumps(point) + "\n" for point in points))
    folder = space.write(tmp_path / "space", [run.id], home).folder
    place = {"SPACE_ID": "somebody/questions", "SYSTEM": "spaces", "PYTHONPATH": str(folder)}
    app = start(folder / "workspace", cwd=folder, **place)
    yield app
    app.close()


def test_a_space_answers_its_visitors(on_a_space, open_page):
    page = open_page(on_a_space.url)
    expect(page.locator("#train-runs")).to_contain_text("Mine <img src=x")
    # The run's weights are a stand-in, so that it fails beside the bundled ones, in a sentence.
    visit(page, "space")
    assert page.title() == "Socratic questions"
    printed = on_a_space.output.read_text()
    assert "Traceback" not in printed, printed
    served = Workspace(on_a_space.workspace.root / "public")
    assert [run.id for run in runs.discover(served) if not run.bundled]


def test_presenting_hides_what_one_sets_and_enlarges_what_one_reads(shared_app, open_page):
    page = open_page(shared_app.url)
    expect(page.locator("#train-runs")).to_contain_text("bundled")
    size = "parseFloat(getComputedStyle(document.querySelector('#train-runs td')).fontSize)"
    before = page.evaluate(size)
    page.wait_for_function("document.querySelector('#chart-loss .js-plotly-plot')?.data.length > 1")
    low = page.locator("#chart-loss").bounding_box()["height"]
    expect(page.locator("#train-family")).to_be_visible()
    page.locator("#present button").click()
    expect(page.locator("#train-family")).to_be_hidden()
    expect(page.locator("#run-stop")).to_be_hidden()
    expect(page.locator("#train-runs")).to_be_visible()
    assert page.evaluate(size) > 1.3 * before
    assert page.locator("#chart-loss").bounding_box()["height"] > 1.3 * low
    show(page, "Generate")
    expect(page.locator("#context")).to_be_visible()
    expect(page.locator("#ask")).to_be_visible()
    expect(page.locator("#ask-systems")).to_be_hidden()
    kept(page, "presenting")
    page.reload()
    expect(page.locator("#present button")).to_have_text("End presenting")
    page.keyboard.press("Escape")
    expect(page.locator("#train-family")).to_be_visible()
