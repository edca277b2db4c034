"""Files -> rows: three formats told apart by their columns, cleaned, split, checked, hashed.

    SocratiQ   input ("type: context"), target
    MTurk      thought, question, label
    plain      context, question, type

A folder holds one file per split; a single file is split by context, so that no context stands
in two splits. Nothing is left out in silence: `Corpus.notes` says what, how many and why.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from pyarrow.parquet import ParquetFile

from socratic.catalog import ASSETS
from socratic.errors import DataError
from socratic.prompts import TYPE_KEYS, clean_text, strip_marker
from socratic.workspace import Workspace, told

SPLITS = ("train", "validation", "test")
SAMPLE = ASSETS / "sample"
FORMATS: Mapping[str, tuple[str, ...]] = {
    "socratiq": ("input", "target"),
    "mturk": ("thought", "question", "label"),
    "plain": ("context", "question", "type"),
}
# MTurk raters could answer "others": not one of the five types, so such rows are left out.
IGNORED_TYPES = ("others",)
MAX_BYTES = 512 * 1024 * 1024
BATCH = 512

_SPLIT_FILES = {
    "train": re.compile(r"^train.*\.(csv|parquet)$"),
    "validation": re.compile(r"^val.*\.(csv|parquet)$"),
    "test": re.compile(r"^test.*\.(csv|parquet)$"),
}


@dataclass(frozen=True)
class Row:
    """One example: an opinion, the question asked about it, and the question's type."""

    context: str
    question: str
    type: str


@dataclass(frozen=True)
class Corpus:
    """Rows by split. sha256: of the rows as used. notes: what was left out, in words."""

    name: str
    splits: Mapping[str, tuple[Row, ...]] = field(hash=False)  # told by their sha256
    sha256: str
    notes: tuple[str, ...] = field(default=())

    def split(self, name: str) -> tuple[Row, ...]:
        """Return the rows of a split; raise DataError when there are none."""
        rows = self.splits.get(name, ())
        if not rows:
            have = ", ".join(key for key, value in self.splits.items() if value) or "none"
            raise DataError(f"The data {self.name!r} has no {name} split; it has: {have}.")
        return rows

    @property
    def counts(self) -> dict[str, int]:
        """Rows per split."""
        return {name: len(rows) for name, rows in self.splits.items()}


def load(source: str | Path, workspace: Workspace | None = None) -> Corpus:
    """Return the corpus `source` names: `sample`, `socratiq`, a file, or a folder of splits.

    Raises DataError naming the file and what is wrong with it.
    """
    if source == "sample":
        return _from_folder(SAMPLE, "sample")
    if source == "socratiq":
        return _from_folder(_fetched(workspace), "socratiq")
    path = Path(source).expanduser()
    if path.is_dir():
        return _from_folder(path, path.name)
    if path.is_file():
        return _from_file(path)
    raise DataError(
        f"There is no data file or folder {str(source)!r}; give a path, `sample` or `socratiq`."
    )


def _fetched(workspace: Workspace | None) -> Path:
    folder = (workspace or Workspace.open()).data / "socratiq"
    if not folder.is_dir():
        raise DataError(
            f"SocratiQ is not in {str(folder)!r} yet; `python -m training data fetch` gets it, "
            "or copy its five CSV files there."
        )
    return folder


def _from_folder(folder: Path, name: str) -> Corpus:
    notes: list[str] = []
    splits: dict[str, tuple[Row, ...]] = {}
    for split, pattern in _SPLIT_FILES.items():
        files = sorted(path for path in folder.iterdir() if pattern.match(path.name.lower()))
        rows = [row for path in files for row in read(path, notes.append)]
        if rows:
            splits[split] = tuple(rows)
    if "train" not in splits:
        raise DataError(
            f"The folder {str(folder)!r} has no train*.csv or train*.parquet; "
            "name its files train, validation and test."
        )
    return _corpus(name, without_leaks(splits, notes), notes)


