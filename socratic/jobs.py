"""Queue, start, stop and resume of runs. Page and process meet in files only.

A run waits with the state `queued`; one detached runner per workspace (`python -m training work`)
drains the queue, with or without the app. Every process has its own session and logs to a file.
"""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from socratic import decoding, device, runs
from socratic.catalog import ROOT
from socratic.errors import RunError
from socratic.recipes import Hyperparameters
from socratic.runs import Manifest, Run, Status
from socratic.scoring.extras import AUTO, Extras
from socratic.workspace import Workspace, write_json

RUNNER_LOG = "runner.log"


def submit(workspace: Workspace, manifests: Sequence[Manifest]) -> list[Run]:
    """Queue runs in the order given, make sure somebody drains the queue, and return them."""
    made = [runs.create(workspace, manifest) for manifest in manifests]
    with _order_lock(workspace):
        _write_order(workspace, [*_order(workspace), *(run.id for run in made)])
    ensure_runner(workspace)
    return made


def queued(workspace: Workspace) -> list[Run]:
    """Return the waiting runs, next one first."""
    waiting = [run for run in runs.discover(workspace) if _state(run) == "queued"]
    place = {run_id: i for i, run_id in enumerate(_order(workspace))}
    # A run whose place was lost (a crash between two writes) comes last, not never.
    return sorted(waiting, key=lambda run: (place.get(run.id, len(place)), run.id))


def active(workspace: Workspace) -> list[Run]:
    """Return the runs whose process is alive."""
    return [run for run in runs.discover(workspace) if _state(run) in runs.ALIVE]


def _state(run: Run) -> str:
    try:
        return run.status().state
    except RunError:
        return "damaged"


def move(workspace: Workspace, run: Run, place: int) -> None:
    """Give a waiting run another place in the queue; 1 is next, beyond the last is last.

    Raises RunError when it does not wait.
    """
    with _order_lock(workspace):
        waiting = [other.id for other in queued(workspace)]
        if run.id not in waiting:
            raise RunError(f"The run {run.id!r} does not wait in the queue.")
        waiting.remove(run.id)
        waiting.insert(max(0, place - 1), run.id)
        _write_order(workspace, waiting)


def clear(workspace: Workspace) -> list[Run]:
    """Take every waiting run out of the queue and return them; what runs goes on."""
    waiting = queued(workspace)
    for run in waiting:
        stop(run)
    return waiting


def stop(run: Run, now: bool = False) -> None:
    """Ask a run to save a checkpoint and end, or end it `now`; take a waiting one off the queue.

    Raises RunError when it is neither waiting nor running.
    """
    status = run.status()
    if status.state == "queued":
        _finish(run, status, "stopped", "taken off the queue")
        return
    process = runs.process_of(status)
    if status.state not in runs.ALIVE or process is None:
        raise RunError(f"The run {run.id!r} is not running ({status.state}).")
    run.stop_file.touch()
    if now:
        _end_now(process)
        _finish(run, run.written_status(), "stopped", runs.ENDED_AT_ONCE)


def _end_now(process: psutil.Process) -> None:
    """Kill a run's process and all it started; those it launched have sessions of their own."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for each in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(family, timeout=30)


def _finish(run: Run, status: Status, state: runs.State, message: str) -> None:
    update = {"state": state, "message": message, "updated": time.time(), "pid": None}
    run.write_status(status.model_copy(update=update))


def resume(workspace: Workspace, run: Run) -> None:
    """Queue a stopped or failed run again; it goes on from its newest complete checkpoint."""
    # The lock: a runner that is just writing that the run failed must not undo what is put here.
    with _order_lock(workspace):
        status = run.status()
        if run.bundled or status.state not in ("stopped", "failed"):
            raise RunError(f"The run {run.id!r} cannot be resumed: it is {status.state}.")
        run.stop_file.unlink(missing_ok=True)
        update = {"state": "queued", "message": "waiting to go on", "pid": None}
        run.write_status(status.model_copy(update={**update, "updated": time.time()}))
        _write_order(workspace, [key for key in _order(workspace) if key != run.id] + [run.id])
    ensure_runner(workspace)


def ensure_runner(workspace: Workspace) -> None:
    """Start the detached runner unless one is at work; a superfluous one ends by itself."""
    if queued(workspace) and not runner_alive(workspace):
        spawn(["work", "--workspace", str(workspace.root)], workspace.queue / RUNNER_LOG)


def runner_alive(workspace: Workspace) -> bool:
    """Return whether a runner drains this workspace's queue."""
    try:
        with runner_lock(workspace).acquire(timeout=0):
            return False
    except Timeout:
        return True


def runner_lock(workspace: Workspace) -> FileLock:
    """Return the lock its runner holds; the system lets go of it when the process dies."""
    return FileLock(workspace.queue / "runner.lock")


def accelerator_lock(workspace: Workspace) -> FileLock:
    """Return the lock a process that trains or evaluates holds, so that only one does."""
    return FileLock(workspace.queue / "accelerator.lock")


