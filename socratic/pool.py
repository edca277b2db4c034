"""The models kept loaded between requests: where they are put, what they take, letting them go.

While a run holds the GPU they are put on the CPU: training must not run out of memory because
somebody asks a question.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from socratic import adapters, catalog, device, jobs, memory
from socratic.access import Limits
from socratic.device import Plan, Wishes
from socratic.engines import Engine, fast_engine, lent_engine
from socratic.errors import ModelError, RunError, SocraticError, UsageError
from socratic.runs import Run
from socratic.systems import System
from socratic.workspace import Workspace

ENGINES = ("auto", "torch", "fast")
# Weights of fp32 and what a short batch needs beside them.
ROOM = 1.25
# Weights from which on a model is asked with int8 weights on a CPU; smaller ones are quick as
# they are, and their answers are those that were scored.
LARGE = 50_000_000


@dataclass(frozen=True)
class Held:
    """A model in memory. device: where. stamp: of the adapter's files when it was read."""

    system: System
    engine: Engine
    device: str
    stamp: adapters.Stamp


class Pool:
    """Keeps models loaded between requests; safe to use from several threads.

    engine: one of ENGINES, what makes the tokens; `auto` takes the quickest that is worth it.
    workspace: where models are looked for. limits: what one request may ask; none on an owner's
    own page.
    """

    def __init__(
        self, workspace: Workspace, engine: str = "auto", limits: Limits | None = None
    ) -> None:
        self.limits = limits
        self.workspace = workspace
        self._wished = wished(engine)
        self._held: dict[str, Held] = {}
        # Why what was to be placed at the start was not; None where models come when asked.
        self._unplaced: dict[str, str] | None = None
        self._lock = threading.Lock()

    def engine(self, system: System) -> Engine:
        """Return the engine of a system, loaded on first use; raise ModelError otherwise.

        One whose adapter has changed since, or that is on another device than it should be now,
        is loaded anew. Raises MemoryError where it would not fit.
        """
        if system.missing:
            raise ModelError(system.missing)
        with self._lock:
            plan, _ = placement(self.workspace)
            stamp = adapters.stamp(system.adapter)
            held = self._held.get(system.key)
            if held is None or (held.device, held.stamp) != (plan.device, stamp):
                self._held.pop(system.key, None)
                self._check_placed(system)
                engine = self._load(system, plan)
                self._held[system.key] = Held(system, engine, plan.device, stamp)
            return self._held[system.key].engine

    def place(self, systems: Sequence[System]) -> None:
        """Load these at once, as ZeroGPU needs it; one that cannot be is told when it is asked."""
        lent_engine.prepare()
        unplaced = {}
        for system in systems:
            try:
                self.engine(system)
            except SocraticError as error:
                unplaced[system.key] = str(error)
        self._unplaced = unplaced

    def _check_placed(self, system: System) -> None:
        # `spaces` takes models at the start alone, while the main thread puts them on its GPU.
        if self._unplaced is not None:
            late = f"{system.title} was not there when this Space started; start it again."
            raise ModelError(self._unplaced.get(system.key, late))

    def _load(self, system: System, plan: Plan) -> Engine:
        if lent_engine.is_lent():
            return lent_engine.LentEngine(self._loaded(system, plan))
        return self._loaded(system, plan)

    def _loaded(self, system: System, plan: Plan) -> Engine:
        _check_room(system, plan)
        if self._wished == "fast" or (self._wished == "auto" and _is_quicker(system, plan)):
            return fast_engine.load(system, plan.threads, self.workspace)
        with memory.uncollected():
            from socratic.engines.torch_engine import TorchEngine
            from socratic.loading import load
        return TorchEngine(load(system.model, plan, system.adapter, self.workspace))

    def held(self) -> list[Held]:
        """Return the models in memory, by key."""
        return [held for _, held in sorted(self._held.items())]

    def loaded(self) -> list[str]:
        """Return the keys of the systems in memory."""
        return sorted(self._held)

    def sweep(self, system: System) -> None:
        """Give the memory of a model back that was let go while it was answering."""
        if system.key not in self._held:
            memory.give_back()

    def settle(self) -> str:
        """Let go of models that are where they should not be now; return why, in words."""
        plan, why = placement(self.workspace)
        self._drop([held.system.key for held in self.held() if held.device != plan.device])
        return why

    def unload(self, key: str | None = None) -> None:
        """Let go of one model, or of every one, and give the memory back.

        One that is answering just now goes when it has answered.
        """
        self._drop(self.loaded() if key is None else [key])

    def _drop(self, keys: Sequence[str]) -> None:
        with self._lock:
            dropped = [self._held.pop(key, None) is not None for key in keys]
        if any(dropped):
            memory.give_back()


def placement(workspace: Workspace) -> tuple[Plan, str]:
    """Return where models are put now, and in words what a run at work changes about it."""
    machine = device.describe()
    busy = jobs.active(workspace)
    if not busy:
        return device.plan(machine), ""
    if machine.kind == "cpu" or all(_on_cpu(run) for run in busy):
        why = f"The run {busy[0].id} is computing on this machine too: answers take longer."
        return device.plan(machine), why
    return device.plan(machine, Wishes(cpu=True)), (
        f"The run {busy[0].id} holds the GPU: questions are made on the CPU, which takes longer."
    )


def _on_cpu(run: Run) -> bool:
    try:
        return run.manifest().cpu
    except RunError:
        return False


def wished(engine: str) -> str:
    """Return `engine` if it can be had; raise UsageError naming those that can otherwise."""
    if engine not in ENGINES:
        raise UsageError(f"There is no engine {engine!r}; choose from {', '.join(ENGINES)}.")
    if engine == "fast" and not fast_engine.available():
        raise UsageError("The engine 'fast' needs CTranslate2: `pip install 'ctranslate2>=4.8'`.")
    return engine


def _is_quicker(system: System, plan: Plan) -> bool:
    """Return whether int8 weights are worth their rounding: on a CPU, for a model of some size."""
    large = system.size >= LARGE
    return plan.device == "cpu" and large and fast_engine.available()


def _check_room(system: System, plan: Plan) -> None:
    """Raise MemoryError before the system would end the whole app for want of memory."""
    if plan.device != "cpu" or catalog.find(system.model) is None:
        return
    needed, free = ROOM * system.size * (2 if plan.bf16 else 4), memory.available()
    if needed > free:
        raise MemoryError(
            f"it needs about {needed / memory.GB:.1f} GB, {free / memory.GB:.1f} GB are free"
        )
