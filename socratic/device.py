"""What this machine is -> a precision plan, with its reasons in words.

`describe` looks without importing torch, so that the page is up before torch is; the rules in
`plan` are a pure function of the description and can be tested for machines one does not have.
"""

import importlib.util
import math
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import psutil

Kind = Literal["cuda", "mps", "cpu"]
Dtype = Literal["bfloat16", "float32"]

AMPERE = (8, 0)
# Oldest driver the CUDA of a wheel runs on: NVIDIA's CUDA compatibility table.
OLDEST_DRIVER = {12: 525, 13: 580}
CPU_BF16_FLAGS = {"amx_bf16", "avx512_bf16"}
# Share of the accelerator's memory that activations may take before they are recomputed instead.
ACTIVATION_SHARE = 0.6


@dataclass(frozen=True)
class Machine:
    """A machine as far as precision depends on it.

    memory_gb: the accelerator's, or the machine's on a CPU. unseen: why torch cannot use a GPU
    that is there, with the mending command; empty when all is well.
    """

    kind: Kind
    name: str
    memory_gb: float
    cores: int = 1
    count: int = 1
    capability: tuple[int, int] | None = None
    cpu_bf16: bool = False
    unseen: str = ""


@dataclass(frozen=True)
class Plan:
    """How to compute on a machine; `reasons` say why, `sentence` is the page's header.

    batch: rows of one batch when a split is scored. workers: processes that make batches.
    parts: whether a batch is trained in parts of like length, not as a whole. passes: in how many
    parts a batch of the longest rows is trained, for its activations to fit in memory.
    """

    device: Kind
    dtype: Dtype
    tf32: bool
    optimizer: str
    activation_checkpointing: bool
    batch: int
    parts: bool
    passes: int
    workers: int
    threads: int
    sentence: str
    reasons: tuple[str, ...]

    @property
    def bf16(self) -> bool:
        """Whether the base computes in bf16."""
        return self.dtype == "bfloat16"


@dataclass(frozen=True)
class Wishes:
    """What a user asked for instead of leaving it to the machine."""

    cpu: bool = False
    precision: str = "auto"
    optimizer: str = "auto"
    activation_checkpointing: str = "auto"


@cache
def describe() -> Machine:
    """Return this machine: an NVIDIA GPU torch can use, else Apple's, else the CPU."""
    if os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true"):
        # Nothing shows it before it is lent: half of an H200, for seconds.
        return Machine("cuda", "ZeroGPU, lent for each question", 70.0, _cores(), 1, (9, 0))
    unseen = ""
    gpus = _nvidia_gpus()
    if gpus:
        unseen = _why_unseen(gpus[0]["driver"])
        if not unseen:
            return _cuda(gpus)
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return Machine("mps", _cpu_name(), _memory_gb(), cores=_cores())
    bf16 = bool(_cpu_flags() & CPU_BF16_FLAGS)
    return Machine("cpu", _cpu_name(), _memory_gb(), _cores(), cpu_bf16=bf16, unseen=unseen)


def _cuda(gpus: list[dict[str, str]]) -> Machine:
    first = gpus[0]
    major, _, minor = first["capability"].partition(".")
    return Machine(
        kind="cuda",
        name=first["name"],
        memory_gb=round(float(first["memory"]) / 1024, 1),
        cores=_cores(),
        count=_visible(len(gpus)),
        capability=(int(major), int(minor or 0)),
    )


def processes(machine: Machine, batch: int, wished: int = 0, cpu: bool = False) -> int:
    """Return in how many processes a run trains: one per GPU, as far as they share a batch evenly.

    batch: rows of one batch over all of them. wished: another number than the GPUs there are;
    on a CPU one process uses every core, and more are made only where that is wished for.
    """
    gpus = machine.count if machine.kind == "cuda" and not cpu else 0
    most = min(wished, gpus or wished) if wished else max(1, gpus)
    return max(count for count in range(1, most + 1) if batch % count == 0)


def see_one() -> None:
    """Hide every GPU but the first from torch, which is not imported yet."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[0]


def _visible(count: int) -> int:
    """Return how many of `count` GPUs the user left in sight."""
    wish = os.environ.get("CUDA_VISIBLE_DEVICES")
    return count if wish is None else min(count, len([word for word in wish.split(",") if word]))


def _nvidia_gpus() -> list[dict[str, str]]:
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1") or not shutil.which("nvidia-smi"):
        return []
    query = "name,memory.total,compute_cap,driver_version"
    try:
        answer = subprocess.run(
            ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []  # a driver that does not answer is a GPU one cannot use
    keys = ("name", "memory", "capability", "driver")
    rows = [[cell.strip() for cell in line.split(",")] for line in answer.stdout.splitlines()]
    return [dict(zip(keys, row, strict=True)) for row in rows if len(row) == len(keys)]


def _why_unseen(driver: str) -> str:
    cuda = torch_cuda()
    if cuda is None:
        return (
            "An NVIDIA GPU is here, but this torch is built for the CPU; "
            "`pip install --force-reinstall torch --index-url "
            "https://download.pytorch.org/whl/cu126` mends it."
        )
    needed = OLDEST_DRIVER.get(int(cuda.partition(".")[0]), 0)
    if int(driver.partition(".")[0]) < needed:
        return (
            f"An NVIDIA GPU is here, but its driver {driver} is too old for torch with CUDA {cuda} "
            f"(needs {needed} or newer); `pip install --force-reinstall torch --index-url "
            "https://download.pytorch.org/whl/cu126` mends it, or update the driver."
        )
    return ""


def torch_cuda() -> str | None:
    """Return the CUDA version the installed torch is built for, read without importing it."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return None
    text = Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    match = re.search(r"^cuda[^=]*= *'([\d.]+)'", text, re.MULTILINE)
    return match.group(1) if match else None


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        match = re.search(r"^model name\s*: (.+)$", info.read_text(), re.MULTILINE)
        if match:
            return re.sub(r"\s+", " ", match.group(1)).strip()
    return platform.processor() or platform.machine()


