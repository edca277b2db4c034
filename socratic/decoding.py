"""How questions are decoded: every knob with its range, and the two named presets.

`thesis` is the thesis's (beam 4, deterministic); `paper` is the released script of Ang et al.
(sampling: top_k 5, top_p 0.6, repetition penalty 1.2, no repeated 3-grams).
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from socratic.errors import UsageError
from socratic.prompts import TARGET_TOKENS

MOST_CANDIDATES = 8
MOST_SEED = 2**31 - 1


class Decoding(BaseModel):
    """One way to decode; equal values and an equal seed give equal text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    beams: int = Field(4, ge=1, le=16, description="hypotheses kept at each step; 1 is greedy")
    sample: bool = Field(False, description="draw tokens at random instead of the likeliest")
    temperature: float = Field(1.0, gt=0, le=5, description="flatter above 1, sharper below")
    top_k: int = Field(0, ge=0, le=1000, description="draw from the k likeliest tokens; 0 is all")
    top_p: float = Field(1.0, gt=0, le=1, description="draw from the likeliest mass p")
    repetition_penalty: float = Field(1.0, ge=1, le=5, description="above 1 discourages repeats")
    no_repeat_ngram: int = Field(0, ge=0, le=10, description="no n-gram twice; 0 is off")
    length_penalty: float = Field(1.0, ge=-5, le=5, description="above 0 favours longer beams")
    min_new_tokens: int = Field(0, ge=0, le=TARGET_TOKENS, description="shortest answer")
    max_new_tokens: int = Field(TARGET_TOKENS, ge=4, le=256, description="longest answer")
    candidates: int = Field(1, ge=1, le=MOST_CANDIDATES, description="questions per cell")
    seed: int = Field(42, ge=0, le=MOST_SEED, description="start of the random numbers")

    def changed(self, **values: Any) -> "Decoding":
        """Return a copy with `values`; raise UsageError telling every one out of range."""
        return make({**self.model_dump(), **values})

    def again(self, attempt: int, most: int = MOST_CANDIDATES) -> "Decoding":
        """Return how a cell is asked for the `attempt`th time (0 is the first).

        Sampling takes the next seed; a beam search has only one outcome, so it is made wide enough
        to have others than its best, with `most` candidates.
        """
        if self.sample:
            return self.changed(seed=(self.seed + attempt) % (MOST_SEED + 1))
        return self.changed(candidates=max(most, self.candidates)) if attempt else self

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of `transformers.GenerationMixin.generate`."""
        chosen: dict[str, Any] = {
            # A beam search returns at most as many candidates as it keeps.
            "num_beams": 1 if self.sample else max(self.beams, self.candidates),
            "do_sample": self.sample,
            "num_return_sequences": self.candidates,
            "max_new_tokens": self.max_new_tokens,
            "repetition_penalty": self.repetition_penalty,
            "no_repeat_ngram_size": self.no_repeat_ngram,
        }
        if self.min_new_tokens:
            chosen["min_new_tokens"] = self.min_new_tokens
        if self.sample:
            chosen |= {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}
        elif chosen["num_beams"] > 1:
            chosen["length_penalty"] = self.length_penalty
        return chosen


def make(values: dict[str, Any]) -> Decoding:
    """Return the decoding of `values`; raise UsageError telling every problem at once."""
    try:
        return Decoding(**values)
    except ValidationError as error:
        raise UsageError(f"Decoding: {told(error)}.") from None


def told(error: ValidationError) -> str:
    """Return a validation error as one line: each field, its value and what it must be."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'values'} is {problem['input']!r}: "
        f"{problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors()
    )


PRESETS: dict[str, Decoding] = {
    "thesis": Decoding(),
    "paper": Decoding(
        beams=1,
        sample=True,
        top_k=5,
        top_p=0.6,
        repetition_penalty=1.2,
        no_repeat_ngram=3,
        max_new_tokens=150,
    ),
}


def preset(name: str) -> Decoding:
    """Return the preset called `name`; raise UsageError naming the presets otherwise."""
    if name not in PRESETS:
        raise UsageError(f"There is no decoding {name!r}; choose from {', '.join(PRESETS)}.")
    return PRESETS[name]


def name_of(decoding: Decoding) -> str:
    """Return the preset these values are, whatever the seed and the candidates, or `custom`."""
    for name, known in PRESETS.items():
        if decoding.changed(seed=known.seed, candidates=known.candidates) == known:
            return name
    return "custom"
