"""What a run will take, before it starts: rows, steps, trainable parameters, time, memory, disk.

Time is never guessed from a table of machines: it is scaled from runs measured on this kind of
device, by the number of weights, and left out where there is none. Memory on a CPU is counted;
on a GPU it is what an earlier run of the same model and batch was seen to take.
"""

import itertools
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from socratic import catalog, device, preview, runs
from socratic.catalog import ModelSpec, Shape
from socratic.data import Corpus
from socratic.errors import RunError
from socratic.recipes import Hyperparameters
from socratic.runs import Manifest, Run
from socratic.workspace import Workspace

# Python, torch, transformers and the data of a run, measured.
PROCESS_GB = 0.55
TOKENIZER_BYTES = 3 * 2**20
# On two cores a model of so many weights trained equally fast with 512 and 1,024 tokens at once,
# and slower with 256 and 2,048; on two with AMX 1,024 were slightly faster than 768 and 1,280.
_PASS_TOKENS, _PASS_WEIGHTS = 1024, 77e6
# The second of two passes side by side is seldom of the longest rows: so much of it was seen.
_SECOND_PASS = 0.7
# What oneDNN keeps of the kernels it makes for each shape in bf16, measured.
_BF16_KERNELS_GB = 0.3
# With 77 million weights two passes side by side are a quarter faster than two cores at one pass,
# with 2 to 4 million slower by over a third: there is little to do between the calls, and each call
# needs the interpreter, for which more than two would only wait.
_PASSES_BESIDE, _BESIDE_FROM_WEIGHTS = 2, 20e6


@dataclass(frozen=True)
class Estimate:
    """What one run will take. seconds is None where nothing was measured to scale from.

    trainable and total count weights; total includes the adapter; both 0 for an unknown shape.
    memory and disk: GB at most, None where unknown.
    """

    rows: int
    steps: int
    steps_per_epoch: int
    trainable: int
    total: int
    seconds: float | None
    reason: str
    memory: float | None = None
    disk: float | None = None

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
    work = _work(corpus, steps, chosen)
    seconds, reason = _seconds(spec.shape if spec else None, work, workspace)
    memory = disk = None
    if spec:
        limits = (chosen.input_tokens, chosen.target_tokens)
        lengths = preview.longest(corpus, spec.key, limits, workspace)
        memory = _memory(manifest, spec, lengths, workspace)
        disk = disk_gb(spec.shape, chosen, rows)
    return Estimate(rows, steps, per_epoch, trainable, total, seconds, reason, memory, disk)


def steps_per_epoch(rows: int, chosen: Hyperparameters) -> int:
    """Return the steps one pass over `rows` takes."""
    return max(1, math.ceil(rows / (chosen.train_batch * chosen.accumulation)))


def total_steps(rows: int, chosen: Hyperparameters) -> int:
    """Return the steps of a run that is not stopped early."""
    by_epochs = math.ceil(chosen.epochs * steps_per_epoch(rows, chosen))
    return min(by_epochs, chosen.max_steps) if chosen.max_steps else by_epochs


def tokens_per_pass(weights: int) -> int:
    """Return how many input tokens go through a model of `weights` weights at once on a CPU.

    Every pass costs calls and every longer one padding, so the best length should fall with the
    square root of what a token costs. Reasoned, not measured, for other sizes; that the smallest
    models do better with a whole batch was seen.
    """
    return round(_PASS_TOKENS * math.sqrt(_PASS_WEIGHTS / weights))


def passes_beside(weights: int, cores: int) -> int:
    """Return how many passes a CPU's cores do side by side when training; 1: one by one."""
    return min(_PASSES_BESIDE, cores) if weights >= _BESIDE_FROM_WEIGHTS else 1


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


def peak_gb(
    shape: Shape, chosen: Hyperparameters, lengths: preview.Limits, wide: int, cores: int
) -> float:
    """Return the GB a training process holds at most on a CPU.

    lengths: tokens of input and target of the longest batch. wide: bytes of a weight. Training's
    and validation's need: neither gives memory back in pieces the other can use.
    """
    weights = shape.parameters * wide
    # fp32: the weights of the adapter, their gradients, and AdamW's two averages.
    adapter = 16 * shape.lora_parameters(chosen.lora_rank)
    work = _validating(shape, chosen, lengths)
    work += _training_bytes(shape, chosen, lengths, wide, cores)
    kernels = _BF16_KERNELS_GB if wide == 2 else 0
    # The proof that a model is sound works on a second copy.
    return PROCESS_GB + kernels + max(2 * weights, weights + adapter + work) / 2**30


