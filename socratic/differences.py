"""What sets runs apart: the settings in which they differ, and no others."""

from collections.abc import Sequence
from typing import Any

from socratic.runs import Manifest

# What differs between any two runs, or only repeats what another line says.
_OWN = {"run_id", "title", "created", "command", "parameters", "base"}
_TAKEN_APART = {"data", "device", "decoding", "hyperparameters", "versions", "git_commit"}
_NAMES = {"of_run": "scored run", "family": "family"}

Difference = tuple[str, tuple[str, ...]]


def settings(manifest: Manifest) -> dict[str, str]:
    """Return all that was chosen for a run, by name, as one reads it."""
    fields = manifest.model_dump(exclude=_OWN | _TAKEN_APART)
    found: dict[str, Any] = {_NAMES.get(key, key): value for key, value in fields.items()}
    found |= {"data": manifest.data.name or manifest.data.source}
    found |= {"data sha256": manifest.data.sha256[:12]}
    found |= {f"{name} rows": rows for name, rows in manifest.data.counts.items()}
    found |= manifest.hyperparameters.model_dump()
    found |= {f"decoding {key}": value for key, value in manifest.decoding.model_dump().items()}
    found |= {"code": manifest.git_commit[:10]}
    found |= {"machine": manifest.device[0] if manifest.device else ""}
    found |= {f"{name} version": value for name, value in manifest.versions.items()}
    return {key.replace("_", " "): _said(value) for key, value in found.items()}


def between(manifests: Sequence[Manifest]) -> list[Difference]:
    """Return (setting, value per run) for each setting in which the runs differ."""
    every = [settings(manifest) for manifest in manifests]
    names = dict.fromkeys(name for found in every for name in found)
    rows = [(name, tuple(found.get(name, "") for found in every)) for name in names]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _said(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
