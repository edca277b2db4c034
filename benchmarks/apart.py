"""Do something in a process of its own and say what memory it took."""

import multiprocessing
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import psutil

# Linux counts the peak in KiB, macOS in bytes.
_PEAK_UNIT = 1 if sys.platform == "darwin" else 2**10


@dataclass(frozen=True)
class Used:
    """What a function returned, and its process's memory in GB: at its end, and at most."""

    value: Any
    resident_gb: float
    peak_gb: float


def run(function: Callable[..., Any], *arguments: Any) -> Used:
    """Return what `function` made of its arguments in a fresh process, and the memory it took.

    Both must be importable and picklable. What the function holds on to counts as resident.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
        return apart.submit(_measured, function, arguments).result()


def _measured(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Used:
    value = function(*arguments)
    resident = psutil.Process().memory_info().rss
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT
    return Used(value, round(resident / 2**30, 3), round(peak / 2**30, 3))
