"""The one writer of a run's status and metrics while its process lives."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from socratic.errors import SocraticError
from socratic.runs import MetricsReader, Run, State, Status
from socratic.workspace import FULL_DISK, write_atomic
from socratic.workspace import told as os_reason

# A status is looked at about once a second; writing it at each of many quick steps is waste.
WRITE_EVERY_SECONDS = 0.4


class Stopped(Exception):  # noqa: N818 - not an error: somebody pressed stop
    """Raised where work is left because a stop was asked for."""


class Progress:
    """Writes `status.json` and `metrics.jsonl` of a run."""

    def __init__(self, run: Run, process: psutil.Process | None = None) -> None:
        """Write for `run`; it lives as long as `process` does, this one unless told."""
        process = process or psutil.Process()
        self.run = run
        before = run.written_status()
        self.status = Status(
            state="running",
            step=before.step,
            total_steps=before.total_steps,
            epoch=before.epoch,
            started=before.started or time.time(),
            pid=process.pid,
            pid_started=process.create_time(),
        )
        self._written = 0.0
        self.update(phase="starting")

    def update(self, **values: Any) -> None:
        """Change the status; a new state, phase or message is written at once."""
        now = time.time()
        changed = any(key in values for key in ("state", "phase", "message"))
        self.status = self.status.model_copy(update={**values, "updated": now})
        if changed or now - self._written > WRITE_EVERY_SECONDS:
            self.run.write_status(self.status)
            self._written = now

    def end(self, state: State, message: str) -> None:
        """Write the last status; the process is about to end."""
        self.update(state=state, message=message, phase="", pid=None, pid_started=None)
        self.run.stop_file.unlink(missing_ok=True)

    def stop_asked(self) -> bool:
        """Return whether somebody asked this run to stop."""
        return self.run.stop_file.exists()

    def leave_if_stopped(self) -> None:
        """Raise Stopped when somebody asked this run to stop."""
        if self.stop_asked():
            raise Stopped

    def record(self, point: Mapping[str, Any]) -> None:
        """Append one line to the metrics."""
        _append(self.run.metrics_file, point)

    def show(self, step: int, questions: Sequence[Mapping[str, str]]) -> None:
        """Append what the run asks about its sample rows at a validation."""
        _append(self.run.samples_file, {"step": step, "questions": list(questions)})

    def rewind(self, step: int) -> list[dict[str, Any]]:
        """Drop what was recorded after `step` and return what was measured until then.

        A resumed run measures those steps again; without this they would stand there twice.
        """
        _cut(self.run.samples_file, step)
        return _cut(self.run.metrics_file, step)


def told(error: Exception) -> str:
    """Return what went wrong in a run as one sentence."""
    if isinstance(error, SocraticError):
        return str(error)
    name = type(error).__name__
    if isinstance(error, MemoryError):
        return "Out of memory; choose a smaller train_batch."
    if name == "OutOfMemoryError":
        return "The accelerator is out of memory; choose a smaller train_batch, more accumulation."
    if isinstance(error, OSError) or "No space left" in str(error):
        # safetensors wraps the system's error in one of its own, which keeps only the text.
        full = "No space left" in str(error)
        reason = FULL_DISK if full or not isinstance(error, OSError) else os_reason(error)
        return f"A file could not be written ({reason}); the checkpoints before it are whole."
    return f"{name}: {(str(error).strip() or 'no message').splitlines()[0]} (see the log)"


def _append(path: Path, value: Mapping[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(value) + "\n")


def _cut(path: Path, step: int) -> list[dict[str, Any]]:
    kept = [point for point in MetricsReader(path).news() if point["step"] <= step]
    write_atomic(path, "".join(json.dumps(point) + "\n" for point in kept))
    return kept
