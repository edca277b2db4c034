"""What a benchmark found: printed for people, JSON for machines, a file for the record."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.pairs import Pair, Ratio, median
from socratic import console, device
from socratic.workspace import Workspace, write_json

PACKAGES = ("torch", "transformers", "peft", "gradio")


@dataclass(frozen=True)
class Result:
    """A finished benchmark. ratios: by name, `ratio` first. facts: what was measured, on what."""

    name: str
    pairs: Sequence[Pair]
    ratios: Mapping[str, Ratio]
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return all of it for JSON: medians of both sides, ratios with spread, every pair."""
        spread: dict[str, float] = {}
        for name, found in self.ratios.items():
            spread |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        return {
            "benchmark": self.name,
            "reference": median([pair.reference for pair in self.pairs]),
            "ours": median([pair.ours for pair in self.pairs]),
            **spread,
            "pairs": [{"reference": p.reference, "ours": p.ours} for p in self.pairs],
            "facts": dict(self.facts),
            "notes": list(self.notes),
            "machine": machine(),
        }


def machine() -> dict[str, Any]:
    """Return what the numbers depend on; the load tells whether the machine was quiet."""
    plan = device.plan(device.describe())
    return {
        "device": plan.sentence,
        "threads": plan.threads,
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "versions": {name: version(name) for name in PACKAGES},
        "python": sys.version.split()[0],
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def finish(result: Result, workspace: Workspace, as_json: bool) -> None:
    """Write a result to `workspace/benchmarks/`, and print it."""
    found = result.as_dict()
    folder = workspace.root / "benchmarks"
    folder.mkdir(exist_ok=True)
    path = folder / f"{result.name}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    write_json(path, found)
    if as_json:
        console.print_json(found)
    else:
        _print(found, result.ratios, path)


def _print(found: Mapping[str, Any], ratios: Mapping[str, Ratio], path: Path) -> None:
    keys = [key for key in found["reference"] if key in found["ours"]]
    rows = [(key, f"{found['reference'][key]:.4g}", f"{found['ours'][key]:.4g}") for key in keys]
    console.print_table((f"{found['benchmark']}, median", "reference", "ours"), rows)
    for name, ratio in ratios.items():
        print(f"{name}: {ratio}, {len(found['pairs'])} pairs")
    for key, value in found["facts"].items():
        print(f"{key}: {value}")
    for note in found["notes"]:
        print(f"- {note}")
    load = found["machine"]["load_average"][0]
    print(f"{found['machine']['device']}, load {load}. Written to {path}")


def say(text: str) -> None:
    """Tell how far it is, on stderr."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Keep what a run prints away from the JSON on stdout."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
