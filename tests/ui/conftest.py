"""What the browser tests stand on: the app as a user starts it, and Debian's Chromium.

Every page is watched: a request beyond localhost or a script error fails its test.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from ui.driving import PATIENCE, start

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def own_app(tmp_path):
    """A function that starts an app of the test's own, ended with it."""
    started = []

    def make(root=None, port=None):
        started.append(start(root or tmp_path / "workspace", port))
        return started[-1]

    yield make
    for app in started:
        app.close()


@pytest.fixture(scope="session")
def shared_app(tmp_path_factory):
    """One app for the tests that leave nothing behind."""
    app = start(tmp_path_factory.mktemp("shared") / "workspace")
    yield app
    app.close()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """A function that opens an address in a browser of its own, and watches what it does."""
    opened, foreign, broken = [], [], []

    def watch(request):
        if not re.match(r"(http://(127\.0\.0\.1|localhost)[:/]|data:|blob:)", request.url):
            foreign.append(request.url)

    def make(url, width=1280, height=900, theme="light"):
        context = browser.new_context(viewport={"width": width, "height": height})
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("request", watch)
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(f"{url}?__theme={theme}")
        expect(page.get_by_role("tab", name="Train")).to_be_visible()
        return page

    yield make
    for context in opened:
        context.close()
    assert foreign == [], "the page asked somebody outside"
    assert broken == []
