"""A record: one number of one system, with where it comes from and what it may be read against."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from socratic.catalog import GREY

Kind = Literal["published", "own", "zero_shot", "floor"]
KINDS: tuple[Kind, ...] = ("own", "zero_shot", "floor", "published")

# The split the published numbers were measured on: how its data set is named here, and its rows.
SOQG_NAMES = ("socratiq", "soqg")
SOQG_SPLIT = "test"
SOQG_ROWS = 10_573
SOQG_UNUSABLE = 5


class Record(BaseModel):
    """One number of one system.

    low, high: 95 % interval, None where none is known. n: rows, None where not stated.
    source: paper and table, or the command that recomputes the number. comparable: whether it may
    be read against the reference data of the table (see `records`); reason: why not, or a caveat.
    system: its name among the predictions in the file `stored`, empty where they are not on this
    machine; reproduce: the command that computes the value again from them. seeds: runs that differ
    in their seed alone, of which value and spread (standard deviation) are told; 1 for one run.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Kind
    metric: str
    value: float
    low: float | None
    high: float | None
    n: int | None
    split: str
    decoding: str
    implementation: str
    source: str
    comparable: bool
    reason: str
    model: str | None = None
    family: str | None = None
    colour: str = GREY
    dataset: str = ""
    dataset_sha256: str = ""
    miniature: bool = False
    bundled: bool = False
    run: str | None = None
    created: float = 0.0
    system: str = ""
    # A path on this machine: nobody else needs it.
    stored: str = Field(default="", exclude=True)
    reproduce: str = ""
    setup: str = ""
    seed: int | None = None
    seeds: int = 1
    spread: float | None = None

    @property
    def data(self) -> tuple[str, str, str, int | None]:
        """What must be equal for two numbers to be of the same rows."""
        return self.dataset, self.dataset_sha256, self.split, self.n

    @property
    def rows(self) -> str:
        """The rows it was measured on, in words."""
        count = "rows not stated" if self.n is None else f"{self.n:,} rows"
        return f"{self.dataset} {self.split}, {count}"

    @property
    def key(self) -> tuple[object, ...]:
        """What is equal for the numbers of one system on the same rows: a row of the table."""
        return (self.kind, self.name, self.run, self.decoding, *self.data)

    @property
    def on_soqg(self) -> bool:
        """Whether it was measured on the rows the published numbers were measured on.

        Rows with an empty cell cannot be scored. Up to `SOQG_UNUSABLE` such may be missing: even if
        each scored 0 or 1, a mean would move by less than half its third decimal.
        """
        named = any(name in self.dataset.lower() for name in SOQG_NAMES)
        enough = self.n is not None and 0 <= SOQG_ROWS - self.n <= SOQG_UNUSABLE
        return named and self.split == SOQG_SPLIT and enough

    @property
    def recipe(self) -> str:
        """What of the implementation decides the value: all before the first semicolon."""
        return self.implementation.partition(";")[0]
