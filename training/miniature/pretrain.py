"""Make and pre-train one base model: copying first, paced by accuracy, then text.

create(spec, seed)                 a fresh T5 of the catalogue's shape
train(spec, tokenizer, folder)     the whole of it, with checkpoints in `folder`
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import T5Config, T5ForConditionalGeneration

from socratic.catalog import ModelSpec
from training.miniature.plain import Writer
from training.miniature.texts import Encoder, Pair, flan_pair, vanilla_pair

_IGNORED = -100
_CHECKPOINT_SECONDS = 30.0
_BIAS_FACTOR = 20.0
_EMBEDDING_FACTOR = 5.0
_MASTERED = 0.9
_COPY_LENGTH = 18
_MONOTONOUS = 0.3
# The share of the steps in which the rate falls; before that it is even, so that a plan can be
# made longer without starting again.
_DECAY = 0.35
_POOL = 2048
_ALIKE = 0.99
_LENGTHS = ((0.3, 40), (0.65, 80), (2.0, 256))


@dataclass
class Plan:
    """How long and how fast to train: seconds are not in it, so that a seed gives one result."""

    copy_steps: int
    text_steps: int
    copy_batch: int = 128
    tokens: int = 2048
    rate: float = 3e-3
    text_rate: float = 2e-3


@dataclass
class State:
    """Where pre-training stands; saved beside the weights."""

    copy_done: int = 0
    text_done: int = 0
    pool: int = 0
    batch: int = 0
    longest: int = 0
    pieces: int = 256
    length: int = 6
    mean: float = 0.0
    seconds: float = 0.0


Report = Callable[[str, int, int, dict[str, float]], None]


def create(spec: ModelSpec, seed: int) -> Any:
    """Return a fresh T5 of the shape the catalogue gives, its head tied or not, as it says."""
    shape = spec.shape
    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=shape.rows,
        d_model=shape.d_model,
        d_kv=shape.d_kv,
        d_ff=shape.d_ff,
        num_layers=shape.layers,
        num_heads=shape.heads,
        feed_forward_proj="gated-gelu" if shape.gated else "relu",
        dropout_rate=0.0,
        tie_word_embeddings=shape.tied,
        decoder_start_token_id=0,
    )
    # The constructor sets the flag to True whatever it is given; as long as it is, encoder and
    # decoder share one embedding with the head.
    model = T5ForConditionalGeneration(config)
    if not shape.tied:
        # The head starts as the embedding, scaled, and is trained apart from it. A head that starts
        # at random has to learn every piece before anything can be copied.
        start = model.shared.weight.detach() * shape.d_model**-0.5
        model.lm_head.weight = torch.nn.Parameter(start.clone())
        model.config.tie_word_embeddings = False
    return model


def set_back(model: Any, piece: int) -> int:
    """Give pieces that were never to be written their own rows of the head again; return how many.

    piece: one of them. Each step pushes them away, all in one direction, and Adam makes a full step
    of every push: in the end their rows are one vector, and an adapter that is to write one of them
    (the marker before a question) can raise it no more than the rest. What they share stays, or
    they would be written in odd places; what a separate head starts as is added to it.
    """
    head, start = model.lm_head.weight, model.shared.weight * model.config.d_model**-0.5
    if model.config.tie_word_embeddings:
        return 0
    with torch.no_grad():
        alike = torch.cosine_similarity(head, head[piece : piece + 1]) > _ALIKE
        head[alike] = start[alike] + head[alike].mean(0)
    return int(alike.sum())


def parameter_groups(model: Any) -> list[dict[str, Any]]:
    """Return the weights in three groups; position biases and the embedding learn faster.

    A head that looks one piece back needs a bias of several units, and Adam moves a weight by no
    more than its rate in a step: at the common rate that alone takes a thousand steps. A piece's
    row starts at unit size and moves only when the piece occurs: at the common rate what a word is
    (a noun? which wording goes with it?) is hardly learnt at all.
    """
    groups: dict[str, list[Any]] = {"rest": [], "bias": [], "embedding": []}
    for name, weight in model.named_parameters():
        kind = "bias" if "relative_attention_bias" in name else "rest"
        groups["embedding" if name == "shared.weight" else kind].append(weight)
    return [
        {"params": groups["rest"], "weight_decay": 0.01, "factor": 1.0},
        {"params": groups["bias"], "weight_decay": 0.0, "factor": _BIAS_FACTOR},
        {"params": groups["embedding"], "weight_decay": 0.0, "factor": _EMBEDDING_FACTOR},
    ]


def pad(rows: list[list[int]], value: int) -> torch.Tensor:
    """Return rows as one matrix, filled up with `value`."""
    width = max(map(len, rows))
    return torch.tensor([row + [value] * (width - len(row)) for row in rows])


def loss_and_accuracy(model: Any, pairs: list[Pair]) -> tuple[torch.Tensor, float]:
    """Return the loss over the real target pieces and the share of them predicted right."""
    source = pad([pair[0] for pair in pairs], 0)
    labels = pad([pair[1] for pair in pairs], _IGNORED)
    given = functional.pad(labels[:, :-1], (1, 0), value=0).clamp(min=0)
    encoded = model.encoder(input_ids=source, attention_mask=(source != 0).long())[0]
    decoded = model.decoder(
        input_ids=given,
        encoder_hidden_states=encoded,
        encoder_attention_mask=(source != 0).long(),
        use_cache=False,
    )[0]
    real = labels != _IGNORED
    hidden = decoded[real]
    if model.config.scale_decoder_outputs:
        hidden = hidden * model.config.d_model**-0.5
    logits = model.lm_head(hidden)
    target = labels[real]
    right = (logits.argmax(-1) == target).float().mean().item()
    return functional.cross_entropy(logits, target), right


def copy_batch(rng: random.Random, state: State, size: int, sentinel: int) -> list[Pair]:
    """Return random piece sequences to be copied, as a masked span.

    Some are made of few pieces: the piece before does not tell there what comes next.
    """
    pairs = []
    for _ in range(size):
        count = rng.randint(2, state.length)
        ids = [rng.randrange(3, 3 + state.pieces) for _ in range(count)]
        if rng.random() < _MONOTONOUS:
            ids = rng.choices(ids[: rng.randint(3, 6)], k=count)
        pairs.append(([*ids, sentinel, 1], [sentinel, *ids, 1]))
    return pairs


def harder(state: State, accuracy: float, most: int) -> None:
    """Make copying harder once it is mastered: more pieces first, then longer sequences."""
    if accuracy < _MASTERED:
        return
    if state.pieces < most:
        state.pieces = min(most, state.pieces * 4)
    elif state.length < _COPY_LENGTH:
        state.length += 6


def text_pool(kind: str, tokenizer: Any, seed: str, longest: int, tokens: int) -> list[list[Pair]]:
    """Return batches of about `tokens` pieces, examples of like length together."""
    writer, encoder = (
        Writer(f"{kind} {seed}", contracted=True),
        Encoder(tokenizer, f"{kind} {seed}"),
    )
    draw = flan_pair if kind == "flan" else vanilla_pair
    pool: list[Pair] = []
    while len(pool) < _POOL:
        pair = draw(writer, encoder)
        if len(pair[0]) <= longest:
            pool.append(pair)
    pool.sort(key=lambda pair: (len(pair[0]), len(pair[1])))
    batches: list[list[Pair]] = []
    batch: list[Pair] = []
    for pair in pool:
        batch.append(pair)
        if len(batch) * (len(pair[0]) + len(pair[1])) >= tokens:
            batches.append(batch)
            batch = []
    random.Random(f"order {seed}").shuffle(batches)
    return batches


def longest_at(done: float) -> int:
    """Return how long a source may be when `done` of the steps are: short contexts come first."""
    return next(longest for until, longest in _LENGTHS if done < until)


class Trainer:
    """Pre-trains one model, resuming from `folder` where a checkpoint is."""

    def __init__(self, spec: ModelSpec, tokenizer: Any, folder: Path, plan: Plan, seed: int):
        self.spec, self.tokenizer, self.folder, self.plan, self.seed = (
            spec, tokenizer, folder, plan, seed,
        )  # fmt: skip
        self.model = create(spec, seed)
        self.optimizer = torch.optim.AdamW(
            parameter_groups(self.model), lr=plan.rate, betas=(0.9, 0.98), fused=True
        )
        self.state = State()
        self.sentinel = tokenizer.convert_tokens_to_ids("<extra_id_0>")
        self._started = time.monotonic()
        self._saved = time.monotonic()
        self._resume()

    @property
    def checkpoint(self) -> Path:
        """The file the state is kept in."""
        return self.folder / f"{self.spec.key}.pt"

    def _resume(self) -> None:
        if self.checkpoint.is_file():
            saved = torch.load(self.checkpoint, weights_only=True)
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.state = State(**json.loads(saved["state"]))

    def save(self) -> None:
        """Write a checkpoint; a kill at any moment leaves the last one whole."""
        now = time.monotonic()
        self.state.seconds += now - self._started
        self._started = self._saved = now
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.checkpoint.with_suffix(".part")
        content = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "state": json.dumps(asdict(self.state)),
        }
        torch.save(content, part)
        part.replace(self.checkpoint)

    def _step(self, pairs: list[Pair], rate: float) -> tuple[float, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        loss, right = loss_and_accuracy(self.model, pairs)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item(), right

    def _save_if_due(self) -> None:
        if time.monotonic() - self._saved > _CHECKPOINT_SECONDS:
            self.save()

    def copying(self, report: Report) -> None:
        """Teach to copy any sequence of pieces."""
        plan, state = self.plan, self.state
        most = self.sentinel - 100
        while state.copy_done < plan.copy_steps:
            rng = random.Random(f"copy {self.seed} {state.copy_done}")
            batch = copy_batch(rng, state, plan.copy_batch, self.sentinel)
            rate = plan.rate * min(1.0, (state.copy_done + 1) / 50)
            loss, right = self._step(batch, rate)
            state.mean = 0.8 * state.mean + 0.2 * right
            before = (state.pieces, state.length)
            harder(state, state.mean, most)
            if (state.pieces, state.length) != before:
                state.mean = 0.0
            mastered = state.mean > _MASTERED and state.length >= _COPY_LENGTH
            state.copy_done = plan.copy_steps if mastered else state.copy_done + 1
            self._save_if_due()
            facts = {"loss": loss, "right": right, "pieces": state.pieces, "length": state.length}
            report("copying", state.copy_done, plan.copy_steps, facts)

    def reading(self, report: Report) -> None:
        """Teach text: span corruption and, for a FLAN-like model, the instruction mix."""
        plan, state = self.plan, self.state
        batches = self._pool() if state.longest else []
        while state.text_done < plan.text_steps:
            done = state.text_done / plan.text_steps
            if state.batch >= len(batches):
                state.pool, state.batch, state.longest = state.pool + 1, 0, longest_at(done)
                batches = self._pool()
            rate = plan.text_rate * min(1.0, (state.text_done + 1) / 50, (1.02 - done) / _DECAY)
            loss, right = self._step(batches[state.batch], rate)
            state.batch += 1
            state.text_done += 1
            self._save_if_due()
            report("reading", state.text_done, plan.text_steps, {"loss": loss, "right": right})

    def _pool(self) -> list[list[Pair]]:
        kind = "flan" if self.spec.instruction_tuned else "vanilla"
        seed = f"{self.seed} {self.state.pool}"
        return text_pool(kind, self.tokenizer, seed, self.state.longest, self.plan.tokens)
