"""A CPU trains a batch in parts and draws its masks quickly; what is learnt stays the same."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from socratic import device, loading
from socratic.device import Machine
from socratic.estimates import passes_beside, tokens_per_pass
from training import dropout, parts

LENGTHS, TARGETS = (5, 40, 9, 6, 30), (3, 2, 7, 4, 1)


@pytest.fixture
def batch():
    """Rows of LENGTHS input and TARGETS target tokens, padded; a row's tokens are its number."""
    wide, long = max(LENGTHS), max(TARGETS)
    number = torch.arange(1, 6)[:, None]
    real = torch.arange(wide) < torch.tensor(LENGTHS)[:, None]
    labels = torch.where(torch.arange(long) < torch.tensor(TARGETS)[:, None], number, -100)
    return {
        "input_ids": number * real,
        "attention_mask": real.long(),
        "labels": labels,
        "decoder_input_ids": labels.clamp(min=0),
    }


def test_rows_of_like_length_go_together_without_their_padding(batch):
    found = list(parts.split(batch, 20))
    assert [part["input_ids"][:, 0].tolist() for part in found] == [[1, 4], [3], [5], [2]]
    assert [tuple(part["input_ids"].shape) for part in found] == [(2, 6), (1, 9), (1, 30), (1, 40)]
    for part in found:
        rows = part["input_ids"][:, 0] - 1
        longest = max(TARGETS[row] for row in rows)
        assert part["labels"].shape == part["decoder_input_ids"].shape == (len(rows), longest)
        for name, values in part.items():
            assert torch.equal(values, batch[name][rows][:, : values.shape[1]]), name


def test_a_machine_that_takes_whole_batches_gets_them_as_they_are(batch):
    assert list(parts.split(batch, None)) == [batch]


def test_the_costlier_a_token_the_less_goes_at_once():
    small, base = tokens_per_pass(77_000_000), tokens_per_pass(4 * 77_000_000)
    assert small == 2 * base
    assert tokens_per_pass(3_600_000) > 16 * 128  # a miniature's batch goes as a whole


def test_passes_go_side_by_side_where_there_is_much_to_compute():
    assert [passes_beside(77_000_000, cores) for cores in (1, 2, 16)] == [1, 2, 2]
    assert passes_beside(3_600_000, 16) == 1


def test_a_gpu_takes_whole_batches_as_long_as_memory_holds_their_activations():
    a10g = Machine("cuda", "A10G", 22.5, capability=(8, 6))
    limits = [
        parts.limit(device.plan(a10g, None, gb, rows), 250_000_000, 32 * 400)
        for gb, rows in ((5, 32), (20, 32), (40, 32), (40, 1))
    ]
    assert limits == [None, 6400, 4267, None]
    cpu = device.plan(Machine("cpu", "", 8.0, cores=2), None, 40, 32)
    assert parts.limit(cpu, 77_000_000, 32 * 400) == 1024


@pytest.mark.parametrize("shape", [(300, 401), (7, 3, 11)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_zeroes_its_share_and_scales_the_rest(shape, dtype):
    torch.manual_seed(0)
    quick, x = dropout.QuickDropout(0.25), torch.ones(shape, dtype=dtype, requires_grad=True)
    made = quick(x)
    made.sum().backward()
    assert made.dtype == dtype and made.shape == shape
    assert made.unique().tolist() == pytest.approx([0, 4 / 3], rel=4e-3)
    assert torch.equal(x.grad, made.detach())  # x is 1 throughout: the same mask, going back
    share = (made == 0).float().mean().item()
    assert share == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / x.numel()) ** 0.5)


def test_neighbours_are_dropped_independently_and_a_seed_gives_one_mask():
    quick, x = dropout.QuickDropout(0.5), torch.ones(200_000)
    torch.manual_seed(3)
    first, second = quick(x) == 0, quick(x) == 0
    torch.manual_seed(3)
    assert torch.equal(quick(x) == 0, first)
    for apart in (1, 2, 3, 4):
        assert (first[apart:] == first[:-apart]).float().mean().item() == pytest.approx(
            0.5, abs=0.01
        )
    assert (first == second).float().mean().item() == pytest.approx(0.5, abs=0.01)


def test_a_thread_draws_from_its_own_seed_and_leaves_the_others_alone():
    def drawn():
        return dropout.kept((500,), 0.5, torch.float32)

    torch.manual_seed(3)
    first, second = drawn(), drawn()
    torch.manual_seed(3)
    with dropout.drawing(7):
        own = [drawn(), drawn()]
        with ThreadPoolExecutor(1) as other:
            assert torch.equal(other.submit(drawn).result(), first)
    assert torch.equal(drawn(), second)
    with dropout.drawing(7):
        assert all(torch.equal(drawn(), mask) for mask in own)
    assert not torch.equal(*own)


def test_dropout_leaves_everything_alone_when_not_training():
    x = torch.rand(10)
    assert dropout.QuickDropout(0.5).eval()(x) is x


def test_every_dropout_of_a_model_is_replaced_but_those_that_drop_nothing():
    model = nn.Sequential(nn.Dropout(0.1), nn.ModuleList([nn.Dropout(0.0), nn.Dropout(0.2)]))
    dropout.use(model.eval())
    kinds = [type(module) for module in model.modules()][1:]
    assert kinds == [dropout.QuickDropout, nn.ModuleList, nn.Dropout, dropout.QuickDropout]
    assert not model[0].training


def test_the_gate_is_one_kernel_and_the_same_function(make_base, plan):
    from transformers import T5ForConditionalGeneration as T5

    base = make_base(std=1.0)
    ids = torch.arange(4, 30)[None]
    plain, ours = T5.from_pretrained(base), loading.load_base(str(base), plan).model
    assert plain.config.dense_act_fn == "gelu_new"
    assert ours.config.dense_act_fn == "gelu_pytorch_tanh"
    said = [model.eval()(input_ids=ids, labels=ids).logits for model in (plain, ours)]
    assert torch.allclose(*said, atol=1e-4)
