"""Who is asking just now, and who has asked to stop: one desk for all sessions of the page.

Gradio can drop an event that waits, but not the thread that is in the middle of a model; that
asks here, token by token.
"""

import threading

from socratic.engines import Stop


class Desk:
    """The stop signs of the sessions."""

    def __init__(self) -> None:
        self._signs: dict[str, threading.Event] = {}

    def begin(self, session: str | None) -> None:
        """Note that a session is about to ask: what it asked before ends, what comes goes on."""
        self.stop(session)
        self._signs[str(session)] = threading.Event()

    def stop(self, session: str | None) -> None:
        """Ask the session's work to end; it may be waiting, at work or done."""
        sign = self._signs.pop(str(session), None)
        if sign is not None:
            sign.set()

    def watch(self, session: str | None) -> Stop:
        """Return what says whether the session's present work is to end."""
        sign = self._signs.get(str(session))
        # No sign stands: the session was stopped, or left, before its turn came.
        return (lambda: True) if sign is None else sign.is_set
