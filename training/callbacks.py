"""What the Trainer tells us as it goes: curves, status, stop, a loss that is no number."""

import math
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from socratic.errors import RunError
from training import checkpoints, together
from training.progress import Progress
from training.usage import Meter

# The Trainer's names -> the names of the contract.
NAMES = {
    "loss": "loss",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "eval_loss": "eval_loss",
    "eval_rougeL": "rougeL",
}
# How the log says them; what is not here stands in the curves alone.
WORDS = {
    "loss": "loss {:.4f}",
    "eval_loss": "validation loss {:.4f}",
    "rougeL": "ROUGE-L {:.4f}",
    "grad_norm": "gradient norm {:.2f}",
    "learning_rate": "learning rate {:.2e}",
    "samples_per_second": "{:.1f} rows/s",
    "tokens_per_second": "{:,.0f} tokens/s",
    "memory": "{:.2f} GB",
    "gpu_memory": "{:.2f} GB of the GPU",
}


class Recorder(TrainerCallback):  # type: ignore[misc]
    """Writes every measurement to the run folder and ends the run when asked to.

    rows_per_step: rows of one step over all devices and accumulated batches.
    before: seconds trained before this process, for a run that goes on from a checkpoint.
    origin: what its checkpoints are marked with. meter: measures what the run takes.
    """

    def __init__(
        self,
        progress: Progress,
        rows_per_step: int,
        before: float,
        origin: checkpoints.Origin,
        meter: Meter,
    ) -> None:
        self._progress = progress
        self._origin = origin
        self._meter = meter
        self._rows_per_step = rows_per_step
        self._start = time.monotonic() - before
        self._since: tuple[float, int, int] | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Tell how many steps there will be."""
        self._progress.update(phase="training", total_steps=state.max_steps, message="")
        self._mark(state)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Tell the step; save and stop when asked, validate and save at the very last one."""
        self._progress.update(step=state.global_step, epoch=round(state.epoch or 0.0, 4))
        if self._progress.stop_asked():
            # What was not logged yet would be lost; a validation that is due is made on resuming.
            control.should_log = control.should_save = control.should_training_stop = True
            control.should_evaluate = False
        elif state.global_step >= state.max_steps:
            control.should_evaluate = control.should_save = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Write a point of the curves; a loss that is no number ends the run."""
        logs: dict[str, float] = kwargs["logs"]
        point = {ours: logs[theirs] for theirs, ours in NAMES.items() if theirs in logs}
        if not point:
            return
        _refuse_no_number(point, state.global_step)
        if "loss" in point:
            point |= self._speed(state) | self._meter.read()
            self._mark(state)
        seconds = round(time.monotonic() - self._start, 3)
        where = {"step": state.global_step, "epoch": round(state.epoch or 0.0, 4)}
        self._progress.record({**where, "time": seconds, **point})
        if together.rank() == 0:
            print(line(where | point))

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Mark the checkpoint just saved as whole, and say where it comes from."""
        if together.rank() == 0:
            checkpoints.mark(
                Path(args.output_dir) / f"checkpoint-{state.global_step}", self._origin
            )

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Keep the time a validation took out of the speed of training."""
        self._mark(state)
        self._progress.update(phase="training")

    def _mark(self, state: TrainerState) -> None:
        self._since = (time.monotonic(), state.global_step, int(state.num_input_tokens_seen))

    def _speed(self, state: TrainerState) -> dict[str, float]:
        if self._since is None:
            return {}
        then, step, tokens = self._since
        seconds, steps = time.monotonic() - then, state.global_step - step
        if seconds <= 0 or steps <= 0:
            return {}
        rows = steps * self._rows_per_step
        read = int(state.num_input_tokens_seen) - tokens
        return {
            "samples_per_second": round(rows / seconds, 2),
            "tokens_per_second": round(read / seconds, 1),
        }


def line(point: dict[str, float]) -> str:
    """Return a point of the curves as a line of the log."""
    said = [form.format(point[name]) for name, form in WORDS.items() if name in point]
    return "  ".join([f"step {point['step']:,} (epoch {point['epoch']:.2f})", *said])


def _refuse_no_number(point: dict[str, float], step: int) -> None:
    for name in ("loss", "eval_loss", "grad_norm"):
        if not math.isfinite(point.get(name, 0.0)):
            raise RunError(
                f"The {name} became {point[name]} at step {step}: most often a learning rate that "
                "is too high, or half precision; the last good checkpoint is kept. Lower "
                "learning_rate or set precision to fp32."
            )
