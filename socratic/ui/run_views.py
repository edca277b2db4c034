"""Runs as the page shows them: read from their folders, cheaply enough to look every second."""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from socratic import catalog, jobs, runs
from socratic.errors import RunError
from socratic.runs import Manifest, MetricsReader, Run, Status
from socratic.ui import parts
from socratic.workspace import Workspace

BEST = "rougeL"
TRAINING = ("training", "validating")
LOSSES = ("loss", "eval_loss")
POINTS_FOR_SPEED = 20


@dataclass(frozen=True)
class View:
    """A run at one moment.

    best: highest validation ROUGE-L. losses: the newest, by name. eta: seconds left, if known.
    version: changes with its curves.
    """

    run: Run
    state: str
    message: str
    manifest: Manifest | None = None
    status: Status | None = None
    best: float | None = None
    losses: Mapping[str, float] = field(default_factory=dict)
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
    """A run's curves as read so far, with their best ROUGE-L and the newest losses."""

    reader: MetricsReader
    best: float | None = None
    resets: int = 0
    newest: dict[str, float] = field(default_factory=dict)
    phase: str | None = None
    phase_start: tuple[int, float] = (0, 0.0)

    def read(self) -> "Track":
        """Take in what was added to the file."""
        fresh = self.reader.news()
        if self.reader.resets != self.resets:
            self.resets, self.best, self.newest = self.reader.resets, None, {}
        scores = [point[BEST] for point in fresh if BEST in point]
        known = [] if self.best is None else [self.best]
        self.best = max(scores + known, default=None)
        for point in fresh:
            self.newest |= {key: point[key] for key in LOSSES if key in point}
        return self

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
            curves = track.reader.points
            return View(
                run=run,
                state=status.state,
                message=_message(status, place.get(run.id)),
                manifest=manifest,
                status=status,
                best=track.best,
                losses=dict(track.newest),
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


_HEADS = (
    "Run",
    "State",
    "Step",
    "Epoch",
    "Time left",
    "Training loss",
    "Validation loss",
    "Best ROUGE-L",
    "Message",
)


def table(views: Sequence[View], selected: str | None = None) -> str:
    """Return the runs as a table; a row's button carries the run's id in `data-run`."""
    head = "".join(f"<th>{head}</th>" for head in _HEADS)
    rows = "".join(_row(view, view.run.id == selected) for view in views)
    return (
        f'<div class="scroll"><table class="runs"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(view: View, selected: bool) -> str:
    cells = (
        _name_cell(view),
        _state_cell(view),
        _step_cell(view.status),
        f"{view.status.epoch:.1f}" if view.status and view.status.epoch else "",
        parts.duration(view.eta) if view.eta is not None else "",
        *(_number(view.losses.get(loss)) for loss in LOSSES),
        _number(view.best),
        f'<span class="message">{escape(view.message)}</span>',
    )
    marked = ' class="selected"' if selected else ""
    return f"<tr{marked}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _state_cell(view: View) -> str:
    phase = view.status.phase if view.status and view.alive else ""
    shown = f"<small>{escape(phase)}</small>" if phase else ""
    return f'<span class="state {escape(view.state)}">{escape(view.state)}</span>{shown}'


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _name_cell(view: View) -> str:
    family = view.manifest.family if view.manifest else ""
    labels = parts.badges(family, view.run.bundled)
    labels += parts.badge("evaluation") if view.kind == "evaluation" else ""
    return (
        f'<button type="button" class="run-name" data-run="{escape(view.run.id)}">'
        f"{parts.dot(view.colour)}{escape(view.title)}</button> {labels}"
        f"<small>{escape(view.run.id)}</small>"
    )


def _step_cell(status: Status | None) -> str:
    if status is None or not status.total_steps:
        return ""
    share = round(100 * status.progress)
    return (
        f'{status.step:,} / {status.total_steps:,}<div class="bar" role="progressbar" '
        f'aria-valuenow="{share}" aria-valuemin="0" aria-valuemax="100">'
        f'<i style="width:{share}%"></i></div>'
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
