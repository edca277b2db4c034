"""Data as a model sees it: prompts after its tokenizer, cut as training cuts, counted, compared.

The tokenizer is read by the small `tokenizers` library: the page must not wait for transformers.
"""

import bisect
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from socratic import catalog, data
from socratic.data import Corpus, Row
from socratic.errors import SocraticError
from socratic.prompts import MARKER, TYPE_KEYS, input_text, target_text
from socratic.workspace import Workspace

# So many rows are tokenised: enough for a histogram, quick enough for a page.
SAMPLE = 2_000
FALLBACK = catalog.MINIATURE / "mini-flan-small"
FILE = "tokenizer.json"

Limits = tuple[int, int]


@dataclass(frozen=True)
class Seen:
    """A row as the model sees it. cut: what of the input it never sees, empty if all fits.

    read, total: tokens of the input after and before the cut.
    """

    row: Row
    input: str
    cut: str
    target: str
    read: int
    total: int


@dataclass(frozen=True)
class Preview:
    """What is in a training split. inputs, targets: tokens per row of a sample, before any cut.

    own: whether the tokenizer is the model's own; else lengths are another tokenizer's.
    types: rows per split and type. duplicates: rows that repeat another's input, same: and its
    question. shared: contexts of train that another split has. unknown: tokens it cannot write.
    """

    rows: tuple[Seen, ...]
    inputs: tuple[int, ...]
    targets: tuple[int, ...]
    limits: Limits
    own: bool
    types: dict[str, dict[str, int]]
    duplicates: int
    same: int
    shared: int
    unknown: int

    @property
    def cut_inputs(self) -> int:
        """How many rows of the sample have an input longer than the limit."""
        return sum(length > self.limits[0] for length in self.inputs)

    @property
    def cut_targets(self) -> int:
        """How many rows of the sample have a question longer than the limit."""
        return sum(length > self.limits[1] for length in self.targets)


def tokenizer_file(model: str, workspace: Workspace) -> Path | None:
    """Return the tokenizer of a model where it is on this machine: bundled, local, or cached."""
    spec = catalog.find(model)
    if spec is not None and spec.bundled is not None:
        return spec.bundled / FILE
    places = [Path(model).expanduser() / FILE]
    if spec is not None:
        places.insert(0, workspace.models / spec.key / FILE)
    found = next((place for place in places if place.is_file()), None)
    return found or _cached((spec.source if spec else None) or model)


def _cached(repo: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(repo, FILE)
    except HFValidationError:
        return None  # a path, no name on the Hub
    return Path(found) if isinstance(found, str) else None


@lru_cache(maxsize=4)
def _tokenizer(path: Path) -> Any:
    from tokenizers import AddedToken, Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception
        raise SocraticError(f"{str(path)!r} is no tokenizer ({error}).") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if tokenizer.token_to_id(MARKER) is None:
        tokenizer.add_special_tokens([AddedToken(MARKER, special=True)])
    return tokenizer


def lengths(
    rows: Sequence[Row], model: str, workspace: Workspace
) -> tuple[list[int], list[int], bool]:
    """Return tokens of input and target per row, uncut, and whether the model's own counted."""
    path = tokenizer_file(model, workspace)
    tokenizer = _tokenizer(path or FALLBACK / FILE)
    inputs = tokenizer.encode_batch([input_text(row.type, row.context) for row in rows])
    targets = tokenizer.encode_batch([target_text(row.question) for row in rows])
    return [len(e.ids) for e in inputs], [len(e.ids) for e in targets], path is not None


@lru_cache(maxsize=16)
def longest(corpus: Corpus, model: str, limits: Limits, workspace: Workspace) -> Limits:
    """Return the tokens of input and target that the longest training batch is padded to.

    The longest input there is, as length-grouped batches begin with it, and a long target.
    """
    train = corpus.split("train")
    rows = sorted(train, key=lambda row: len(row.context), reverse=True)[:32]
    inputs, _, _ = lengths(rows, model, workspace)
    _, targets, _ = lengths(sample(train, 256), model, workspace)
    long = sorted(targets)[int(0.98 * (len(targets) - 1))]
    return min(max(inputs), limits[0]), min(long, limits[1])


def sample(rows: Sequence[Row], most: int) -> list[Row]:
    """Return at most `most` rows, always the same ones."""
    return list(rows) if len(rows) <= most else random.Random(0).sample(list(rows), most)


@lru_cache(maxsize=8)
def of(corpus: Corpus, model: str, limits: Limits, workspace: Workspace) -> Preview:
    """Return the preview of a corpus for a model; raise DataError without a train split."""
    train = corpus.split("train")
    chosen = sample(train, SAMPLE)
    inputs, targets, own = lengths(chosen, model, workspace)
    tokenizer = _tokenizer(tokenizer_file(model, workspace) or FALLBACK / FILE)
    first = [next((row for row in train if row.type == key), None) for key in TYPE_KEYS]
    rows = [row for row in first if row is not None]
    # One that is cut, if there is one: that is what a preview must not hide.
    over = [row for row, length in zip(chosen, inputs, strict=True) if length > limits[0]]
    rows += [row for row in over[:1] if row not in rows]
    asked = Counter((row.type, data.context_key(row.context)) for row in train)
    exact = Counter(train)
    return Preview(
        rows=tuple(seen(row, tokenizer, limits) for row in rows),
        inputs=tuple(inputs),
        targets=tuple(targets),
        limits=limits,
        own=own,
        types={name: data.type_counts(part) for name, part in corpus.splits.items()},
        duplicates=sum(count - 1 for count in asked.values()),
        same=sum(count - 1 for count in exact.values()),
        shared=_shared(corpus),
        unknown=_unknown(chosen, tokenizer),
    )


def seen(row: Row, tokenizer: Any, limits: Limits) -> Seen:
    """Return a row as the model sees it: its tokens as text, the end mark among them."""
    whole = tokenizer.encode(input_text(row.type, row.context))
    target = tokenizer.encode(target_text(row.question))
    room = limits[0] - 1  # the end mark takes one
    fits = len(whole.ids) <= limits[0]
    ids = whole.ids if fits else [*whole.ids[:room], whole.ids[-1]]
    cut = "" if fits else tokenizer.decode(whole.ids[room:-1])
    kept = target.ids if len(target.ids) <= limits[1] else [*target.ids[: limits[1] - 1], 1]
    return Seen(
        row=row,
        input=tokenizer.decode(ids, skip_special_tokens=False),
        cut=cut,
        target=tokenizer.decode(kept, skip_special_tokens=False),
        read=len(ids),
        total=len(whole.ids),
    )


def _shared(corpus: Corpus) -> int:
    train = {data.context_key(row.context) for row in corpus.split("train")}
    others = (rows for name, rows in corpus.splits.items() if name != "train")
    return len(train & {data.context_key(row.context) for rows in others for row in rows})


def _unknown(rows: Sequence[Row], tokenizer: Any) -> int:
    mark = tokenizer.token_to_id("<unk>")
    texts = [input_text(row.type, row.context) for row in rows]
    return sum(e.ids.count(mark) for e in tokenizer.encode_batch(texts))


def histogram(values: Sequence[int], bins: int = 12) -> list[tuple[int, int, int]]:
    """Return (from, to, how many) for stretches of equal width that hold all values."""
    top = max(values, default=0)
    width = max(1, -(-(top + 1) // bins))
    edges = [i * width for i in range(1, bins + 1)]
    counted = Counter(bisect.bisect_right(edges, value) for value in values)
    last = max(counted, default=0)
    return [(i * width, (i + 1) * width - 1, counted[i]) for i in range(last + 1)]
