"""The fast engine: CTranslate2 with int8 weights, several times quicker than torch on a CPU.

A system is converted once, in a process of its own: converting needs torch and the whole model in
fp32, answering needs neither. What was converted is cached by a hash of all it was made from.
"""

import hashlib
import importlib.util
import json
import math
import multiprocessing
import shutil
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from socratic.decoding import Decoding
from socratic.engines import Output, Stop, never, unread
from socratic.errors import Cancelled, GenerationError
from socratic.locations import base_folder
from socratic.prompts import INPUT_TOKENS, strip_marker
from socratic.systems import System
from socratic.workspace import Workspace, write_json

_NOTES = "notes.json"
_WEIGHTS = ("*.safetensors", "*.bin", "*.json", "*.model")
# By itself the library ends a beam search once as many answers are finished as there are beams,
# transformers only once none can become better. With twice as many the two agree on 94 % of the
# miniature's questions in fp32, with once as many on 58 to 74 %.
_PATIENCE = 2
_POLL_SECONDS = 0.005
# The library's random numbers start from one seed for the whole process.
_RANDOM = threading.Lock()


def available() -> bool:
    """Return whether CTranslate2 is installed (the extra `fast`)."""
    return importlib.util.find_spec("ctranslate2") is not None


class FastEngine:
    """Generates with a converted folder; `input_tokens` cuts longer inputs.

    compute: the library's name of the arithmetic; float32 shows what rounding changes.
    """

    def __init__(
        self,
        folder: Path,
        threads: int,
        input_tokens: int = INPUT_TOKENS,
        compute: str = "int8",
    ) -> None:
        self._folder = folder
        self._compute = compute
        self._threads = threads
        self.input_tokens = input_tokens
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._translator = self._open(threads)

    @property
    def name(self) -> str:
        """Engine, precision and device."""
        return f"ct2-{self._compute}-cpu"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found wrong with the model when it was loaded to be converted."""
        return tuple(json.loads((self._folder / _NOTES).read_text(encoding="utf-8")))

    def _open(self, threads: int) -> Any:
        """Return a translator that computes so many parts of a batch at once, a thread each.

        Two threads at one part were slower than one: they wait for each other at every product.
        """
        import ctranslate2

        return ctranslate2.Translator(
            str(self._folder),
            compute_type=self._compute,
            inter_threads=threads,
            intra_threads=1,
        )

    @property
    def memory(self) -> int:
        """Bytes of the converted weights, which are held as they are written."""
        return (self._folder / "model.bin").stat().st_size

    def generate(
        self, inputs: Sequence[str], decoding: Decoding, stop: Stop = never
    ) -> list[Output]:
        """Return one output per input, in order, computed in as many parts as there are threads."""
        encoded = self._tokenizer.encode_batch(list(inputs))
        sources = [self._tokens(one.ids) for one in encoded]
        if decoding.sample:
            results = [
                self._drawn(*pair, decoding, stop) for pair in zip(inputs, sources, strict=True)
            ]
        else:
            part = math.ceil(len(sources) / self._threads)
            chosen = {"max_batch_size": part, **arguments(decoding)}
            results = _awaited(self._translator, sources, chosen, stop)
        return [
            Output(
                questions=tuple(self._text(tokens) for tokens in result.hypotheses),
                new_tokens=tuple(len(tokens) for tokens in result.hypotheses),
                read=min(len(one.ids), self.input_tokens),
                total=len(one.ids),
                cut=unread(text, one.offsets, self.input_tokens),
            )
            for text, one, result in zip(inputs, encoded, results, strict=True)
        ]

    def _drawn(self, text: str, source: list[str | None], decoding: Decoding, stop: Stop) -> Any:
        """Return what is drawn for one input, from numbers that depend on it and the seed alone.

        The library's random numbers are its threads', which take the seed when they start: a
        translator is opened for each draw.
        """
        import ctranslate2

        seed = hashlib.sha256(f"{decoding.seed} {text}".encode()).digest()[:4]
        with _RANDOM:
            ctranslate2.set_random_seed(int.from_bytes(seed, "big"))
            return _awaited(self._open(1), [source], arguments(decoding), stop)[0]

    def _tokens(self, ids: list[int]) -> list[str | None]:
        """Return at most `input_tokens` tokens, the end mark the last, as torch's engine reads."""
        if len(ids) > self.input_tokens:
            ids = [*ids[: self.input_tokens - 1], ids[-1]]
        return [self._tokenizer.id_to_token(i) for i in ids]

    def _text(self, tokens: Sequence[str]) -> str:
        ids = [self._tokenizer.token_to_id(token) for token in tokens]
        known = [i for i in ids if i is not None]
        return strip_marker(self._tokenizer.decode(known, skip_special_tokens=True))


