"""What stands before the page: on a public one only its own addresses, small requests, fair turns.

Gradio serves more than the page needs: uploads, a proxy, files by path, an editor of its own. On a
public page every address is refused that is not on the list below. A question is refused while its
visitor has enough of them waiting, and visitors are answered in turn, whoever asked most. On every
page a request that Gradio stumbles over is answered with a reason, not with a bare error 500.
"""

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from socratic.access import Limits

_API = "/gradio_api"
# What a browser with the page open, or `gradio_client`, asks for; nothing that takes or reads files
# but those the page itself has made for download.
OPEN = re.compile(
    r"/|/(config|pulse|theme\.css|robots\.txt|manifest\.json|favicon\.ico|login|logout)/?"
    r"|/(static|assets|svelte|vendor|pwa_icon)(/.*)?"
    rf"|({_API})?/(info|openapi\.json|app_id|user|token|login_check|startup-events|theme\.css)/?"
    rf"|{_API}/(queue/(join|data|status)|heartbeat/\w+|cancel|reset|call/.+)/?"
    rf"|{_API}/file=/.+"
)
MOST_BYTES = 1_000_000
NONSENSE = "The request cannot be read, or asks for what is not here."
log = logging.getLogger(__name__)
ENOUGH = "Enough questions are waiting here already; ask again when some are answered."


class Gate:
    """Middleware that lets through what the page needs.

    blocks: the page behind it. limits: of a public page; none on an owner's, which is served whole.
    """

    def __init__(self, app: ASGIApp, blocks: Any, limits: Limits | None) -> None:
        self.app, self.blocks, self.limits = app, blocks, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on with its body bounded."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = None
        if self.limits is not None:
            body = _Body(receive)
            receive = body.again
            refusal = await self._refusal(scope, body, self.limits)
        await (_answered(self.app) if refusal is None else refusal)(scope, receive, send)

    async def _refusal(self, scope: Scope, body: "_Body", limits: Limits) -> JSONResponse | None:
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        if not OPEN.fullmatch(path):
            return JSONResponse({"detail": "There is no such address here."}, 404)
        try:
            await body.read(Headers(scope=scope))
        except ValueError:
            return JSONResponse({"detail": f"A request has at most {MOST_BYTES:,} bytes."}, 413)
        if scope["method"] == "POST" and self._enough(path, body.content, limits):
            return JSONResponse({"detail": ENOUGH}, 503)
        return None

    def _enough(self, path: str, content: bytes, limits: Limits) -> bool:
        """Return whether this asks for an answer by somebody who waits for enough of them."""
        asked = _asked(path, content)
        function = self.blocks.fns.get(asked.get("fn_index"))
        named = path.rstrip("/").endswith("/call/generate")
        if not named and (function is None or function.concurrency_limit is None):
            return False
        waiting = waiting_of(self.blocks)
        own = waiting[str(asked.get("session_hash"))]
        return own >= limits.waiting or waiting.total() >= limits.queue


def lets_in(request: Request) -> bool:
    """Return whether who asks has logged in, where one has to: Gradio guards its own addresses."""
    app, cookies = request.app, request.cookies
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return app.auth is None or any(cookies.get(name) in app.tokens for name in names)


def _answered(app: ASGIApp) -> ASGIApp:
    """Return `app` with what it raises over a request told to the client instead."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await app(scope, receive, note)
        except Exception as error:
            log.warning("%s %s: %r", scope["method"], scope["path"], error)
            log.debug("It was", exc_info=error)
            if not begun:
                await JSONResponse({"detail": NONSENSE}, 400)(scope, receive, send)

    return call


def _asked(path: str, content: bytes) -> dict[str, Any]:
    if "/queue/join" not in path and "/call/" not in path:
        return {}
    try:
        asked = json.loads(content)
    except ValueError:
        return {}  # Gradio says what is wrong with it
    known = isinstance(asked, dict) and isinstance(asked.get("fn_index", 0), int)
    return asked if known else {}


class _Body:
    """A request's body, read once and handed on as if it were not."""

    def __init__(self, receive: Receive) -> None:
        self.receive, self.content, self._told = receive, b"", False

    async def read(self, headers: Headers) -> None:
        """Read all of it; raise ValueError as soon as it is too long."""
        if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            return
        more = True
        while more:
            message = await self.receive()
            self.content += message.get("body", b"")
            more = bool(message.get("more_body"))
            if len(self.content) > MOST_BYTES:
                raise ValueError

    async def again(self) -> Message:
        """Return the body first, then what else the client does (as a rule: it leaves)."""
        if self._told:
            return await self.receive()
        self._told = True
        return {"type": "http.request", "body": self.content, "more_body": False}


def waiting_of(blocks: Any) -> Counter[str]:
    """Return how many questions each visitor's session has in the queues that take one a time."""
    queues = blocks._queue.event_queue_per_concurrency_id.values()
    return Counter(
        event.session_hash
        for queue in queues
        if queue.concurrency_limit is not None
        for event in queue.queue
    )


class FairList(list[Any]):
    """A queue's waiting events, in which an event goes before those of busier visitors.

    A visitor's second question stands behind everybody's first, the third behind every second.
    """

    def append(self, event: Any) -> None:
        """Put an event where it is its turn."""
        own = sum(other.session_hash == event.session_hash for other in self)
        seen: Counter[str] = Counter()
        for place, other in enumerate(self):
            if seen[other.session_hash] > own:
                return self.insert(place, event)
            seen[other.session_hash] += 1
        return super().append(event)


def make_fair(blocks: Any, functions: Iterable[Any]) -> None:
    """Make the queues of the page's slow handlers fair ones; to be called before it is served."""
    for function in functions:
        if function.concurrency_limit == 1:
            blocks._queue.create_event_queue_for_fn(function)
            queue = blocks._queue.event_queue_per_concurrency_id[function.concurrency_id]
            queue.queue = FairList(queue.queue)
