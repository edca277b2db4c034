"""One run on several devices: `accelerate launch` starts a process on each, and they agree.

The process that was asked to execute the run launches the others, waits, and alone writes how it
ended. Of those, the first (rank 0) writes the run's files; where they part ways they would wait
for each other for ever, so whatever decides that is told by the first to all.
"""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import psutil

from socratic.device import Plan
from socratic.errors import RunError, SocraticError
from socratic.runs import MetricsReader, Run
from socratic.workspace import Workspace
from training.progress import Progress, Stopped, told

T = TypeVar("T")
REASON = "failure.txt"


def rank() -> int:
    """Return this process's number among those of its run; 0 is the first, or the only one."""
    return int(os.environ.get("RANK", "0"))


def size() -> int:
    """Return how many processes train this run together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def arguments(run_id: str, workspace: Workspace, processes: int) -> list[str]:
    """Return the words after `accelerate launch` that train a run in so many processes."""
    words = ["--multi_gpu", "--num_processes", str(processes), "--num_machines", "1"]
    words += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    return [*words, "--module", "training", "share", run_id, "--workspace", str(workspace.root)]


def launch(run: Run, workspace: Workspace, processes: int, plan: Plan) -> None:
    """Train a run in several processes and wait for them; raise RunError when one of them failed.

    Within this process, not in one more: when it is killed its children lose their parent and
    end, and nobody is left who would have to notice.
    """
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    reason = run.path / REASON
    reason.unlink(missing_ok=True)
    # Each process would take all cores for itself; an own wish for fewer stays.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, plan.threads // processes)))
    given = launch_command_parser().parse_args(arguments(run.id, workspace, processes))
    try:
        launch_command(given)
    except SignalException:  # asked to end: it told the others, who saved a checkpoint
        raise Stopped from None
    except ChildFailedError:
        known = reason.read_text(encoding="utf-8") if reason.is_file() else ""
        raise RunError(
            known or "One of the processes that trained together was killed; resume the run."
        ) from None


def share(workspace: Workspace, run: Run) -> int:
    """Do this process's share of a training and return the exit status."""
    from training.execute import train_only

    signal.signal(signal.SIGTERM, lambda *_: run.stop_file.touch())
    try:
        train_only(workspace, run, SharedProgress(run))
    except Stopped:  # before there was a checkpoint to save
        return 0
    except Exception as error:
        if not isinstance(error, SocraticError):
            traceback.print_exc()
        # What the first says that fails is the reason; the others only lost their company.
        with contextlib.suppress(FileExistsError), (run.path / REASON).open("x") as file:
            file.write(told(error))
        print(f"error: process {rank()}: {told(error)}", file=sys.stderr)
        return 1
    return 0


def join(cpu: bool) -> None:
    """Meet the other processes of this run, each on its own device."""
    if size() > 1:
        import torch
        from accelerate import PartialState

        PartialState(cpu=cpu)
        if not torch.distributed.is_initialized():
            raise RunError("The processes that train together could not find each other.")


def first_alone() -> AbstractContextManager[Any]:
    """Let the first process go ahead, so that the others find in the cache what it made."""
    if size() == 1:
        return contextlib.nullcontext()
    from accelerate import PartialState

    state: AbstractContextManager[Any] = PartialState().main_process_first()
    return state


def agreed(value: bool) -> bool:
    """Return what the first process says; every process must ask at the same point."""
    if size() == 1:
        return value
    from accelerate.utils import broadcast_object_list

    return bool(broadcast_object_list([value])[0])


def merged(values: Mapping[int, T]) -> dict[int, T]:
    """Return the entries of every process in one dictionary, the same for all."""
    if size() == 1:
        return dict(values)
    from accelerate.utils import gather_object

    return {key: value for part in gather_object([dict(values)]) for key, value in part.items()}


class SharedProgress(Progress):
    """A run's progress among several processes: the first writes, all stop at the same point."""

    def __init__(self, run: Run) -> None:
        # The process that launched this one is the run's: it lives as long as the run does.
        self._parent = os.getppid()
        super().__init__(run, psutil.Process(self._parent))

    def update(self, **values: Any) -> None:
        """Change the status, where it is the first process's."""
        if rank() == 0:
            super().update(**values)

    def stop_asked(self) -> bool:
        """Return whether to stop, the same for all; raise RunError once the launcher is gone."""
        if os.getppid() != self._parent:
            raise RunError("The process that launched this one was killed.")
        return agreed(super().stop_asked())

    def record(self, point: Mapping[str, Any]) -> None:
        """Append one line to the metrics, once."""
        if rank() == 0:
            super().record(point)

    def show(self, step: int, questions: Any) -> None:
        """Append what the run asks, once."""
        if rank() == 0:
            super().show(step, questions)

    def rewind(self, step: int) -> list[dict[str, Any]]:
        """Drop what was recorded after `step`, once, and return what was measured until then."""
        if rank() == 0:
            return super().rewind(step)
        return [p for p in MetricsReader(self.run.metrics_file).news() if p["step"] <= step]
