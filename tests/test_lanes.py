"""Parts of a batch are computed side by side, and what comes of them is as if they were not."""

import threading

import pytest
import torch

from training import dropout
from training.lanes import Lanes

WAIT = 20  # seconds until a test gives up on a thread that never comes


@pytest.fixture
def made():
    """A function that makes lanes where torch may use so many cores."""
    before = torch.get_num_threads()

    def make(cores):
        torch.set_num_threads(cores)
        return Lanes(min(2, cores))

    yield make
    torch.set_num_threads(before)


def masks(parts):
    return [dropout.kept((64,), 0.5, torch.float32).tolist() for _ in range(parts)]


def test_parts_are_under_way_together_and_come_back_in_their_order(made):
    begun = threading.Barrier(2, timeout=WAIT)

    def work(part):
        begun.wait()  # nobody goes on before the other has begun
        return part * 10

    assert made(2).map(work, [1, 2, 3, 4]) == [10, 20, 30, 40]


def test_masks_follow_from_the_seed_however_many_lanes_there_are(made):
    found = []
    for cores in (1, 2, 2):
        side_by_side = made(cores)
        torch.manual_seed(5)
        found.append((side_by_side.map(masks, [2, 1, 3]), torch.rand(1).item()))
    assert found[0] == found[1] == found[2]
    drawn = [mask for part in found[0][0] for mask in part]
    assert len({tuple(mask) for mask in drawn}) == 6
    torch.manual_seed(6)
    assert made(2).map(masks, [2, 1, 3]) != found[0][0]
    torch.manual_seed(5)  # nor do they take from torch's own numbers, whoever draws first
    made(2).map(lambda _: None, [2, 1, 3])
    assert torch.rand(1).item() == found[0][1]


def test_cores_are_shared_evenly_and_those_of_the_caller_stay(made):
    for cores, each in ((1, 1), (2, 1), (6, 3)):
        side_by_side = made(cores)
        assert side_by_side.map(lambda _: torch.get_num_threads(), [0, 1]) == [each, each]
        assert torch.get_num_threads() == cores


def test_more_lanes_than_cores_take_one_each():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert Lanes(2).map(lambda _: torch.get_num_threads(), [0, 1]) == [1, 1]
    finally:
        torch.set_num_threads(before)


def test_a_single_part_has_all_cores(made):
    assert made(2).map(lambda _: torch.get_num_threads(), ["it"]) == [2]


def test_what_fails_in_a_lane_fails_the_step(made):
    def work(part):
        raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match="part 1"):
        made(2).map(work, [1, 2])
