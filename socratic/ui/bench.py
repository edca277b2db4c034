"""What the Compare tab works with: the evaluations there are, compared and tested once for all.

Tests of many rows take seconds the first time: a thread makes them, and the page shows them when
they are there. One bench serves all browsers: it is a cache of files, never somebody's choice.
"""

import logging
import threading
from dataclasses import dataclass, field

from socratic import comparison
from socratic.comparison import Comparison
from socratic.errors import SocraticError
from socratic.results import Record
from socratic.scoring.pairs import Pair
from socratic.tables import Findings
from socratic.ui import scores
from socratic.ui.scores import Choice, Library, Shelf
from socratic.workspace import Workspace

log = logging.getLogger(__name__)
WAITING = Findings(sentence="Differences are being tested; bold follows when that is done.")
FAILED = Findings(sentence="Differences could not be tested; why stands in the app's output.")

Key = tuple[int, str]


@dataclass(frozen=True)
class Tested:
    """The tests of one group. ready: whether they are made."""

    pairs: tuple[Pair, ...] = ()
    findings: Findings = WAITING
    ready: bool = False


@dataclass
class Bench:
    """Comparisons and tests by group of rows, as long as no evaluation changes."""

    library: Library
    workspace: Workspace
    _groups: dict[Key, Comparison] = field(default_factory=dict)
    _tested: dict[Key, Tested] = field(default_factory=dict)
    # Reading rows takes its time: who only asks for tests does not wait for it.
    _reading: threading.Lock = field(default_factory=threading.Lock)
    _testing: threading.Lock = field(default_factory=threading.Lock)

    def shelf(self) -> Shelf:
        """Return the evaluations there are."""
        return self.library.shelf()

    def name(self, group: str | None) -> str:
        """Return the group of that name, the first where there is none such."""
        groups = self.shelf().groups()
        return group if isinstance(group, str) and group in groups else next(iter(groups))

    def records(self, group: str | None) -> list[Record]:
        """Return the records of a group, published ones with them."""
        return scores.records(self.shelf(), Choice(group))

    def comparison(self, group: str | None) -> Comparison:
        """Return the systems of a group row by row."""
        shelf = self.shelf()
        key = (shelf.stamp, self.name(group))
        with self._reading:
            if key not in self._groups:
                self._groups = {k: v for k, v in self._groups.items() if k[0] == shelf.stamp}
                found = scores.records(shelf, Choice(key[1]))
                own = (r for r in found if r.kind != "published" and r.comparable)
                self._groups[key] = comparison.assemble(own, self.workspace)
            return self._groups[key]

    def tested(self, group: str | None) -> Tested:
        """Return the tests of a group, or that they are on their way; never waits for them."""
        stamp = self.shelf().stamp
        key = (stamp, self.name(group))
        with self._testing:
            if key in self._tested:
                return self._tested[key]
            self._tested = {k: v for k, v in self._tested.items() if k[0] == stamp}
            self._tested[key] = Tested()
        threading.Thread(target=self._test, args=(key,), daemon=True).start()
        return Tested()

    def _test(self, key: Key) -> None:
        try:
            compared = self.comparison(key[1])
            found = comparison.tests(compared, self.workspace)
            made = Tested(tuple(found), comparison.findings(compared, found), ready=True)
        except SocraticError as error:
            made = Tested(findings=Findings(sentence=f"Not tested: {error}"), ready=True)
        except Exception:
            log.exception("The tests of a group failed")
            made = Tested(findings=FAILED, ready=True)
        with self._testing:
            self._tested[key] = made