def _awaited(
    translator: Any, sources: list[list[str | None]], chosen: dict[str, Any], stop: Stop
) -> list[Any]:
    """Return the results of a batch; leave it to end by itself once `stop` says so."""
    waiting = translator.translate_batch(sources, asynchronous=True, **chosen)
    while not all(one.done() for one in waiting):
        if stop():
            raise Cancelled("Cancelled before all questions were there.")
        time.sleep(_POLL_SECONDS)
    return [one.result() for one in waiting]


def arguments(decoding: Decoding) -> dict[str, Any]:
    """Return the keyword arguments of `ctranslate2.Translator.translate_batch`."""
    chosen: dict[str, Any] = {
        "num_hypotheses": decoding.candidates,
        "max_decoding_length": decoding.max_new_tokens,
        "min_decoding_length": max(1, decoding.min_new_tokens),
        "repetition_penalty": decoding.repetition_penalty,
        "no_repeat_ngram_size": decoding.no_repeat_ngram,
        "return_end_token": True,
    }
    if decoding.sample:
        drawn = {"sampling_topk": decoding.top_k, "sampling_topp": decoding.top_p}
        return {**chosen, "beam_size": 1, "sampling_temperature": decoding.temperature, **drawn}
    beams = max(decoding.beams, decoding.candidates)
    search = {"length_penalty": decoding.length_penalty, "patience": _PATIENCE}
    return {**chosen, "beam_size": beams, **search}


def load(system: System, threads: int, workspace: Workspace) -> FastEngine:
    """Return the engine of a system, converted first where it never was.

    Raises ModelError as `loading.load` does, GenerationError when converting ran out of memory.
    """
    folder = _place(system, workspace)
    if folder is None or not folder.is_dir():
        _convert_apart(system, workspace)
        folder = _place(system, workspace)
    if folder is None:
        raise GenerationError(f"The base of {system.title} is in no folder after it was loaded.")
    return FastEngine(folder, threads)


def _convert_apart(system: System, workspace: Workspace) -> None:
    """Convert in a process of its own, whose memory goes back when it ends."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as apart:
        try:
            apart.submit(convert, system, workspace.root).result()
        except BrokenProcessPool:
            raise GenerationError(
                f"Converting {system.title} for the fast engine was ended from outside, most "
                "likely for lack of memory; choose the torch engine or a smaller model."
            ) from None


def convert(system: System, root: Path) -> Path:
    """Load a system, write it with int8 weights and its tokenizer, and return the folder."""
    from socratic import device, loading
    from socratic.device import Wishes

    workspace = Workspace.open(root)
    plan = device.plan(device.describe(), Wishes(cpu=True, precision="fp32"))
    loaded = loading.load(system.model, plan, system.adapter, workspace)
    folder = _place(system, workspace)
    if folder is None:
        raise GenerationError(f"The base {loaded.source!r} is in no folder that can be hashed.")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    _converter(loaded).convert(str(partial), quantization="int8", force=True)
    loaded.tokenizer.save_pretrained(str(partial))
    write_json(partial / _NOTES, list(loaded.notes))
    if not folder.is_dir():  # another process may have been quicker
        partial.rename(folder)
    return folder


def _converter(loaded: Any) -> Any:
    """Return a converter of a model in memory, which is used up by it.

    The library's own reads the tie flag, which transformers 5 sets on every T5, and would scale
    the outputs of a model with a separate head: greedy search survives that, beam search does not.
    """
    import torch
    from ctranslate2.converters.converter import Converter
    from ctranslate2.converters.transformers import T5Loader
    from ctranslate2.specs.model_spec import OPTIONAL

    class InMemory(Converter):  # type: ignore[misc]
        def _load(self) -> Any:
            with torch.no_grad():
                spec = T5Loader()(loaded.model, loaded.tokenizer)
            if not loaded.model.config.scale_decoder_outputs:
                spec.decoder.scale_outputs = OPTIONAL
            return spec

    return InMemory()


def _place(system: System, workspace: Workspace) -> Path | None:
    """Return where the converted system is or will be; None when its base was never fetched.

    The adapter counts with its content; the base, which may be large, by names, sizes and times.
    """
    base = base_folder(system.model, workspace)
    if base is None:
        return None
    digest = hashlib.sha256(f"int8 {version('ctranslate2')}".encode())
    for path in _files(base):
        facts = path.stat()
        digest.update(f"{path.name} {facts.st_size} {facts.st_mtime_ns}".encode())
    for path in _files(system.adapter) if system.adapter else ():
        digest.update(path.name.encode() + path.read_bytes())
    return workspace.cache / "fast" / digest.hexdigest()[:32]


def _files(folder: Path) -> list[Path]:
    return sorted(path for pattern in _WEIGHTS for path in folder.glob(pattern))
