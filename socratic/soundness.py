"""The identity proof: an untrained adapter changes nothing.

A model is measured as its file holds it, then after each step a run puts it through: prepared,
wrapped with LoRA (whose B is zero), saved and loaded again, merged. Loss and logits must agree and
the output head must stay what the file holds. Faults of this stack that raise no error (field
notes, section 1) move one of them, and the step that did is named.
"""

import hashlib
import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model

from socratic import loading
from socratic.catalog import Shape
from socratic.errors import UnsoundModel
from socratic.loading import Loaded
from socratic.prompts import TYPE_KEYS, input_text, target_text
from socratic.workspace import Workspace, write_json

# Largest change of the loss, and of a logit relative to the largest one: rounding, no more.
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}
# An untrained guess costs ln(vocabulary); this much above it something is likely wrong.
SUSPICIOUS = 2.0
LARGE_SHARE = 0.10
CONTEXT = "Homework should be banned, because children learn more when they play after school."
QUESTION = "What makes you think that children learn more when they play?"


@dataclass(frozen=True)
class Stage:
    """One step of the proof. change: of the largest logit, relative."""

    name: str
    loss: float
    change: float
    head_kept: bool


@dataclass(frozen=True)
class Proof:
    """A proof that held. warnings: what is suspicious, with its likely cause."""

    stages: tuple[Stage, ...]
    warnings: tuple[str, ...]


def lora_config(shape: Shape, rank: int, alpha: int, dropout: float) -> LoraConfig:
    """Return LoRA on every projection the architecture names."""
    return LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        bias="none",
        task_type=TaskType.SEQ_2_SEQ_LM,
        target_modules=list(shape.projections),
    )


def prove(loaded: Loaded, model: str, workspace: Workspace) -> Proof:
    """Return the proof for a base just loaded, from the cache where it was proved before.

    The proof itself uses a second copy. Raises UnsoundModel naming the step that broke it.
    """
    place = workspace.cache / "proofs" / f"{_hash(loaded)}.json"
    known = _known(place)
    if known is not None:
        return known
    proof = examine(loading.load_base(model, loaded.plan, workspace))
    place.parent.mkdir(parents=True, exist_ok=True)
    write_json(place, asdict(proof))
    return proof


def examine(loaded: Loaded) -> Proof:
    """Put a loaded base through every step and return the proof; the model is used up by it."""
    network = loaded.model.eval().to(loaded.plan.device)
    batch = _batch(loaded)
    head = network.lm_head.weight.detach().clone()
    first_loss, first_logits = _measure(network, batch)
    stages = [Stage("loaded", first_loss, 0.0, True)]
    tolerance = TOLERANCE[loaded.plan.dtype]

    def look(name: str, wrapped: Any) -> None:
        loss, logits = _measure(wrapped, batch)
        change = float((logits - first_logits).abs().max() / first_logits.abs().max().clamp(min=1))
        kept = torch.equal(wrapped.get_output_embeddings().weight, head)
        stages.append(Stage(name, loss, change, kept))
        # Written so that a NaN, which compares false with everything, fails too.
        if not (abs(loss - first_loss) <= tolerance and change <= tolerance and kept):
            raise UnsoundModel(_broken(loaded.source, stages[-1], first_loss))

    # What an older adapter may need later must be safe on this model now.
    rows = network.get_input_embeddings().num_embeddings
    network.resize_token_embeddings(rows, mean_resizing=False)
    look("prepared", network)
    _through_adapter(network, loading.shape_of(network), look)
    return Proof(tuple(stages), _warnings(first_loss, rows, loaded))


def _through_adapter(network: Any, shape: Shape, look: Callable[[str, Any], None]) -> None:
    wrapped = get_peft_model(network, lora_config(shape, 16, 32, 0.0)).eval()
    look("wrapped with LoRA", wrapped)
    with tempfile.TemporaryDirectory() as folder:
        wrapped.save_pretrained(folder, save_embedding_layers=False)
        again = PeftModel.from_pretrained(wrapped.unload(), folder).eval()
        look("saved and loaded again", again)
    look("merged", again.merge_and_unload(safe_merge=True))


def _broken(source: str, stage: Stage, before: float) -> str:
    head = "" if stage.head_kept else " The output head is no longer what the file holds."
    return (
        f"{source!r} is not the same model once it is {stage.name}: the loss went from "
        f"{before:.4f} to {stage.loss:.4f}, the logits moved by {stage.change:.2g}.{head} "
        "Training it would mean nothing."
    )


def _warnings(loss: float, rows: int, loaded: Loaded) -> tuple[str, ...]:
    limit = math.log(rows) + SUSPICIOUS
    if loss <= limit:
        return ()
    cause = (
        "an output head that was overwritten or does not belong to these weights"
        if not loaded.tied
        else "weights that were never trained or belong to another tokenizer"
    )
    return (
        f"The loss before any training is {loss:.1f}, a blind guess would cost "
        f"{math.log(rows):.1f}: most likely {cause}.",
    )


def share_warning(model: Any) -> str:
    """Return a warning when more than a tenth of the weights is trained, naming the modules."""
    trained = {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}
    share = sum(trained.values()) / sum(p.numel() for p in model.parameters())
    if share <= LARGE_SHARE:
        return ""
    largest = sorted(trained, key=lambda name: -trained[name])[:3]
    return (
        f"{share:.0%} of the weights are trained, LoRA usually trains below {LARGE_SHARE:.0%}; the "
        f"largest are {', '.join(largest)}."
    )


def _batch(loaded: Loaded) -> dict[str, torch.Tensor]:
    tokenizer: Any = loaded.tokenizer
    inputs = [input_text(key, CONTEXT) for key in TYPE_KEYS[:2]]
    batch = tokenizer(inputs, padding=True, return_tensors="pt")
    labels = tokenizer([target_text(QUESTION)] * len(inputs), return_tensors="pt")["input_ids"]
    tensors = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    return {
        name: tensor.to(loaded.plan.device)
        for name, tensor in {**tensors, "labels": labels}.items()
    }


def _measure(model: Any, batch: dict[str, torch.Tensor]) -> tuple[float, torch.Tensor]:
    with torch.inference_mode():
        output = model(**batch)
    return float(output.loss), output.logits.float()


def _hash(loaded: Loaded) -> str:
    """Return a hash of all that the proof depends on: weights, config, precision."""
    digest = hashlib.sha256(f"{loaded.plan.dtype} {loaded.plan.device}".encode())
    digest.update(loaded.model.config.to_json_string().encode())
    for name, tensor in sorted(loaded.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


def _known(place: Path) -> Proof | None:
    try:
        values = json.loads(place.read_text(encoding="utf-8"))
        stages = tuple(Stage(**stage) for stage in values["stages"])
        return Proof(stages, tuple(values["warnings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # none yet, or torn: it is made again
