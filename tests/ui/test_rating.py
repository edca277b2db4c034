"""Rating blind in the page: ten items, two raters, by keyboard, through a reload, to the results."""

import json
import re
import secrets
import sqlite3

import httpx
import pytest
from playwright.sync_api import expect

from socratic.rating import making
from socratic.rating.making import Plan
from socratic.rating.store import Store
from ui.driving import kept, show, start

MODELS = ("mini-flan-small", "mini-flan-base", "mini-t5-base")
NAMES = ("Mini FLAN small", "Mini FLAN base", "Mini T5 base", *MODELS)
ITEMS = 10


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An app whose workspace holds a round of ten items."""
    app = start(tmp_path_factory.mktemp("rating") / "workspace")
    plan = Plan("sample", "test", MODELS, ITEMS, seed=1)
    making.make(plan, app.workspace, lambda *_: None)
    yield app
    app.close()


def seat(page, name):
    """Open the form as a rater."""
    show(page, "Generate")
    show(page, "Rate blind")
    # The page was built before the round was made: it is offered a moment later.
    expect(page.locator("#rate-round input")).to_have_value(re.compile("sample"))
    page.locator("#rate-name input, #rate-name textarea").first.fill(name)
    page.locator("#rate-start").click()
    expect(page.locator("form.rating")).to_be_visible()


def item_of(page):
    return int(page.locator("form.rating").get_attribute("data-item"))


def fill_by_mouse(page):
    for group in page.locator("form.rating fieldset").all():
        group.locator("label").nth(1).click()


def fill_by_keyboard(page):
    page.locator("form.rating fieldset input").first.focus()
    for _ in range(page.locator("form.rating section.asked").count() - 1):
        for key in ("5", "4", "n"):
            page.keyboard.press(key)
    page.keyboard.press("a")


def submit_by_mouse(page):
    fill_by_mouse(page)
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.locator(".rating.revealed")).to_be_visible()


def submit_by_keyboard(page):
    fill_by_keyboard(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Next item")).to_be_focused()


def next_item(page, item):
    page.get_by_role("button", name="Next item").click()
    expect(page.locator(f"form.rating[data-item='{item}']")).to_be_visible()


def test_ten_items_by_two_raters_with_a_reload_and_the_results(app, open_page):
    page = open_page(app.url)
    seat(page, "AB")
    for item in range(3):
        assert item_of(page) == item
        assert not any(name in page.locator("#rate-sheet").inner_html() for name in NAMES)
        submit_by_keyboard(page)
        assert any(name in page.locator("#rate-sheet").inner_text() for name in NAMES)
        page.keyboard.press("Enter")
        expect(page.locator(f"form.rating[data-item='{item + 1}']")).to_be_visible()
        expect(page.locator("form.rating input").first).to_be_focused()
    page.reload()
    show(page, "Generate")
    show(page, "Rate blind")
    expect(page.locator("form.rating[data-item='3']")).to_be_visible()
    expect(page.locator("#rate-sheet")).to_contain_text("3 rated")
    other = open_page(app.url)
    seat(other, "CD")
    for item in range(3, ITEMS):
        submit_by_mouse(page)
        if item + 1 < ITEMS:
            next_item(page, item + 1)
    page.get_by_role("button", name="Next item").click()
    expect(page.locator("#rate-sheet")).to_contain_text("The round is done: 10 of 10 items rated")
    for item in range(ITEMS):
        submit_by_mouse(other)
        if item + 1 < ITEMS:
            next_item(other, item + 1)
    (round_,) = Store(app.workspace).rounds()
    assert (round_.rated, round_.raters) == (20, 2)
    shows_results(other)


def shows_results(page):
    show(page, "Rounds")
    page.locator("#results-refresh").click()
    tables = page.locator("#results-tables")
    for words in ("Mini T5 base", "Krippendorff", "AB (10), CD (10)"):
        expect(tables).to_contain_text(words)
    expect(page.locator("#results-told")).to_contain_text("it takes 20, so 10 more")
    page.wait_for_function(
        "document.querySelector('#results-chart .js-plotly-plot')?.data.length === 3"
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Results as CSV").click()
    assert "mean,Mini FLAN small" in download.value.path().read_text()
    for form, begins in {"PNG": b"\x89PNG", "SVG": b"<?xml", "PDF": b"%PDF"}.items():
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Figure as {form}").click()
        assert download.value.suggested_filename.endswith(f"-fluency.{form.lower()}")
        assert download.value.path().read_bytes().startswith(begins)


def test_a_form_that_is_not_complete_says_what_is_missing(app, open_page):
    page = open_page(app.url)
    seat(page, "EF")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.locator(".missing-told")).to_contain_text("fluency of question A")
    page.get_by_role("button", name="Skip this item").click()
    expect(page.locator("form.rating[data-item='1']")).to_be_visible()
    assert "revealed" not in page.locator("#rate-sheet").inner_html()


def test_two_tabs_of_one_rater_count_an_item_once(app, open_page):
    first, second = open_page(app.url), open_page(app.url)
    for page in (first, second):
        seat(page, "<b>GH</b>")
    submit_by_mouse(first)
    fill_by_mouse(second)
    second.get_by_role("button", name="Submit", exact=True).click()
    expect(second.locator("#rate-told")).to_contain_text("has already been rated by <b>GH</b>")
    expect(second.locator("form.rating[data-item='1']")).to_be_visible()
    first.get_by_role("button", name="Withdraw this rating").click()
    expect(first.locator("#rate-told")).to_contain_text("item 1 is withdrawn")


def test_rating_goes_on_after_the_app_was_killed(own_app, open_page):
    app = own_app()
    making.make(Plan("sample", "test", MODELS, 3, seed=1), app.workspace, lambda *_: None)
    page = open_page(app.url)
    seat(page, "AB")
    submit_by_mouse(page)
    app.end(9)
    again = own_app(app.workspace.root, port=int(app.url.rsplit(":", 1)[1]))
    page.goto(again.url)
    show(page, "Generate")
    show(page, "Rate blind")
    expect(page.locator("form.rating[data-item='1']")).to_be_visible()
    db = sqlite3.connect(Store(app.workspace).path)
    assert db.execute("SELECT item, state FROM ratings").fetchall() == [(0, "rated")]
    db.close()


# What a page that is not ours can get by plain HTTP


class Program:
    """A program that speaks to the page's handlers as a browser does."""

    def __init__(self, url):
        self.http = httpx.Client(base_url=url, timeout=60)
        self.config = self.http.get("/config").json()
        self.session = secrets.token_hex(6)

    def component(self, name):
        found = self.config["components"]
        return next(one["id"] for one in found if one["props"].get("elem_id") == name)

    def call(self, name, event, values, message=None):
        """Trigger the handler of an element's event, and return all it answers, as text."""
        target = [self.component(name), event]
        dependency = next(d for d in self.config["dependencies"] if target in d["targets"])
        states = {c["id"] for c in self.config["components"] if c["type"] == "state"}
        data = [None if i in states else values.get(i) for i in dependency["inputs"]]
        body = {"data": data, "event_data": message, "fn_index": dependency["id"]}
        body |= {"session_hash": self.session, "trigger_id": target[0]}
        self.http.post("/gradio_api/queue/join", json=body).raise_for_status()
        with self.http.stream(
            "GET", "/gradio_api/queue/data", params={"session_hash": self.session}
        ) as stream:
            lines = []
            for line in stream.iter_lines():
                lines.append(line)
                if "process_completed" in line:
                    break
        return "\n".join(lines)

    def seat(self, name):
        round_ = self.component("rate-round")
        (offered,) = {
            one["props"]["value"] for one in self.config["components"] if one["id"] == round_
        }
        values = {round_: offered, self.component("rate-name"): name}
        return self.call("rate-start", "click", values)

    def act(self, **message):
        return self.call("rate-sheet", "submit", {}, message)


