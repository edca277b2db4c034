"""Do something in a process of its own and say what memory it took."""

import multiprocessing
import re
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil


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
    return Used(value, round(resident / 2**30, 3), round(_peak() / 2**30, 3))


def _peak() -> int:
    """Return the most bytes this process ever held."""
    status = Path("/proc/self/status")
    if status.is_file():  # `getrusage` on Linux begins with what the parent held
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
        if found:
            return int(found[1]) * 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
