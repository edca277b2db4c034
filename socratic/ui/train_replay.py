"""Replaying recorded runs on a public page: their curves drawn again as they grew.

Nothing is trained or asked for: a chart has all points already and shows those up to a step, so
that any number of visitors may replay at once.
"""

import gradio as gr

from socratic.catalog import ASSETS

SCRIPT = ASSETS / "replay.js"
MARKUP = """
<p class="caption">Recorded runs: nothing is trained on this page. Replay draws their curves again
as they grew.</p>
<div class="replay">
  <button type="button" class="copy">Replay</button>
  <input type="range" min="0" max="1000" value="1000" aria-label="How far the training has come">
  <output>all of the training</output>
</div>
"""


def build() -> None:
    """Draw button and slider; they move every chart of the Train tab."""
    script = SCRIPT.read_text(encoding="utf-8")
    gr.HTML(MARKUP, elem_id="replay", js_on_load=script, apply_default_css=False)
