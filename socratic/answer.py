"""The answer card: what the numbers at hand say to the research question, in one paragraph.

"Does instruction tuning improve Socratic question generation?" Nothing in it is typed: effect,
interval, test and confounds are read from the results, and where they do not settle it, it says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from socratic import catalog, fairness, latex, printing, tables
from socratic.catalog import ModelSpec
from socratic.comparison import Comparison, Member, between
from socratic.scoring.pairs import Pair

QUESTION = "Does instruction tuning improve Socratic question generation?"
METRIC = "rougeL"
SMALL = 0.2  # Cohen 1988: below it, not even a small effect

Verdict = Literal["yes", "no", "inconclusive", "no answer yet"]
_OPENINGS: dict[Verdict, str] = {
    "yes": "Yes, on these rows.",
    "no": "No: on these rows it scores lower.",
    "inconclusive": "Inconclusive.",
    "no answer yet": "No answer yet.",
}


@dataclass(frozen=True)
class Answer:
    """verdict: in a word. sentences: the paragraph, opening first; labels: miniature, recorded."""

    verdict: Verdict
    sentences: tuple[str, ...]
    labels: tuple[str, ...] = ()

    @property
    def opening(self) -> str:
        """The first sentence: the verdict."""
        return _OPENINGS[self.verdict]

    @property
    def text(self) -> str:
        """The paragraph, the question before it."""
        return " ".join([QUESTION, self.opening, *self.sentences])

    @property
    def latex(self) -> str:
        """The paragraph for a LaTeX document."""
        rest = latex.escaped(" ".join([self.opening, *self.sentences]))
        return rf"\paragraph{{{latex.escaped(QUESTION)}}} {rest}" + "\n"

    @property
    def markdown(self) -> str:
        """The paragraph in Markdown."""
        rest = " ".join(self.sentences)
        return f"**{QUESTION}** **{self.opening}** {rest}\n"


@dataclass(frozen=True)
class _Match:
    """An instruction-tuned system, a plain one, and what else differs between their bases."""

    tuned: str
    plain: str
    specs: tuple[ModelSpec, ModelSpec]

    @property
    def confounds(self) -> list[str]:
        """In what the bases differ besides instruction tuning."""
        return fairness.confounds(*self.specs)


def answer(group: Comparison, found: Sequence[Pair]) -> Answer:
    """Return the answer from systems on the same rows and the tests between them."""
    matches = sorted(_matches(group), key=lambda m: ("size" in m.confounds, len(m.confounds)))
    if not matches:
        return Answer("no answer yet", (_missing(group),), _labels(group))
    best = matches[0]
    alike = [m for m in matches if m.specs == best.specs]
    tests = [between(found, METRIC, match.tuned, match.plain) for match in alike]
    known = [test for test in tests if test is not None]
    if not known:
        why = (
            f"{best.tuned} and {best.plain} were not scored by one recipe of ROUGE-L on the same "
            "rows; evaluate both again."
        )
        return Answer("no answer yet", (why,), _labels(group))
    verdict, reason = _verdict(best, known)
    sentences = [
        reason,
        _numbers(group, known[0], len(found)),
        *_other_metrics(found, best),
        *_fine_tuning(group, found, best),
        f"Confounds: {fairness.pair(*best.specs)}",
        _runs(len(alike)),
        *_labels(group),
    ]
    return Answer(verdict, tuple(sentences), _labels(group))


def _own(group: Comparison) -> dict[str, Member]:
    return {n: m for n, m in group.members.items() if m.record.kind == "own"}


def _matches(group: Comparison) -> list[_Match]:
    specs = {n: catalog.find(m.record.model or "") for n, m in _own(group).items()}
    return [
        _Match(tuned, plain, (one, other))
        for tuned, one in specs.items()
        for plain, other in specs.items()
        if one and other and one.family == other.family
        if one.instruction_tuned and not other.instruction_tuned
    ]


def _missing(group: Comparison) -> str:
    have = ", ".join(_own(group)) or "none"
    return (
        "It takes a fine-tuned model that was instruction-tuned before and one that was not, both "
        f"scored on the same rows with their predictions on this machine; here there are: {have}."
    )


def _verdict(best: _Match, tests: Sequence[Pair]) -> tuple[Verdict, str]:
    """Return the verdict and its reason: only a significant, unconfounded difference decides."""
    first = tests[0]
    same_way = all(test.significant and test.difference * first.difference > 0 for test in tests)
    if not same_way:
        told = (
            f"{best.tuned} and {best.plain} cannot be told apart by ROUGE-L."
            if len(tests) == 1
            else "Not every pair of runs shows the same significant difference in ROUGE-L."
        )
        return "inconclusive", told
    way = "higher" if first.difference > 0 else "lower"
    if best.confounds:
        return "inconclusive", (
            f"The instruction-tuned model scores significantly {way}, but the two differ in "
            f"{', '.join(best.confounds)} as well, so this is not instruction tuning's alone."
        )
    size = "" if (abs(first.effect or 0.0)) >= SMALL else " The effect is smaller than small."
    return ("yes" if way == "higher" else "no"), f"It scores significantly {way} in ROUGE-L.{size}"


def _numbers(group: Comparison, test: Pair, tests: int) -> str:
    one, other = group.members[test.a], group.members[test.b]
    cells = [_score(member) for member in (one, other)]
    gap, p, corrected, effect = printing.pair_cells(test)
    return (
        f"On {one.record.rows} (decoding: {one.record.decoding}), {test.a} with LoRA scores "
        f"ROUGE-L {cells[0]}, {test.b} with LoRA {cells[1]}: a difference of {gap} (95% interval, "
        f"paired bootstrap), p {_is(p)} (approximate randomisation), p {_is(corrected)} after "
        f"Holm's correction for {tests:,} tests, Cohen's dz {effect}."
    )


def _is(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _score(member: Member) -> str:
    measure = member.measures[METRIC]
    record = member.record.model_copy(update={"metric": METRIC, "value": measure.value})
    return tables.cell(record.model_copy(update={"comparable": True, "low": None}))


def _other_metrics(found: Sequence[Pair], best: _Match) -> list[str]:
    """Say what the other tested metrics find between the same two."""
    said = []
    for key in dict.fromkeys(pair.metric for pair in found):
        test = between(found, key, best.tuned, best.plain)
        if key == METRIC or test is None:
            continue
        sure = "significant" if test.significant else "not significant"
        said.append(f"{tables.metric(key).label} {test.difference:+.3f} ({sure})")
    return [f"Other metrics: {', '.join(said)}."] if said else []


def _fine_tuning(group: Comparison, found: Sequence[Pair], best: _Match) -> list[str]:
    """Say what fine-tuning added to each of the two bases."""
    gains = []
    for name in (best.tuned, best.plain):
        alone = group.zero_shot_of(name)
        test = between(found, METRIC, name, alone) if alone else None
        if test is not None:
            gains.append(f"{test.difference:+.3f} to {name}")
    return [f"Fine-tuning itself added {' and '.join(gains)}."] if gains else []


def _runs(pairs: int) -> str:
    if pairs > 1:
        return f"{pairs} pairs of runs were compared."
    return (
        "One run of each was compared: the tests speak of these two adapters on further rows, not "
        "of other seeds."
    )


def _labels(group: Comparison) -> tuple[str, ...]:
    records = [member.record for member in _own(group).values()]
    said = []
    if any(record.miniature for record in records):
        said.append("These are miniature models: this shows how the answer is made, and is none.")
    if any(record.bundled for record in records):
        said.append("Recorded results shipped with the project are among them.")
    return tuple(said)
