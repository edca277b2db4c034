"""What a CPU computes more quickly in training is what the libraries compute."""

import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import Linear
from transformers import T5ForConditionalGeneration as T5
from transformers.models.t5.modeling_t5 import T5LayerNorm

from socratic import catalog
from training import attention, dropout, norm, projection, quick

KEYS = ("mini-flan-small", "mini-t5-base")


def lora(key, share, dtype=torch.float32):
    """A bundled base, its weights in `dtype`, with an fp32 adapter that says something."""
    torch.manual_seed(0)
    spec = catalog.spec(key)
    config = LoraConfig(
        r=4,
        lora_alpha=8,
        lora_dropout=share,
        target_modules=list(spec.shape.projections),
        task_type="SEQ_2_SEQ_LM",
    )
    made = get_peft_model(T5.from_pretrained(spec.bundled, dtype=dtype), config)
    for name, weight in made.named_parameters():
        if "lora_" in name:
            weight.data = torch.randn_like(weight, dtype=torch.float32) * 0.05
    return made.train()


def batch():
    ids = torch.arange(40, 88).view(3, 16).clone()
    ids[1, 9:] = 0
    return {
        "input_ids": ids,
        "attention_mask": (ids != 0).long(),
        "labels": torch.arange(60, 78).view(3, 6),
    }


def learnt(model):
    """The loss of a batch and the gradient of every trained weight."""
    loss = model(**batch()).loss
    loss.backward()
    found = {name: w.grad.clone() for name, w in model.named_parameters() if w.requires_grad}
    model.zero_grad()
    return loss.item(), found


@pytest.mark.parametrize("key", KEYS)
def test_loss_and_gradients_are_the_libraries(key):
    # In double precision: in single the products' order alone moves a sharp attention by 1e-4.
    model = lora(key, 0.0).double()
    # The library's norms sum up in single precision even so; they are compared below.
    norm.use(model)
    loss, gradients = learnt(model)
    assert len(gradients) > 40 and all(grad.abs().max() > 0 for grad in gradients.values())
    quick.quicken(model)
    again, ours = learnt(model)
    assert again == pytest.approx(loss, rel=1e-6)
    for name, grad in gradients.items():
        assert (ours[name] - grad).norm() < 1e-6 * grad.norm(), name


def through(layer, x, autocast):
    """What a projection makes of x, and the gradients for x, A and B, as one row each."""
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        made = layer(x)
    made.float().square().sum().backward()
    trained = [weight for weight in layer.parameters() if weight.requires_grad]
    found = [made, x.grad, *(weight.grad for weight in trained)]
    layer.zero_grad()
    return [each.detach().float().flatten() for each in found]


def test_in_bf16_a_projection_is_as_near_to_the_exact_one_as_the_libraries():
    model = lora("mini-flan-small", 0.0, torch.bfloat16)
    names = [name for name, module in model.named_modules() if isinstance(module, Linear)]
    places = [model.get_submodule(name) for name in names]
    inputs = [torch.randn(3, 16, layer.in_features) for layer in places]
    exact = [
        through(copy.deepcopy(layer).float(), x, False)
        for layer, x in zip(places, inputs, strict=True)
    ]
    theirs = [through(layer, x, True) for layer, x in zip(places, inputs, strict=True)]
    projection.use(model)
    ours = [through(layer, x, True) for layer, x in zip(places, inputs, strict=True)]

    def errors(found):
        return [
            [((a - b).norm() / b.norm()).item() for a, b in zip(mine, true, strict=True)]
            for mine, true in zip(found, exact, strict=True)
        ]

    assert len(names) > 20
    for mine, other in zip(errors(ours), errors(theirs), strict=True):
        assert all(a < 1.1 * b and b < 0.02 for a, b in zip(mine, other, strict=True))


