"""What is measured on: checkpoints of random weights, adapters, a context, rows.

Speed does not depend on what weights say, so full-size models need no download. Made once in
`workspace/cache/benchmarks`, the FLAN ones with a separate output head.
"""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from peft import LoraConfig, get_peft_model
from transformers import PreTrainedTokenizerBase, T5Config
from transformers import T5ForConditionalGeneration as T5

from socratic import catalog, data, loading, prompts
from socratic.catalog import ModelSpec
from socratic.errors import UsageError
from socratic.systems import System
from socratic.workspace import Workspace

RANK, ALPHA, DROPOUT = 16, 32, 0.1
CONTEXT_TOKENS = 159
# Our own words, in the manner of the data: an opinion and its reasons.
OPINION = (
    "I believe that cities should make public transport free for everybody. People would leave "
    "their cars at home, the air would be cleaner, and those with little money could reach work "
    "and school. It costs a lot, but roads and parking cost a lot as well, and nobody asks whether "
    "those pay for themselves. Some say that what is free is not valued, yet libraries and parks "
    "are free and loved. A ticket inspector could become a guide, and buses would not wait at each "
    "stop while people look for coins. "
)


def tokenizer_folder(given: Path | None) -> Path:
    """Return the tokenizer's folder: the one given, else the miniature family's."""
    folder = given or catalog.MINIATURE / "mini-flan-small"
    if not (folder / "tokenizer_config.json").is_file():
        raise UsageError(f"{str(folder)!r} holds no tokenizer; give one with --tokenizer DIR.")
    return folder.absolute()


def specs(quick: bool) -> tuple[ModelSpec, ...]:
    """Return the three models whose shapes are measured: miniature ones when `quick`."""
    found = catalog.family("miniature" if quick else "thesis")
    return tuple(spec for spec in found if not spec.optional)


def systems(quick: bool, tokenizer: Path, workspace: Workspace) -> list[System]:
    """Return a system of random weights per model: base and adapter."""
    made = []
    for spec in specs(quick):
        folder = checkpoint(spec, tokenizer, workspace)
        made.append(
            System(
                key=spec.key,
                title=spec.title,
                model=str(folder),
                family="own",
                adapter=adapter(spec, folder),
                colour=spec.colour,
                size=spec.shape.parameters,
            )
        )
    return made


def checkpoint(spec: ModelSpec, tokenizer: Path, workspace: Workspace) -> Path:
    """Return the folder of a model of `spec`'s shape, made when it is not there yet."""
    mark = hashlib.sha256(str(tokenizer).encode()).hexdigest()[:8]
    folder = workspace.cache / "benchmarks" / f"{spec.key}-{mark}"
    if (folder / "config.json").is_file():
        return folder
    words = loading.load_tokenizer(None, str(tokenizer))
    torch.manual_seed(0)
    network = _network(spec, len(words))
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    network.save_pretrained(str(partial))
    words.save_pretrained(str(partial))
    partial.rename(folder)
    return folder


def _network(spec: ModelSpec, words: int) -> Any:
    shape = spec.shape
    config = T5Config(
        vocab_size=max(shape.rows, -(-words // 128) * 128),
        d_model=shape.d_model,
        d_kv=shape.d_kv,
        d_ff=shape.d_ff,
        num_layers=shape.layers,
        num_heads=shape.heads,
        feed_forward_proj="gated-gelu" if shape.gated else "relu",
        decoder_start_token_id=0,
    )
    # transformers 5 builds every T5 tied. Only the head is cut loose, as in the real FLAN ones:
    # encoder and decoder go on sharing their embedding.
    network = T5(config)
    if not shape.tied:
        head = torch.randn_like(network.lm_head.weight) * shape.d_model**-0.5
        network.lm_head.weight = torch.nn.Parameter(head)
        config.tie_word_embeddings = False
        config.scale_decoder_outputs = False
    return network


def lora(spec: ModelSpec) -> LoraConfig:
    """Return the adapter's configuration: every projection of the architecture."""
    return LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=DROPOUT,
        task_type="SEQ_2_SEQ_LM",
        target_modules=list(spec.shape.projections),
    )


def adapter(spec: ModelSpec, base: Path) -> Path:
    """Return the folder of an adapter that changes what its base says, made when missing."""
    folder = base / "adapter"
    if (folder / "adapter_config.json").is_file():
        return folder
    torch.manual_seed(1)
    network = get_peft_model(T5.from_pretrained(str(base)), lora(spec))
    for name, weight in network.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    network.save_pretrained(str(folder), save_embedding_layers=False)
    loading.load_tokenizer(None, str(base)).save_pretrained(str(folder))
    return folder


def context(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a context whose longest input has `CONTEXT_TOKENS` tokens, or just below."""
    words: Any = tokenizer
    text = OPINION * 4
    while longest_input(words, text) > CONTEXT_TOKENS:
        text = text.rpartition(" ")[0]
    return text


def longest_input(tokenizer: Any, text: str) -> int:
    """Return the tokens of the longest of a context's five inputs."""
    inputs = [prompts.input_text(key, text) for key in prompts.TYPE_KEYS]
    return max(len(ids) for ids in tokenizer(inputs)["input_ids"])


def rows_folder(source: str, counts: dict[str, int], workspace: Workspace) -> Path:
    """Write `counts` rows per split of a data set as a folder of its own, and return it."""
    corpus = data.load(source, workspace)
    folder = workspace.cache / "benchmarks" / f"rows-{corpus.sha256[:8]}-{_slug(counts)}"
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in counts.items():
        rows: Sequence[data.Row] = data.stratified(corpus.split(split), count)
        frame = pd.DataFrame([vars(row) for row in rows])
        frame.to_csv(folder / f"{split}.csv", index=False)
    return folder


def _slug(counts: dict[str, int]) -> str:
    return "-".join(str(count) for count in counts.values())
