"""Getting SocratiQ: five files, resumable, counted and hashed.

The files: `data/soqg_dataset` of the authors' repository, NUS-IDS/eacl23_soqg (Ang et al. 2023).
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx

from socratic import data
from socratic.errors import DataError
from socratic.workspace import told, write_json

SOURCE = "https://raw.githubusercontent.com/NUS-IDS/eacl23_soqg/main/data/soqg_dataset"
FILES = ("train_chunk_I.csv", "train_chunk_II.csv", "train_chunk_III.csv", "valid.csv", "test.csv")
ROWS = {"train": 84_582, "validation": 10_573, "test": 10_573}
TRIES = 5
RECORD = "fetched.json"

Report = Callable[[str, int, int], None]


def fetch(source: str, folder: Path, report: Report) -> dict[str, int]:
    """Get the files from a URL or a folder into `folder`, check and record them.

    report(file, bytes so far, bytes in all or 0). Returns rows per split; raises DataError naming
    the file. What was got so far stays: the next call goes on from there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            if not (folder / name).is_file():
                _get(source, name, folder / name, report)
    except OSError as error:
        raise DataError(f"{str(folder)!r} cannot be written ({told(error)}).") from error
    counts = check(folder)
    write_json(
        folder / RECORD,
        {"source": source, "rows": counts, "sha256": {f: _sha256(folder / f) for f in FILES}},
    )
    return counts


def _get(source: str, name: str, target: Path, report: Report) -> None:
    partial = target.with_suffix(".part")
    if source.startswith(("http://", "https://")):
        _download(f"{source.rstrip('/')}/{name}", partial, name, report)
    else:
        origin = Path(source).expanduser() / name
        if not origin.is_file():
            raise DataError(f"There is no {name} in {source!r}; it needs {', '.join(FILES)}.")
        shutil.copyfile(origin, partial)
    partial.rename(target)


def _download(url: str, partial: Path, name: str, report: Report) -> None:
    reason = ""
    for _ in range(TRIES):
        try:
            _stream(url, partial, name, report)
            return
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            raise DataError(f"{url} answered {status}; give another source with --from.") from None
        except httpx.HTTPError as error:  # cut off: go on from what is here
            reason = type(error).__name__
    raise DataError(
        f"{url} could not be fetched ({reason}, {TRIES} tries); run it again to go on, or give "
        "--from a folder or another URL."
    )


def _stream(url: str, partial: Path, name: str, report: Report) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # everything was here already
        answer.raise_for_status()
        goes_on = answer.status_code == httpx.codes.PARTIAL_CONTENT
        done = have if goes_on else 0
        total = done + int(answer.headers.get("Content-Length", 0))
        with partial.open("ab" if goes_on else "wb") as file:
            for block in answer.iter_bytes():
                file.write(block)
                done += len(block)
                report(name, done, total)


def check(folder: Path) -> dict[str, int]:
    """Return rows per split; raise DataError when a file is wrong or the counts are not known.

    A file of another kind is set aside as `<name>.wrong`, so that the next fetch gets it again.
    """
    counts = dict.fromkeys(ROWS, 0)
    for name in FILES:
        path = folder / name
        if not path.is_file():
            raise DataError(f"{name} is missing in {str(folder)!r}.")
        split = "validation" if name == "valid.csv" else name.removesuffix(".csv").split("_")[0]
        try:
            data.read(path, lambda note: None)
            counts[split] += len(data.table(path))
        except DataError:
            path.rename(path.with_suffix(".wrong"))
            raise
    if counts != ROWS:
        raise DataError(
            f"{str(folder)!r} has {_words(counts)} rows, SocratiQ {_words(ROWS)}; delete the file "
            "that is short and fetch it again."
        )
    return counts


def _words(counts: dict[str, int]) -> str:
    return "/".join(f"{count:,}" for count in counts.values())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