def _training_bytes(
    shape: Shape, chosen: Hyperparameters, lengths: preview.Limits, wide: int, cores: int
) -> float:
    """Return what a CPU's passes under way keep for their gradients.

    Per token and layer about 24 values of the model's width and 5 of each feed-forward
    projection's: LoRA drops out the input of every projection and keeps it with its noise.
    """
    inputs, targets = lengths
    kept = 24 * shape.d_model + 5 * len(shape.feed_forward) * shape.d_ff
    pairs = inputs**2 + targets**2 + inputs * targets
    values = shape.layers * ((inputs + 1.5 * targets) * kept + 2 * shape.heads * pairs)
    logits = 3 * targets * shape.rows * 4
    beside = 1 + _SECOND_PASS * (passes_beside(shape.parameters, cores) - 1)
    each = max(1, tokens_per_pass(shape.parameters) // inputs)
    rows = min(chosen.train_batch, each * beside)
    return rows * (values * wide + logits)


def _validating(shape: Shape, chosen: Hyperparameters, lengths: preview.Limits) -> float:
    """Return what a validation batch holds: attention of one layer, and the logits thrice."""
    inputs, targets = lengths
    attention = 3 * shape.heads * inputs**2
    return chosen.eval_batch * 4 * (attention + 3 * targets * shape.rows)


def disk_gb(shape: Shape, chosen: Hyperparameters, rows: int) -> float:
    """Return the GB of a run folder at most, with three checkpoints, and of its tokenised rows."""
    adapter = 4 * shape.lora_parameters(chosen.lora_rank)
    tokens = rows * (chosen.input_tokens + chosen.target_tokens) * 4
    return (3 * (3 * adapter + TOKENIZER_BYTES) + adapter + TOKENIZER_BYTES + tokens) / 2**30


def _memory(
    manifest: Manifest, spec: ModelSpec, lengths: preview.Limits, workspace: Workspace
) -> float | None:
    machine = device.describe()
    chosen = manifest.hyperparameters
    if machine.kind == "cpu" or manifest.cpu:
        plan = device.plan(machine, device.Wishes(cpu=True, precision=chosen.precision))
        return peak_gb(spec.shape, chosen, lengths, 2 if plan.bf16 else 4, plan.threads)
    alike = (
        run
        for run, known in _made_here(workspace)
        if known.model == spec.key and known.hyperparameters.train_batch == chosen.train_batch
    )
    seen = (_newest(run, "gpu_memory") for run in alike)
    return next((value for value in seen if value), None)


def _newest(run: Run, name: str) -> float | None:
    points = runs.MetricsReader(run.metrics_file).news()
    return next((point[name] for point in reversed(points) if name in point), None)


def _work(corpus: Corpus, steps: int, chosen: Hyperparameters) -> tuple[int, int]:
    """Return the rows a run trains on and those its validations look at, all passes together."""
    # One before the first step, and one at the last wherever that is.
    validations = 1 + math.ceil(steps / chosen.eval_steps)
    each = _rows_of_validation(len(corpus.splits.get("validation", ())), chosen)
    return steps * chosen.train_batch * chosen.accumulation, validations * each


@dataclass(frozen=True)
class Speed:
    """How fast a run went. weights: of its model. training: rows a second.

    validating: rows a second whose loss or question a validation made; None where none was timed.
    """

    weights: int
    training: float
    validating: float | None


def _seconds(
    shape: Shape | None, work: tuple[int, int], workspace: Workspace
) -> tuple[float | None, str]:
    measured = list(_measured(workspace))
    if shape is None or not measured:
        return None, "no run was measured on this machine yet; the first steps will tell"
    nearest = min(measured, key=lambda speed: abs(math.log(speed.weights / shape.parameters)))
    longer = shape.parameters / nearest.weights
    seconds = longer * work[0] / nearest.training
    if nearest.validating:
        seconds += longer * work[1] / nearest.validating
    how = "measured" if longer == 1 else "scaled by size from a run measured"
    left_out = [] if nearest.validating else ["validation"]
    left_out += ["stopping early", "the scoring at the end"]
    return seconds, f"{how} on this kind of machine, without {' or '.join(left_out)}"


def _measured(workspace: Workspace) -> Iterator[Speed]:
    """Yield the speeds of the runs made on this kind of device."""
    for run, manifest in _made_here(workspace):
        spec = catalog.find(manifest.model)
        points = runs.MetricsReader(run.metrics_file).news() if spec else []
        rates = [p["samples_per_second"] for p in points if "samples_per_second" in p]
        if spec and rates:
            timed = _validation_seconds(points)
            looked_at = _rows_of_validation(
                manifest.data.counts.get("validation", 0), manifest.hyperparameters
            )
            yield Speed(
                weights=spec.shape.parameters,
                training=statistics.median(rates),
                validating=looked_at / statistics.median(timed) if timed and looked_at else None,
            )


def _validation_seconds(points: Sequence[Mapping[str, float]]) -> list[float]:
    """Return how long each validation took that began at a point of the curve."""
    pairs = itertools.pairwise(points)
    return [
        after["time"] - before["time"]
        for before, after in pairs
        if "eval_loss" in after
        and before["step"] == after["step"]
        and before["time"] < after["time"]
    ]


def _rows_of_validation(rows: int, chosen: Hyperparameters) -> int:
    """Return how many rows one validation asks the model about: all by loss, a sample in words."""
    return rows + min(rows, chosen.sample_rows)


def _made_here(workspace: Workspace) -> Iterator[tuple[Run, Manifest]]:
    """Yield the runs made on this kind of device, the newest first."""
    here = device.describe().name
    for run in runs.discover(workspace):
        try:
            manifest = run.manifest()
        except RunError:
            continue
        if any(here in line for line in manifest.device):
            yield run, manifest
