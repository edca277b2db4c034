"""Models in memory on the Generate tab: what each takes, and a button to let it go."""

from html import escape
from typing import Any

import gradio as gr

from socratic import memory
from socratic.errors import UsageError
from socratic.pool import Pool
from socratic.ui import parts
from socratic.ui.boundary import sent, wire
from socratic.ui.ticking import follow

SECONDS = 3
# The process grows and shrinks a little all the time; finer steps would make the line flicker.
STEP = 50 * 2**20
SCRIPT = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-unload]");
  if (button) trigger("click", { key: button.dataset.unload });
});
"""


def build(page: Any, pool: Pool) -> None:
    """Draw the list and keep it true."""
    with gr.Accordion("Models in memory", open=False, elem_id="memory"), gr.Row():
        listed = parts.markup("memory-list", script=SCRIPT)
        unload = gr.Button("Unload all", size="sm", scale=0, min_width=140)

    def look(now: str | None) -> Any:
        pool.settle()
        after = markup(pool)
        return gr.skip() if after == now else after

    def let_go(event: gr.EventData) -> str:
        key = sent(event, "key")
        if key not in pool.loaded():
            raise UsageError(f"{key!r} is not in memory any more.")
        pool.unload(key)
        return markup(pool)

    def let_all_go() -> str:
        pool.unload()
        return markup(pool)

    follow(page, SECONDS, look, listed, listed)
    wire(listed.click, let_go, None, listed)
    wire(unload.click, let_all_go, None, listed)


def markup(pool: Pool) -> str:
    """Return the list of models in memory."""
    held = pool.held()
    taken = parts.size(max(1, round(memory.resident() / STEP)) * STEP)
    whole = f'<p class="quiet">The whole app takes about {taken} of memory.</p>'
    if not held:
        return parts.notice("No model is in memory.") + whole
    rows = "".join(
        f"<li>{parts.dot(one.system.colour)}{escape(one.system.title)} <small>"
        f"{escape(one.engine.name)} · {parts.size(one.engine.memory)}</small>"
        f'<button type="button" class="copy" data-unload="{escape(one.system.key)}">Unload</button>'
        "</li>"
        for one in held
    )
    return f'<ul class="held">{rows}</ul>{whole}'
