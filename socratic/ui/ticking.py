"""Timers tick in the tab one looks at, and rest in the others.

Each tick costs the browser work for all it may change, also where nobody looks and nothing did.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr

from socratic.ui.boundary import wire


def where_one_looks(page: Any, tabs: Sequence[Any]) -> None:
    """Let the timers within each of the `tabs` tick while it is open; the first one is."""
    places = {
        block: tab
        for block in page.blocks.values()
        if isinstance(block, gr.Timer)
        for tab in tabs
        if tab in _around(block)
    }
    for timer, place in places.items():
        timer.active = place is tabs[0]
    for tab in tabs:
        active = [place is tab for place in places.values()]
        wire(tab.select, partial(_switched, active), None, list(places), quiet=True)


def _switched(active: Sequence[bool]) -> list[Any]:
    return [gr.Timer(active=each) for each in active]


def _around(block: Any) -> list[Any]:
    """Return what a block stands in, the innermost first."""
    around = []
    while block.parent is not None:
        block = block.parent
        around.append(block)
    return around
