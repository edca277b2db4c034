"""Models in memory: loaded once, put where they may be, and really gone when let go."""

import gc
import subprocess
import sys
import weakref
from dataclasses import replace

import pytest
from conftest import ROOT

from socratic import adapters, device, generation, memory, pool, runs, systems
from socratic.decoding import preset
from socratic.device import Machine
from socratic.generation import Request
from socratic.pool import Pool

SHORT = preset("thesis").changed(max_new_tokens=4, beams=1)
GPU = Machine("cuda", "test", 24.0, cores=2, capability=(8, 6))


@pytest.fixture
def system(make_base, make_adapter):
    base = make_base(std=1.0)
    made = systems.base(str(base))
    return replace(made, key="it", adapter=make_adapter(base), size=2)


@pytest.fixture
def training(workspace, make_manifest):
    """A function that makes a run whose process is alive: this one."""
    import psutil

    def make(**changes):
        run = runs.create(workspace, make_manifest("at-work", **changes))
        began = psutil.Process().create_time()
        run.write_status(runs.Status(state="running", pid=psutil.Process().pid, pid_started=began))
        return run

    return make


def test_a_model_is_loaded_once_and_anew_when_its_adapter_changes(system, workspace):
    kept = Pool(workspace)
    first = kept.engine(system)
    assert kept.engine(system) is first
    weights = system.adapter / adapters.WEIGHTS
    weights.write_bytes(weights.read_bytes())
    assert kept.engine(system) is not first
    assert kept.loaded() == ["it"]


def test_its_memory_is_told_and_the_model_is_gone_when_let_go(system, workspace):
    kept = Pool(workspace)
    request = Request("Cats.", ("clarity",), (system,), SHORT)
    assert list(generation.ask(request, kept))[0].cards
    (held,) = kept.held()
    model = held.engine.loaded.model
    bytes_ = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    assert held.engine.memory == bytes_ > 100_000
    watched = weakref.ref(model)
    del held, model
    gc.disable()  # it is let go by the pool, not by chance
    try:
        kept.unload("it")
        assert watched() is None
    finally:
        gc.enable()
    assert kept.held() == []


RESIDENT = """
import sys
from dataclasses import replace
from socratic import generation, memory, systems
from socratic.decoding import preset
from socratic.generation import Request
from socratic.pool import Pool
from socratic.workspace import Workspace

pool = Pool(Workspace.open(sys.argv[2]), "torch")
small, large = (systems.base(path) for path in (sys.argv[3], sys.argv[1]))
decoding = preset("thesis").changed(max_new_tokens=4)

def ask(system):
    request = Request("Cats are better.", ("clarity",), (system,), decoding)
    (answer,) = generation.ask(request, pool)
    assert answer.cards, answer.error

ask(small)  # what loading brings in once and for all: torch, transformers
pool.unload()
before = memory.resident()
ask(large)
held = pool.held()[0].engine.memory
during = memory.resident()
pool.unload()
print(before, during, memory.resident(), held)
"""


@pytest.mark.slow
def test_memory_really_comes_back(make_base, workspace):
    large = make_base("large", std=1.0, width=8192)  # 100 MB in bf16 too
    small = make_base("small", std=1.0)
    words = [sys.executable, "-W", "ignore", "-c", RESIDENT]
    words += [str(large), str(workspace.root), str(small)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    before, during, after, held = map(int, done.stdout.split())
    assert held > 100 * 2**20
    assert during - before > 0.8 * held
    assert after - before < 0.2 * held


def test_a_run_on_the_gpu_sends_questions_to_the_cpu(workspace, training, monkeypatch):
    monkeypatch.setattr(device, "describe", lambda: GPU)
    plan, why = pool.placement(workspace)
    assert (plan.device, why) == ("cuda", "")
    training()
    plan, why = pool.placement(workspace)
    assert plan.device == "cpu"
    assert "at-work holds the GPU" in why


def test_a_run_on_the_cpu_leaves_the_gpu_to_questions(workspace, training, monkeypatch):
    monkeypatch.setattr(device, "describe", lambda: GPU)
    training(cpu=True)
    plan, why = pool.placement(workspace)
    assert plan.device == "cuda"
    assert "answers take longer" in why


def test_the_answers_say_that_a_run_is_at_work(system, workspace, training):
    training()
    (answer,) = generation.ask(Request("Cats.", ("clarity",), (system,), SHORT), Pool(workspace))
    assert "at-work is computing on this machine too" in answer.notes[0]


def test_a_model_leaves_the_gpu_when_a_run_begins(system, workspace, training, monkeypatch):
    kept = Pool(workspace)
    kept.engine(system)
    held = kept.held()[0]
    kept._held["it"] = replace(held, device="cuda")
    monkeypatch.setattr(device, "describe", lambda: GPU)
    assert kept.settle() == ""
    assert kept.loaded() == ["it"]
    training()
    assert "holds the GPU" in kept.settle()
    assert kept.loaded() == []


def test_what_cannot_fit_is_refused_before_the_system_ends_the_app(workspace, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2**20)
    large = systems.base("mini-flan-small")
    request = Request("Cats.", ("clarity",), (large,), SHORT)
    (answer,) = generation.ask(request, Pool(workspace))
    assert "Mini FLAN small, no adapter did not fit into memory" in answer.error
    assert "0.0 GB are free" in answer.error


def test_errors_that_mean_too_little_memory_are_known():
    assert memory.ran_out(MemoryError())
    assert not memory.ran_out(RuntimeError("shape mismatch"))
    try:
        try:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate")
        except RuntimeError as error:
            raise ValueError("cannot be loaded") from error
    except ValueError as wrapped:
        assert memory.ran_out(wrapped)


def test_garbage_is_collected_again_after_imports_that_failed():
    with pytest.raises(ImportError), memory.uncollected():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled()


def test_a_first_question_imports_without_collecting_and_collects_afterwards(workspace):
    code = """
import gc, sys
from socratic import systems
from socratic.pool import Pool
from socratic.workspace import Workspace

found = []
gc.callbacks.append(lambda phase, _: found.append("torch" in sys.modules and "peft" not in sys.modules))
Pool(place := Workspace.open(sys.argv[1]), "torch").engine(systems.available(place)[0])
assert gc.isenabled() and not any(found), found
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(workspace.root)],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
