"""How a browser learns that there is news of a run: it asks for a word that changes when there is.

A tick of Gradio's timer is an event with a queue, a stream and every setting of the tab; of ten
browsers, they took half a core from the run they watched. The word is one small request, and is
made once for all who ask at about the same time.
"""

import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from socratic.ui import gate, run_facts, run_views, train_run
from socratic.ui.run_views import Board

URL = "pulse"
SECONDS = 1.5
# For how long a word is told again without a look at the files.
_SHARED = 0.5

# The page holds the word it was last brought up to: a look that failed is asked for again. Nothing
# is asked while the tab is not looked at.
_SCRIPT = f"""
let asking = false;
async function word() {{
  const answer = await fetch("{URL}", {{ cache: "no-store", signal: AbortSignal.timeout(9000) }});
  return answer.ok ? answer.text() : props.value;
}}
const timer = setInterval(async () => {{
  if (!element.isConnected) clearInterval(timer);
  if (asking || document.hidden || !element.offsetParent) return;
  asking = true;
  const told = await word().catch(() => props.value);
  asking = false;
  if (told !== props.value) trigger("click", {{ word: told }});
}}, {1000 * SECONDS:.0f});
"""


@dataclass
class Pulse:
    """The word of a workspace's runs."""

    board: Board
    _word: str = ""
    _made: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def word(self) -> str:
        """Return what changes with everything a look at the runs could show."""
        with self._lock:
            if time.monotonic() - self._made > _SHARED:
                self._word = word_of(self.board)
                self._made = time.monotonic()
            return self._word

    def route(self) -> Route:
        """Return the address that tells the word."""

        def tell(request: Request) -> PlainTextResponse:
            known = gate.lets_in(request)
            return PlainTextResponse(self.word()) if known else PlainTextResponse("", 401)

        return Route(f"/{URL}", tell)


def build() -> Any:
    """Draw nothing; the component's click says that there is news, and with which `word`."""
    return gr.HTML(
        "",
        elem_id="train-pulse",
        elem_classes="pulse",
        html_template="<i></i>",
        js_on_load=_SCRIPT,
        apply_default_css=False,
    )


def word_of(board: Board) -> str:
    """Return the word of the runs as they are now."""
    views = board.views()
    files = [(run_facts.samples_stamp(view), train_run.log_stamp(view)) for view in views]
    stamp = repr((run_views.stamp(views), files))
    return hashlib.blake2b(stamp.encode(), digest_size=8).hexdigest()
