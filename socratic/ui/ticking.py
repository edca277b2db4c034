"""What is looked at again every few seconds, in the tab one looks at and nowhere else.

Each tick costs the browser work for all it may change, also where nobody looks and nothing did.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr

from socratic.ui.boundary import here, wire


def follow(page: Any, seconds: float, look: Callable[..., Any], inputs: Any, outputs: Any) -> None:
    """Call `look` when the tab it is drawn in opens and every few seconds while it is open."""
    timer = gr.Timer(seconds)
    wire([timer.tick, opened(page, timer)], look, inputs, outputs, quiet=True)


def opened(page: Any, block: Any) -> Any:
    """Return the event of the page's tab around a block being opened; the first is at once."""
    tab = _tab(block)
    return page.load if tab is None or _is_first(tab) else tab.select


def rest_elsewhere(page: Any) -> None:
    """Let the timers of each tab of the page rest while another one is open."""
    places = {block: _tab(block) for block in page.blocks.values() if isinstance(block, gr.Timer)}
    tabs = {id(tab): tab for tab in places.values() if tab is not None}
    for timer, place in places.items():
        timer.active = place is None or _is_first(place)
    for tab in tabs.values():
        active = [place in (None, tab) for place in places.values()]
        here(tab.select, [{"active": each} for each in active], list(places))


def _tab(block: Any) -> Any:
    """Return the outermost tab around a block, or None."""
    found = None
    while block is not None:
        found = block if isinstance(block, gr.Tab) else found
        block = block.parent
    return found


def _is_first(tab: Any) -> bool:
    return bool(tab.parent.children[0] is tab)
