"""What differs between models that are compared, and what may therefore be concluded."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from socratic import catalog
from socratic.catalog import ModelSpec

# The thesis log's list: it misses the feed-forward input of an ungated T5, `wi`.
LOG_TARGETS = ("q", "k", "v", "o", "wi_0", "wi_1", "wo")


@dataclass(frozen=True)
class Profile:
    """One model as far as a fair comparison depends on it. Counts are numbers of weights.

    trainable_log_list: what the thesis log's own list of modules would train.
    """

    model: str
    title: str
    architecture: str
    activation: str
    tied_head: bool
    parameters: int
    trainable: int
    trainable_share: float
    trainable_log_list: int
    tokenizer: str
    pretraining: str
    instruction_tuned: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the profile for JSON."""
        return asdict(self)


def profile(spec: ModelSpec, rank: int = 16) -> Profile:
    """Return the profile of a catalogue model under LoRA of `rank` on every projection."""
    shape = spec.shape
    trainable = shape.lora_parameters(rank)
    log_list = tuple(name for name in LOG_TARGETS if name in shape.projections)
    return Profile(
        model=spec.key,
        title=spec.title,
        architecture=f"{shape.layers}+{shape.layers} layers, width {shape.d_model}",
        activation="gated GELU" if shape.gated else "ReLU",
        tied_head=shape.tied,
        parameters=shape.parameters,
        trainable=trainable,
        trainable_share=trainable / (shape.parameters + trainable),
        trainable_log_list=shape.lora_parameters(rank, log_list),
        tokenizer="bundled Unigram" if spec.family == "miniature" else "T5 SentencePiece",
        pretraining=spec.pretraining,
        instruction_tuned=spec.instruction_tuned,
    )


def rows(profiles: Sequence[Profile]) -> list[tuple[str, ...]]:
    """Return the table of profiles: what is compared, then a cell per model."""
    return [
        ("architecture", *(p.architecture for p in profiles)),
        ("activation", *(p.activation for p in profiles)),
        ("output head", *("tied" if p.tied_head else "separate" for p in profiles)),
        ("weights", *(f"{p.parameters:,}" for p in profiles)),
        ("trained", *(f"{p.trainable:,} ({p.trainable_share:.2%})" for p in profiles)),
        ("trained by the log's list", *(f"{p.trainable_log_list:,}" for p in profiles)),
        ("tokenizer", *(p.tokenizer for p in profiles)),
        ("pre-training", *(p.pretraining for p in profiles)),
    ]


def conclusions(specs: Sequence[ModelSpec]) -> list[str]:
    """Return what a comparison of these models can and cannot show, in sentences."""
    said: list[str] = []
    tuned = [spec for spec in specs if spec.instruction_tuned]
    plain = [spec for spec in specs if not spec.instruction_tuned]
    for one in tuned:
        for other in plain:
            said.append(pair(one, other))
    for smaller, larger in zip(tuned, tuned[1:], strict=False):
        said.append(
            f"{smaller.title} against {larger.title}: both are instruction-tuned, so a difference "
            "speaks of size."
        )
    if not said:
        said.append("All chosen models are alike in instruction tuning: its effect does not show.")
    return said


def confounds(tuned: ModelSpec, plain: ModelSpec) -> list[str]:
    """Return in what two models differ besides instruction tuning."""
    one, other = tuned.shape, plain.shape
    return [
        name
        for name, same in (
            ("size", (one.layers, one.d_model) == (other.layers, other.d_model)),
            ("activation", one.gated == other.gated),
            ("tied output head", one.tied == other.tied),
        )
        if not same
    ]


def pair(tuned: ModelSpec, plain: ModelSpec) -> str:
    """Return what a difference between two models can and cannot show, in a sentence."""
    others = confounds(tuned, plain)
    if not others:
        return (
            f"{tuned.title} against {plain.title}: the same architecture, so a difference speaks "
            "of instruction tuning (and what further pre-training came with it)."
        )
    control = catalog.spec("t5-v1_1-base").title
    hint = f"; {control} would close the gap" if tuned.key == "flan-t5-base" else ""
    return (
        f"{tuned.title} against {plain.title}: they differ in {', '.join(others)} as well, so a "
        f"difference is not instruction tuning's alone{hint}."
    )
