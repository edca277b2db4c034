"""Three models, five types, one context: all questions, and how soon the first are there."""

import statistics
import time
from pathlib import Path

import torch

from benchmarks import apart, holding, material, reference
from benchmarks.pairs import Measured, Pair, measure, ratio
from benchmarks.report import Result, say
from socratic import decoding, device, generation, prompts
from socratic.errors import GenerationError
from socratic.generation import Request
from socratic.pool import Pool
from socratic.workspace import Workspace

TOKENS = 24
QUICK_TOKENS = 8


def run(
    pairs: int, quick: bool, tokenizer: Path | None, workspace: Workspace, engine: str = "auto"
) -> Result:
    """Return the time of all questions, reference against the app's own path; models loaded."""
    torch.set_num_threads(device.plan(device.describe()).threads)
    folder = material.tokenizer_folder(tokenizer)
    say("making or finding the models")
    chosen = material.systems(quick, folder, workspace)
    tokens = QUICK_TOKENS if quick else TOKENS
    plain = [reference.load(one.model, _adapter(one.adapter)) for one in chosen]
    context = material.context(plain[0].tokenizer)
    pool = Pool(workspace, engine)
    exactly = decoding.preset("thesis").changed(max_new_tokens=tokens, min_new_tokens=tokens)
    request = Request(context, prompts.TYPE_KEYS, tuple(chosen), exactly)
    said: dict[str, list[str]] = {}

    def by_reference() -> Measured:
        start = time.perf_counter()
        said["reference"] = reference.ask(plain, prompts.TYPE_KEYS, context, tokens)
        return {"seconds": time.perf_counter() - start}

    def by_us() -> Measured:
        measured, said["ours"] = _ask(request, pool)
        return measured

    found = measure(by_reference, by_us, pairs, say)
    engines = sorted({pool.engine(system).name for system in chosen})
    return Result(
        name="generate",
        pairs=found,
        ratios={"ratio": ratio(found)},
        facts={
            "models": [one.key for one in chosen],
            "weights": "random, of these shapes",
            "types": len(prompts.TYPE_KEYS),
            "input_tokens": material.longest_input(plain[0].tokenizer, context),
            "new_tokens": tokens,
            "beams": exactly.beams,
            "engines": engines,
            "equal_questions": _share_equal(said["reference"], said["ours"]),
            "first_model_share": _first_share(found),
            "resident_gb": apart.run(holding.ask, request, workspace.root, engine).resident_gb,
        },
    )


def _adapter(path: Path | None) -> Path:
    if path is None:
        raise GenerationError("A system to be measured has no adapter.")
    return path


def _ask(request: Request, pool: Pool) -> tuple[dict[str, float], list[str]]:
    """Ask as the page does; return the times, and the questions in the order of the request."""
    start = time.perf_counter()
    first = 0.0
    questions: dict[tuple[str, str], str] = {}
    for answer in generation.ask(request, pool):
        first = first or time.perf_counter() - start
        if answer.error:
            raise GenerationError(answer.error)
        questions |= {(card.system, card.type): card.questions[0] for card in answer.cards}
    seconds = time.perf_counter() - start
    ordered = [questions[one.key, key] for one in request.systems for key in request.types]
    return {"seconds": seconds, "first_seconds": first}, ordered


def _share_equal(first: list[str], second: list[str]) -> float:
    return sum(a == b for a, b in zip(first, second, strict=True)) / len(first)


def _first_share(pairs: list[Pair]) -> float:
    """Return the time of our first model over the reference's total, the median pair's."""
    shares = [pair.ours["first_seconds"] / pair.reference["seconds"] for pair in pairs]
    return round(statistics.median(shares), 4)
