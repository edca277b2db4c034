"""The whole page: header, three tabs, endpoints for programs."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import gradio as gr
from gradio.routes import App
from starlette.middleware import Middleware

from socratic import data, device, systems
from socratic.access import OWNER, Access
from socratic.engines.lent_engine import is_lent
from socratic.pool import Pool
from socratic.ui import (
    api,
    compare,
    gate,
    generate,
    parts,
    presenting,
    rating,
    rating_results,
    theme,
    ticking,
    train,
)
from socratic.ui.boundary import Page, wire
from socratic.ui.generate_controls import Controls, offer
from socratic.ui.pulse import Pulse
from socratic.ui.run_views import Board
from socratic.ui.scores import Library
from socratic.ui.train_live import Live
from socratic.workspace import Workspace

TITLE = "Socratic questions"
QUEUE_SECONDS = 0.01
FAMILIES = {
    "thesis": "Thesis models: FLAN-T5-small, FLAN-T5-base, T5-base.",
    "miniature": "Miniature models, bundled for trying things out; read what they say as such.",
}


def page(workspace: Workspace, access: Access = OWNER) -> Page:
    """Return the page of a workspace, with what `access` allows and nothing else on it."""
    board, library = Board(workspace), Library(workspace)
    pool = Pool(workspace, limits=access.limits)
    if is_lent():
        pool.place([*systems.available(workspace), *systems.bases(workspace)])
    blocks = Page(title=TITLE, analytics_enabled=False, fill_width=True)
    _calm(blocks)
    with _undelivered(), blocks:
        presenting.build()
        head = parts.markup("header", header(workspace))
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Train", id="train"):
                live = train.build(blocks, board, access)
            with gr.Tab("Generate", id="generate"):
                inner, asking = _generate(blocks, workspace, pool, access)
            with gr.Tab("Compare", id="compare"):
                compare.build(blocks, board, library, access)
        if not access.public:
            _ask_with_a_run((tabs, inner), live, asking)
        ticking.rest_elsewhere(blocks)
        wire(blocks.load, lambda: header(workspace), None, head)
        api.build(board, library, pool)
    blocks.addresses = [*theme.routes(), Pulse(board).route()]
    return blocks


def _calm(blocks: Page) -> None:
    """Let the page's queue leave the processor alone while nothing is in it, and after each event.

    It is looked into a thousand times a second, which takes a twentieth of a core; and after each
    event Gradio sums up the last ten thousand, for a dashboard that is not served here.
    """
    queue = blocks._queue
    queue.sleep_when_free = QUEUE_SECONDS
    queue.compute_analytics_summary = lambda _: {}


@contextmanager
def _undelivered() -> Iterator[None]:
    """Leave out the web applications Gradio makes while a page is drawn; `launch` makes another.

    Two of them, a tenth of a second of every start, and nobody is ever served by them.
    """
    made = vars(App)["create_app"]
    App.create_app = lambda *_, **__: None
    try:
        yield
    finally:
        App.create_app = made


def _generate(
    blocks: Any, workspace: Workspace, pool: Pool, access: Access
) -> tuple[Any, Controls]:
    """Draw the Generate tab and return the tabs inside it, and the controls of asking."""
    with gr.Tabs(elem_id="generate-tabs") as inner:
        with gr.Tab("Ask", id="ask"):
            asking = generate.build(blocks, workspace, pool, access)
        with gr.Tab("Rate blind", id="rate"):
            rating.build(blocks, workspace, public=access.public)
        with gr.Tab("Rounds", id="ratings"):
            rating_results.build(blocks, workspace, public=access.public)
    return inner, asking


def _ask_with_a_run(tabs: tuple[Any, Any], live: Live, asking: Controls) -> None:
    """Let a run's button on the Train tab open the Generate tab with that run chosen.

    tabs: the page's, and those inside the Generate tab.
    """

    def ask(run_id: str) -> dict[Any, Any]:
        choices, _ = offer(asking.workspace)
        chosen = gr.update(choices=choices, value=[run_id])
        shown = {tabs[0]: gr.Tabs(selected="generate"), tabs[1]: gr.Tabs(selected="ask")}
        return {**shown, asking.systems: chosen}

    wire(live.actions["ask"].click, ask, live.selected, [*tabs, asking.systems])


def header(workspace: Workspace) -> str:
    """Return title, the family in view, what this machine is and why it computes as it does."""
    family = systems.opening_family(workspace)
    machine = device.describe()
    plan = device.plan(machine)
    reasons = " ".join(plan.reasons)
    # A GPU that lies idle is no detail for a tooltip.
    unseen = parts.notice(machine.unseen, "bad")
    return (
        f"<header><div><h1>{TITLE}</h1><p>{parts.badges(family, bundled=False)} "
        f"{escape(FAMILIES[family])}</p></div>"
        f'<p class="machine" title="{escape(reasons)}">{escape(plan.sentence)}</p></header>{unseen}'
    )


def launch(blocks: Any, host: str, port: int, access: Access = OWNER) -> None:
    """Serve the page and return at once; nothing it loads comes from elsewhere."""
    # Called directly a handler would not wait for its turn, so a public page answers queued ones.
    # Set here, not by `queue`, which would make the whole application once more.
    blocks.api_open = not access.public
    gate.make_fair(blocks, blocks.fns.values())
    guard = Middleware(gate.Gate, blocks=blocks, limits=access.limits)
    blocks.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        run_history=False,
        footer_links=["api"],
        max_file_size=data.MAX_BYTES,
        auth=list(access.logins) or None,
        theme=theme.theme(),
        css_paths=[theme.STYLE, presenting.STYLE],
        app_kwargs={"routes": blocks.addresses, "middleware": [guard]},
    )
