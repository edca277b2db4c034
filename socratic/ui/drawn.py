"""What is drawn once for every browser that looks at the same."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field


@dataclass
class Drawn:
    """The last `most` things drawn, by all that decides how they look."""

    most: int = 16
    _made: OrderedDict[Hashable, str] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: Hashable, draw: Callable[[], str]) -> str:
        """Return what `draw` returned for this key; who asks meanwhile waits for the same."""
        with self._lock:
            made = self._made.pop(key, None) or draw()
            self._made[key] = made
            if len(self._made) > self.most:
                self._made.popitem(last=False)
            return made
