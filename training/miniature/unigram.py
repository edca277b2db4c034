"""Unigram pieces learnt from word counts (Kudo 2018), small enough to read and always the same.

The usual trainers were tried first. They take a string for a candidate only if it is continued in
two ways, so "because" and "Why", which no suffix follows, fell to pieces, and one of them gave
other pieces on each run. Here every substring of a word is a candidate.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable

SPACE = "▁"
_LONGEST = 14
_CANDIDATES = 40_000
_KEEP_EACH_ROUND = 0.6
_TOKEN = re.compile(r"\d|[^\W\d_]+|\S")

Scores = dict[str, float]


def count_words(texts: Iterable[str]) -> Counter[str]:
    """Return how often each word occurs, words written with a leading space mark."""
    counts: Counter[str] = Counter()
    for text in texts:
        for chunk in text.split():
            parts = _TOKEN.findall(chunk)
            counts[SPACE + parts[0]] += 1
            counts.update(parts[1:])
    return counts


def segment(word: str, scores: Scores, banned: str = "") -> tuple[list[str], float]:
    """Return the most probable pieces of `word` and their log probability."""
    best = [0.0] + [-math.inf] * len(word)
    back = [0] * (len(word) + 1)
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - _LONGEST), end):
            piece = word[start:end]
            score = scores.get(piece)
            if score is not None and piece != banned and best[start] + score > best[end]:
                best[end], back[end] = best[start] + score, start
    pieces, end = [], len(word)
    while end:
        pieces.append(word[back[end] : end])
        end = back[end]
    return pieces[::-1], best[-1]


def _candidates(counts: Counter[str], alphabet: set[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for word, count in counts.items():
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + _LONGEST) + 1):
                found[word[start:end]] += count
    worth = {piece: count * len(piece) for piece, count in found.items() if len(piece) > 1}
    chosen = sorted(worth, key=lambda piece: (-worth[piece], piece))[:_CANDIDATES]
    return Counter({piece: found[piece] for piece in chosen} | {c: found[c] + 1 for c in alphabet})


def _normalised(used: Counter[str]) -> Scores:
    total = math.log(sum(used.values()))
    return {piece: math.log(count) - total for piece, count in used.items()}


def _expectation(counts: Counter[str], scores: Scores, alphabet: set[str]) -> Counter[str]:
    used = Counter(dict.fromkeys(alphabet, 1))
    for word, count in counts.items():
        for piece in segment(word, scores)[0]:
            used[piece] += count
    return used


def _prune(used: Counter[str], scores: Scores, alphabet: set[str], size: int) -> list[str]:
    """Return the `size` pieces whose loss would cost most; single characters always stay."""

    def cost(piece: str) -> float:
        return used[piece] * (scores[piece] - segment(piece, scores, banned=piece)[1])

    long = [piece for piece in used if len(piece) > 1]
    ranked = sorted(long, key=lambda piece: (-cost(piece), piece))
    return sorted(alphabet) + ranked[: size - len(alphabet)]


def learn(texts: Iterable[str], size: int, characters: str) -> list[tuple[str, float]]:
    """Return `size` pieces with their scores, the most probable first."""
    counts = count_words(texts)
    alphabet = set(characters) | {SPACE}
    alphabet |= set("".join(counts))
    scores = _normalised(_candidates(counts, alphabet))
    while True:
        used = _expectation(counts, scores, alphabet)
        scores = _normalised(used)
        if len(used) <= size:
            break
        target = max(size, int(len(used) * _KEEP_EACH_ROUND))
        kept = _prune(used, scores, alphabet, target)
        scores = _normalised(Counter({piece: used[piece] for piece in kept}))
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:size]
