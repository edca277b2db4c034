"""Rows -> token ids, made once per data set, tokenizer and lengths, and kept by hash."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, load_from_disk
from transformers import PreTrainedTokenizerBase

from socratic.data import Row
from socratic.prompts import input_text, target_text


def tokenised(
    rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limits: tuple[int, int], cache: Path
) -> Dataset:
    """Return `input_ids`, `labels` and `length` per row, cut to (input, target) `limits` tokens.

    Kept under `cache`, named by the hash of all that goes in.
    """
    folder = cache / "tokens" / _key(rows, tokenizer, limits)
    if folder.is_dir():
        return load_from_disk(str(folder))
    made = _tokenise(rows, tokenizer, limits)
    # Made beside and moved into place: a kill half-way leaves nothing that looks complete.
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    made.save_to_disk(str(partial))
    partial.rename(folder)
    return made


def _key(rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limits: tuple[int, int]) -> str:
    digest = hashlib.sha256(repr(limits).encode())
    digest.update(repr(sorted(tokenizer.get_vocab().items())).encode())
    for row in rows:
        digest.update(repr((row.type, row.context, row.question)).encode())
    return digest.hexdigest()[:24]


def _tokenise(rows: Sequence[Row], tokenizer: Any, limits: tuple[int, int]) -> Dataset:
    inputs = [input_text(row.type, row.context) for row in rows]
    targets = [target_text(row.question) for row in rows]
    ids = tokenizer(inputs, max_length=limits[0], truncation=True)["input_ids"]
    labels = tokenizer(targets, max_length=limits[1], truncation=True)["input_ids"]
    return Dataset.from_dict(
        {"input_ids": ids, "labels": labels, "length": [len(row) for row in ids]}
    )