def _from_file(path: Path) -> Corpus:
    notes: list[str] = []
    rows = read(path, notes.append)
    splits = split_by_context(rows, path.name)
    notes.append(f"{path.name}: one file, split by context into " + _counts(splits) + ".")
    return _corpus(path.name, splits, notes)


def _corpus(name: str, splits: Mapping[str, tuple[Row, ...]], notes: Sequence[str]) -> Corpus:
    return Corpus(name, splits, fingerprint(splits), tuple(notes))


def _counts(splits: Mapping[str, Sequence[Row]]) -> str:
    return ", ".join(f"{len(rows):,} {name}" for name, rows in splits.items())


def fingerprint(splits: Mapping[str, Sequence[Row]]) -> str:
    """Return the sha256 of the rows, independent of file names and formats."""
    digest = hashlib.sha256()
    for name in SPLITS:
        for row in splits.get(name, ()):
            line = json.dumps([name, row.context, row.question, row.type], ensure_ascii=False)
            digest.update(line.encode())
    return digest.hexdigest()


def read(path: Path, note: Callable[[str], None]) -> list[Row]:
    """Return the rows of one CSV or Parquet file, telling `note` what was left out.

    Raises DataError for a file that is not one, wrong columns, wrong encoding, an unknown type
    or no usable row.
    """
    frame = table(path)
    kind = _format(frame, path)
    cells = frame.fillna("").astype(str).to_dict("records")
    rows = [_row(kind, cell) for cell in cells]
    _check_types(rows, path)
    kept = [row for row in rows if row.type not in IGNORED_TYPES and row.context and row.question]
    _tell_left_out(rows, path, note)
    if not kept:
        raise DataError(f"{path.name} has no usable row: every context or question is empty.")
    return kept


