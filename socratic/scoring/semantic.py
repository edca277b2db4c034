"""BERTScore (Zhang et al. 2020), by bert-score; a value means nothing without its encoder.

Raw values of one encoder lie in a narrow band (0.83 for random pairs with roberta-large), another
encoder's elsewhere: encoder, layer and rescaling stand in the implementation of every number.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from socratic.errors import HubError, ScoreError
from socratic.scoring.guard import checked_rows
from socratic.scoring.measures import Measure, mean

Tick = Callable[[int], None]

_LONGEST = 512  # deberta tokenizers give no limit, and longer texts overflow the encoder
_BATCH, _AT_ONCE = 64, 512
_PATIENCE = 10.0  # seconds


@dataclass(frozen=True)
class Encoder:
    """An encoder: Hub id or local folder, the layer whose vectors are compared, rescaling.

    layer: None takes bert-score's choice for a known encoder. rescale: subtract bert-score's
    baseline for English.
    """

    name: str
    layer: int | None = None
    rescale: bool = False

    @property
    def depth(self) -> int:
        """The layer; raises ScoreError where none was given and bert-score knows none."""
        return known_layer(self.name) if self.layer is None else self.layer


def bertscore(
    outputs: Sequence[str],
    references: Sequence[Sequence[str]],
    encoder: Encoder,
    tick: Tick | None = None,
) -> list[float]:
    """Return BERTScore F1 per row, the best over the references; an empty output scores 0.

    tick: told the number of rows done. Raises HubError when the encoder cannot be had, ScoreError
    for texts or a layer of no use.
    """
    checked_rows(outputs, references)
    scorer = _scorer(encoder)
    # bert-score 0.3.13 raises AttributeError on an empty text, so those rows never reach it.
    answered = [row for row, text in enumerate(outputs) if text.strip()]
    values = [0.0] * len(outputs)
    for start in range(0, len(answered), _AT_ONCE):
        rows = answered[start : start + _AT_ONCE]
        texts, groups = [outputs[row] for row in rows], [list(references[row]) for row in rows]
        f1 = scorer.score(texts, groups, batch_size=_BATCH)[2]
        for row, value in zip(rows, f1.tolist(), strict=True):
            values[row] = float(value)
        if tick is not None:
            tick(rows[-1] + 1)
    return values


def measure(
    outputs: Sequence[str],
    references: Sequence[Sequence[str]],
    encoder: Encoder,
    tick: Tick | None = None,
) -> Measure:
    """Return `bertscore` as a measure whose implementation names the encoder; same errors."""
    values = bertscore(outputs, references, encoder, tick)
    name = Path(encoder.name).name if Path(encoder.name).is_dir() else encoder.name
    how = (
        f"BERTScore F1, {name}, layer {encoder.depth}, "
        f"{'rescaled' if encoder.rescale else 'not rescaled'}, no idf; "
        f"bert-score {version('bert-score')}"
    )
    return mean("bertscore", values, how)


def is_cached(encoder: str) -> bool:
    """Return whether an encoder of the Hub is on this machine."""
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(encoder, "config.json"), str)


def known_layer(encoder: str) -> int:
    """Return bert-score's choice of layer; raise ScoreError for an encoder it does not know."""
    from bert_score.utils import model2layers

    try:
        return int(model2layers[encoder])
    except KeyError:
        raise ScoreError(
            f"bert-score does not know which layer suits {encoder!r}; give the layer as a number."
        ) from None


@lru_cache(maxsize=1)
def _scorer(wanted: Encoder) -> Any:
    from bert_score import BERTScorer

    encoder, depth = wanted.name, wanted.depth
    _check_at_hand(encoder, depth)
    try:
        scorer = BERTScorer(
            encoder, num_layers=depth, lang="en", rescale_with_baseline=wanted.rescale, device=None
        )
        _ = scorer.baseline_vals if wanted.rescale else None
    except (OSError, ValueError, AssertionError) as error:
        raise _explained(encoder, depth, error) from error
    tokenizer = scorer._tokenizer
    tokenizer.model_max_length = min(tokenizer.model_max_length, _LONGEST)
    return scorer


def _check_at_hand(encoder: str, layer: int) -> None:
    """Ask the Hub once whether it has the encoder: loading it would try again for a minute."""
    import httpx
    from huggingface_hub import model_info

    if Path(encoder).is_dir():
        return
    try:
        if not is_cached(encoder):
            model_info(encoder, timeout=_PATIENCE)
    except (OSError, ValueError, httpx.HTTPError) as error:
        raise _explained(encoder, layer, error) from error


def _explained(encoder: str, layer: int, error: Exception) -> HubError | ScoreError:
    if isinstance(error, AssertionError):
        return ScoreError(f"The encoder {encoder!r} has no layer {layer}; give a smaller one.")
    if "Baseline not Found" in str(error):
        return ScoreError(f"bert-score has no baseline for {encoder!r}; switch rescaling off.")
    where = "is damaged or incomplete" if Path(encoder).is_dir() else "is not on this machine"
    return HubError(
        f"The BERTScore encoder {encoder!r} {where} and could not be fetched; "
        "give a local folder that holds it, or leave BERTScore out."
    )
