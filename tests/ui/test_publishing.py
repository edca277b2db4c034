"""The publish button: says what it would send, sends it on a second press, tells what is refused."""

import pytest
from hub_server import Hub
from playwright.sync_api import expect
from test_hub import TOKEN, make_run

from socratic.workspace import Workspace
from ui.driving import start

REPO = "somebody/from-the-page"


@pytest.fixture
def hub():
    running = Hub()
    running.token = TOKEN
    yield running
    running.close()


def test_a_run_is_published_from_the_page(hub, tmp_path, make_manifest, open_page):
    run = make_run(Workspace.open(tmp_path / "workspace"), make_manifest)
    app = start(tmp_path / "workspace", **hub.environment())
    try:
        page = open_page(app.url)
        page.locator("#train-runs").get_by_text(run.manifest().title).first.click()
        expect(page.locator("#run-chosen")).to_contain_text(run.id)
        page.get_by_text("Publish this run").click()
        expect(page.locator("#publish-send")).to_be_disabled()
        page.locator("#publish-look").click()
        expect(page.locator("#publish-told")).to_contain_text("write it as OWNER/NAME")
        page.locator("#publish-repo input, #publish-repo textarea").fill(REPO)
        page.locator("#publish-look").click()
        expect(page.locator("#publish-told")).to_contain_text("adapter_model.safetensors")
        assert not hub.requests
        page.locator("#publish-send").click()
        expect(page.locator("#publish-told")).to_contain_text("Published:")
        assert "adapter_model.safetensors" in hub.files[REPO]
        assert REPO in hub.private
        hub.fail = {"/api/": 403}
        page.locator("#publish-look").click()
        expect(page.locator("#publish-told")).to_contain_text("would be sent")
        page.locator("#publish-send").click()
        expect(page.locator("#publish-told")).to_contain_text("write access")
        assert TOKEN not in page.content()
    finally:
        app.close()
    assert TOKEN not in app.output.read_text()