def test_a_projection_drops_what_goes_into_its_adapter_and_nothing_else():
    weight, x = torch.zeros(1, 4000), torch.ones(1, 4000, requires_grad=True)
    a = torch.ones(1, 4000, requires_grad=True)
    b = torch.ones(1, 1, requires_grad=True)
    torch.manual_seed(0)
    made = projection.Projection.apply(x, weight, a, b, (1 / 0.75, 0.25, torch.float32))
    assert made.item() == pytest.approx(4000, rel=0.03)
    made.backward()
    assert x.grad.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert torch.equal(x.grad != 0, a.grad != 0)  # the same elements, going back
    assert (x.grad == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    weight, x = torch.ones(1, 4000), torch.ones(1, 4000)
    whole = projection.Projection.apply(x, weight, a * 0, b, (1 / 0.75, 0.25, torch.float32))
    assert whole.item() == 4000


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_norm_is_the_librarys(dtype):
    torch.manual_seed(0)
    theirs = T5LayerNorm(64).to(dtype)
    theirs.weight.data = (torch.rand(64) + 0.5).to(dtype)
    theirs.weight.requires_grad_(False)
    ours = copy.deepcopy(theirs)
    norm.use(torch.nn.Sequential(ours))
    exact = copy.deepcopy(theirs).float()
    given = (torch.randn(5, 7, 64) * 3).to(dtype)
    said, gone_back = [], []
    for layer in (theirs, ours, exact):
        x = given.to(layer.weight.dtype).clone().requires_grad_()
        said.append(layer(x))
        said[-1].backward(torch.linspace(-1, 1, 64, dtype=x.dtype).expand_as(x))
        gone_back.append(x.grad.float())
    assert "RMSNorm" in said[1].grad_fn.name() and said[1].dtype == dtype
    assert torch.allclose(
        said[1].float(), said[0].float(), rtol=1e-2 if dtype.itemsize == 2 else 1e-6
    )
    wrong = [(found - gone_back[2]).norm() for found in gone_back[:2]]
    assert wrong[1] <= 1.1 * wrong[0] + 1e-6 * gone_back[2].norm()


def test_the_gradient_of_a_norm_is_exact():
    x = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(8, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: norm.RMSNorm.apply(x, weight, 1e-6), x)


def test_a_norm_that_is_not_trained_is_left_to_the_library(monkeypatch):
    layer, x = T5LayerNorm(8), torch.randn(2, 8)
    norm.use(torch.nn.Sequential(layer))
    monkeypatch.setattr(norm.RMSNorm, "apply", None)
    with torch.no_grad():
        assert torch.equal(layer(x), T5LayerNorm.forward(layer, x))


def test_asked_outside_autocast_an_adapter_computes_in_its_own_precision():
    model = lora("mini-flan-small", 0.1, torch.bfloat16).eval()
    with torch.no_grad():
        asked = model(**batch()).logits
        quick.quicken(model)
        assert torch.equal(model(**batch()).logits, asked)


def test_attention_drops_weights_and_keeps_their_mean(monkeypatch):
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, 9, 8) for _ in range(3))
    bias, module = torch.randn(1, 3, 9, 9), torch.nn.Module()

    def attend(share):
        given = {"dropout": share, "position_bias": bias, "scaling": 1.0, "is_causal": False}
        return attention.attend(module, query, key, value, None, **given)[0]

    exact = attend(0.0)
    mean = torch.stack([attend(0.2) for _ in range(2000)]).mean(0)
    assert torch.allclose(mean, exact, atol=0.12)
    assert not torch.allclose(attend(0.2), exact, atol=0.12)
    monkeypatch.setattr(attention, "kept", lambda shape, share, dtype: torch.ones(shape) * 0.8)
    assert torch.allclose(attend(0.2), exact, atol=1e-5)


def test_nothing_is_dropped_that_was_not_before():
    model = lora("mini-t5-base", 0.1)
    quick.quicken(model.eval())
    kinds = {type(m) for m in model.modules() if "Dropout" in type(m).__name__}
    assert kinds <= {dropout.QuickDropout, torch.nn.Dropout}
    with torch.no_grad():
        first, second = model(**batch()).loss, model(**batch()).loss
    assert torch.equal(first, second)
