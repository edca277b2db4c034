import json

import pytest
import torch
from safetensors.torch import save_file

from training import checkpoints

ORIGIN = {"base": "b", "lora": [16, 32], "data sha256": "s", "versions": {"peft": "0"}}


def make(folder, step, origin=ORIGIN, **files):
    place = folder / f"checkpoint-{step}"
    place.mkdir(parents=True)
    save_file({"w": torch.zeros(4)}, place / "adapter_model.safetensors")
    for name in ("optimizer.pt", "scheduler.pt"):
        (place / name).write_bytes(b"x")
    (place / checkpoints.STATE).write_text("{}")
    checkpoints.mark(place, origin)
    return place


def test_the_newest_is_by_number_not_by_name(tmp_path):
    for step in (9_500, 10_000, 500):
        make(tmp_path, step)
    assert checkpoints.newest(tmp_path, ORIGIN).name == "checkpoint-10000"
    assert checkpoints.newest(tmp_path / "none", ORIGIN) is None


@pytest.mark.parametrize(
    "spoil", [checkpoints.ORIGIN, checkpoints.STATE, "adapter_model.safetensors", "optimizer.pt"]
)
def test_a_torn_one_is_set_aside_and_the_one_before_is_taken(tmp_path, spoil, capsys):
    make(tmp_path, 10)
    torn = make(tmp_path, 20)
    if spoil == "optimizer.pt":
        (torn / spoil).unlink()
    else:
        (torn / spoil).write_bytes((torn / spoil).read_bytes()[:1])
    assert checkpoints.newest(tmp_path, ORIGIN).name == "checkpoint-10"
    assert (tmp_path / "checkpoint-20.set-aside").is_dir()
    assert "checkpoint-20 is set aside: it is not whole" in capsys.readouterr().out


@pytest.mark.parametrize("key", list(ORIGIN))
def test_one_of_another_origin_is_named_and_set_aside(tmp_path, key, capsys):
    make(tmp_path, 10, {**ORIGIN, key: "other"})
    assert checkpoints.newest(tmp_path, ORIGIN) is None
    assert f"another {key}" in capsys.readouterr().out
    kept = json.loads((tmp_path / "checkpoint-10.set-aside" / checkpoints.ORIGIN).read_text())
    assert kept[key] == "other"
