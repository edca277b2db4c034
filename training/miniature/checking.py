"""Whether the shipped files come from the recipe: corpus, tokenizer, weights, heads, scores."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from socratic import catalog, console
from training.miniature import bases, corpus, texts, tokenizer
from training.miniature.build import KEYS, RECIPE_FILE
from training.miniature.quality import BUNDLED, WORDS, Table

# Two standard errors of a share over 250 contexts at worst; ROUGE-L varies less. A copied span may
# be a word longer or shorter.
NOISE = 0.06


@dataclass(frozen=True)
class Fact:
    """One thing that must hold, and whether it does."""

    what: str
    holds: bool
    detail: str

    def record(self) -> dict[str, object]:
        """Return it for JSON."""
        return asdict(self)


def _recipe() -> dict[str, Any]:
    path = catalog.MINIATURE / RECIPE_FILE
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def _same(what: str, found: str, wanted: str | None) -> Fact:
    detail = f"sha256 {found[:12]}"
    if found != wanted:
        detail += f", the recipe says {(wanted or 'nothing')[:12]}"
    return Fact(what, found == wanted, detail)


def _corpus(recipe: dict[str, Any]) -> list[Fact]:
    made = corpus.digests(recipe.get("seed", corpus.SEED))
    return [
        _same(
            f"sample/{name}.csv is what the seed makes",
            corpus.file_digest(catalog.ASSETS / "sample" / f"{name}.csv"),
            digest,
        )
        for name, digest in made.items()
    ]


def _tokenizer(recipe: dict[str, Any]) -> list[Fact]:
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.build(texts.tokenizer_texts(recipe.get("seed", corpus.SEED)), Path(folder))
        made = corpus.file_digest(Path(folder) / "tokenizer.json")
    return [
        _same(
            f"{key}: the tokenizer is what the seed makes",
            corpus.file_digest(catalog.MINIATURE / key / "tokenizer.json"),
            made,
        )
        for key in KEYS
    ]


def _weights(recipe: dict[str, Any]) -> list[Fact]:
    facts = []
    for key in KEYS:
        path = catalog.MINIATURE / key / "model.safetensors"
        wanted = recipe.get(key, {}).get("sha256")
        facts.append(
            _same(f"{key}: the weights are the recipe's", corpus.file_digest(path), wanted)
        )
        size = path.stat().st_size
        facts.append(
            Fact(f"{key}: under 10 MB", size < bases.MOST_BYTES, f"{size / 1e6:.2f} million bytes")
        )
        with safe_open(path, framework="numpy") as file:
            tied = "lm_head.weight" not in set(file.keys())
        facts.append(
            Fact(
                f"{key}: the head is what the catalogue says",
                tied == catalog.spec(key).shape.tied,
                "tied" if tied else "separate",
            )
        )
    return facts


def files() -> list[Fact]:
    """Return what must hold of the shipped files."""
    recipe = _recipe()
    return [*_corpus(recipe), *_tokenizer(recipe), *_weights(recipe)]


def scores(tables: Sequence[Table]) -> list[Fact]:
    """Return whether each figure on the bundled test split is the recorded one, within noise."""
    recipe = _recipe()
    facts = []
    for table in (table for table in tables if table.contexts == BUNDLED):
        known = recipe.get(f"{table.model} scores", {})
        off = [
            f"{name} {value:g}, recorded {known[name]:g}"
            if name in known
            else f"{name} was not recorded"
            for name, value in table.values.items()
            if not _near(name, value, known.get(name))
        ]
        facts.append(
            Fact(
                f"{table.model}: the scores are the recorded ones, within noise",
                not off,
                "; ".join(off) or f"{len(known)} figures",
            )
        )
    return facts


def _near(name: str, value: float, known: float | None) -> bool:
    noise = 1.0 if name == WORDS else NOISE
    return known is not None and abs(value - known) <= noise


def show(facts: Sequence[Fact]) -> None:
    """Print the facts for people."""
    rows = [("ok" if fact.holds else "NOT SO", fact.what, fact.detail) for fact in facts]
    console.print_table(("", "requirement", "found"), rows)
