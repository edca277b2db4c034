"""Random English: grammatical sentences about nothing, from word lists, to any number.

They carry what 228 topics cannot: thousands of words in every position, so that a model learns
where a noun phrase or a clause ends, whatever the words are. Rare and made-up words are mixed in.
"""

import random
from collections.abc import Callable
from dataclasses import replace

from training.miniature.tables import Topic, Words, grammar_words, words

_MONOTONOUS = 0.35
_THIRD_PERSON = {"have to": "has to", "try to": "tries to"}


class Grammar:
    """Draws phrases and clauses; each call advances `rng`."""

    def __init__(self, rng: random.Random, topics: tuple[Topic, ...]):
        self.rng = rng
        self.all = words()
        self.words = self.all
        self.table = grammar_words()
        self.groups = tuple(phrase for topic in topics for phrase in topic.who)
        self.terms = tuple(p for topic in topics for p in (*topic.terms, topic.name))
        self._predicates: tuple[tuple[int, Callable[[str, bool], str]], ...] = (
            (16, self._is_so),
            (10, self._is_something),
            (7, self._is_doing),
            (17, self._may_do),
            (8, self._has_done),
            (9, self._did),
            (8, self._does_not),
            (8, self._wants),
            (4, self._thinks),
            (16, self._does),
        )

    def _pick(self, key: str) -> str:
        return self.rng.choice(self.table[key])

    def _maybe(self, chance: float) -> bool:
        return self.rng.random() < chance

    def _verb(self, form: int) -> str:
        return self.rng.choice(self.words.verbs)[form]

    def invented(self) -> str:
        """Return a word that does not exist."""
        return "".join(self._pick("syllables") for _ in range(self.rng.randint(2, 3)))

    def noun(self, plural: bool) -> str:
        """Return a noun: mostly common, sometimes rare, invented or compound."""
        draw = self.rng.random()
        if draw < 0.80:
            return self.rng.choice(self.words.nouns)[plural]
        if draw < 0.90:
            return self.rng.choice(self.words.rare)
        if draw < 0.93:
            return self.invented() + ("s" if plural else "")
        first = self.rng.choice(self.words.nouns)[0]
        return f"{first} {self.rng.choice(self.words.nouns)[plural]}"

    def adjective(self) -> str:
        """Return an adjective."""
        return self.rng.choice(self.words.adjectives)

    def _name(self) -> str:
        return self.rng.choice(self.words.rare).capitalize()

    def _core(self, plural: bool) -> str:
        body = (self.adjective() + " " if self._maybe(0.4) else "") + self.noun(plural)
        determiner = self._pick("plural_determiners" if plural else "singular_determiners")
        if determiner == "a " and body[0] in "aeiou":
            determiner = "an "
        return determiner + body

    def phrase(self, plural: bool | None = None, deep: bool = True) -> str:
        """Return a noun phrase, now and then with a prepositional phrase or a partner."""
        if plural is None:
            plural = self._maybe(0.5)
            if self._maybe(0.2):
                return self.rng.choice(self.groups if plural else self.terms)
            if self._maybe(0.04):
                return self._name()
        draw = self.rng.random()
        if not deep or draw > 0.3:
            return self._core(plural)
        if draw < 0.15 and not plural:
            return f"{self._core(False)} of {self._core(self._maybe(0.5))}"
        if draw < 0.22:
            return f"{self._core(plural)} {self._pick('prepositions')} {self._core(True)}"
        return f"{self._core(True)} and {self._core(True)}" if plural else self._core(False)

    def subject(self) -> tuple[str, bool]:
        """Return a subject and whether its verb is plural."""
        draw = self.rng.random()
        if draw < 0.28:
            return self._pick("plural_subjects"), True
        if draw < 0.42:
            return self._pick("singular_subjects"), False
        if draw < 0.49:
            return f"{self._verb(2)} {self.phrase(deep=False)}", False
        if draw < 0.55:
            return self.rng.choice(self.groups), True
        plural = draw < 0.8
        return self.phrase(plural), plural

    def action(self) -> str:
        """Return a verb phrase in its base form."""
        draw = self.rng.random()
        if draw < 0.12:
            return f"be {self.adjective()}"
        if draw < 0.2:
            return f"{self._pick('aspects')} {self._verb(2)} {self.phrase(deep=False)}"
        tail = (
            f" {self._pick('prepositions')} {self.phrase(deep=False)}" if self._maybe(0.3) else ""
        )
        return f"{self._verb(0)} {self.phrase()}{tail}"

    def _be(self, subject: str, plural: bool) -> str:
        if self._maybe(0.1):
            return "were" if plural and subject != "I" else "was"
        return "am" if subject == "I" else "are" if plural else "is"

    def _is_so(self, subject: str, plural: bool) -> str:
        return f"{self._be(subject, plural)} {self._pick('degrees')}{self.adjective()}"

    def _is_something(self, subject: str, plural: bool) -> str:
        return f"{self._be(subject, plural)} {self._pick('equals')}{self.phrase()}"

    def _is_doing(self, subject: str, plural: bool) -> str:
        return f"{self._be(subject, plural)} {self._pick('equals')}{self._verb(2)} {self.phrase()}"

    def _may_do(self, _: str, __: bool) -> str:
        return f"{self._pick('modals')} {self.action()}"

    def _has_done(self, _: str, plural: bool) -> str:
        return f"{'have' if plural else 'has'} {self._verb(3)} {self.phrase()}"

    def _did(self, _: str, __: bool) -> str:
        return f"{self._verb(3)} {self.phrase()}"

    def _does_not(self, _: str, plural: bool) -> str:
        deny = ("do not", "don't") if plural else ("does not", "doesn't")
        return f"{self.rng.choice(deny)} {self.action()}"

    def _wants(self, _: str, plural: bool) -> str:
        want = self._pick("wants")
        third = _THIRD_PERSON.get(want, want.replace(" to", "s to"))
        return f"{want if plural else third} {self.action()}"

    def _thinks(self, _: str, plural: bool) -> str:
        verb, *rest = self._pick("thinks").split()
        return " ".join([verb if plural else verb + "s", *rest, self.clause()])

    def _does(self, _: str, plural: bool) -> str:
        adverb = self.rng.choice(self.words.adverbs) + " " if self._maybe(0.2) else ""
        return f"{adverb}{self._verb(0 if plural else 1)} {self.phrase()}"

    def predicate(self, subject: str, plural: bool) -> str:
        """Return what is said of a subject, the verb agreeing with it."""
        weights = [weight for weight, _ in self._predicates]
        return self.rng.choices(self._predicates, weights)[0][1](subject, plural)

    def clause(self) -> str:
        """Return a finite clause, lower case, without a full stop."""
        draw = self.rng.random()
        if draw < 0.05:
            return f"there {self.rng.choice(('is', 'was'))} {self._core(False)}"
        if draw < 0.11:
            return f"it is {self.adjective()} to {self.action()}"
        subject, plural = self.subject()
        tail = (
            f" {self._pick('prepositions')} {self.phrase(deep=False)}" if self._maybe(0.2) else ""
        )
        return f"{subject} {self.predicate(subject, plural)}{tail}"

    def tail(self) -> str:
        """Return what may follow a clause without belonging to it."""
        draw, comma = self.rng.random(), self.rng.choice(("", ","))
        if draw < 0.4:
            return f"{comma} {self._pick('joiners')} {self.clause()}"
        if draw < 0.7:
            return f"{comma} {self._pick('links')} {self.clause()}"
        if draw < 0.85:
            return f", which {self.predicate('it', False)}"
        return f" ({self.clause()})" if draw < 0.92 else f" - {self.clause()}"

    def sentence(self) -> str:
        """Return a sentence: one clause or more."""
        text = self.clause()
        while self._maybe(0.4):
            text += self.tail()
        return text[0].upper() + text[1:] + self._pick("endings")

    def _few(self) -> Words:
        """Return a handful of words, so that the same ones come again and again in a text."""
        draw = self.rng.sample
        return replace(
            self.all,
            nouns=tuple(draw(self.all.nouns, 3)),
            verbs=tuple(draw(self.all.verbs, 3)),
            adjectives=tuple(draw(self.all.adjectives, 2)),
            rare=tuple(draw(self.all.rare, 2)),
        )

    def material(self) -> Topic:
        """Return a topic about nothing, with everything an opinion is made of.

        Its words hold until the next one. Some texts have few: whoever copies must then know where
        it is, or it goes round in circles.
        """
        self.words = self._few() if self._maybe(_MONOTONOUS) else self.all
        said = self._different(self.clause, 8)
        return Topic(
            name=self.phrase(deep=False),
            field="grammar",
            claims=said[:2],
            should=self._different(self._advice, 2),
            why=said[2:5],
            so=said[5:7],
            but=said[7:],
            who=(self.phrase(True), self.phrase(True)),
            terms=(self.phrase(), self.phrase(), self.phrase()),
        )

    def _different(self, draw: Callable[[], str], count: int) -> tuple[str, ...]:
        found: dict[str, None] = {}
        while len(found) < count:
            found[draw()] = None
        return tuple(found)

    def _advice(self) -> str:
        draw = self.rng.random()
        who = self._pick("actors") if draw < 0.4 else self.phrase(draw < 0.8, deep=False)
        return f"{who} should {'not ' if self._maybe(0.1) else ''}{self.action()}"
