"""The straightforward way, written plainly: what one gets from the libraries' own examples.

An fp32 base with its adapter unmerged, one `generate` call per type and model; training with random
batches padded to the longest row, loss over all target positions, and validation by beam-4
generation over the whole validation set.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoTokenizer, get_cosine_schedule_with_warmup
from transformers import T5ForConditionalGeneration as T5

from socratic.data import Row
from socratic.prompts import input_text, strip_marker, target_text

INPUT_TOKENS, TARGET_TOKENS = 400, 80


@dataclass(frozen=True)
class Asked:
    """A model that can be asked."""

    model: Any
    tokenizer: Any


def load(base: str, adapter: Path) -> Asked:
    """Return base and adapter as the libraries load them: fp32, unmerged."""
    model = T5.from_pretrained(base, dtype=torch.float32)
    return Asked(
        PeftModel.from_pretrained(model, str(adapter)).eval(),
        AutoTokenizer.from_pretrained(str(adapter)),
    )


def ask(models: Sequence[Asked], types: Sequence[str], context: str, tokens: int) -> list[str]:
    """Return a question per model and type, each from its own call, of exactly `tokens` tokens."""
    questions = []
    for asked in models:
        for key in types:
            inputs = asked.tokenizer(
                input_text(key, context),
                max_length=INPUT_TOKENS,
                truncation=True,
                return_tensors="pt",
            )
            with torch.no_grad():
                made = asked.model.generate(
                    **inputs, num_beams=4, min_new_tokens=tokens, max_new_tokens=tokens
                )
            text = asked.tokenizer.decode(made[0], skip_special_tokens=True)
            questions.append(strip_marker(text))
    return questions


@dataclass(frozen=True)
class Schooling:
    """What is trained, and how. autocast: in bf16, where the machine computes it natively."""

    base: str
    lora: LoraConfig
    batch: int
    learning_rate: float
    seed: int
    autocast: bool


def train(task: Schooling, rows: Sequence[Row], validation: Sequence[Row], out: Path) -> Any:
    """Train one epoch, validate once, save; return what it took.

    seconds: all of it. step_seconds: forward, backward and optimizer alone.
    """
    start = time.perf_counter()
    torch.manual_seed(task.seed)
    tokenizer = AutoTokenizer.from_pretrained(task.base)
    model = get_peft_model(T5.from_pretrained(task.base, dtype=torch.float32), task.lora)
    batches = list(_random_batches(rows, task.batch))
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=task.learning_rate, weight_decay=0.01)
    schedule = get_cosine_schedule_with_warmup(optimizer, 1, len(batches))
    step_seconds = 0.0
    model.train()
    for batch in batches:
        inputs = _tensors(tokenizer, batch)
        begin = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=task.autocast):
            loss = model(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        step_seconds += time.perf_counter() - begin
    _questions(model, tokenizer, validation)
    model.save_pretrained(str(out), save_embedding_layers=False)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "step_seconds": step_seconds,
        "eval_loss": _loss(model, tokenizer, validation),
    }


def loss(base: str, adapter: Path, rows: Sequence[Row]) -> float:
    """Return the loss of a saved adapter over `rows`, in fp32."""
    asked = load(base, adapter)
    return _loss(asked.model, asked.tokenizer, rows)


def _random_batches(rows: Sequence[Row], size: int) -> Iterator[list[Row]]:
    order = torch.randperm(len(rows)).tolist()
    for start in range(0, len(order), size):
        yield [rows[i] for i in order[start : start + size]]


def _tensors(tokenizer: Any, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    inputs = tokenizer(
        [input_text(row.type, row.context) for row in rows],
        max_length=INPUT_TOKENS,
        truncation=True,
        padding=True,
        return_tensors="pt",
    )
    targets = tokenizer(
        [target_text(row.question) for row in rows],
        max_length=TARGET_TOKENS,
        truncation=True,
        padding=True,
        return_tensors="pt",
    )
    labels = targets.input_ids.masked_fill(targets.attention_mask == 0, -100)
    return {
        "input_ids": inputs.input_ids,
        "attention_mask": inputs.attention_mask,
        "labels": labels,
    }


def _questions(model: Any, tokenizer: Any, rows: Sequence[Row]) -> list[str]:
    model.eval()
    inputs = _tensors(tokenizer, rows)
    del inputs["labels"]
    with torch.no_grad():
        made = model.generate(**inputs, num_beams=4, max_new_tokens=TARGET_TOKENS)
    return list(tokenizer.batch_decode(made, skip_special_tokens=True))


def _loss(model: Any, tokenizer: Any, rows: Sequence[Row]) -> float:
    model.eval()
    with torch.no_grad():
        return float(model(**_tensors(tokenizer, rows)).loss)
