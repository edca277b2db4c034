"""What a run will take, before it starts: rows, steps, trainable parameters, time.

Time is never guessed from a table of machines: it is scaled from runs measured on this kind of
device, by the number of weights, and left out where there is none.
"""

import math
from dataclasses import dataclass

from socratic import catalog, device, runs
from socratic.catalog import Shape
from socratic.data import Corpus
from socratic.errors import RunError
from socratic.recipes import Hyperparameters
from socratic.runs import Manifest, Run
from socratic.workspace import Workspace


@dataclass(frozen=True)
class Estimate:
    """What one run will take. seconds is None where nothing was measured to scale from.

    trainable and total count weights; total includes the adapter; both 0 for an unknown shape.
    """

    rows: int
    steps: int
    steps_per_epoch: int
    trainable: int
    total: int
    seconds: float | None
    reason: str

    @property
    def share(self) -> float:
        """Trainable share of all weights, 0 to 1."""
        return self.trainable / self.total if self.total else 0.0


def of(manifest: Manifest, corpus: Corpus, workspace: Workspace) -> Estimate:
    """Return the estimate of a run on `corpus`."""
    chosen = manifest.hyperparameters
    rows = len(corpus.split("train"))
    per_epoch = steps_per_epoch(rows, chosen)
    steps = total_steps(rows, chosen)
    spec = catalog.find(manifest.model)
    trainable = spec.shape.lora_parameters(chosen.lora_rank) if spec else 0
    total = spec.shape.parameters + trainable if spec else 0
    seconds, reason = _seconds(spec.shape if spec else None, steps, chosen, workspace)
    return Estimate(rows, steps, per_epoch, trainable, total, seconds, reason)


def steps_per_epoch(rows: int, chosen: Hyperparameters) -> int:
    """Return the steps one pass over `rows` takes."""
    return max(1, math.ceil(rows / (chosen.train_batch * chosen.accumulation)))


def total_steps(rows: int, chosen: Hyperparameters) -> int:
    """Return the steps of a run that is not stopped early."""
    by_epochs = math.ceil(chosen.epochs * steps_per_epoch(rows, chosen))
    return min(by_epochs, chosen.max_steps) if chosen.max_steps else by_epochs


def activations_gb(shape: Shape, chosen: Hyperparameters, bytes_per_value: int) -> float:
    """Return the GB a step's activations take at most: the longest batch the limits allow.

    Kept per token and layer: about 16 values of the model's width and 3 of each feed-forward
    projection's, the attention weights, and the logits once more for their gradient.
    """
    batch = chosen.train_batch
    kept = 16 * shape.d_model + 3 * len(shape.feed_forward) * shape.d_ff
    tokens = chosen.input_tokens + 1.5 * chosen.target_tokens
    attention = shape.heads * (
        chosen.input_tokens**2
        + chosen.target_tokens**2
        + chosen.input_tokens * chosen.target_tokens
    )
    logits = 3 * chosen.target_tokens * shape.rows * 4
    values = batch * shape.layers * (tokens * kept + 2 * attention)
    return (values * bytes_per_value + batch * logits) / 2**30


def _seconds(
    shape: Shape | None, steps: int, chosen: Hyperparameters, workspace: Workspace
) -> tuple[float | None, str]:
    measured = _measured(workspace)
    if shape is None or not measured:
        return None, "no run was measured on this machine yet; the first steps will tell"
    samples = steps * chosen.train_batch * chosen.accumulation
    nearest = min(measured, key=lambda pair: abs(math.log(pair[0] / shape.parameters)))
    rate = nearest[1] * nearest[0] / shape.parameters
    how = "measured" if nearest[0] == shape.parameters else "scaled by size from a run measured"
    return samples / rate, f"{how} on this kind of machine, without validation"


def _measured(workspace: Workspace) -> list[tuple[int, float]]:
    """Return (weights, samples per second) of runs made on this kind of device."""
    here = device.describe().name
    found: list[tuple[int, float]] = []
    for run in runs.discover(workspace):
        try:
            manifest = run.manifest()
        except RunError:
            continue
        spec = catalog.find(manifest.model)
        rate = _rate(run) if spec and any(here in line for line in manifest.device) else None
        if spec and rate:
            found.append((spec.shape.parameters, rate))
    return found


def _rate(run: Run) -> float | None:
    reader = runs.MetricsReader(run.metrics_file)
    rates = [p["samples_per_second"] for p in reader.news() if "samples_per_second" in p]
    return sorted(rates)[len(rates) // 2] if rates else None