def _cpu_flags() -> set[str]:
    info = Path("/proc/cpuinfo")
    match = (
        re.search(r"^flags\s*: (.+)$", info.read_text(), re.MULTILINE) if info.exists() else None
    )
    return set(match.group(1).split()) if match else set()


def _memory_gb() -> float:
    return round(psutil.virtual_memory().total / 2**30, 1)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def plan(
    machine: Machine,
    wishes: Wishes | None = None,
    activations_gb: float | None = None,
    rows: int = 1,
) -> Plan:
    """Return how to compute on `machine`.

    activations_gb: what a training step's activations take at most, where that is known. rows: of
    its batch, where that may be trained in several passes; 1 where it may not.
    """
    wishes = wishes or Wishes()
    if wishes.cpu and machine.kind != "cpu":
        machine = Machine("cpu", _cpu_name(), _memory_gb(), machine.cores)
    dtype, why = _dtype(machine, wishes.precision)
    reasons = [why]
    tf32 = machine.kind == "cuda" and (machine.capability or (0, 0)) >= AMPERE
    if tf32:
        reasons.append("TF32 for what stays in fp32: Ampere or newer.")
    optimizer = "adamw_torch_fused" if wishes.optimizer == "auto" else wishes.optimizer
    reasons.append(f"Optimizer {optimizer}: fused AdamW exists on CUDA, MPS and the CPU.")
    checkpointing, passes, why = _activations(machine, wishes, activations_gb, rows)
    reasons.append(why)
    batch = _batch(machine)
    # Batches of token ids are cheap to make; workers pay only beside an accelerator.
    workers = min(4, max(0, machine.cores - 1)) if machine.kind == "cuda" else 0
    beside = "beside the accelerator" if workers else "none, the processor is busy computing"
    reasons.append(f"{batch} rows at once when scoring: what {machine.memory_gb:g} GB hold.")
    if machine.kind == "cpu":
        reasons.append(
            "Batches are trained in parts of like length: padding costs a CPU as much as text, and "
            "a larger batch makes it no faster."
        )
    reasons.append(f"{machine.cores} threads, one per core; {workers} loader processes, {beside}.")
    if machine.unseen:
        reasons.insert(0, machine.unseen)
    return Plan(
        device=machine.kind,
        dtype=dtype,
        tf32=tf32,
        optimizer=optimizer,
        activation_checkpointing=checkpointing,
        batch=batch,
        parts=machine.kind == "cpu",
        passes=passes,
        workers=workers,
        threads=machine.cores,
        sentence=_sentence(machine, dtype, tf32, optimizer),
        reasons=tuple(reasons),
    )


def _dtype(machine: Machine, precision: str) -> tuple[Dtype, str]:
    asked: dict[str, Dtype] = {"bf16": "bfloat16", "fp32": "float32"}
    if precision in asked:
        return asked[precision], f"{precision}: asked for."
    if machine.kind == "cuda" and (machine.capability or (0, 0)) >= AMPERE:
        return "bfloat16", "bf16: Ampere or newer computes it natively, T5 overflows in fp16."
    if machine.kind == "cpu" and machine.cpu_bf16:
        return "bfloat16", "bf16: this CPU has AMX or AVX512-BF16."
    return "float32", {
        "cuda": "fp32: before Ampere bf16 is only emulated, and T5 overflows in fp16.",
        "mps": "fp32: early Apple chips emulate bf16, and T5 overflows in fp16.",
        "cpu": "fp32: this CPU has neither AMX nor AVX512-BF16.",
    }[machine.kind]


def _batch(machine: Machine) -> int:
    """Return the rows scored at once: beam search holds about 0.1 GB a row on the base models."""
    fitting = 0.5 * machine.memory_gb / 0.1
    return int(min(128, max(8, 2 ** int(math.log2(max(fitting, 1))))))


def _activations(
    machine: Machine, wishes: Wishes, activations_gb: float | None, rows: int
) -> tuple[bool, int, str]:
    """Return whether activations are recomputed, in how many passes a batch goes, and why."""
    if wishes.activation_checkpointing != "auto":
        chosen = wishes.activation_checkpointing == "on"
        return chosen, 1, f"Activation checkpointing {'on' if chosen else 'off'}: asked for."
    if activations_gb is None:
        return False, 1, "Activation checkpointing off: memory does not ask for it."
    room = machine.memory_gb * ACTIVATION_SHARE
    passes = max(1, math.ceil(activations_gb / room))
    compared = f"about {activations_gb:.1f} GB of activations, room for {room:.1f} GB"
    if passes == 1:
        return False, 1, f"Activation checkpointing off: {compared}."
    if passes > rows:
        return True, 1, f"Activation checkpointing on: {compared}."
    # Either gives the same gradient; passes compute nothing twice.
    return False, passes, f"A batch of long rows goes in {passes} passes: {compared}."


def _sentence(machine: Machine, dtype: Dtype, tf32: bool, optimizer: str) -> str:
    count = f"{machine.count} x " if machine.count > 1 else ""
    cores = f", {machine.cores} cores" if machine.kind == "cpu" else ""
    words = ["bf16" if dtype == "bfloat16" else "fp32"]
    words += ["TF32"] if tf32 else []
    words += ["fused AdamW" if optimizer.endswith("fused") else "AdamW"]
    return f"{count}{machine.name}, {machine.memory_gb:g} GB{cores}: {', '.join(words)}"
