"""Overlap with the references: ROUGE (Lin 2004), BLEU (Papineni et al. 2002) and sacreBLEU.

Packages: rouge-score for ROUGE, sacrebleu for sacreBLEU (Post 2018). BLEU is counted here the way
the baselines' library (jury 2.2, on tensorflow/nmt's `compute_bleu`) does: lower-cased, punctuation
stripped, corpus level, no smoothing, effective length of the shortest reference.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from importlib.metadata import version
from typing import Any

import numpy as np

from socratic.scoring.guard import checked_rows
from socratic.scoring.measures import Floats, Measure, mean
from socratic.scoring.words import Gram, clipped, gram_counts, stripped_words

Tick = Callable[[int], None]

ORDERS = 4
# Below this share of rows with several references, best-of-references moves a mean by less than
# its third decimal, and the recipe still is the one of a single reference a row.
FEW_ROWS = 0.01

_ROUGE_KEYS = ("rouge1", "rouge2", "rougeL")
_ROUGE_NAMES = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}


class _StemmingTokenizer:
    """rouge-score's stemming tokenizer with each text's tokens kept: stemming is slow."""

    def __init__(self) -> None:
        from rouge_score.tokenizers import DefaultTokenizer

        self.tokenize = lru_cache(maxsize=65_536)(DefaultTokenizer(use_stemmer=True).tokenize)


@cache
def _scorer(keys: tuple[str, ...], stem: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer  # lazily: it imports nltk, which is slow

    return RougeScorer(list(keys), tokenizer=_StemmingTokenizer() if stem else None)


def rouge_l(prediction: str, references: Sequence[str]) -> float:
    """Return ROUGE-L F1 (0..1) without stemmer, the best over `references`.

    Raises ScoreError for a marker or special token left in, or no or an empty reference.
    """
    checked_rows([prediction], [references])
    return _rouge_row(prediction, references, ("rougeL",), stem=False)[0]


def _rouge_row(
    output: str, references: Sequence[str], keys: tuple[str, ...], stem: bool
) -> list[float]:
    scores = [_scorer(keys, stem).score(target, output) for target in references]
    return [max(score[key].fmeasure for score in scores) for key in keys]


def of_references(references: Sequence[Sequence[str]]) -> tuple[str, str]:
    """Return (recipe, detail) on how references were used, to end the two parts of a recipe."""
    several = sum(len(set(group)) > 1 for group in references) / len(references)
    if several > FEW_ROWS:
        return ", best of several references", f"{several:.0%} of rows have several"
    if several:
        return "", f"best of the references, {several:.2%} of rows have several"
    return "", "one reference a row"


def rouge(
    outputs: Sequence[str], references: Sequence[Sequence[str]], stem: bool, tick: Tick
) -> list[Measure]:
    """Return ROUGE-1, 2 and L F1, or ROUGE-L with Porter's stemmer; mean over rows.

    outputs: n texts. references: n groups. tick: told the number of rows done.
    """
    keys = ("rougeL",) if stem else _ROUGE_KEYS
    rows = []
    for row, (output, group) in enumerate(zip(outputs, references, strict=True)):
        rows.append(_rouge_row(output, group, keys, stem))
        tick(row + 1)
    recipe, detail = of_references(references)
    how = "with Porter stemmer" if stem else "without stemmer"
    tail = f"mean over rows{recipe}; rouge-score {version('rouge-score')}, {detail}"
    return [
        mean(
            f"{key}stem" if stem else key,
            np.asarray(rows)[:, column],
            f"{_ROUGE_NAMES[key]} F1 {how}, {tail}",
        )
        for column, key in enumerate(keys)
    ]


def bleu_row(output: str, references: Sequence[str]) -> list[int]:
    """Return 4 match counts, 4 n-gram counts, output length and shortest reference length."""
    tokens = stripped_words(output)
    targets = [stripped_words(text) for text in references]
    wanted = gram_counts(tokens, ORDERS)
    allowed: list[Counter[Gram]] = [Counter() for _ in range(ORDERS)]
    for target in targets:
        for order, counts in enumerate(gram_counts(target, ORDERS)):
            allowed[order] |= counts
    matches = [clipped(*pair) for pair in zip(wanted, allowed, strict=True)]
    totals = [max(len(tokens) - order, 0) for order in range(ORDERS)]
    return [*matches, *totals, len(tokens), min(map(len, targets))]


def corpus_bleu(sums: Floats, order: int) -> Floats:
    """(b, 10) sums of `bleu_row` -> (b,) BLEU-`order`, 0..1, zero where an order has no match."""
    matches, totals = sums[:, :order], sums[:, ORDERS : ORDERS + order]
    complete = (matches > 0).all(axis=1)
    safe = np.where(matches > 0, matches, 1) / np.where(totals > 0, totals, 1)
    geometric = np.exp(np.log(safe).mean(axis=1))
    return np.where(complete, geometric * _brevity(sums[:, -2], sums[:, -1]), 0.0)


def _brevity(length: Floats, reference: Floats) -> Floats:
    exponent = 1 - reference / np.maximum(length, 1)
    return np.where(length > 0, np.exp(np.minimum(exponent, 0.0)), 0.0)


def bleu(outputs: Sequence[str], references: Sequence[Sequence[str]], tick: Tick) -> list[Measure]:
    """Return BLEU-1 to BLEU-4 (cumulative, as usual), the baselines' way."""
    rows = []
    for row, (output, group) in enumerate(zip(outputs, references, strict=True)):
        rows.append(bleu_row(output, group))
        tick(row + 1)
    columns = np.asarray(rows, dtype=np.float64)
    recipe, detail = of_references(references)
    return [
        Measure(
            f"bleu{order}",
            columns,
            partial(corpus_bleu, order=order),
            f"BLEU-{order} lower-cased, punctuation stripped, corpus level, unsmoothed{recipe}; "
            f"as jury 2.2, {detail}",
        )
        for order in range(1, ORDERS + 1)
    ]


