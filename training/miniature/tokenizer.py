"""The miniature's tokenizer: Unigram, built the T5 way, with every character to fall back on.

    build(texts, folder)    train it and save it; `AutoTokenizer.from_pretrained(folder)` loads it

`<pad>` is 0, `</s>` 1, `<unk>` 2; the pieces follow, then 100 sentinels, then `[Question]`, which
is added as in the thesis: to the tokenizer alone, the embedding having rows to spare.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import AddedToken
from transformers import AutoTokenizer, T5TokenizerFast

from socratic.prompts import INPUT_TOKENS, MARKER
from training.miniature import unigram

PIECES = 3968
SENTINELS = 100
_PRINTABLE = "".join(chr(code) for code in range(33, 127))
_LETTERS = "éèêëàâäáãåæçñöóòôõøœüúùûßíìîïÉÖÜÄÇÑ"
_SPECIAL = ("<pad>", "</s>", "<unk>")
_MARKS = "“”‘’…–—•°€£%½×→"


def build(texts: Iterable[str], folder: Path) -> None:
    """Train the tokenizer on `texts` and save it in `folder`."""
    special = [(piece, 0.0) for piece in _SPECIAL]
    learnt = unigram.learn(texts, PIECES - len(special), _PRINTABLE + _LETTERS + _MARKS)
    sentinels = [(f"<extra_id_{i}>", 0.0) for i in reversed(range(SENTINELS))]
    tokenizer = T5TokenizerFast(
        vocab=special + learnt + sentinels, extra_ids=SENTINELS, model_max_length=INPUT_TOKENS
    )
    tokenizer.add_tokens([AddedToken(MARKER, normalized=False)])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)


def load(folder: Path) -> Any:
    """Return the tokenizer saved in `folder`."""
    return AutoTokenizer.from_pretrained(folder)
