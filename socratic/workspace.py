"""Every folder of a workspace, derived from one root.

The root is `--workspace`, else `$SOCRATIC_HOME`, else `./workspace`.
"""

import errno
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socratic.errors import WorkspaceError

HOME_VARIABLE = "SOCRATIC_HOME"
# mkstemp makes files for their owner's eyes only; those of a workspace are for its group too.
READABLE = 0o644
FULL_DISK = "the disk is full: free some space, then try again"


@dataclass(frozen=True)
class Workspace:
    """A workspace folder; properties name what is in it.

    closed: only what lies in it may be named, no path and no Hub id; so on a public page.
    """

    root: Path
    closed: bool = False

    @property
    def runs(self) -> Path:
        """One folder per run."""
        return self.root / "runs"

    @property
    def queue(self) -> Path:
        """The order of waiting runs, and the locks of who drains it."""
        return self.root / "queue"

    @property
    def data(self) -> Path:
        """Data sets that were fetched."""
        return self.root / "data"

    @property
    def uploads(self) -> Path:
        """Data files given on the page, named by their hash."""
        return self.root / "uploads"

    @property
    def models(self) -> Path:
        """Local copies of base models, `models/<key>`, used before the Hub."""
        return self.root / "models"

    @property
    def ratings(self) -> Path:
        """Blind ratings: the database, and rounds in the making."""
        return self.root / "ratings"

    @property
    def cache(self) -> Path:
        """What can be made again: tokenised data, proofs."""
        return self.root / "cache"

    @classmethod
    def open(cls, root: Path | str | None = None, closed: bool = False) -> "Workspace":
        """Make the folders under `root` and return it; raise WorkspaceError if that fails."""
        place = Path(root or os.environ.get(HOME_VARIABLE) or "workspace").expanduser().absolute()
        workspace = cls(place, closed)
        try:
            for folder in (workspace.runs, workspace.queue, workspace.uploads):
                folder.mkdir(parents=True, exist_ok=True)
            # Nothing is written into it: on a full disk one must still be able to look and stop.
            tempfile.TemporaryFile(dir=place).close()
        except OSError as error:
            raise WorkspaceError(
                f"The workspace {str(place)!r} cannot be written ({told(error)}); "
                f"choose another with --workspace DIR or {HOME_VARIABLE}."
            ) from error
        return workspace


def told(error: OSError) -> str:
    """Return the reason of an OSError in a few words, with what mends a full disk."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FULL_DISK
    return (error.strerror or str(error)).lower()


def write_atomic(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step; a reader sees the old file or the new, never half.

    Raises WorkspaceError naming the file when it cannot be written; the old file then stays.
    """
    # A hidden name of our own: two writers never share one, and a crash leaves no visible file.
    handle, name = -1, ""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.fchmod(handle, READABLE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        if name:
            Path(name).unlink(missing_ok=True)
        raise WorkspaceError(f"{str(path)!r} could not be written ({told(error)}).") from error


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
