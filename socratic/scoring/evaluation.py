"""The file `evaluation/<split>.json` of a run folder: every score, and how to get it again."""

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from socratic.errors import RunError, WorkspaceError
from socratic.scoring.extras import Extras
from socratic.scoring.fidelity import Confusion
from socratic.scoring.score import Score
from socratic.workspace import told, write_json

Model = TypeVar("Model", bound=BaseModel)


class SystemScores(BaseModel):
    """All scores of one system on the rows of one evaluation."""

    name: str
    kind: Literal["own", "zero_shot", "floor"]
    scores: list[Score]


class Evaluation(BaseModel):
    """What one evaluation found, with everything needed to repeat it.

    run, title: id and title of the run. model: catalogue key, Hub id or folder of the base.
    adapter: its folder or Hub id, None for a base alone. dataset_sha256: of the rows of all splits.
    n: rows scored; limit: how many were asked for, None for all. decoding: name of the setting,
    decoding_values: its numbers. created: seconds since 1970. command: repeats the evaluation.
    systems: the adapter, the base without it, the floors. seed: of the training; setup: equal for
    runs that differ in nothing but that, empty where not known. extras: what was asked of the
    optional metrics; absent: why one of them has no number. confusion: of the classifier behind
    type fidelity. path: of the file, known after reading.
    """

    format: Literal[1] = 1
    run: str
    title: str
    model: str
    family: str
    adapter: str | None
    dataset: str
    dataset_sha256: str
    split: str
    n: int = Field(gt=0)
    limit: int | None = None
    decoding: str
    decoding_values: dict[str, Any]
    engine: str
    created: FiniteFloat
    command: str
    versions: dict[str, str]
    systems: list[SystemScores]
    notes: list[str] = []
    seed: int | None = None
    setup: str = ""
    extras: Extras = Extras()
    absent: dict[str, str] = {}
    confusion: Confusion | None = None
    path: Path | None = Field(default=None, exclude=True)

    @property
    def folder(self) -> Path | None:
        """The folder of the run it stands in."""
        return self.path.parent.parent if self.path else None

    @property
    def predictions(self) -> Path | None:
        """Where its predictions stand, whether or not they are on this machine."""
        if self.path is None:
            return None
        return self.path.parent.parent / "predictions" / f"{self.path.stem}.parquet"

    @classmethod
    def read(cls, path: Path) -> "Evaluation":
        """Return the evaluation in `path`; raise RunError naming a missing or damaged file."""
        return parsed(path, cls).model_copy(update={"path": path})

    def write(self, path: Path) -> None:
        """Write to `path` in one step, making its folder; raise WorkspaceError if that fails."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(
                f"The folder {str(path.parent)!r} cannot be made ({told(error)})."
            ) from error
        write_json(path, self.model_dump(mode="json"))


def parsed(path: Path, model: type[Model]) -> Model:
    """Return the `model` in a JSON file; raise RunError naming a missing or damaged file."""
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunError(f"The result file {str(path)!r} cannot be read ({told(error)}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise RunError(
            f"The result file {str(path)!r} is damaged ({place}: {first['msg'].lower()}); "
            "evaluate again or remove it."
        ) from error
