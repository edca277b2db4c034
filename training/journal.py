"""What an evaluation has asked so far: after a kill it goes on, and nothing is asked twice.

One JSON object a line, appended and synced batch by batch. The first line says what the questions
belong to; a journal of anything else is begun anew.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from socratic.data import Corpus
from socratic.runs import Manifest


class Journal:
    """The questions of one evaluation, by system and input text."""

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self._asked: dict[str, dict[str, str]] = {}
        if self._read() != key:
            self._asked = {}
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("", encoding="utf-8")
            self._append({"key": key})

    def asked(self, system: str) -> dict[str, str]:
        """Return what a system has been asked, and what it said."""
        return dict(self._asked.get(system, {}))

    def add(self, system: str, questions: Mapping[str, str]) -> None:
        """Keep a batch; when this returns, a kill or a lost machine does not take it."""
        self._asked.setdefault(system, {}).update(questions)
        self._append({"system": system, "questions": dict(questions)})

    def remove(self) -> None:
        """Delete the file: the predictions are written."""
        self.path.unlink(missing_ok=True)

    def _append(self, entry: Mapping[str, object]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> str | None:
        """Take in the whole lines and return the key; what a kill tore off is cut away."""
        try:
            block = self.path.read_bytes()
        except FileNotFoundError:
            return None
        whole, newline, _ = block.rpartition(b"\n")
        try:
            entries = [json.loads(line) for line in whole.split(b"\n")]
            for entry in entries[1:]:
                self._asked.setdefault(entry["system"], {}).update(entry["questions"])
            key = str(entries[0]["key"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        if whole + newline != block:
            self.path.write_bytes(whole + newline)
        return key


def key_of(manifest: Manifest, adapter: Path | None, corpus: Corpus, split: str) -> str:
    """Return what is equal only for evaluations that would ask the same questions."""
    weights = ""
    if adapter is not None:
        with (adapter / "adapter_model.safetensors").open("rb") as file:
            weights = hashlib.file_digest(file, "sha256").hexdigest()
    parts = [manifest.model, weights, corpus.sha256, split, manifest.limit, manifest.cpu]
    text = json.dumps([*parts, manifest.decoding.model_dump()])
    return hashlib.sha256(text.encode()).hexdigest()
