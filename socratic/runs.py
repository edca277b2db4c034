"""The run folder: manifest, status, metrics, log, checkpoints, adapter.

A run is described wholly by its folder; the page and the process that trains meet nowhere else.
A status is read with doubt: a process that is gone cannot be running, whatever its file says.
"""

import json
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from socratic import catalog
from socratic.decoding import Decoding, told
from socratic.errors import RunError, WorkspaceError
from socratic.recipes import Hyperparameters
from socratic.scoring.extras import Extras
from socratic.workspace import Workspace, write_atomic
from socratic.workspace import told as os_reason

Model = TypeVar("Model", bound=BaseModel)
State = Literal["queued", "running", "stopping", "stopped", "finished", "failed"]
Kind = Literal["training", "evaluation"]
ALIVE: tuple[State, ...] = ("running", "stopping")
ENDED_AT_ONCE = "ended at once, at its last checkpoint"
BUNDLED = catalog.MINIATURE / "runs"
TAIL_BYTES = 64 * 1024


class DataUsed(BaseModel):
    """What a run reads: where from, and what was found there (filled in by the process)."""

    source: str
    name: str = ""
    sha256: str = ""
    counts: dict[str, int] = {}
    notes: list[str] = []


class Manifest(BaseModel):
    """All that repeats a run; the process that runs it adds what only it can know."""

    model_config = ConfigDict(extra="ignore")

    run_id: str
    kind: Kind = "training"
    title: str
    model: str
    family: str
    created: float
    recipe: str = ""
    hyperparameters: Hyperparameters = Hyperparameters()
    data: DataUsed
    # Training: the split to score at the end, if any. Evaluation: the split to score.
    evaluate: str | None = None
    decoding: Decoding = Decoding()
    limit: int | None = None
    zero_shot: bool = True
    # Evaluation only: the run or adapter folder that is scored; None is the base model alone.
    adapter: str | None = None
    of_run: str | None = None
    extras: Extras = Extras()
    cpu: bool = False
    base: str = ""
    revision: str = ""
    device: list[str] = []
    parameters: dict[str, int] = {}
    versions: dict[str, str] = {}
    git_commit: str = ""
    command: str = ""