@pytest.fixture
def program(app):
    # The page was built before the round was made, as for every round after the start.
    app.end(9)
    app.process = start(app.workspace.root, int(app.url.rsplit(":", 1)[1])).process
    return Program(app.url)


def marks_of(answer):
    count = len(set(re.findall(r"Question ([A-Z])<", answer)))
    return [{"fluency": 3, "relevance": 3, "answered": True}] * count


def test_nothing_tells_a_model_before_the_item_is_submitted(app, program):
    answer = program.seat("raw")
    assert "Question A" in answer
    assert not any(name in answer for name in NAMES)
    info = program.http.get("/gradio_api/info").json()
    assert not any("rat" in name for name in set(info["named_endpoints"]) - {"/generate"})
    assert info["unnamed_endpoints"] == {}
    texts = [c for one in Store(app.workspace).round(round_name(app)).items for c in one.candidates]
    opened = program.http.get("/").text + json.dumps(program.config)
    assert not any(one.text in opened for one in texts)
    # All questions of an item come in one answer, in equal markup.
    bare = re.sub(r'class=\\"question\\">.*?<', 'class="question"><', answer)
    cards = re.findall(r"<section class=.{0,4}asked.{0,4}><h3>Question .*?</section>", bare)
    assert len(cards) == len(marks_of(answer)) >= 2
    assert len({re.sub(r"Question \w|-\w\\|letter=\\\"\w", "", card) for card in cards}) == 1
    for act in ("next", "mine", "open", "again", "withdraw", "reveal", "x"):
        said = program.act(act=act, item=0)
        assert not any(name in said for name in NAMES), act


def test_forged_messages_change_nothing(app, program):
    store, name = Store(app.workspace), round_name(app)
    before = store.ratings(name)
    answer = program.seat("forger")
    filled = {"marks": marks_of(answer), "choice": "A", "note": ""}
    assert "not the one on your form" in program.act(act="rate", item=7, **filled)
    assert "not the one on your form" in program.act(act="rate", item="0", **filled)
    assert "not the one on your form" in program.act(act="skip", item=3)
    assert "has no rating of item 1" in program.act(act="withdraw", item=0)
    assert "rate each of them" in program.act(act="rate", item=0, marks=[], choice="A")
    assert store.ratings(name) == before
    said = program.act(act="rate", item=0, rater="AB", kept={"name": "AB"}, **filled)
    assert any(title in said for title in NAMES), "names are told once it is submitted"
    new = [one for one in store.ratings(name) if one not in before]
    assert [(one.rater, one.item) for one in new] == [("forger", 0)]


def round_name(app):
    return Store(app.workspace).rounds()[0].id


SEEN = "document.querySelector('form.rating') !== null"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_form_fits_its_window(app, open_page, width, theme):
    page = open_page(app.url, width=width, theme=theme)
    seat(page, f"{width} {theme}")
    page.wait_for_function(SEEN)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    kept(page, f"rating-{width}-{theme}")
    show(page, "Rounds")
    expect(page.locator("#results-round")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    kept(page, f"rounds-{width}-{theme}")
