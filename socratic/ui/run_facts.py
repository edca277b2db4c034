"""What one run is doing, in words: best so far, speed, memory, and what it asks as it learns."""

from collections.abc import Sequence
from html import escape
from typing import Any

from socratic.device import Machine
from socratic.prompts import TYPE_KEYS, question_type
from socratic.runs import MetricsReader, Run
from socratic.ui import parts
from socratic.ui.run_views import View

# Above this share of the memory, or of the processor, a machine is well used.
ENOUGH_MEMORY, ENOUGH_PROCESSOR = 0.45, 50.0
# A larger batch is proposed only as far as it fits with some room.
ROOM = 0.85
LARGEST_BATCH = 1024
SHOWN = 6


def facts(view: View) -> str:
    """Return best value, patience left, speed and memory of a run, as one line of markup."""
    found = [_best(view), _patience(view), _speed(view), _memory(view)]
    said = [text for text in found if text]
    return f'<p class="facts">{" · ".join(said)}</p>' if said else ""


def _best(view: View) -> str:
    if view.best is None:
        return ""
    return f"best ROUGE-L <b>{view.best:.3f}</b> at step {view.best_step:,}"


def _patience(view: View) -> str:
    if view.patience is None or not view.alive or view.best is None:
        return ""
    plural = "" if view.patience == 1 else "s"
    return f"<b>{view.patience}</b> validation{plural} without a gain until it stops"


def _speed(view: View) -> str:
    rows, tokens = (view.newest.get(f"{name}_per_second") for name in ("samples", "tokens"))
    if rows is None:
        return ""
    return f"<b>{rows:,.1f}</b> rows/s" + (f", {tokens:,.0f} tokens/s" if tokens else "")


def _memory(view: View) -> str:
    newest = view.newest
    if "gpu_memory" in newest:
        use = newest.get("gpu_utilisation")
        busy = f", {use:.0f} % busy" if use is not None else ""
        return f"GPU memory <b>{newest['gpu_memory']:.1f} GB</b>{busy}"
    if "memory" not in newest:
        return ""
    use = newest.get("cpu_utilisation", 0.0)
    peak = newest.get("memory_peak", newest["memory"])
    return (
        f"memory <b>{newest['memory']:.1f} GB</b> (at most {peak:.1f}), processor {use:.0f} % busy"
    )


def hint(view: View, machine: Machine) -> str:
    """Return what a run leaves unused of its machine and how to use it, or nothing."""
    if not view.alive or view.manifest is None or not view.newest:
        return ""
    used = view.newest.get("gpu_memory")
    if used is None:
        return _idle_processor(view.newest.get("cpu_utilisation"))
    share = used / machine.memory_gb if machine.memory_gb else 1.0
    batch = fitting(view.manifest.hyperparameters.train_batch, share)
    if share >= ENOUGH_MEMORY or batch <= view.manifest.hyperparameters.train_batch:
        return ""
    return f"The GPU is underused: {share:.0%} of its memory; a train_batch of {batch} would fit."


def fitting(batch: int, share: float) -> int:
    """Return the largest batch, doubled and doubled again, that fits where `batch` takes `share`.

    Weights are counted as if they grew along, so that it errs on the safe side.
    """
    largest = batch
    while share > 0 and share * (2 * largest / batch) <= ROOM and 2 * largest <= LARGEST_BATCH:
        largest *= 2
    return largest


def _idle_processor(busy: float | None) -> str:
    if busy is None or busy >= ENOUGH_PROCESSOR:
        return ""
    return (
        f"The processor is underused: this run keeps {busy:.0f} % of it busy; other programs take "
        "the rest, or OMP_NUM_THREADS is below the number of cores."
    )


def samples_stamp(view: View | None) -> tuple[Any, ...]:
    """Return what changes whenever the sample questions of a run do."""
    if view is None or not view.run.samples_file.exists():
        return (view and view.run.id, 0)
    return (view.run.id, view.run.samples_file.stat().st_size)


def samples(view: View | None) -> str:
    """Return what a run asked about its sample rows, from its first validation to its newest."""
    said = _samples(view.run) if view else []
    if not said:
        return ""
    chosen = spread(said, SHOWN)
    rows = "".join(_row(chosen, i) for i in range(len(said[-1]["questions"])))
    heads = "".join(f"<th>step {each['step']:,}</th>" for each in chosen)
    return (
        "<details open><summary>What it asks about three validation rows, as it learns</summary>"
        f'<div class="scroll"><table class="samples"><thead><tr><th>Opinion</th>{heads}'
        f"<th>People asked</th></tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _samples(run: Run) -> list[dict[str, Any]]:
    found = MetricsReader(run.samples_file).news()
    return [each for each in found if isinstance(each.get("questions"), list) and each["questions"]]


def spread(values: Sequence[Any], most: int) -> list[Any]:
    """Return at most `most` of the values, the first and the last among them, evenly apart."""
    if len(values) <= most:
        return list(values)
    return [values[round(i * (len(values) - 1) / (most - 1))] for i in range(most)]


def _row(chosen: Sequence[dict[str, Any]], place: int) -> str:
    newest = chosen[-1]["questions"][place]
    key = newest["type"]
    kind = question_type(key).label if key in TYPE_KEYS else key
    asked = [
        each["questions"][place]["question"] if place < len(each["questions"]) else ""
        for each in chosen
    ]
    cells = "".join(f"<td>{escape(text) or '(nothing)'}</td>" for text in asked)
    return (
        f"<tr><td>{parts.badge(kind)} {escape(newest['context'])}</td>{cells}"
        f"<td>{escape(newest['reference'])}</td></tr>"
    )
