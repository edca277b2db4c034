"""What browsers have asked, so that a reload of the page loses none of it."""

import secrets
import threading
from collections.abc import Sequence

from socratic.grid import Grid

MOST = 50
MOST_BROWSERS = 50


class Histories:
    """The grids of each browser, by a key that it alone knows; kept as long as the app runs."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Grid]] = {}
        self._lock = threading.Lock()

    def keep(self, key: object, history: Sequence[Grid]) -> str:
        """Add to a browser's grids and return its key, a new one where `key` is none of ours."""
        with self._lock:
            known = isinstance(key, str) and key in self._kept
            name = str(key) if known else secrets.token_urlsafe(16)
            # Two tabs of one browser have a history each: the browser has both.
            every = {one.started: one for one in [*self._kept.pop(name, []), *history]}
            self._kept[name] = [every[when] for when in sorted(every)][-MOST:]
            while len(self._kept) > MOST_BROWSERS:
                del self._kept[next(iter(self._kept))]
            return name

    def of(self, key: object) -> list[Grid]:
        """Return a browser's grids, oldest first; none where `key` is none of ours."""
        with self._lock:
            return list(self._kept.get(key, [])) if isinstance(key, str) else []
