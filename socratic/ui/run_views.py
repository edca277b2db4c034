"""Runs as the page shows them: read from their folders, cheaply enough to look every second."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from socratic import catalog, jobs, runs
from socratic.errors import RunError
from socratic.recipes import Hyperparameters
from socratic.runs import Manifest, MetricsReader, Run, Status
from socratic.workspace import Workspace

BEST = "rougeL"
TRAINING = ("training", "validating")
LOSSES = ("loss", "eval_loss")
# Of these the newest value is told, whatever else a line holds.
NEWEST = (
    *LOSSES,
    "samples_per_second",
    "tokens_per_second",
    "memory",
    "memory_peak",
    "cpu_utilisation",
    "gpu_memory",
    "gpu_utilisation",
)
POINTS_FOR_SPEED = 20


@dataclass(frozen=True)
class View:
    """A run at one moment.

    best: highest validation ROUGE-L, best_step: where. newest: losses, speed and memory by name.
    patience: validations without a gain until it stops, if it may. eta: seconds left, if known.
    version: changes with its curves.
    """

    run: Run
    state: str
    message: str
    manifest: Manifest | None = None
    status: Status | None = None
    best: float | None = None
    best_step: int = 0
    newest: Mapping[str, float] = field(default_factory=dict)
    patience: int | None = None
    eta: float | None = None
    version: tuple[int, int] = (0, 0)

    @property
    def title(self) -> str:
        """The model's name, or the folder's where the manifest is damaged."""
        return self.manifest.title if self.manifest else self.run.id

    @property
    def kind(self) -> str:
        """Training or evaluation."""
        return self.manifest.kind if self.manifest else "training"

    @property
    def colour(self) -> str:
        """The model's colour, grey for a model that is not in the catalogue."""
        spec = catalog.find(self.manifest.model) if self.manifest else None
        return spec.colour if spec else catalog.GREY

    @property
    def alive(self) -> bool:
        """Whether its process is at work."""
        return self.state in runs.ALIVE


@dataclass
class Track:
    """A run's curves as read so far. scores: (step, ROUGE-L) of each validation."""

    reader: MetricsReader
    scores: list[tuple[int, float]] = field(default_factory=list)
    resets: int = 0
    newest: dict[str, float] = field(default_factory=dict)
    phase: str | None = None
    phase_start: tuple[int, float] = (0, 0.0)

    def read(self) -> "Track":
        """Take in what was added to the file."""
        fresh = self.reader.news()
        if self.reader.resets != self.resets:
            self.resets, self.scores, self.newest = self.reader.resets, [], {}
        self.scores += [(point["step"], point[BEST]) for point in fresh if BEST in point]
        for point in fresh:
            self.newest |= {key: point[key] for key in NEWEST if key in point}
        return self

    @property
    def best(self) -> tuple[int, float] | None:
        """The step with the highest ROUGE-L so far, and that."""
        return max(self.scores, key=lambda pair: pair[1], default=None)

    def patience_left(self, chosen: Hyperparameters) -> int | None:
        """Return after how many more validations without a gain the run stops, None if never."""
        if not chosen.patience:
            return None
        best, without = None, 0
        for _, score in (pair for pair in self.scores if pair[0]):  # the first look does not count
            gained = best is None or score > best + chosen.threshold
            without = 0 if gained else without + 1
            best = score if best is None else max(best, score)
        return max(0, chosen.patience - without)

    def seconds_left(self, status: Status) -> float | None:
        """Return the time to the last step of this phase, None before there is a pace."""
        if status.state != "running":
            return None
        if status.phase != self.phase:
            self.phase, self.phase_start = status.phase, (status.step, status.updated)
        pace = self._pace(status)
        return (status.total_steps - status.step) * pace if pace > 0 else None

    def _pace(self, status: Status) -> float:
        """Return seconds per step: of a training's newest points, else since the phase began."""
        recent = [point for point in self.reader.points[-POINTS_FOR_SPEED:] if "time" in point]
        if status.phase in TRAINING and len(recent) > 1:
            steps = recent[-1]["step"] - recent[0]["step"]
            seconds = recent[-1]["time"] - recent[0]["time"]
        else:
            steps = status.step - self.phase_start[0]
            seconds = status.updated - self.phase_start[1]
        return seconds / steps if steps > 0 else 0.0


@dataclass
class Board:
    """Reads every run of a workspace, each file only as far as it has grown.

    One board serves all browsers: what it keeps is a cache of files, never somebody's choice.
    """

    workspace: Workspace
    _tracks: dict[Path, Track] = field(default_factory=dict)
    _manifests: dict[Path, tuple[int, Manifest]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def views(self) -> list[View]:
        """Return every run, the newest first, the bundled last."""
        place = {run.id: i for i, run in enumerate(jobs.queued(self.workspace), 1)}
        return [self._view(run, place) for run in runs.discover(self.workspace)]

    def points(self, run: Run) -> list[dict[str, Any]]:
        """Return all points of a run's curves so far."""
        with self._lock:
            return list(self._track(run).reader.points)

    def _view(self, run: Run, place: dict[str, int]) -> View:
        try:
            manifest, status = self._manifest(run), run.status()
        except RunError as error:
            return View(run, "damaged", str(error))
        with self._lock:
            track = self._track(run)
            curves, best = track.reader.points, track.best
            return View(
                run=run,
                state=status.state,
                message=_message(status, place.get(run.id)),
                manifest=manifest,
                status=status,
                best=best[1] if best else None,
                best_step=best[0] if best else 0,
                newest=dict(track.newest),
                patience=track.patience_left(manifest.hyperparameters),
                eta=track.seconds_left(status),
                version=(track.resets, len(curves)),
            )

    def _track(self, run: Run) -> Track:
        fresh = Track(MetricsReader(run.metrics_file))
        return self._tracks.setdefault(run.path, fresh).read()

    def _manifest(self, run: Run) -> Manifest:
        path = run.path / "manifest.json"
        try:
            stamp = path.stat().st_mtime_ns
        except OSError:
            return run.manifest()  # which tells what is wrong
        known = self._manifests.get(path)
        if known is None or known[0] != stamp:
            known = (stamp, run.manifest())
            self._manifests[path] = known
        return known[1]


def _message(status: Status, place: int | None) -> str:
    return status.message if place is None else f"number {place} in the queue"


def stamp(views: Iterable[View]) -> tuple[Any, ...]:
    """Return what changes whenever the table of these runs does."""
    return tuple(
        (v.run.id, v.state, v.message, v.version, v.status and (v.status.step, v.status.phase))
        for v in views
    )


def name(view: View) -> str:
    """Return a name that tells a run from others of its model: by when it was made."""
    if view.manifest is None or view.run.bundled:
        return f"{view.title}, bundled" if view.run.bundled else view.title
    made = time.strftime("%d %b %H:%M:%S", time.localtime(view.manifest.created))
    return f"{view.title}, {made}"


def newest_per_model(views: Iterable[View]) -> list[str]:
    """Return the newest training run of each model; bundled ones only where no own run is."""
    chosen: dict[str, str] = {}
    trained = [v for v in views if v.kind == "training" and v.manifest]
    own = [view for view in trained if not view.run.bundled] or trained
    for view in own:
        if view.manifest:
            chosen.setdefault(view.manifest.model, view.run.id)
    return list(chosen.values())
