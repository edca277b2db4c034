"""Drawing tokens so that equal seeds give equal text, whatever else is in the batch.

torch's own sampling takes one stream of random numbers for the whole batch: what a cell of the
grid says would change with the types beside it. Here each row has numbers of its own.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import LogitsProcessor
from transformers.generation.logits_process import (
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from socratic.decoding import Decoding


def numbers(inputs: Sequence[str], decoding: Decoding) -> np.ndarray:
    """Return the random numbers of every candidate, in [0, 1), shape (rows, max_new_tokens).

    A row's numbers follow from the seed, its input and the candidate's place.
    """
    rows = [(text, place) for text in inputs for place in range(decoding.candidates)]
    return np.stack([_row(text, place, decoding) for text, place in rows])


def _row(text: str, place: int, decoding: Decoding) -> Any:
    words = np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype="<u4")
    stream = np.random.PCG64([decoding.seed, place, *words.tolist()])
    return np.random.Generator(stream).random(decoding.max_new_tokens, dtype=np.float32)


class Draw(LogitsProcessor):  # type: ignore[misc]  # transformers is not typed for mypy
    """Leaves each row the one token that its own random number draws.

    transformers' own warpers and drawing come after it and find a single token left.
    """

    def __init__(self, inputs: Sequence[str], decoding: Decoding, device: str) -> None:
        self._numbers = torch.from_numpy(numbers(inputs, decoding)).to(device)
        self._warpers: list[LogitsProcessor] = [TemperatureLogitsWarper(decoding.temperature)]
        if decoding.top_k:
            self._warpers.append(TopKLogitsWarper(decoding.top_k))
        if decoding.top_p < 1:
            self._warpers.append(TopPLogitsWarper(decoding.top_p))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores of shape (rows, vocabulary), all but one token of each row impossible."""
        for warper in self._warpers:
            scores = warper(input_ids, scores)
        mass = scores.float().softmax(dim=-1).cumsum(dim=-1)
        # The first token of a row is the decoder's start.
        drawn = self._numbers[:, input_ids.shape[1] - 1, None] * mass[:, -1:]
        token = (mass <= drawn).sum(dim=-1, keepdim=True).clamp(max=mass.shape[1] - 1)
        return torch.full_like(scores, -torch.inf).scatter(1, token, 0.0)
