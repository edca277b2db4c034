"""The page: one file per tab, handlers that read and write through `socratic`, nothing of torch.

Gradio is imported here first, without the stubs it makes for editors: one for every component, anew
at each import, a third of the time that takes. A component that stands in no file gets none.
"""

import importlib
import inspect
from typing import Any


def _import_without_stubs() -> None:
    found = inspect.getfile

    def getfile(thing: Any) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError(f"{thing!r} gets no stub.")
        return found(thing)

    inspect.getfile = getfile  # type: ignore[assignment]  # its parameter is named `object`
    try:
        importlib.import_module("gradio")
    finally:
        inspect.getfile = found


_import_without_stubs()