class Status(BaseModel):
    """How a run is doing; `pid_started` tells a process from a later one with its number."""

    model_config = ConfigDict(extra="ignore")

    state: State
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    started: float | None = None
    updated: float = Field(default_factory=time.time)
    pid: int | None = None
    pid_started: float | None = None
    phase: str = ""
    message: str = ""

    @property
    def progress(self) -> float:
        """Share of the steps done, 0 to 1."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0


@dataclass(frozen=True)
class Run:
    """A run folder. bundled: shipped with the project, read only."""

    path: Path
    bundled: bool = False

    @property
    def id(self) -> str:
        """The run's name: its folder's."""
        return self.path.name

    @property
    def metrics_file(self) -> Path:
        """One JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def samples_file(self) -> Path:
        """What it asked about a few validation rows, one validation a line."""
        return self.path / "samples.jsonl"

    @property
    def log_file(self) -> Path:
        """What the process printed."""
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        """Folder of the Trainer's checkpoints."""
        return self.path / "checkpoints"

    @property
    def stop_file(self) -> Path:
        """Its presence asks the process to save a checkpoint and end."""
        return self.path / "stop"

    @property
    def adapter(self) -> Path | None:
        """The finished adapter's folder, or None while there is none."""
        folder = self.path / "adapter"
        return folder if (folder / "adapter_config.json").is_file() else None

    def manifest(self) -> Manifest:
        """Return the manifest; raise RunError naming the file when it is missing or damaged."""
        return _parse(Manifest, self.path / "manifest.json")

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest."""
        write_atomic(self.path / "manifest.json", manifest.model_dump_json(indent=2) + "\n")

    def written_status(self) -> Status:
        """Return the status as its file says."""
        return _parse(Status, self.path / "status.json")

    def status(self) -> Status:
        """Return the status as it is: a run whose process is gone has failed."""
        status = self.written_status()
        if status.state not in ALIVE:
            return status
        if process_of(status) is not None:
            asked = self.stop_file.exists()
            return status.model_copy(update={"state": "stopping"}) if asked else status
        # It may have ended between the two looks: only a file still saying so is a lie.
        status = self.written_status()
        if status.state not in ALIVE:
            return status
        if self.stop_file.exists():
            return status.model_copy(update={"state": "stopped", "message": ENDED_AT_ONCE})
        return status.model_copy(update={"state": "failed", "message": self._last_words()})

    def write_status(self, status: Status) -> None:
        """Replace the status."""
        write_atomic(self.path / "status.json", status.model_dump_json() + "\n")

    def log_tail(self, lines: int = 200) -> str:
        """Return the last lines of the log, without reading the whole of it."""
        try:
            with self.log_file.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - TAIL_BYTES))
                text = file.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        # A progress bar rewrites its line with carriage returns; its last state is the line.
        kept = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.rstrip().split("\n")]
        return "\n".join(kept[-lines:])

    def _last_words(self) -> str:
        said = [line.strip() for line in self.log_tail(30).splitlines() if line.strip()]
        if said and said[-1].startswith("error: "):
            return said[-1].removeprefix("error: ")  # it could write its log, but not its status
        reason = f" Its log ends: {said[-1][:300]}" if said else " It left no log."
        return "The process ended without saying why (killed, out of memory, or a reboot)." + reason

    def delete(self) -> None:
        """Remove the folder; raise RunError while it runs or where it is bundled."""
        if self.bundled:
            raise RunError(f"The run {self.id!r} is shipped with the project; it stays.")
        if self.status().state in ALIVE:
            raise RunError(f"The run {self.id!r} is running; stop it before deleting it.")
        try:
            shutil.rmtree(self.path)
        except OSError as error:
            raise WorkspaceError(
                f"The run {self.id!r} could not be deleted ({os_reason(error)})."
            ) from error


def _parse(kind: type[Model], path: Path) -> Model:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunError(f"{str(path)!r} cannot be read ({os_reason(error)}).") from error
    except ValidationError as error:
        raise RunError(f"{str(path)!r} is damaged ({told(error)[:300]}).") from None


def process_of(status: Status) -> psutil.Process | None:
    """Return the living process a status speaks of, or None.

    A number that now belongs to a process begun at another time is not it.
    """
    if status.pid is None:
        return None
    try:
        process = psutil.Process(status.pid)
        same = status.pid_started is None or abs(process.create_time() - status.pid_started) < 1.0
        alive = process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if same and alive else None


def new_id(model: str, kind: Kind = "training") -> str:
    """Return a run id that sorts by time: model, date, time and four random digits."""
    slug = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(model).name) or "model"
    prefix = "" if kind == "training" else "evaluation-"
    return f"{prefix}{slug}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def create(workspace: Workspace, manifest: Manifest) -> Run:
    """Make the folder of a queued run and return it."""
    run = Run(workspace.runs / manifest.run_id)
    try:
        run.path.mkdir(parents=True)
    except OSError as error:
        raise WorkspaceError(
            f"The run folder {str(run.path)!r} could not be made ({os_reason(error)})."
        ) from error
    try:
        run.write_manifest(manifest)
        run.write_status(Status(state="queued", message="waiting for its turn"))
    except WorkspaceError:
        shutil.rmtree(run.path, ignore_errors=True)
        raise
    return run


def discover(workspace: Workspace) -> list[Run]:
    """Return every run of the workspace, newest first, then the bundled ones."""
    own = _folders(workspace.runs)
    own.sort(key=lambda path: (path / "manifest.json").stat().st_mtime_ns, reverse=True)
    return [Run(path) for path in own] + [Run(path, bundled=True) for path in _folders(BUNDLED)]


def _folders(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("*/manifest.json"))


def find(workspace: Workspace, run_id: str) -> Run:
    """Return the run of that id; raise RunError when there is none or it is no plain name."""
    if run_id and run_id == Path(run_id).name and run_id not in (".", ".."):
        for root, bundled in ((workspace.runs, False), (BUNDLED, True)):
            if (root / run_id / "manifest.json").is_file():
                return Run(root / run_id, bundled)
    raise RunError(
        f"There is no run {run_id!r} in {str(workspace.runs)!r}; "
        "`python -m training list` shows those there are."
    )


@dataclass
class MetricsReader:
    """Reads `metrics.jsonl` as it grows: each call of `news` returns only what was added.

    A torn last line waits for its end. A file that got shorter (a resumed run drops what came
    after its checkpoint) is read again from the start, and `resets` counts up.
    """

    path: Path
    offset: int = 0
    resets: int = 0
    points: list[dict[str, Any]] = field(default_factory=list)
    _identity: int = 0

    def news(self) -> list[dict[str, Any]]:
        """Return the points added since the last call; all of them after a reset."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return []
        if stat.st_size < self.offset or (self._identity and stat.st_ino != self._identity):
            self.offset, self.points = 0, []
            self.resets += 1
        self._identity = stat.st_ino
        if stat.st_size == self.offset:
            return []
        fresh = list(self._read())
        self.points += fresh
        return fresh

    def _read(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            block = file.read()
        complete, _, _ = block.rpartition(b"\n")
        if not complete:
            return
        self.offset += len(complete) + 1
        for line in complete.split(b"\n"):
            try:
                point = json.loads(line)
            except ValueError:
                continue  # a line torn by a kill: the next one is whole again
            if isinstance(point, dict) and "step" in point:
                yield point
