"""Memory: what this process holds, whether it ran out, and giving back what is no longer used."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

GB = 2**30
# What torch's allocators say where they raise a plain RuntimeError.
_SAID = ("not enough memory", "can't allocate memory", "out of memory")


def resident() -> int:
    """Return the bytes of memory this process takes now."""
    return int(psutil.Process().memory_info().rss)


def available() -> int:
    """Return the bytes that can still be had before the system swaps or kills."""
    return int(psutil.virtual_memory().available)


def ran_out(error: BaseException | None) -> bool:
    """Return whether an error, or what caused it, is that memory was not enough."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        text = str(error).lower()
        if (
            isinstance(error, MemoryError)
            or type(error).__name__ == "OutOfMemoryError"
            or any(words in text for words in _SAID)
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect no garbage within: imports make a million objects, and hardly any garbage.

    To look through them again and again takes a quarter of the time they take.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def give_back() -> None:
    """Free what nobody refers to any more and return it to the system and the accelerator."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        # glibc keeps freed blocks for itself: without this the process looks as large as before.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
