"""An engine on a GPU that is lent for seconds at a time: Hugging Face's ZeroGPU.

There a model is put on `cuda` while the app starts, before there is a GPU; the `spaces` package
keeps it until a decorated function runs, in a process that holds one. Documentation:
https://huggingface.co/docs/hub/spaces-zerogpu
"""

import os
import re
from collections.abc import Callable, Sequence

from socratic.adapters import first_line
from socratic.decoding import Decoding
from socratic.engines import Engine, Output, Stop, never
from socratic.errors import Cancelled, GenerationError, SocraticError

VARIABLE = "SPACES_ZERO_GPU"
# Of one batch; what is asked for is taken off a visitor's few minutes a day.
SECONDS = 20


def is_lent() -> bool:
    """Return whether this is a ZeroGPU Space."""
    return os.environ.get(VARIABLE, "").lower() in ("1", "true")


def prepare() -> None:
    """Import `spaces`, which must be there before torch is."""
    import spaces  # noqa: F401 - it changes what torch does with "cuda"


class LentEngine:
    """Another engine, borrowed a GPU for each batch."""

    def __init__(self, engine: Engine) -> None:
        import spaces

        def generate(inputs: list[str], decoding: Decoding) -> list[Output]:
            return engine.generate(inputs, decoding)

        self._engine = engine
        # Counted now: once the page is served the weights lie where nobody may touch them.
        self._memory = engine.memory
        self._generate: Callable[[list[str], Decoding], list[Output]]
        self._generate = spaces.GPU(duration=SECONDS)(generate)

    @property
    def name(self) -> str:
        """What is recorded beside times and scores."""
        return self._engine.name

    @property
    def memory(self) -> int:
        """Bytes its weights take."""
        return self._memory

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found wrong with the model when it was loaded, in words."""
        return self._engine.notes

    def generate(
        self, inputs: Sequence[str], decoding: Decoding, stop: Stop = never
    ) -> list[Output]:
        """Return one output per input; a batch that has begun is not stopped in the middle.

        Raises GenerationError when no GPU is lent (a visitor's minutes are used up, none is free).
        """
        if stop():
            raise Cancelled("Cancelled before a GPU was asked for.")
        try:
            return self._generate(list(inputs), decoding)
        except SocraticError:
            raise
        except Exception as error:  # whatever happens over there comes back as Gradio's error
            said = re.sub(r"<[^>]*>", "", first_line(error)).rstrip(".")
            raise GenerationError(f"No GPU was lent ({said}); ask again later.") from error
