"""Metrics that need something the user may not have: an encoder for BERTScore, labels for fidelity.

What is not there leaves its cell empty with the reason, and all the rest is scored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from socratic import data
from socratic.errors import ScoreError, SocraticError
from socratic.scoring import fidelity, semantic
from socratic.scoring.fidelity import Confusion, Judge
from socratic.scoring.measures import Measure
from socratic.scoring.stored import Predictions
from socratic.workspace import Workspace

AUTO, OFF = "auto", "off"
ENCODER = "roberta-large"
# Rows that a large encoder reads in minutes on a CPU; more are only read there when asked for.
ROWS_ON_A_CPU = 1000
LABELS = "*mturk*.csv"

Tell = Callable[[str, int], None]


class Extras(BaseModel):
    """What is asked of the optional metrics.

    bertscore: Hub id or folder of an encoder; `auto` takes roberta-large where it is on this
    machine; `off`. labels: a file of labelled questions; `auto` takes MTurk's where it was fetched.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    bertscore: str = AUTO
    layer: int | None = Field(None, ge=1)
    rescale: bool = False
    labels: str = AUTO


@dataclass
class Found:
    """measures: by system. absent: why a metric has no number. confusion: of the classifier."""

    measures: dict[str, list[Measure]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    confusion: Confusion | None = None

    def add(self, system: str, measure: Measure) -> None:
        """Take in a measure of a system."""
        self.measures.setdefault(system, []).append(measure)


@dataclass(frozen=True)
class Place:
    """Where things may be found. on_cpu: whether an encoder would run there. dataset: its name."""

    workspace: Workspace
    dataset: str
    on_cpu: bool = True


def measure(rows: Predictions, wanted: Extras, place: Place, tell: Tell) -> Found:
    """Return what could be measured of all systems in `rows`, and why the rest could not.

    tell: given the name of a metric and the number of texts done.
    """
    found = Found()
    try:
        _bertscore(rows, wanted, place, found, tell)
    except SocraticError as error:
        found.absent["bertscore"] = str(error)
    try:
        judge = judge_for(rows, wanted.labels, place)
        found.confusion = judge.confusion
        for name, outputs in rows.outputs.items():
            found.add(name, judge.measure(outputs, rows.types))
    except SocraticError as error:
        found.absent["fidelity"] = str(error)
    return found


def _bertscore(rows: Predictions, wanted: Extras, place: Place, found: Found, tell: Tell) -> None:
    why_not = _why_no_bertscore(wanted, place, len(rows.contexts))
    if why_not:
        found.absent["bertscore"] = why_not
        return
    for name, outputs in rows.outputs.items():

        def tick(done: int, name: str = name) -> None:
            tell(f"BERTScore, {name}", done)

        found.add(name, bertscore_of(rows, outputs, wanted, place.workspace, tick))


def bertscore_of(
    rows: Predictions,
    outputs: Sequence[str],
    wanted: Extras,
    workspace: Workspace,
    tick: Callable[[int], None],
) -> Measure:
    """Return BERTScore of `outputs` by the encoder wanted; errors as `semantic.bertscore`."""
    encoder, layer = _encoder(wanted, workspace)
    return semantic.measure(
        outputs, rows.references, semantic.Encoder(encoder, layer, wanted.rescale), tick
    )


def _encoder(wanted: Extras, workspace: Workspace) -> tuple[str, int | None]:
    """Return the encoder, from the workspace's own copies before the Hub, and its layer."""
    name = ENCODER if wanted.bertscore == AUTO else wanted.bertscore
    copy = workspace.models / name.rsplit("/", 1)[-1]
    if Path(name).is_dir() or not copy.is_dir():
        return name, wanted.layer
    return str(copy), wanted.layer or semantic.known_layer(name)


def _why_no_bertscore(wanted: Extras, place: Place, rows: int) -> str:
    if wanted.bertscore == OFF:
        return "Switched off for this evaluation."
    if wanted.bertscore != AUTO:
        return ""
    encoder, _ = _encoder(wanted, place.workspace)
    if not Path(encoder).is_dir() and not semantic.is_cached(encoder):
        return (
            f"The encoder {ENCODER!r} is not on this machine; evaluate with "
            f"--bertscore {ENCODER} to fetch it, or give a local folder."
        )
    if place.on_cpu and rows > ROWS_ON_A_CPU:
        return (
            f"{rows:,} rows take {ENCODER!r} hours on a CPU; evaluate with "
            f"--bertscore {ENCODER} to do it all the same."
        )
    return ""


def judge_for(rows: Predictions, labels: str, place: Place) -> Judge:
    """Return the classifier of types, trained on no context that is scored.

    Raises ScoreError or DataError where there are no labels, or too few.
    """
    if labels == OFF:
        raise ScoreError("Switched off for this evaluation.")
    source = _labels(place) if labels == AUTO else labels
    if source is None:
        raise ScoreError(
            "There are no labelled questions on this machine; evaluate with --labels FILE, "
            "MTurk's for example (columns thought, question, label)."
        )
    if source == "sample":
        known, told = list(data.load("sample").split("train")), "the sample's train split"
    else:
        known, told = data.read(Path(source).expanduser(), lambda note: None), Path(source).name
    scored = {data.context_key(context) for context in rows.contexts}
    unseen = [row for row in known if data.context_key(row.context) not in scored]
    return fidelity.train(unseen, told)


def _labels(place: Place) -> str | None:
    """Return people's labels where they were fetched or given, the sample's for the sample."""
    if place.dataset == "sample":
        return "sample"
    folders = (place.workspace.data, place.workspace.uploads)
    files = [path for folder in folders for path in sorted(folder.rglob(LABELS))]
    return str(files[0]) if files else None


def given(labels: str) -> str:
    """Return a choice of labels with its file from the root; raise DataError where it is none."""
    if labels in (AUTO, OFF, "sample"):
        return labels
    path = Path(labels).expanduser().absolute()
    data.read(path, lambda note: None)
    return str(path)
