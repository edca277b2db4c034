"""What a run takes of its machine: processor, memory, and the accelerator where there is one."""

import shutil
import subprocess
import threading
from typing import Any

import psutil

from socratic.device import Kind

SECONDS = 5.0
GIB = 2**30


class Meter:
    """Measures this process, cheaply enough for every point of a curve.

    A GPU is asked by `nvidia-smi` in a thread: an answer takes as long as some training steps.
    """

    def __init__(self, kind: Kind, cores: int) -> None:
        self._kind = kind
        self._cores = max(1, cores)
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first answer counts from here
        self._highest = 0.0
        self._share: float | None = None
        if kind == "cuda" and shutil.which("nvidia-smi"):
            threading.Thread(target=self._watch, daemon=True).start()

    def read(self) -> dict[str, float]:
        """Return use since the last call: percent of all cores, GB of memory, the GPU's the same.

        memory: of the process now; memory_peak: the most so far.
        """
        memory = self._process.memory_info().rss / GIB
        self._highest = max(self._highest, memory, _highest_ever())
        point = {
            "cpu_utilisation": round(self._process.cpu_percent() / self._cores, 1),
            "memory": round(memory, 3),
            "memory_peak": round(self._highest, 3),
        }
        if self._kind == "cuda":
            point["gpu_memory"] = round(_torch().cuda.max_memory_reserved() / GIB, 3)
        if self._kind == "mps":
            point["gpu_memory"] = round(_torch().mps.driver_allocated_memory() / GIB, 3)
        if self._share is not None:
            point["gpu_utilisation"] = self._share
        return point

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            self._share = gpu_share()
            pause.wait(SECONDS)


def gpu_share() -> float | None:
    """Return how busy the visible GPUs are, in percent on average, or None if nobody can tell."""
    words = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True)
        found = [float(line) for line in done.stdout.split()]
    except (OSError, subprocess.SubprocessError, ValueError):
        return None  # a driver that does not answer, or a card that does not count
    return round(sum(found) / len(found), 1) if found else None


def _torch() -> Any:
    import torch

    return torch


def _highest_ever() -> float:
    """Return the most memory this process ever held, in GB, where the system counts it."""
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB
