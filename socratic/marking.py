"""Which words of a question come from its context: content words, whatever their ending."""

from functools import cache, lru_cache

from socratic.scoring.words import WORD


def pieces(question: str, context: str) -> list[tuple[str, bool]]:
    """Return the question in pieces, in order, each with whether it is a word of the context.

    Compared are Porter stems (as ROUGE's) of words that are no function words.
    """
    known = _stems(context)
    found: list[tuple[str, bool]] = []
    end = 0
    for word in WORD.finditer(question):
        found.append((question[end : word.start()], False))
        found.append((word.group(), _stem(word.group()) in known))
        end = word.end()
    found.append((question[end:], False))
    return [piece for piece in found if piece[0]]


@lru_cache(maxsize=16)
def _stems(context: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in set(WORD.findall(context))) - {""}


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    """Return the stem of a word, or nothing for a function word."""
    plain = word.lower().replace("\u2019", "'")
    if plain in _function_words() or plain.split("'")[0] in _function_words():
        return ""
    # The tokenizer knows the Latin letters alone; words of other scripts stay as they are.
    return "".join(_tokenizer().tokenize(plain)) or plain


@cache
def _tokenizer():  # type: ignore[no-untyped-def]  # rouge-score has no types
    from rouge_score.tokenizers import DefaultTokenizer

    return DefaultTokenizer(use_stemmer=True)


@cache
def _function_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS) | {"don", "doesn", "didn", "isn", "won", "wouldn"}
