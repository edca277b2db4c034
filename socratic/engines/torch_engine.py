"""The reference engine: transformers' own `generate` on the loaded model."""

import threading
from collections.abc import Sequence
from typing import Any

import torch

from socratic.decoding import Decoding
from socratic.engines import Output
from socratic.errors import GenerationError
from socratic.loading import Loaded
from socratic.prompts import INPUT_TOKENS, strip_marker

# Sampling draws from torch's global generator: two samplings at once would mix their numbers.
_RANDOM = threading.Lock()


class TorchEngine:
    """Generates with a loaded model; `input_tokens` cuts longer inputs."""

    def __init__(self, loaded: Loaded, input_tokens: int = INPUT_TOKENS) -> None:
        self.loaded = loaded
        self.input_tokens = input_tokens

    @property
    def name(self) -> str:
        """Engine, precision and device."""
        return self.loaded.engine

    def generate(self, inputs: Sequence[str], decoding: Decoding) -> list[Output]:
        """Return one output per input, in order, computed as one batch."""
        tokenizer: Any = self.loaded.tokenizer
        totals = [len(ids) for ids in tokenizer(list(inputs), verbose=False)["input_ids"]]
        batch = tokenizer(
            list(inputs),
            max_length=self.input_tokens,
            truncation=True,
            padding=True,
            return_tensors="pt",
        ).to(self.loaded.plan.device)
        try:
            made = self._generate(batch, decoding)
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise GenerationError(
                f"There is not enough memory for {len(inputs)} inputs with {decoding.beams} beams; "
                "choose fewer types, beams or candidates."
            ) from error
        return self._outputs(made, totals, decoding)

    def _generate(self, batch: Any, decoding: Decoding) -> torch.Tensor:
        arguments = decoding.arguments()
        with torch.inference_mode(), _RANDOM:
            torch.manual_seed(decoding.seed)
            made: torch.Tensor = self.loaded.model.generate(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], **arguments
            )
        return made

    def _outputs(
        self, made: torch.Tensor, totals: Sequence[int], decoding: Decoding
    ) -> list[Output]:
        tokenizer: Any = self.loaded.tokenizer
        texts = [strip_marker(t) for t in tokenizer.batch_decode(made, skip_special_tokens=True)]
        # The first token of every row is the decoder's start, pads fill up what ended earlier.
        counts = (made[:, 1:] != tokenizer.pad_token_id).sum(dim=1).tolist()
        each = decoding.candidates
        return [
            Output(
                questions=tuple(texts[i * each : (i + 1) * each]),
                new_tokens=counts[i * each],
                read=min(total, self.input_tokens),
                total=total,
            )
            for i, total in enumerate(totals)
        ]