def table(path: Path) -> pd.DataFrame:
    """Return a CSV or Parquet file as it is; raise DataError for what cannot be read as one."""
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise DataError(f"{path.name} is not a data file; give a .csv or .parquet file.")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path.name} is larger than {MAX_BYTES // 2**20} MB; split it up.")
        if path.suffix.lower() == ".parquet":
            _refuse_bomb(path)
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not UTF-8 text (byte {error.start} is {error.object[error.start]:#x});"
            " save it again as CSV UTF-8."
        ) from None
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({told(error)}).") from error
    except ValueError as error:  # the parsers' own errors, pandas' and arrow's, all derive from it
        raise DataError(f"{path.name} cannot be read as a table: {_first_line(error)}.") from error


def _refuse_bomb(path: Path) -> None:
    """Raise DataError for a file that says one text a billion times, before all is unpacked."""
    unpacked = 0
    for batch in ParquetFile(path).iter_batches(batch_size=BATCH):
        unpacked += batch.nbytes
        if unpacked > 2 * MAX_BYTES:
            raise DataError(
                f"{path.name} unpacks to more than {2 * MAX_BYTES // 2**20} MB; split it up."
            )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else repr(error)


def _format(frame: pd.DataFrame, path: Path) -> str:
    for kind, columns in FORMATS.items():
        if set(columns) <= set(frame.columns):
            return kind
    known = "; ".join(",".join(columns) for columns in FORMATS.values())
    found = ",".join(map(str, frame.columns[:8])) or "no columns"
    raise DataError(f"{path.name} has the columns {found!r}; it needs one of: {known}.")


def _row(kind: str, cell: Mapping[Hashable, str]) -> Row:
    context, question, label = "", "", ""
    if kind == "socratiq":
        label, _, context = cell["input"].partition(":")
        question = cell["target"]
    elif kind == "mturk":
        context, question, label = cell["thought"], cell["question"], cell["label"]
    else:
        context, question, label = cell["context"], cell["question"], cell["type"]
    return Row(clean_text(context), strip_marker(question), label.strip().lower())


def _check_types(rows: Sequence[Row], path: Path) -> None:
    allowed = (*TYPE_KEYS, *IGNORED_TYPES)
    wrong = [(i, row.type) for i, row in enumerate(rows, 2) if row.type not in allowed]
    if wrong:
        shown = ", ".join(f"line {i}: {label[:40]!r}" for i, label in wrong[:3])
        raise DataError(
            f"{path.name} has {len(wrong):,} rows whose type is not one of "
            f"{', '.join(TYPE_KEYS)} ({shown}); correct or remove them."
        )


def _tell_left_out(rows: Sequence[Row], path: Path, note: Callable[[str], None]) -> None:
    ignored = sum(row.type in IGNORED_TYPES for row in rows)
    empty = [i for i, row in enumerate(rows, 2) if not (row.context and row.question)]
    if ignored:
        note(f"{path.name}: {ignored:,} rows of type 'others' left out.")
    if empty:
        lines = ", ".join(map(str, empty[:5])) + (" ..." if len(empty) > 5 else "")
        note(f"{path.name}: {len(empty):,} rows with an empty cell left out (lines {lines}).")


def context_key(context: str) -> str:
    """Return what makes two contexts the same: their words, without case or punctuation."""
    return " ".join(re.findall(r"\w+", context.lower()))


def split_by_context(rows: Iterable[Row], name: str) -> dict[str, tuple[Row, ...]]:
    """Split rows 80/10/10 by context, the same way whatever their order.

    Raises DataError when there are fewer than three different contexts.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(context_key(row.context), []).append(row)
    if len(groups) < len(SPLITS):
        raise DataError(
            f"{name} has {len(groups)} different context(s); it takes at least {len(SPLITS)} "
            "to make a train, a validation and a test split."
        )
    order = sorted(groups, key=lambda key: hashlib.sha256(key.encode()).digest())
    tenth = max(1, len(order) // 10)
    cuts = {"test": order[:tenth], "validation": order[tenth : 2 * tenth]}
    cuts["train"] = order[2 * tenth :]
    return {part: tuple(row for key in cuts[part] for row in groups[key]) for part in SPLITS}


def without_leaks(
    splits: Mapping[str, tuple[Row, ...]], notes: list[str]
) -> dict[str, tuple[Row, ...]]:
    """Drop from train (then validation) the contexts that a later split holds too.

    The test split is never touched, so that its scores stay comparable with others'.
    """
    kept = dict(splits)
    held: set[str] = set()
    for name in reversed(SPLITS):
        rows = kept.get(name, ())
        clean = tuple(row for row in rows if context_key(row.context) not in held)
        if len(clean) < len(rows):
            notes.append(
                f"{len(rows) - len(clean):,} {name} rows left out: a later split has their context."
            )
        if rows:
            kept[name] = clean
        held |= {context_key(row.context) for row in rows}
    return kept


def references(rows: Sequence[Row]) -> list[list[str]]:
    """Return, row by row, every question asked about the same context with the same type."""
    known: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        known.setdefault((context_key(row.context), row.type), []).append(row.question)
    return [known[context_key(row.context), row.type] for row in rows]


def stratified(rows: Sequence[Row], count: int) -> list[Row]:
    """Return at most `count` rows with the types in the proportions of `rows`, always the same.

    The order of the sample is that of `rows`.
    """
    if count >= len(rows):
        return list(rows)
    ranked: dict[str, list[int]] = {}
    for i, row in sorted(enumerate(rows), key=lambda pair: _rank(pair[1])):
        ranked.setdefault(row.type, []).append(i)
    # Interleaving by relative rank keeps every prefix of the sample in proportion.
    order = sorted(
        (position / len(indices), i)
        for indices in ranked.values()
        for position, i in enumerate(indices)
    )
    return [rows[i] for i in sorted(i for _, i in order[:count])]


def _rank(row: Row) -> bytes:
    return hashlib.sha256(f"{row.type}\n{row.context}\n{row.question}".encode()).digest()


def type_counts(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many rows each question type has, in the order of the types."""
    counted = Counter(row.type for row in rows)
    return {key: counted[key] for key in TYPE_KEYS}
