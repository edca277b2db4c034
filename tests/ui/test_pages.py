"""What a newcomer sees: three tabs, nothing from outside, bad input told in a sentence."""

import csv

import pytest
from playwright.sync_api import expect

from ui.driving import kept, show, tick, unfold


@pytest.fixture
def page(shared_app, open_page):
    return open_page(shared_app.url)


def ask(page, context):
    show(page, "Generate")
    page.locator("#context textarea").fill(context)
    page.locator("#ask").click()


def test_the_tabs_open_with_something_to_see(page):
    expect(page.locator("header")).to_contain_text("cores")
    expect(page.locator("#train-plan")).to_contain_text("python -m training run")
    show(page, "Generate")
    expect(page.locator("#ask-grid")).to_contain_text("No question yet")
    show(page, "Compare")
    expect(page.locator("#compare-table")).to_contain_text("T5-p")
    page.wait_for_function(
        "document.querySelector('#compare-chart .js-plotly-plot')?.data.length > 0"
    )


def test_the_bundled_runs_show_their_curves_at_the_first_start(page):
    expect(page.locator("#train-runs")).to_contain_text("bundled")
    page.wait_for_function(
        "document.querySelector('#chart-loss .js-plotly-plot')?.data.length >= 3"
    )


def test_what_is_folded_away_is_drawn_when_it_is_opened_and_counts_before(page):
    inside = page.locator("#train-hyperparameters input")
    expect(page.locator("#train-plan")).to_contain_text("--model mini-flan-small")
    assert inside.count() == 0
    # Values nobody has seen yet follow the recipe, and are what would be trained with.
    page.locator("#train-recipe").get_by_label("recommended").check()
    expect(page.locator("#train-plan")).to_contain_text("630")  # ten epochs of 32 rows a step
    unfold(page, "Every hyperparameter")
    fields = page.locator("#train-hyperparameters")
    expect(fields.get_by_label("Train batch")).to_have_value("32")
    steps = fields.get_by_label("Max steps")
    steps.fill("700")
    steps.blur()
    expect(page.locator("#train-plan")).to_contain_text("max_steps=700")


@pytest.mark.parametrize("context", ["", " \n\t ", "\u0000\u200b\ufeff"])
def test_an_empty_context(page, context):
    ask(page, context)
    expect(page.locator("#ask-told")).to_contain_text("The context is empty")


def test_no_type(page):
    show(page, "Generate")
    tick(page, "#ask-types", 0)
    ask(page, "An opinion.")
    expect(page.locator("#ask-told")).to_contain_text("No question type is chosen")
    expect(page.locator("#context textarea")).to_have_value("An opinion.")


def test_no_model(page):
    show(page, "Generate")
    page.locator("#ask-systems").get_by_title("Clear").click()
    ask(page, "An opinion.")
    expect(page.locator("#ask-told")).to_contain_text("No model is chosen")


def test_the_characters_are_counted(page):
    show(page, "Generate")
    page.locator("#context textarea").fill("naïve 🦉")
    expect(page.locator("#context-count")).to_contain_text("7 characters")


def test_a_knob_out_of_range_is_told(page):
    show(page, "Generate")
    unfold(page, "Every decoding knob")
    page.get_by_label("Top-p", exact=True).fill("7")
    ask(page, "An opinion.")
    expect(page.locator("#ask-told")).to_contain_text("top_p is 7")


def test_presets_set_the_knobs_and_knobs_name_the_preset(page):
    show(page, "Generate")
    unfold(page, "Every decoding knob")
    page.get_by_text("Paper: sampling").click()
    expect(page.get_by_label("Top-k", exact=True)).to_have_value("5")
    page.get_by_label("Top-k", exact=True).fill("9")
    expect(page.locator("#ask-preset").get_by_label("Custom")).to_be_checked()


def test_no_model_to_train_cannot_start(page):
    tick(page, "#train-models", 0)
    expect(page.locator("#train-plan")).to_contain_text("No model is chosen")
    expect(page.locator("#train-start")).to_be_disabled()


def test_all_wrong_hyperparameters_are_told_at_once(page):
    unfold(page, "Every hyperparameter")
    page.get_by_label("Learning rate").fill("7")
    page.get_by_label("Train batch").fill("0")
    expect(page.locator("#train-plan")).to_contain_text("learning_rate is 7")
    expect(page.locator("#train-plan")).to_contain_text("train_batch is 0")
    page.get_by_text("miniature: ").first.click()
    page.get_by_text("recommended: What").click()
    expect(page.locator("#train-start")).to_be_enabled()


