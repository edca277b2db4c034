"""Ask as the page does and keep the models; nothing here imports torch, as the page does not."""

from pathlib import Path

from socratic import generation
from socratic.errors import GenerationError
from socratic.generation import Request
from socratic.pool import Pool
from socratic.workspace import Workspace

# The models stay in memory until the process ends, so that they are in what it holds.
_pools: list[Pool] = []


def ask_again(request: Request) -> int:
    """Ask `request` of the models loaded last and return the number of questions."""
    answers = list(generation.ask(request, _pools[-1]))
    for answer in answers:
        if answer.error:
            raise GenerationError(answer.error)
    return sum(len(answer.cards) for answer in answers)


def ask(request: Request, root: Path, engine: str) -> int:
    """Ask everything of `request` and return the number of questions; the models stay loaded."""
    pool = Pool(Workspace.open(root), engine)
    _pools.append(pool)
    return ask_again(request)