def sacre_bleu(outputs: Sequence[str], references: Sequence[Sequence[str]], tick: Tick) -> Measure:
    """Return sacreBLEU (0..100) with its default settings; the signature is the implementation."""
    from sacrebleu.metrics import BLEU

    # `effective_order` keeps sentence_score from warning; the counts taken from it do not change.
    counter, corpus = BLEU(effective_order=True), BLEU()
    rows = []
    for row, (output, group) in enumerate(zip(outputs, references, strict=True)):
        score = counter.sentence_score(output, list(group))
        rows.append([*score.counts, *score.totals, score.sys_len, score.ref_len])
        tick(row + 1)
    signature = _signature(corpus, references)
    columns = np.asarray(rows, dtype=np.float64)
    return Measure("sacrebleu", columns, smoothed_bleu, f"sacreBLEU; {signature}")


def _signature(corpus: Any, references: Sequence[Sequence[str]]) -> str:
    """Return sacrebleu's signature, which says how many references it saw: fewest and most."""
    ends = [min(references, key=len), max(references, key=len)]
    streams = [[g[i] if i < len(g) else None for g in ends] for i in range(len(ends[1]))]
    corpus.corpus_score([""] * len(ends), streams)
    return str(corpus.get_signature().format())


def smoothed_bleu(sums: Floats) -> Floats:
    """(b, 10) sums -> (b,) BLEU 0..100 with sacrebleu's default `exp` smoothing."""
    matches, totals = sums[:, :ORDERS], sums[:, ORDERS : 2 * ORDERS]
    halvings = 2.0 ** np.cumsum((matches == 0) & (totals > 0), axis=1)
    precision = np.where(matches > 0, matches, 1 / halvings) / np.maximum(totals, 1)
    scores = 100 * np.exp(np.log(precision).mean(axis=1)) * _brevity(sums[:, -2], sums[:, -1])
    # sacrebleu gives up where nothing matches, or an order has no n-gram to match at all.
    return np.where((matches > 0).any(axis=1) & (totals > 0).all(axis=1), scores, 0.0)
