"""Which checkpoint a run goes on from: the newest complete one, by number."""

import json
import re
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from socratic.adapters import WEIGHTS
from socratic.runs import Manifest
from socratic.workspace import write_json

STATE = "trainer_state.json"
# Written after all the rest: a folder that has it is whole.
ORIGIN = "origin.json"
NEEDED = (WEIGHTS, "optimizer.pt", "scheduler.pt", STATE, ORIGIN)
SET_ASIDE = ".set-aside"

Origin = dict[str, Any]


def origin_of(manifest: Manifest) -> Origin:
    """Return what a checkpoint must share with a run that goes on from it."""
    chosen = manifest.hyperparameters
    return {
        "base": manifest.base,
        "lora": [chosen.lora_rank, chosen.lora_alpha],
        "data sha256": manifest.data.sha256,
        "versions": {name: version(name).split(".")[0] for name in ("transformers", "peft")},
    }


def mark(checkpoint: Path, origin: Origin) -> None:
    """Write down where a checkpoint comes from, once it is whole."""
    write_json(checkpoint / ORIGIN, origin)


def newest(folder: Path, origin: Origin) -> Path | None:
    """Return the newest complete checkpoint of this origin in `folder`, or None.

    By number: sorted by name, checkpoint-9500 would come after checkpoint-10000. One of another
    origin, or torn, is named and set aside under another name, neither loaded nor deleted.
    """
    for _, path in sorted(_numbered(folder), reverse=True):
        reason = _unfit(path, origin)
        if not reason:
            return path
        print(f"warning: {path.name} is set aside: {reason}.")
        aside = path.with_name(path.name + SET_ASIDE)
        path.rename(aside if not aside.exists() else aside.with_suffix(f".{time.time_ns()}"))
    return None


def _unfit(checkpoint: Path, origin: Origin) -> str:
    """Return why a run cannot go on from a checkpoint, or nothing."""
    if not is_complete(checkpoint):
        return "it is not whole"
    found = json.loads((checkpoint / ORIGIN).read_text(encoding="utf-8"))
    differing = [key for key in origin if found.get(key) != origin[key]]
    return f"another {', '.join(differing)}" if differing else ""


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
        for name in (STATE, ORIGIN):
            json.loads((checkpoint / name).read_text(encoding="utf-8"))
        with safe_open(str(checkpoint / WEIGHTS), framework="np"):
            return True
    except (ValueError, OSError, SafetensorError):
        return False
