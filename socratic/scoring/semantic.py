"""BERTScore (Zhang et al. 2020), by bert-score; a value means nothing without its encoder.

Raw values of one encoder lie in a narrow band (0.83 for random pairs with roberta-large), another
encoder's elsewhere: encoder, layer and rescaling stand in the implementation of every number.
"""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from socratic.errors import HubError, ScoreError
from socratic.scoring.guard import checked_rows
from socratic.scoring.measures import mean
from socratic.scoring.score import Score
from socratic.scoring.statistics import scored

_LONGEST = 512  # deberta tokenizers give no limit, and longer texts overflow the encoder
_BATCH = 64
_PATIENCE = 10.0  # seconds


def bertscore(
    outputs: Sequence[str],
    references: Sequence[Sequence[str]],
    encoder: str,
    layer: int | None,
    rescale: bool,
) -> list[float]:
    """Return BERTScore F1 per row, the best over the references; an empty output scores 0.

    encoder: Hub id or local folder. layer: whose vectors are compared; None takes bert-score's
    choice for a known encoder. rescale: subtract bert-score's baseline for English.
    Raises HubError when the encoder cannot be had, ScoreError for texts or a layer of no use.
    """
    checked_rows(outputs, references)
    scorer = _scorer(encoder, layer, rescale)
    # bert-score 0.3.13 raises AttributeError on an empty text, so those rows never reach it.
    answered = [row for row, text in enumerate(outputs) if text.strip()]
    values = [0.0] * len(outputs)
    if answered:
        texts = [outputs[row] for row in answered]
        groups = [list(references[row]) for row in answered]
        f1 = scorer.score(texts, groups, batch_size=_BATCH)[2]
        for row, value in zip(answered, f1.tolist(), strict=True):
            values[row] = float(value)
    return values


def bertscore_score(
    outputs: Sequence[str],
    references: Sequence[Sequence[str]],
    encoder: str,
    layer: int | None,
    rescale: bool,
) -> Score:
    """Return `bertscore` as one score with interval; same arguments and errors."""
    values = bertscore(outputs, references, encoder, layer, rescale)
    depth = f"layer {layer if layer is not None else _known_layer(encoder)}"
    name = Path(encoder).name if Path(encoder).is_dir() else encoder
    how = (
        f"BERTScore F1, {name}, {depth}, {'rescaled' if rescale else 'not rescaled'}, no idf; "
        f"bert-score {version('bert-score')}"
    )
    return scored([mean("bertscore", values, how)])[0]


def _known_layer(encoder: str) -> int:
    from bert_score.utils import model2layers

    try:
        return int(model2layers[encoder])
    except KeyError:
        raise ScoreError(
            f"bert-score does not know which layer suits {encoder!r}; give the layer as a number."
        ) from None


def _scorer(encoder: str, layer: int | None, rescale: bool) -> Any:
    from bert_score import BERTScorer

    depth = _known_layer(encoder) if layer is None else layer
    _check_at_hand(encoder, depth)
    try:
        scorer = BERTScorer(
            encoder, num_layers=depth, lang="en", rescale_with_baseline=rescale, device=None
        )
        _ = scorer.baseline_vals if rescale else None
    except (OSError, ValueError, AssertionError) as error:
        raise _explained(encoder, depth, error) from error
    tokenizer = scorer._tokenizer
    tokenizer.model_max_length = min(tokenizer.model_max_length, _LONGEST)
    return scorer


def _check_at_hand(encoder: str, layer: int) -> None:
    """Ask the Hub once whether it has the encoder: loading it would try again for a minute."""
    import httpx
    from huggingface_hub import model_info, try_to_load_from_cache

    if Path(encoder).is_dir():
        return
    try:
        if not isinstance(try_to_load_from_cache(encoder, "config.json"), str):
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
