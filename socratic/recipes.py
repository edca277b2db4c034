"""Training recipes: every hyperparameter with its range and one line of why.

A recipe is a YAML file in `training/recipes/` or given by path; it names only what it changes.
"""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from socratic.catalog import ROOT
from socratic.decoding import told
from socratic.errors import UsageError
from socratic.prompts import INPUT_TOKENS, TARGET_TOKENS

FOLDER = ROOT / "training" / "recipes"
DEFAULT = "recommended"


class Hyperparameters(BaseModel):
    """All that a run may be told; the description of each field is its line of why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    learning_rate: float = Field(
        5e-4, gt=0, le=0.1, description="LoRA wants about ten times the rate of full fine-tuning"
    )
    train_batch: int = Field(
        32, ge=1, le=1024, description="rows of one batch, shared out over all devices"
    )
    eval_batch: int = Field(64, ge=1, le=1024, description="rows per validation step")
    accumulation: int = Field(
        1, ge=1, le=256, description="batches added up before a step: a larger batch, less memory"
    )
    epochs: float = Field(10, gt=0, le=1000, description="passes over the training rows at most")
    max_steps: int = Field(
        0, ge=0, le=10**7, description="stop after so many steps; 0 is by epochs"
    )
    warmup: float = Field(
        0.05, ge=0, le=10**6, description="below 1 a share of all steps, from 1 on a number of them"
    )
    scheduler: Literal["cosine", "linear", "constant_with_warmup"] = Field(
        "cosine", description="how the learning rate falls after the warm-up"
    )
    weight_decay: float = Field(0.01, ge=0, le=1, description="pulls weights towards zero")
    processes: int = Field(
        0,
        ge=0,
        le=64,
        description="devices that share each batch; 0 takes every GPU there is, or the one CPU",
    )
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="auto takes what this machine does well; never fp16, T5 overflows"
    )
    optimizer: Literal["auto", "adamw_torch", "adamw_torch_fused"] = Field(
        "auto", description="auto takes the fused AdamW where there is one"
    )
    activation_checkpointing: Literal["auto", "on", "off"] = Field(
        "auto", description="saves memory, costs time; auto turns it on when memory asks for it"
    )
    lora_rank: int = Field(16, ge=1, le=256, description="size of the adapter")
    lora_alpha: int = Field(32, ge=1, le=1024, description="scale of the adapter is alpha / rank")
    lora_dropout: float = Field(0.1, ge=0, lt=1, description="noise against overfitting")
    eval_steps: int = Field(500, ge=1, le=10**6, description="steps between two validations")
    logging_steps: int = Field(
        10, ge=1, le=10**5, description="steps between two points of a curve"
    )
    sample_rows: int = Field(
        512,
        ge=1,
        le=10**5,
        description="validation rows generated for ROUGE-L, the types in proportion",
    )
    patience: int = Field(
        10, ge=0, le=1000, description="validations without a gain; 0 never stops"
    )
    threshold: float = Field(0.0, ge=0, le=1, description="smallest ROUGE-L gain that counts")
    input_tokens: int = Field(INPUT_TOKENS, ge=16, le=2048, description="longer contexts are cut")
    target_tokens: int = Field(TARGET_TOKENS, ge=8, le=512, description="longer questions are cut")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="start of the random numbers")

    @model_validator(mode="after")
    def _evaluation_is_reached(self) -> "Hyperparameters":
        if self.max_steps and self.eval_steps > self.max_steps:
            raise ValueError(
                f"eval_steps {self.eval_steps} is beyond max_steps {self.max_steps}: "
                "no checkpoint would ever be chosen"
            )
        return self


class Recipe(BaseModel):
    """A named set of hyperparameters, and for whom it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str
    hyperparameters: Hyperparameters


def names() -> list[str]:
    """Return the names of the bundled recipes, the recommended one first."""
    found = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    return sorted(found, key=lambda name: name != DEFAULT)


def load(name: str, overrides: dict[str, Any] | None = None) -> Recipe:
    """Return a bundled recipe or a YAML file's, with `overrides` on top.

    Raises UsageError naming the recipe and every value that is out of range.
    """
    path = FOLDER / f"{name}.yaml" if name in names() else Path(name).expanduser()
    if not path.is_file():
        raise UsageError(f"There is no recipe {name!r}; choose {', '.join(names())} or a file.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        values = {**content.get("hyperparameters", {}), **(overrides or {})}
        return Recipe(
            name=path.stem,
            description=content.get("description", ""),
            hyperparameters=Hyperparameters(**values),
        )
    except ValidationError as error:
        raise UsageError(f"Recipe {name!r}: {told(error)}.") from None
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, TypeError) as error:
        raise UsageError(f"{path.name} is not a recipe ({str(error).splitlines()[0]}).") from None


def parse_overrides(pairs: list[str]) -> dict[str, Any]:
    """Return `key=value` pairs as values; raise UsageError for one that has no `=`."""
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair!r} is not of the form key=value.")
        if key not in Hyperparameters.model_fields:
            known = ", ".join(Hyperparameters.model_fields)
            raise UsageError(f"There is no hyperparameter {key!r}; there are: {known}.")
        values[key] = text
    return values
