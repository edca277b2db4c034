"""The owner's page beside a Hub: publishing, its progress, and what came from elsewhere as text."""

import re
import shutil
import threading

import pytest
from hub_server import Hub
from playwright.sync_api import expect
from test_hub import TOKEN, make_run

from socratic import data
from socratic.workspace import Workspace
from ui.driving import start, unfold

REPO = "somebody/from-the-page"
NAME = "<img src=x onerror=alert(1)>.csv"
SCRIPT = "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"


@pytest.fixture
def hub():
    running = Hub()
    running.token = TOKEN
    yield running
    running.close()


@pytest.fixture
def run(tmp_path, make_manifest):
    """A run whose log holds a script, in a workspace with a file whose name is one."""
    workspace = Workspace.open(tmp_path / "workspace")
    made = make_run(workspace, make_manifest)
    made.log_file.write_text(f"epoch 1 {SCRIPT}\n")
    shutil.copyfile(data.SAMPLE / "test.csv", workspace.uploads / f"{'0' * 12}-{NAME}")
    return made


@pytest.fixture
def page(hub, run, tmp_path, open_page):
    """The page of an app whose environment holds a token, on that run."""
    app = start(tmp_path / "workspace", **hub.environment())
    try:
        page = open_page(app.url)
        page.locator("#train-runs").get_by_text(run.manifest().title).first.click()
        expect(page.locator("#run-chosen")).to_contain_text(run.id)
        yield page
    finally:
        app.close()
    assert TOKEN not in app.output.read_text()


def test_a_run_is_published_from_the_page(hub, page):
    told, look, send = (page.locator(f"#publish-{name}") for name in ("told", "look", "send"))
    unfold(page, "Publish this run on the Hugging Face Hub")
    expect(send).to_be_disabled()
    look.click()
    expect(told).to_contain_text("write it as OWNER/NAME")
    page.locator("#publish-repo input, #publish-repo textarea").fill(REPO)
    look.click()
    expect(told).to_contain_text("adapter_model.safetensors")
    assert not hub.requests
    go_on = hub.hold["/commit/"] = threading.Event()
    send.click()
    # The Hub has the weights and is asked for the commit: so far nothing stands in the repository.
    expect(told).to_contain_text(re.compile(r"Sending (\d+) files.*: \1 of \1, "))
    assert hub.files[REPO] == {}
    go_on.set()
    expect(told).to_contain_text("Published:")
    assert "adapter_model.safetensors" in hub.files[REPO]
    assert REPO in hub.private
    hub.fail = {"/api/": 403}
    look.click()
    expect(told).to_contain_text("would be sent")
    send.click()
    expect(told).to_contain_text("write access")
    assert TOKEN not in page.content()


def test_what_a_log_and_a_file_name_hold_is_text(page, tmp_path):
    expect(page.locator("#run-log")).to_contain_text(f"epoch 1 {SCRIPT}")
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    chosen = page.locator("#train-data input")
    chosen.click()
    page.get_by_role("option", name=NAME).click()
    expect(page.locator("#train-plan")).to_contain_text(NAME)
    given = tmp_path / NAME
    shutil.copyfile(data.SAMPLE / "validation.csv", given)
    unfold(page, "Your own data, model or saved configuration")
    page.locator("#train-upload input[type=file]").set_input_files(given)
    # Gradio takes the brackets out of the name it keeps; the page shows the one that was given.
    expect(chosen).to_have_value(NAME.replace("<", "").replace(">", ""))
    assert page.locator("img[src=x]").count() == 0
    assert page.title() == "Socratic questions"
