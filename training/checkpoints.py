"""Which checkpoint a run goes on from: the newest complete one, by number."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError, safe_open

from socratic.adapters import WEIGHTS

# The Trainer writes its state last: a folder that has it has the rest.
STATE = "trainer_state.json"
NEEDED = (WEIGHTS, "optimizer.pt", "scheduler.pt", STATE)


def newest(folder: Path) -> Path | None:
    """Return the newest complete checkpoint in `folder`, or None.

    By number: sorted by name, checkpoint-9500 would come after checkpoint-10000.
    """
    complete = (path for _, path in sorted(_numbered(folder), reverse=True) if is_complete(path))
    return next(complete, None)


def step_of(checkpoint: Path) -> int:
    """Return the step a checkpoint was saved at."""
    return int(checkpoint.name.rpartition("-")[2])


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    for path in folder.glob("checkpoint-*"):
        if re.fullmatch(r"checkpoint-\d+", path.name):
            yield step_of(path), path


def is_complete(checkpoint: Path) -> bool:
    """Return whether nothing of a checkpoint is missing or torn."""
    if not all((checkpoint / name).is_file() for name in NEEDED):
        return False
    try:
        json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        with safe_open(str(checkpoint / WEIGHTS), framework="np"):
            return True
    except (ValueError, OSError, SafetensorError):
        return False
