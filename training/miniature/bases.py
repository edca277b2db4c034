"""Write a pre-trained base model as a folder that loads like any T5, and prove that it does.

save(model, tokenizer_folder, folder)    config, weights in bf16, tokenizer
verify(folder, model)                    reload; the head must be what was trained
"""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import GenerationConfig, T5ForConditionalGeneration

from socratic.errors import ModelError

MOST_BYTES = 10_000_000
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


def save(model: Any, tokenizer: Path, folder: Path) -> None:
    """Write `model` with the tokenizer's files; `verify` is called on the result."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tied = bool(model.config.tie_word_embeddings)
    half = copy.deepcopy(model).to(torch.bfloat16)
    half.config.tie_word_embeddings = tied
    half.generation_config = GenerationConfig(
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=1
    )
    half.config.save_pretrained(folder)
    half.generation_config.save_pretrained(folder)
    # One embedding under one name: the encoder's and the decoder's are the same tensor.
    tensors = {
        name: tensor.contiguous()
        for name, tensor in half.state_dict().items()
        if "embed_tokens" not in name and not (tied and name == "lm_head.weight")
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    config = folder / "config.json"
    facts = json.loads(config.read_text(encoding="utf-8"))
    # The library writes True here for every T5, and the dtype of what was in memory.
    facts |= {"tie_word_embeddings": tied, "dtype": "bfloat16"}
    facts.pop("transformers_version", None)
    config.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / name, folder / name)
    verify(folder, half)


def verify(folder: Path, trained: Any) -> None:
    """Raise ModelError unless the folder holds the trained weights, the head among them."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tied = bool(trained.config.tie_word_embeddings)
    if path.stat().st_size >= MOST_BYTES:
        raise ModelError(f"{path} has {path.stat().st_size:,} bytes; the limit is {MOST_BYTES:,}.")
    if ("lm_head.weight" in tensors) == tied:
        raise ModelError(f"{path} does not hold the head its configuration speaks of.")
    loaded = T5ForConditionalGeneration.from_pretrained(folder)
    same = loaded.lm_head.weight.data_ptr() == loaded.shared.weight.data_ptr()
    kept = torch.equal(loaded.lm_head.weight.float(), trained.lm_head.weight.float())
    if same != tied or not kept:
        raise ModelError(f"The head of {folder} does not come back as it was trained.")