def spawn(
    arguments: Sequence[str], log: Path, package: str = "training"
) -> subprocess.Popen[bytes]:
    """Start `python -m PACKAGE ARGUMENTS` in its own session, its output appended to `log`.

    A file, never a pipe: a pipe nobody reads stops the process when it is full.
    """
    # Threads that wait by spinning keep app, browser and other runs from the cores they wait for;
    # asleep at once they make a lone run half as slow again (benchmarks/README.md).
    waiting = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "3000", **os.environ}
    environment = {**waiting, "PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", package, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Somebody must wait for it, or it stays as a zombie for as long as the app lives.
    threading.Thread(target=process.wait, daemon=True).start()
    return process


def drain(workspace: Workspace) -> None:
    """Run what waits, one after the other, until nothing does: the runner's whole work."""
    try:
        with runner_lock(workspace).acquire(timeout=0):
            while True:
                for left in active(workspace):  # of a runner that was killed
                    _wait(left)
                waiting = queued(workspace)
                if not waiting:
                    return
                _execute(workspace, waiting[0])
    except Timeout:
        return


def _execute(workspace: Workspace, run: Run) -> None:
    before = run.written_status()
    process = spawn(["execute", run.id, "--workspace", str(workspace.root)], run.log_file)
    process.wait()
    with _order_lock(workspace):
        status = run.written_status()
        if status.state == "queued" and status.updated > before.updated:
            return  # resumed while its stopped process was still on its way out: it waits again
        if status.state in ("queued", *runs.ALIVE):
            seen = run.status()
            if seen.state == "stopped":  # somebody pressed stop now, and may be writing the same
                _finish(run, status, "stopped", seen.message)
            else:
                message = seen.message if seen.state == "failed" else _unstarted(run)
                _finish(run, status, "failed", message)


def _unstarted(run: Run) -> str:
    said = run.log_tail(5).splitlines()
    return "The process ended before it began" + (f": {said[-1][:300]}" if said else ".")


def _wait(run: Run) -> None:
    process = runs.process_of(run.written_status())
    if process is not None:
        process.wait()


def follow(run: Run, interval: float = 0.5) -> Iterator[Status]:
    """Yield the status of a run each time it changes, until it has ended."""
    seen: Status | None = None
    while True:
        status = run.status()
        if status != seen:
            yield status
            seen = status
        if status.state not in ("queued", *runs.ALIVE):
            return
        time.sleep(interval)


def _order_lock(workspace: Workspace) -> FileLock:
    return FileLock(workspace.queue / "order.lock", timeout=10)


def _order(workspace: Workspace) -> list[str]:
    try:
        order = json.loads((workspace.queue / "order.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return []  # the order is a wish; what waits is told by the run folders
    return [str(key) for key in order] if isinstance(order, list) else []


def _write_order(workspace: Workspace, order: Sequence[str]) -> None:
    waiting = [key for key in order if (workspace.runs / key / "manifest.json").is_file()]
    write_json(workspace.queue / "order.json", waiting[-1000:])


def command_line(manifest: Manifest) -> str:
    """Return the command that repeats a run, to read and to copy."""
    if manifest.kind == "evaluation":
        words = ["evaluate", manifest.of_run or manifest.adapter or manifest.model]
        words += ["--data", manifest.data.source, "--split", manifest.evaluate or "test"]
        words += [] if manifest.limit is None else ["--limit", str(manifest.limit)]
        name = decoding.name_of(manifest.decoding)
        words += ["--decoding", name] if name not in ("thesis", "custom") else []
        words += _extras(manifest.extras)
    else:
        words = ["run", "--model", manifest.model, "--data", manifest.data.source]
        words += ["--recipe", manifest.recipe, *_settings(manifest)]
        words += ["--evaluate", manifest.evaluate] if manifest.evaluate else []
    words += ["--cpu"] if manifest.cpu else []
    return shlex.join(["python", "-m", "training", *words]) + _launched(manifest)


def _launched(manifest: Manifest) -> str:
    """Return, as a comment, what the command starts on a machine with several GPUs."""
    chosen = manifest.hyperparameters
    count = device.processes(device.describe(), chosen.train_batch, chosen.processes, manifest.cpu)
    if manifest.kind == "evaluation" or count == 1:
        return ""
    rows = chosen.train_batch // count
    return f"  # accelerate launch --num_processes {count}, {rows} rows of each batch in every one"


def _extras(chosen: Extras) -> list[str]:
    words = [] if chosen.bertscore == AUTO else ["--bertscore", chosen.bertscore]
    words += [] if chosen.layer is None else ["--layer", str(chosen.layer)]
    words += ["--rescale"] if chosen.rescale else []
    return words + ([] if chosen.labels == AUTO else ["--labels", chosen.labels])


def _settings(manifest: Manifest) -> list[str]:
    from socratic import recipes

    known = recipes.names()
    usual = (
        recipes.load(manifest.recipe).hyperparameters
        if manifest.recipe in known
        else Hyperparameters()
    )
    chosen = manifest.hyperparameters.model_dump()
    changed = {key: value for key, value in chosen.items() if value != getattr(usual, key)}
    return [word for key, value in changed.items() for word in ("--set", f"{key}={value}")]
