"""The precision rules, for machines one does not have."""

import os

import pytest
from pydantic import ValidationError

from socratic import device
from socratic.device import Machine, Wishes, plan
from socratic.recipes import Hyperparameters

A10G = Machine("cuda", "NVIDIA A10G", 22.5, cores=8, capability=(8, 6))
T4 = Machine("cuda", "Tesla T4", 15.0, cores=4, capability=(7, 5))
M1 = Machine("mps", "Apple M1", 16.0, cores=8)
PLAIN_CPU = Machine("cpu", "AMD EPYC", 16.0, cores=2)
AMX_CPU = Machine("cpu", "Xeon", 16.0, cores=2, cpu_bf16=True)


@pytest.mark.parametrize(
    ("machine", "dtype", "tf32"),
    [
        (A10G, "bfloat16", True),
        (T4, "float32", False),
        (M1, "float32", False),
        (PLAIN_CPU, "float32", False),
        (AMX_CPU, "bfloat16", False),
    ],
)
def test_precision_by_machine(machine, dtype, tf32):
    chosen = plan(machine)
    assert (chosen.device, chosen.dtype, chosen.tf32) == (machine.kind, dtype, tf32)
    assert chosen.reasons


@pytest.mark.parametrize("machine", [A10G, T4, M1, PLAIN_CPU, AMX_CPU])
@pytest.mark.parametrize("precision", ["auto", "bf16", "fp32"])
def test_no_machine_and_no_wish_leads_to_fp16(machine, precision):
    assert plan(machine, Wishes(precision=precision)).dtype in {"bfloat16", "float32"}


def test_a_recipe_that_asks_for_fp16_is_refused():
    with pytest.raises(ValidationError, match="precision"):
        Hyperparameters(precision="fp16")


def test_header_says_what_the_design_shows():
    assert plan(A10G).sentence == "NVIDIA A10G, 22.5 GB: bf16, TF32, fused AdamW"


def test_wishes_win_over_the_machine():
    wished = plan(A10G, Wishes(cpu=True, precision="fp32", optimizer="adamw_torch"))
    assert (wished.device, wished.dtype, wished.tf32) == ("cpu", "float32", False)
    assert wished.optimizer == "adamw_torch"


def test_activations_are_recomputed_only_when_memory_asks():
    assert not plan(A10G, activations_gb=5).activation_checkpointing
    assert plan(A10G, activations_gb=20).activation_checkpointing
    assert plan(A10G, Wishes(activation_checkpointing="on"), 1).activation_checkpointing
    assert not plan(A10G, Wishes(activation_checkpointing="off"), 99).activation_checkpointing


def test_a_batch_goes_in_passes_before_anything_is_computed_twice():
    split = plan(A10G, activations_gb=30, rows=32)
    assert (split.passes, split.activation_checkpointing) == (3, False)
    assert any("goes in 3 passes: about 30.0 GB" in reason for reason in split.reasons)
    assert (plan(A10G, activations_gb=5, rows=32).passes) == 1
    hopeless = plan(A10G, activations_gb=30, rows=2)
    assert (hopeless.passes, hopeless.activation_checkpointing) == (1, True)


def _smi(tmp_path, monkeypatch, driver, cuda, gpus=1):
    tool = tmp_path / "nvidia-smi"
    line = f"echo 'NVIDIA A10G, 23028, 8.6, {driver}'\n"
    tool.write_text("#!/bin/sh\n" + gpus * line)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(device, "torch_cuda", lambda: cuda)
    device.describe.cache_clear()


@pytest.fixture(autouse=True)
def _fresh_look():
    device.describe.cache_clear()
    yield
    device.describe.cache_clear()


@pytest.mark.parametrize(
    ("driver", "cuda", "kind", "words"),
    [
        ("535.54", "12.6", "cuda", ""),
        ("535.54", "13.0", "cpu", "driver 535.54 is too old for torch with CUDA 13.0"),
        ("580.10", "13.0", "cuda", ""),
        ("535.54", None, "cpu", "built for the CPU"),
    ],
)
def test_a_gpu_torch_cannot_see_is_named_with_the_mending_command(
    tmp_path, monkeypatch, driver, cuda, kind, words
):
    _smi(tmp_path, monkeypatch, driver, cuda)
    machine = device.describe()
    assert machine.kind == kind
    assert words in machine.unseen
    assert bool(machine.unseen) == ("pip install" in machine.unseen)
    if kind == "cuda":
        assert (machine.capability, machine.memory_gb) == ((8, 6), 22.5)


@pytest.mark.parametrize(
    ("machine", "batch", "wished", "cpu", "expected"),
    [
        (Machine("cuda", "A10G", 24.0, count=4), 32, 0, False, 4),
        (Machine("cuda", "A10G", 24.0, count=4), 30, 0, False, 3),  # a batch is shared evenly
        (Machine("cuda", "A10G", 24.0, count=4), 32, 2, False, 2),
        (Machine("cuda", "A10G", 24.0, count=2), 32, 8, False, 2),  # no more than there are
        (Machine("cuda", "A10G", 24.0, count=4), 32, 0, True, 1),
        (Machine("cpu", "EPYC", 24.0, cores=8), 32, 0, False, 1),
        (Machine("cpu", "EPYC", 24.0, cores=8), 32, 2, False, 2),
        (Machine("mps", "M2", 16.0, cores=8), 32, 0, False, 1),
    ],
)
def test_a_run_takes_every_gpu_that_shares_its_batch_evenly(machine, batch, wished, cpu, expected):
    assert device.processes(machine, batch, wished, cpu) == expected


def test_gpus_out_of_sight_are_not_counted_and_one_process_sees_one(tmp_path, monkeypatch):
    _smi(tmp_path, monkeypatch, "600.1", "13.0", gpus=4)
    assert device.describe().count == 4
    for visible, count in (("2,3", 2), ("2", 1)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        device.describe.cache_clear()
        assert device.describe().count == count
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    device.see_one()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"
