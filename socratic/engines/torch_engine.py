"""The reference engine: transformers' own `generate` on the loaded model."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import StoppingCriteria

from socratic.decoding import Decoding
from socratic.engines import Output, Stop, never, unread
from socratic.engines.sampling import Draw
from socratic.errors import Cancelled, GenerationError
from socratic.loading import Loaded
from socratic.prompts import INPUT_TOKENS, strip_marker


class TorchEngine:
    """Generates with a loaded model; `input_tokens` cuts longer inputs."""

    def __init__(self, loaded: Loaded, input_tokens: int = INPUT_TOKENS) -> None:
        self.loaded = loaded
        self.input_tokens = input_tokens

    @property
    def name(self) -> str:
        """Engine, precision and device."""
        return self.loaded.engine

    @property
    def memory(self) -> int:
        """Bytes the weights take; those two layers share are counted once."""
        return sum(
            weight.numel() * weight.element_size() for weight in self.loaded.model.parameters()
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found wrong with the model when it was loaded."""
        return self.loaded.notes

    def generate(
        self, inputs: Sequence[str], decoding: Decoding, stop: Stop = never
    ) -> list[Output]:
        """Return one output per input, in order, computed as one batch."""
        tokenizer: Any = self.loaded.tokenizer
        whole = tokenizer(list(inputs), verbose=False, return_offsets_mapping=True)
        batch = tokenizer(
            list(inputs),
            max_length=self.input_tokens,
            truncation=True,
            padding=True,
            return_tensors="pt",
        ).to(self.loaded.plan.device)
        arguments = decoding.arguments() | {"stopping_criteria": [_Asked(stop)]}
        if decoding.sample:
            arguments["logits_processor"] = [Draw(inputs, decoding, self.loaded.plan.device)]
        try:
            with torch.inference_mode():
                made = self.loaded.model.generate(
                    input_ids=batch["input_ids"],
                    attention_mask=batch["attention_mask"],
                    **arguments,
                )
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise GenerationError(
                f"There is not enough memory for {len(inputs)} inputs with {decoding.beams} beams; "
                "choose fewer types, beams or candidates."
            ) from error
        return self._outputs(made, inputs, whole["offset_mapping"], decoding)

    def _outputs(
        self,
        made: torch.Tensor,
        inputs: Sequence[str],
        spans: Sequence[Sequence[tuple[int, int]]],
        decoding: Decoding,
    ) -> list[Output]:
        tokenizer: Any = self.loaded.tokenizer
        texts = [strip_marker(t) for t in tokenizer.batch_decode(made, skip_special_tokens=True)]
        counts = lengths(made, tokenizer.eos_token_id)
        each = decoding.candidates
        return [
            Output(
                questions=tuple(texts[i * each : (i + 1) * each]),
                new_tokens=tuple(counts[i * each : (i + 1) * each]),
                read=min(len(spans[i]), self.input_tokens),
                total=len(spans[i]),
                cut=unread(text, spans[i], self.input_tokens),
            )
            for i, text in enumerate(inputs)
        ]


def lengths(made: torch.Tensor, end: int) -> list[int]:
    """Return the new tokens of every row of `generate`, its end mark among them.

    What ended earlier is filled up, by sampling with pads, by beam search with more end marks.
    """
    # The first token of every row is the decoder's start.
    ended = made[:, 1:] == end
    whole = torch.full((made.shape[0],), made.shape[1] - 1, device=made.device)
    first = ended.int().argmax(dim=1) + 1
    return [int(count) for count in torch.where(ended.any(dim=1), first, whole)]


class _Asked(StoppingCriteria):  # type: ignore[misc]  # transformers is not typed for mypy
    """Leaves the middle of a generation, whatever its decoding, once `stop` says so."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        if self._stop():
            raise Cancelled("Cancelled before all questions were there.")
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
