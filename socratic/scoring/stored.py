"""What an evaluation keeps per row: predictions in Parquet, and the row sums of every metric.

The sums are what paired tests, scores by type and the browser of rows are made of: nothing is
scored twice. They stand beside the predictions (`<split>.rows.npz`) with the sha256 of the file
they were made from, and are made again where they are missing or belong to other predictions.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from socratic.errors import RunError, WorkspaceError
from socratic.scoring import corpus
from socratic.scoring.measures import Aggregate, Measure, ratio
from socratic.scoring.overlap import ORDERS, corpus_bleu, smoothed_bleu
from socratic.workspace import told

FIXED = ("row", "context", "type", "reference", "references")
_AGGREGATES: dict[str, Aggregate] = {
    **{f"bleu{order}": partial(corpus_bleu, order=order) for order in range(1, ORDERS + 1)},
    "sacrebleu": smoothed_bleu,
}
Measures = dict[str, Measure]
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Predictions:
    """The rows of an evaluation: what was asked about, the human questions, the systems' own.

    outputs: by name of the system, one text per row. sha256: of the file, empty before it is one.
    """

    contexts: Sequence[str]
    types: Sequence[str]
    references: Sequence[Sequence[str]]
    firsts: Sequence[str]
    outputs: Mapping[str, Sequence[str]]
    sha256: str = ""

    @property
    def fingerprint(self) -> str:
        """What is equal for equal rows, whatever was predicted for them."""
        text = json.dumps([list(self.contexts), list(self.types), list(self.firsts)])
        return hashlib.sha256(text.encode()).hexdigest()

    def of(self, name: str) -> Sequence[str]:
        """Return one system's texts; raise RunError when it is not in here."""
        if name not in self.outputs:
            known = ", ".join(self.outputs) or "none"
            raise RunError(f"There are no predictions of {name!r} here; there are of {known}.")
        return self.outputs[name]

    def measures(self, name: str, progress: Progress | None = None) -> list[Measure]:
        """Score one system's rows; raise RunError when it is not in here."""
        return corpus.measure_outputs(self.of(name), self.references, self.contexts, progress)

    def write(self, path: Path) -> "Predictions":
        """Write to `path` in one step and return what was written; raise WorkspaceError."""
        frame = pd.DataFrame(
            {
                "row": range(len(self.contexts)),
                "context": list(self.contexts),
                "type": list(self.types),
                "reference": list(self.firsts),
                "references": [list(group) for group in self.references],
                **{name: list(texts) for name, texts in self.outputs.items()},
            }
        )
        _replace(path, lambda partly: frame.to_parquet(partly, index=False))
        return read(path)


def read(path: Path) -> Predictions:
    """Return the predictions in `path`; raise RunError naming a missing or damaged file."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        frame = pd.read_parquet(path)
    except OSError as error:
        raise RunError(f"The predictions {str(path)!r} cannot be read ({told(error)}).") from error
    except ValueError as error:  # arrow's own errors derive from it
        raise RunError(f"The predictions {str(path)!r} are damaged; evaluate again.") from error
    missing = [name for name in FIXED if name not in frame.columns]
    if missing:
        raise RunError(f"The predictions {str(path)!r} have no column {missing[0]!r}.")
    return Predictions(
        contexts=frame["context"].tolist(),
        types=frame["type"].tolist(),
        references=[list(group) for group in frame["references"]],
        firsts=frame["reference"].tolist(),
        outputs={name: frame[name].tolist() for name in frame.columns if name not in FIXED},
        sha256=digest,
    )


def rows_file(predictions: Path) -> Path:
    """Return where the row sums of a predictions file stand."""
    return predictions.with_suffix(".rows.npz")


def write_rows(path: Path, made_from: str, systems: Mapping[str, Sequence[Measure]]) -> None:
    """Write the measures of each system; made_from: sha256 of their predictions."""
    arrays: dict[str, Any] = {}
    entries: list[dict[str, object]] = []
    for name, measures in systems.items():
        seen: dict[int, str] = {}
        for measure in measures:
            # BLEU-1 to 4 share their columns: those are kept once.
            key = seen.setdefault(id(measure.columns), f"c{len(arrays)}")
            arrays[key] = measure.columns
            entries.append(
                {
                    "system": name,
                    "metric": measure.metric,
                    "implementation": measure.implementation,
                    "columns": key,
                }
            )
    index = json.dumps({"format": 1, "made_from": made_from, "entries": entries})

    def save(partly: Path) -> None:
        with partly.open("wb") as file:
            np.savez_compressed(file, index=np.array(index), **arrays)

    _replace(path, save)


def read_rows(path: Path, made_from: str) -> dict[str, Measures] | None:
    """Return the measures of each system, None where the file is missing, damaged or another's."""
    try:
        with np.load(path, allow_pickle=False) as file:
            index = json.loads(str(file["index"]))
            if index.get("format") != 1 or index.get("made_from") != made_from:
                return None
            arrays = {key: file[key] for key in file.files if key != "index"}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    found: dict[str, Measures] = {}
    for entry in index["entries"]:
        metric = entry["metric"]
        aggregate = _AGGREGATES.get(metric, ratio)
        found.setdefault(entry["system"], {})[metric] = Measure(
            metric, arrays[entry["columns"]], aggregate, entry["implementation"]
        )
    return found


def _replace(path: Path, save: Callable[[Path], object]) -> None:
    """Let `save` write beside `path`, then put it there in one step."""
    partly = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save(partly)
        partly.replace(path)
    except OSError as error:
        partly.unlink(missing_ok=True)
        raise WorkspaceError(f"{str(path)!r} could not be written ({told(error)}).") from error
