"""The models and families the project knows: ids, shapes, architecture, colours.

A new model is one entry in `MODELS`. Shapes come from the published `config.json` files.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from socratic.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "assets"
MINIATURE = ASSETS / "miniature"

Family = Literal["thesis", "miniature"]

# Okabe and Ito's palette, told apart by colour-blind readers; one colour per role, both families.
BLUE, VERMILLION, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7A7A7A"
SPARE_COLOURS = ("#E69F00", "#56B4E9", "#CC79A7", "#8C6BB1", "#A6761D")

_ATTENTION = ("q", "k", "v", "o")
_BUCKETS = 32


@dataclass(frozen=True)
class Shape:
    """The sizes of a T5 model; `layers` counts the encoder's, the decoder has as many.

    rows: embedding rows. tied: whether the output head is the input embedding.
    """

    rows: int
    d_model: int
    d_kv: int
    d_ff: int
    layers: int
    heads: int
    gated: bool
    tied: bool

    @property
    def feed_forward(self) -> tuple[str, ...]:
        """Names of the feed-forward projections of this architecture."""
        return ("wi_0", "wi_1", "wo") if self.gated else ("wi", "wo")

    @property
    def projections(self) -> tuple[str, ...]:
        """Names of every attention and feed-forward projection: what LoRA adapts."""
        return _ATTENTION + self.feed_forward

    @property
    def parameters(self) -> int:
        """Number of weights, in closed form."""
        inner = self.heads * self.d_kv
        attention = 4 * self.d_model * inner
        forward = len(self.feed_forward) * self.d_model * self.d_ff
        norms = (5 * self.layers + 2) * self.d_model
        blocks = self.layers * (3 * attention + 2 * forward)
        heads = self.rows * self.d_model * (1 if self.tied else 2)
        return blocks + norms + 2 * _BUCKETS * self.heads + heads

    def lora_parameters(self, rank: int, targets: tuple[str, ...] | None = None) -> int:
        """Return how many trainable weights LoRA of `rank` adds on `targets` (all projections)."""
        names = self.projections if targets is None else targets
        attention = sum(name in _ATTENTION for name in names)
        forward = sum(name in self.feed_forward for name in names)
        per_attention = rank * (self.d_model + self.heads * self.d_kv)
        per_forward = rank * (self.d_model + self.d_ff)
        return self.layers * (3 * attention * per_attention + 2 * forward * per_forward)


@dataclass(frozen=True)
class ModelSpec:
    """A model of the catalogue.

    key: its name in commands and run folders. title: its name on the page.
    source: a Hub id, or None for a bundled model. aliases: other names it answers to.
    pretraining: what it had learnt before, in words. optional: offered, not preselected.
    """

    key: str
    title: str
    family: Family
    source: str | None
    shape: Shape
    colour: str
    instruction_tuned: bool
    pretraining: str
    aliases: tuple[str, ...] = ()
    optional: bool = False

    @property
    def bundled(self) -> Path | None:
        """The folder this model is shipped in, or None for one that comes from the Hub."""
        return MINIATURE / self.key if self.source is None else None


_BASE = Shape(32128, 768, 64, 2048, 12, 12, gated=True, tied=False)
_C4 = "span corruption on C4"
_MINI_ROWS = 4096

MODELS: tuple[ModelSpec, ...] = (
    ModelSpec(
        key="flan-t5-small",
        title="FLAN-T5-small",
        family="thesis",
        source="google/flan-t5-small",
        shape=Shape(32128, 512, 64, 1024, 8, 6, gated=True, tied=False),
        colour=BLUE,
        instruction_tuned=True,
        pretraining=f"{_C4}, LM adaptation, FLAN instruction mix",
    ),
    ModelSpec(
        key="flan-t5-base",
        title="FLAN-T5-base",
        family="thesis",
        source="google/flan-t5-base",
        shape=_BASE,
        colour=VERMILLION,
        instruction_tuned=True,
        pretraining=f"{_C4}, LM adaptation, FLAN instruction mix",
    ),
    ModelSpec(
        key="t5-base",
        title="T5-base",
        family="thesis",
        source="google-t5/t5-base",
        shape=Shape(32128, 768, 64, 3072, 12, 12, gated=False, tied=True),
        colour=GREEN,
        instruction_tuned=False,
        pretraining=f"{_C4} with supervised tasks mixed in (T5 1.0)",
        aliases=("google-t5/t5-base",),
    ),
    ModelSpec(
        key="t5-v1_1-base",
        title="T5 v1.1 base (control)",
        family="thesis",
        source="google/t5-v1_1-base",
        shape=_BASE,
        colour=PURPLE,
        instruction_tuned=False,
        pretraining=f"{_C4} only (T5 1.1)",
        optional=True,
    ),
    ModelSpec(
        key="mini-flan-small",
        title="Mini FLAN small",
        family="miniature",
        source=None,
        shape=Shape(_MINI_ROWS, 128, 32, 256, 2, 4, gated=True, tied=False),
        colour=BLUE,
        instruction_tuned=True,
        pretraining="span corruption, then an instruction mix, on generated text",
    ),
    ModelSpec(
        key="mini-flan-base",
        title="Mini FLAN base",
        family="miniature",
        source=None,
        shape=Shape(_MINI_ROWS, 192, 32, 512, 2, 6, gated=True, tied=False),
        colour=VERMILLION,
        instruction_tuned=True,
        pretraining="span corruption, then an instruction mix, on generated text",
    ),
    ModelSpec(
        key="mini-t5-base",
        title="Mini T5 base",
        family="miniature",
        source=None,
        shape=Shape(_MINI_ROWS, 192, 32, 768, 2, 6, gated=False, tied=True),
        colour=GREEN,
        instruction_tuned=False,
        pretraining="span corruption on generated text",
    ),
)
FAMILIES: tuple[Family, ...] = ("thesis", "miniature")
_BY_NAME = {
    name: spec
    for spec in MODELS
    for name in (spec.key, spec.source, *spec.aliases)
    if name is not None
}


def find(name: str) -> ModelSpec | None:
    """Return the catalogue's model of that key, Hub id or alias, or None."""
    return _BY_NAME.get(name)


def spec(key: str) -> ModelSpec:
    """Return the model of that key; raise UsageError naming the keys when there is none."""
    found = find(key)
    if found is None:
        keys = ", ".join(model.key for model in MODELS)
        raise UsageError(f"There is no model {key!r} in the catalogue; its keys are {keys}.")
    return found


def family(name: str) -> tuple[ModelSpec, ...]:
    """Return the models of a family, smallest first; raise UsageError for another name."""
    if name not in FAMILIES:
        raise UsageError(f"There is no family {name!r}; choose from {', '.join(FAMILIES)}.")
    return tuple(model for model in MODELS if model.family == name)