def test_a_folder_that_holds_no_model_is_told_before_the_start(page):
    unfold(page, "Your own data, model or saved configuration")
    page.get_by_label("One more model").fill("/no/such/folder")
    expect(page.locator("#train-plan")).to_contain_text("no model in '/no/such/folder'")


GOOD_ROW = ("Owls are wise.", "Why do you think so?", "clarity")
BAD_FILES = {
    "columns.csv": ("a,b\n1,2\n", "has the columns 'a,b'"),
    "empty.csv": ("context,question,type\n,,clarity\n", "no usable row"),
    "one.csv": ("context,question,type\n" + ",".join(GOOD_ROW), "1 different context"),
    "latin.csv": ("context,question,type\nCafé,Why?,clarity\n".encode("latin-1"), "not UTF-8"),
    "label.csv": ("context,question,type\nA b,Why?,<b>odd</b>\n", "whose type is not one of"),
    "picture.png": (b"\x89PNG\r\n", "is not a data file"),
    "broken.parquet": (b"PAR1 nothing", "cannot be read as a table"),
    "nothing.csv": ("", "cannot be read as a table"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_used(page, tmp_path, name):
    content, sentence = BAD_FILES[name]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    unfold(page, "Your own data, model or saved configuration")
    page.locator("#train-upload input[type=file]").set_input_files(path)
    expect(page.get_by_text(sentence)).to_be_visible()
    expect(page.locator("#train-start")).to_be_enabled()


def test_a_file_of_ones_own_is_offered_and_its_rows_are_counted(page, tmp_path):
    path = tmp_path / "own rows.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("context", "question", "type"))
        rows.writerows((f"{GOOD_ROW[0]} {i}", *GOOD_ROW[1:]) for i in range(40))
    unfold(page, "Your own data, model or saved configuration")
    page.locator("#train-upload input[type=file]").set_input_files(path)
    expect(page.locator("#train-plan")).to_contain_text("own rows.csv")
    expect(page.locator("#train-plan")).to_contain_text("32 train")
    page.reload()
    page.locator("#train-data input").click()
    expect(page.get_by_role("option", name="own rows.csv")).to_be_visible()


def test_scores_are_sorted_by_a_click_and_exported(page):
    show(page, "Compare")
    column = page.get_by_role("button", name="ROUGE-L", exact=True)
    column.click()
    cells = page.locator("table.scores tbody tr td:nth-child(2)").all_inner_texts()
    values = [float(cell.split()[0].rstrip("†")) for cell in cells if cell != "–"]
    assert values == sorted(values, reverse=True)
    page.get_by_role("tab", name="Export").click()
    expect(page.locator("#export-text")).to_contain_text("toprule")
    page.get_by_label("CSV", exact=True).check()
    expect(page.locator("#export-text")).to_contain_text("implementation")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    assert download.value.suggested_filename == "socratic-scores.csv"


SEEN = {
    "Train": "document.querySelector('#chart-loss .js-plotly-plot') !== null",
    "Generate": "document.querySelector('#ask-grid .empty') !== null",
    "Compare": "document.querySelector('#compare-chart .js-plotly-plot') !== null",
}


def test_only_the_tab_one_looks_at_asks_for_news(page):
    """A button that opens a tab counts as well: its timers would rest for ever."""
    ticks = "dependencies.filter(d => d.targets.some(t => t[1] === 'tick')).map(d => d.id)"
    timers = set(page.evaluate(f"window.gradio_config.{ticks}"))
    asked = []

    def listen(request):
        if request.url.endswith("/pulse"):
            asked.append("pulse")
        if "/queue/join" in request.url and request.post_data_json["fn_index"] in timers:
            asked.append(request.post_data_json["fn_index"])

    def ticking():
        asked.clear()
        while len(asked) < 4:
            page.wait_for_event("request")
        return set(asked)

    def without(before):
        """Tick until what was under way when the tab was opened is over."""
        return next((found for found in (ticking() for _ in range(9)) if not found & before), None)

    page.on("request", listen)
    expect(page.locator("#run-ask")).to_be_enabled()
    training = ticking()
    assert training == {"pulse"}
    page.locator("#run-ask").click()
    expect(page.locator("#context textarea")).to_be_visible()
    generating = without(training)
    assert generating
    # The first round is what opening a tab asks for; the next is told by timers that do tick.
    generating |= ticking()
    show(page, "Compare")
    expect(page.locator("#compare-table")).to_contain_text("T5-p")
    assert without(training | generating)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_each_tab_fits_its_window(shared_app, open_page, width, theme):
    page = open_page(shared_app.url, width=width, theme=theme)
    for tab, seen in SEEN.items():
        show(page, tab)
        page.wait_for_function(seen)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
        kept(page, f"first-{tab.lower()}-{width}-{theme}")
