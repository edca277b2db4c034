"""What models answered to the prepared examples, kept for the moment one of them cannot be loaded.

`python -m socratic record` asks every finished adapter about every example and keeps the answers
in `recorded.json` of the workspace; with `--bundled`, those of the shipped family in `assets/`. An
entry names the sha256 of the weights that gave it: for other weights it does not speak.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from socratic import adapters, locations
from socratic.catalog import ASSETS
from socratic.errors import ModelError
from socratic.prompts import clean_text
from socratic.systems import System
from socratic.workspace import Workspace, write_json

NAME = "recorded.json"
BUNDLED = ASSETS / NAME
EXAMPLES = ASSETS / "examples.json"
# Whose answers are kept: the preset that always says the same.
DECODING = "thesis"
ENGINE = "recorded"
NOTE = "recorded earlier, with thesis decoding, because the model cannot be loaded now: {}"


class Recording(BaseModel):
    """One system's answers: context -> type -> question. sha256: of its adapter and its base."""

    system: str
    engine: str
    adapter_sha256: str
    base_sha256: str
    answers: dict[str, dict[str, str]]


def contexts() -> list[str]:
    """Return the contexts of the prepared examples."""
    return [example["context"] for example in json.loads(EXAMPLES.read_text(encoding="utf-8"))]


def hashes(system: System, workspace: Workspace) -> dict[str, str]:
    """Return the sha256 of a system's adapter and of its base's weights, empty where not there."""
    adapter = adapters.digest(system.adapter) if system.adapter else ""
    return {"adapter_sha256": adapter, "base_sha256": _of_base(system.model, workspace)}


def _of_base(model: str, workspace: Workspace) -> str:
    try:
        folder = locations.base_folder(model, workspace)
    except ModelError:
        return ""
    whole = hashlib.sha256()
    files = sorted(folder.glob("*.safetensors")) if folder else []
    for path in files:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest() if files else ""


def find(system: System, context: str, workspace: Workspace) -> Mapping[str, str]:
    """Return a system's recorded questions about a context by type; none where it has none."""
    for path in (workspace.root / NAME, BUNDLED):
        for one in read(path):
            found = one.answers.get(clean_text(context))
            if one.system == system.key and found and _speaks_of(one, system, workspace):
                return found
    return {}


def _speaks_of(one: Recording, system: System, workspace: Workspace) -> bool:
    try:
        now = hashes(system, workspace)
    except ModelError:
        return False
    # Where the base is what is missing there is nothing to compare; its adapter still is.
    same_base = now["base_sha256"] in ("", one.base_sha256)
    return now["adapter_sha256"] == one.adapter_sha256 and same_base


def read(path: Path) -> list[Recording]:
    """Return what a file of recordings holds; nothing for one that is missing or damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return [Recording.model_validate(value) for value in values]
    except (OSError, ValueError, TypeError, ValidationError):
        return []


def write(path: Path, recordings: Sequence[Recording]) -> None:
    """Replace a file of recordings."""
    write_json(path, [one.model_dump() for one in recordings])
