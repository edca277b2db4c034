"""Adapter folders: what they say of themselves, read without torch before anything is loaded."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from socratic import catalog
from socratic.errors import ModelError

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
PICKLED = (
    "pickled weights can run code; where you trust them, load them with "
    "`PeftModel.from_pretrained` and `save_pretrained` them again, which writes safetensors. "
)
EMBEDDINGS = ("shared", "embed_tokens", "lm_head")
MOST_RANK = 1_024
MOST_GROWTH = 4
# Keys of an adapter's configuration that import modules by name, copy layers or read other files.
_NEVER = frozenset(
    [
        "megatron_config",
        "layer_replication",
        "target_parameters",
        "arrow_config",
        "eva_config",
        "corda_config",
        "lora_ga_config",
        "monteclora_config",
        "velora_config",
    ]
)
# Those that name layers; a string among them would be a regular expression of a stranger's.
_NAMES = frozenset(
    [
        "target_modules",
        "exclude_modules",
        "modules_to_save",
        "layers_pattern",
        "rank_pattern",
        "alpha_pattern",
    ]
)
_NAME = re.compile(r"[\w.-]{1,200}")
Stamp = tuple[tuple[int, int], ...]


def listing(folder: Path) -> str:
    """Return in a few words what a folder holds, for messages about what it lacks."""
    if not folder.is_dir():
        return "there is no such folder"
    names = sorted(path.name for path in folder.iterdir())
    return f"it holds {', '.join(names[:8])}" if names else "it is empty"


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def config(folder: Path) -> dict[str, Any]:
    """Return an adapter's configuration; raise ModelError saying what the folder lacks."""
    path = folder / CONFIG
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"{str(folder)!r} is no adapter: {CONFIG} is missing ({listing(folder)})."
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{str(path)!r} cannot be read: {first_line(error)}.") from error
    if not isinstance(values, dict):
        raise ModelError(f"{str(path)!r} is not an adapter's configuration.")
    if values.get("peft_type") != "LORA":
        raise ModelError(f"{str(folder)!r} is a {values.get('peft_type')} adapter, not LoRA.")
    _refuse_hostile(folder, values)
    return dict(values)


def _refuse_hostile(folder: Path, values: Mapping[str, Any]) -> None:
    """Raise ModelError for what would make PEFT import, multiply or match more than LoRA needs."""
    wanted = [key for key in sorted(_NEVER) if values.get(key)]
    ranks = [values.get("r"), *_mapping(values, "rank_pattern").values()]
    numbers = [*ranks, values.get("lora_alpha"), *_mapping(values, "alpha_pattern").values()]
    names = [name for key in _NAMES for name in _listed(values.get(key))]
    if wanted:
        problem = f"it asks for {', '.join(wanted)}"
    elif any(rank is not None and not _whole(rank, MOST_RANK) for rank in ranks):
        problem = f"its ranks are not whole numbers from 1 to {MOST_RANK:,}"
    elif any(number is not None and not isinstance(number, int | float) for number in numbers):
        problem = "its scales are not numbers"
    elif not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        problem = "it names layers by a pattern; list their names"
    else:
        return
    raise ModelError(f"The adapter {str(folder)!r} is not loaded: {problem}.")


def _mapping(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def _listed(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        return list(value)
    return [] if value is None else [value]


def _whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def stamp(folder: Path | None) -> Stamp:
    """Return what changes when an adapter's files do: time and size of each; no file, nothing."""
    paths = [] if folder is None else [folder / CONFIG, folder / WEIGHTS]
    found = [path.stat() for path in paths if path.is_file()]
    return tuple((stat.st_mtime_ns, stat.st_size) for stat in found)


def digest(folder: Path) -> str:
    """Return the sha256 of an adapter's weights; raise ModelError when they cannot be read."""
    try:
        with (folder / WEIGHTS).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"{str(folder / WEIGHTS)!r} cannot be read: {first_line(error)}."
        ) from error


def base_of(folder: Path) -> str:
    """Return what an adapter names as its base: a catalogue key where it is one of them."""
    named = str(config(folder).get("base_model_name_or_path") or "")
    # A moved path still ends in the model's key.
    found = catalog.find(named) or catalog.find(Path(named).name)
    if found is None and not named:
        raise ModelError(f"The adapter {str(folder)!r} does not name its base model.")
    return found.key if found else named


def check(folder: Path, network: Any) -> dict[str, tuple[int, ...]]:
    """Return the saved shapes of an adapter by name, read from its header.

    Raises ModelError for pickled or damaged weights and for an adapter of another base.
    """
    config(folder)
    path = folder / WEIGHTS
    if not path.is_file():
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        hint = PICKLED if pickled else ""
        raise ModelError(f"{str(path)!r} is missing: {hint}The folder: {listing(folder)}.")
    try:
        with safe_open(str(path), framework="np") as file:
            names = file.keys()
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in names}
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{str(path)!r} is damaged ({first_line(error)}); copy it again."
        ) from None
    _check_shapes(folder, shapes, network)
    return shapes


def _check_shapes(folder: Path, shapes: Mapping[str, tuple[int, ...]], network: Any) -> None:
    modules = dict(network.named_modules())
    for key, shape in shapes.items():
        name = key.removeprefix("base_model.model.")
        place, _, kind = name.partition(".lora_")
        if not kind:
            _check_rows(folder, key, shape, network)
            continue
        module = modules.get(place)
        fits = module is not None and (
            len(shape) == 2
            and (
                shape[1] == module.in_features
                if kind[0] == "A"
                else shape[0] == module.out_features
            )
        )
        if not fits:
            want = "there is no such layer" if module is None else str(tuple(module.weight.shape))
            raise ModelError(
                f"The adapter {str(folder)!r} was made for another base: {place} has {shape}, "
                f"here {want}."
            )


def _check_rows(folder: Path, key: str, shape: tuple[int, ...], network: Any) -> None:
    """Raise ModelError for an embedding nobody would save: the base is resized to its rows."""
    rows, width = network.get_input_embeddings().weight.shape
    if not any(name in key for name in EMBEDDINGS):
        return
    if len(shape) != 2 or shape[1] != width or not 0 < shape[0] <= MOST_GROWTH * rows:
        raise ModelError(
            f"The adapter {str(folder)!r} was made for another base: {key} has {shape}, here "
            f"({rows}, {width})."
        )


def saved_rows(shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """Return the embedding rows an adapter saved in full, or None for a plain one."""
    rows = [
        shape[0]
        for key, shape in shapes.items()
        if any(name in key for name in EMBEDDINGS) and "lora_" not in key
    ]
    return rows[0] if rows else None


def saved_head_is_embedding(folder: Path) -> bool:
    """Return whether an adapter saved an output head equal to the embedding it saved.

    On a base with a separate head that is the mark of a head overwritten by a resize.
    """
    with safe_open(str(folder / WEIGHTS), framework="pt") as file:
        names = [name for name in file.keys() if "lora_" not in name]  # noqa: SIM118 - no mapping
        heads = [name for name in names if "lm_head" in name]
        embeddings = [name for name in names if "shared" in name or "embed_tokens" in name]
        if not heads or not embeddings:
            return False
        head, embedding = file.get_tensor(heads[0]), file.get_tensor(embeddings[0])
    return bool(head.shape == embedding.shape and (head == embedding).all())
