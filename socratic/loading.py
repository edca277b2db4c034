"""Base + tokenizer + adapter, in the right order, proved sound -> a loaded model.

The order, and why (thesis log section 6, corrected): tokenizer from the adapter folder; base; the
state of its output head read from the tensors and written into the config; only then a resize,
where an adapter's saved shapes demand one; adapter; merge. transformers 5 forces
`tie_word_embeddings=True` on every T5, so that a resize before the third step would overwrite a
separate head with the input embedding and say nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError
from peft import PeftModel
from safetensors import SafetensorError
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase
from transformers import T5ForConditionalGeneration as T5

from socratic import adapters, catalog
from socratic.adapters import first_line, listing
from socratic.catalog import Shape
from socratic.device import Plan
from socratic.errors import HubError, ModelError, UnsoundModel
from socratic.locations import locate
from socratic.prompts import MARKER
from socratic.workspace import Workspace

DESTROYED = (
    "The adapter {!r} was trained on a destroyed head: it saved an output head equal to its "
    "embedding, on a base whose head is separate; its questions and scores mean nothing."
)


@dataclass
class Loaded:
    """A model ready to be trained or asked. notes: what was found and mended, in words."""

    model: Any
    tokenizer: PreTrainedTokenizerBase
    tied: bool
    source: str
    revision: str
    plan: Plan
    notes: tuple[str, ...] = ()

    @property
    def engine(self) -> str:
        """What makes the tokens, as it is recorded beside scores."""
        return f"torch-{'bf16' if self.plan.bf16 else 'fp32'}-{self.plan.device}"


def load(
    model: str,
    plan: Plan,
    adapter: Path | None = None,
    workspace: Workspace | None = None,
    merge: bool = True,
) -> Loaded:
    """Return `model` with its adapter, in evaluation mode, on the plan's device.

    Raises ModelError (HubError, UnsoundModel) in one sentence; nothing on disk is changed.
    """
    loaded = load_base(model, plan, workspace, tokenizer_from=adapter)
    if adapter is not None:
        saved = adapters.check(adapter, loaded.model)
        rows = adapters.saved_rows(saved)
        if rows is not None and rows != loaded.model.get_input_embeddings().num_embeddings:
            loaded.model.resize_token_embeddings(rows, mean_resizing=False)
        if rows is not None and not loaded.tied and adapters.saved_head_is_embedding(adapter):
            loaded.notes = (DESTROYED.format(str(adapter)),)
        head = loaded.model.lm_head.weight.detach().clone()
        loaded.model = _with_adapter(loaded.model, adapter)
        if merge:
            loaded.model = loaded.model.merge_and_unload(safe_merge=True)
        _check_head_kept(loaded, head, rows)
    loaded.model.eval().to(plan.device)
    return loaded


def _with_adapter(network: Any, adapter: Path) -> Any:
    try:
        # Beside its base: PEFT would take the GPU, which ZeroGPU does not lend while models load.
        return PeftModel.from_pretrained(network, str(adapter), torch_device="cpu")
    except Exception as error:  # PEFT raises whatever its reading of a strange config comes upon
        raise ModelError(
            f"The adapter {str(adapter)!r} cannot be loaded: {first_line(error)}"
        ) from error


def _check_head_kept(loaded: Loaded, head: torch.Tensor, rows: int | None) -> None:
    if rows is None and not torch.equal(loaded.model.get_output_embeddings().weight, head):
        raise UnsoundModel(f"Loading the adapter changed the output head of {loaded.source!r}.")


def load_base(
    model: str,
    plan: Plan,
    workspace: Workspace | None = None,
    tokenizer_from: Path | None = None,
) -> Loaded:
    """Return the base model alone, its head state written into its config."""
    source = locate(model, workspace)
    config = _config(source)
    known = catalog.find(model) is not None
    network = _fetch(source, {"config": config, **_weights_arguments(source, plan, known)})
    tied = settle_head(network, source)
    tokenizer = load_tokenizer(tokenizer_from, source)
    revision = str(getattr(network.config, "_commit_hash", None) or "")
    if len(tokenizer) > network.get_input_embeddings().num_embeddings:
        raise UnsoundModel(
            f"The tokenizer has {len(tokenizer):,} tokens, {source!r} only "
            f"{network.get_input_embeddings().num_embeddings:,} embedding rows; they do not belong "
            "together."
        )
    return Loaded(network, tokenizer, tied, source, revision, plan)


def _weights_arguments(source: str, plan: Plan, known: bool) -> dict[str, Any]:
    folder = Path(source)
    if not known and folder.is_dir() and not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{source!r} has no .safetensors weights ({listing(folder)}); pickled weights can run "
            "code: load them once where you trust them and `save_pretrained` them again."
        )
    # A catalogue base may exist only as .bin: transformers reads it with weights_only=True.
    dtype = torch.bfloat16 if plan.bf16 else torch.float32
    return {"dtype": dtype, "use_safetensors": None if known else True}


def _config(source: str) -> Any:
    """Return the config of a T5; raise ModelError for another architecture."""
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    except Exception as error:
        raise _explained(source, error) from error
    if config.model_type != "t5":
        raise ModelError(f"{source!r} is a {config.model_type} model, not a T5 one.")
    if config.dense_act_fn == "gelu_new":
        # The same function in one kernel instead of nine: a tenth of a training step on a CPU.
        config.dense_act_fn = "gelu_pytorch_tanh"
    return config


def _fetch(source: str, arguments: Mapping[str, Any]) -> Any:
    try:
        return T5.from_pretrained(source, **arguments)
    except Exception as error:  # every library under from_pretrained raises its own kinds
        raise _explained(source, error) from error


def _explained(source: str, error: Exception) -> ModelError:
    """Return the one sentence for what a loader raised."""
    causes = (error, error.__cause__, error.__context__)
    if isinstance(error, ModelError):
        return error
    if any(isinstance(cause, SafetensorError) for cause in causes):
        return ModelError(f"The weights of {source!r} are damaged ({error}); copy them again.")
    if not Path(source).is_dir() and isinstance(error, OSError | HfHubHTTPError):
        return _explained_by_hub(source, causes)
    return ModelError(f"{source!r} cannot be loaded: {first_line(error)}")


def _explained_by_hub(source: str, causes: Sequence[BaseException | None]) -> HubError:
    if any(isinstance(cause, GatedRepoError) for cause in causes):
        return HubError(f"The Hub's {source!r} is gated; accept its terms and `hf auth login`.")
    if any(isinstance(cause, RepositoryNotFoundError) for cause in causes):
        return HubError(
            f"There is no model {source!r} on the Hub, or it is private (then `hf auth login`)."
        )
    spec = catalog.find(source)
    copy = f"copy the model folder to workspace/models/{spec.key}, or " if spec else ""
    return HubError(
        f"{source!r} is not in the Hub's cache here and the Hub cannot be reached (or has no such "
        f"model); {copy}give the path of a local copy."
    )


def settle_head(network: Any, source: str) -> bool:
    """Write into the config whether the output head is the input embedding, and return it.

    Raises UnsoundModel for a head that equals the embedding while output scaling is off: the
    mark of a head that an earlier resize or re-save has overwritten.
    """
    head, embedding = network.lm_head.weight, network.shared.weight
    tied = bool(head.data_ptr() == embedding.data_ptr())
    same = tied or torch.equal(head, embedding)
    if same and not network.config.scale_decoder_outputs:
        raise UnsoundModel(
            f"The output head of {source!r} was overwritten by its input embedding (they are "
            "equal, yet its config says the head is separate); fetch the original checkpoint."
        )
    network.config.tie_word_embeddings = tied
    return tied


def load_tokenizer(adapter: Path | None, source: str) -> PreTrainedTokenizerBase:
    """Return the adapter's tokenizer, or the base's; the marker is one token in both.

    `[Question]` takes the next free id; T5's matrix has spare rows, so nothing is resized.
    """
    own = adapter is not None and (adapter / "tokenizer_config.json").is_file()
    place = str(adapter) if own else source
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            place, trust_remote_code=False
        )
    except Exception as error:
        raise _explained(place, error) from error
    if tokenizer.convert_tokens_to_ids(MARKER) in (None, tokenizer.unk_token_id):
        tokenizer.add_special_tokens({"additional_special_tokens": [MARKER]}, False)
    return tokenizer


def shape_of(network: Any) -> Shape:
    """Return the shape of a loaded T5, as the catalogue writes it."""
    config = network.config
    return Shape(
        rows=network.get_input_embeddings().num_embeddings,
        d_model=config.d_model,
        d_kv=config.d_kv,
        d_ff=config.d_ff,
        layers=config.num_layers,
        heads=config.num_heads,
        gated=config.is_gated_act,
        tied=config.tie_word_embeddings,
    )
