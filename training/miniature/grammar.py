"""Random English: grammatical sentences about nothing, from word lists, to any number.

They carry what 228 topics cannot: thousands of words in every position, so that a model learns
where a noun phrase or a clause ends, whatever the words are. Rare and made-up words are mixed in.
"""

import random

from training.miniature.tables import Topic, Words, words

_PLURAL = ("", "", "", "", "most ", "many ", "some ", "all ", "these ", "those ", "the ", "the ", "our ",
           "my ", "their ", "other ", "few ", "more ", "your ", "young ", "poor ")  # fmt: skip
_SINGULAR = ("a ", "a ", "the ", "the ", "the ", "this ", "that ", "my ", "your ", "every ", "each ",
             "no ", "another ", "one ", "our ", "their ", "his ", "her ")  # fmt: skip
_PRONOUNS_PLURAL = ("people", "people", "we", "they", "you", "I", "men", "women", "children", "others",
                    "most people", "both sides", "a lot of people", "police", "kids", "parents")  # fmt: skip
_PRONOUNS_SINGULAR = ("he", "she", "it", "this", "that", "everyone", "nobody", "someone", "everybody",
                      "the government", "society", "the state", "life", "nothing", "no one")  # fmt: skip
_MODALS = ("can", "will", "would", "could", "must", "may", "might", "cannot", "won't", "can't",
           "wouldn't", "has to", "needs to", "ought to", "shouldn't")  # fmt: skip
_PREPOSITIONS = ("in", "for", "with", "without", "on", "about", "from", "of", "against", "by", "at",
                 "to", "like", "under", "after", "before", "between", "through", "over")  # fmt: skip
_JOINERS = ("when", "if", "while", "unless", "until", "whenever", "where", "though", "even if", "as long as")
_SYLLABLES = ("ba", "dor", "fen", "gil", "hu", "jax", "kel", "lo", "mir", "nu", "pra", "quin", "ros",
              "sta", "tev", "ul", "vo", "wex", "yar", "zim", "th", "er", "on", "ic", "el", "cra")  # fmt: skip
_PLURAL_SUBJECTS = frozenset(_PRONOUNS_PLURAL)


def invented(rng: random.Random) -> str:
    """Return a word that does not exist."""
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 3)))


class Grammar:
    """Draws phrases and clauses; each call advances `rng`."""

    def __init__(self, rng: random.Random, topics: tuple[Topic, ...], table: Words | None = None):
        self.rng = rng
        self.words = table or words()
        self.groups = [phrase for topic in topics for phrase in topic.who]
        self.terms = [phrase for topic in topics for phrase in (*topic.terms, topic.name)]

    def noun(self, plural: bool) -> str:
        """Return a noun: mostly common, sometimes rare, invented or a name."""
        draw = self.rng.random()
        if draw < 0.80:
            return self.rng.choice(self.words.nouns)[plural]
        if draw < 0.93:
            return self.rng.choice(self.words.rare)
        if draw < 0.96:
            return invented(self.rng) + ("s" if plural else "")
        return self.rng.choice(self.words.nouns)[0] + " " + self.rng.choice(self.words.nouns)[plural]

    def adjective(self) -> str:
        """Return an adjective."""
        return self.rng.choice(self.words.adjectives)

    def _core(self, plural: bool) -> str:
        adjective = self.adjective() + " " if self.rng.random() < 0.4 else ""
        body = adjective + self.noun(plural)
        determiner = self.rng.choice(_PLURAL if plural else _SINGULAR)
        if determiner == "a " and body[0] in "aeiou":
            determiner = "an "
        return determiner + body

    def phrase(self, plural: bool | None = None, deep: bool = True) -> str:
        """Return a noun phrase, now and then with a prepositional phrase or a partner."""
        draw = self.rng.random()
        if plural is None:
            plural = draw < 0.5
            if self.rng.random() < 0.2:
                return self.rng.choice(self.groups if plural else self.terms)
        if not deep or draw > 0.3:
            return self._core(plural)
        if draw < 0.15 and not plural:
            return f"{self._core(False)} of {self._core(self.rng.random() < 0.5)}"
        if draw < 0.22:
            return f"{self._core(plural)} {self.rng.choice(_PREPOSITIONS)} {self._core(True)}"
        return f"{self._core(True)} and {self._core(True)}" if plural else self._core(False)

    def subject(self) -> tuple[str, bool]:
        """Return a subject and whether its verb is plural."""
        draw = self.rng.random()
        if draw < 0.25:
            return self.rng.choice(_PRONOUNS_PLURAL), True
        if draw < 0.4:
            return self.rng.choice(_PRONOUNS_SINGULAR), False
        if draw < 0.48:
            return f"{self.rng.choice(self.words.verbs)[2]} {self.phrase(deep=False)}", False
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
            return f"{self.rng.choice(('stop', 'start', 'try', 'avoid'))} {self.rng.choice(self.words.verbs)[2]} {self.phrase(deep=False)}"
        tail = ""
        if self.rng.random() < 0.35:
            tail = f" {self.rng.choice(_PREPOSITIONS)} {self.phrase(deep=False)}"
        return f"{self.rng.choice(self.words.verbs)[0]} {self.phrase()}{tail}"

    def predicate(self, subject: str, plural: bool) -> str:
        """Return what is said of a subject, the verb agreeing with it."""
        draw, verb = self.rng.random(), self.rng.choice(self.words.verbs)
        be = "am" if subject == "I" else "are" if plural else "is"
        if draw < 0.16:
            return f"{be} {self.rng.choice(('', '', 'not ', 'very ', 'too ', 'so ', 'always ', 'more '))}{self.adjective()}"
        if draw < 0.26:
            return f"{be} {self.rng.choice(('', 'not ', 'just '))}{self.phrase()}"
        if draw < 0.33:
            return f"{be} {self.rng.choice(('', 'still ', 'not '))}{verb[2]} {self.phrase()}"
        if draw < 0.5:
            return f"{self.rng.choice(_MODALS[:11])} {self.action()}"
        if draw < 0.58:
            return f"{'have' if plural else 'has'} {verb[3]} {self.phrase()}"
        if draw < 0.68:
            return f"{verb[3]} {self.phrase()}"
        if draw < 0.75:
            deny = self.rng.choice(("do not", "don't") if plural else ("does not", "doesn't"))
            return f"{deny} {self.action()}"
        if draw < 0.81:
            want = self.rng.choice(("want", "need", "try", "like", "tend"))
            return f"{want}{'' if plural else 's'} to {self.action()}".replace("trys", "tries")
        adverb = self.rng.choice(self.words.adverbs) + " " if self.rng.random() < 0.2 else ""
        return f"{adverb}{verb[0] if plural else verb[1]} {self.phrase()}"

    def clause(self) -> str:
        """Return a finite clause, lower case, without a full stop."""
        draw = self.rng.random()
        if draw < 0.05:
            return f"there {self.rng.choice(('is', 'was'))} {self._core(False)}"
        if draw < 0.11:
            return f"it is {self.adjective()} to {self.action()}"
        subject, plural = self.subject()
        text = f"{subject} {self.predicate(subject, plural)}"
        if self.rng.random() < 0.25:
            text += f" {self.rng.choice(_PREPOSITIONS)} {self.phrase(deep=False)}"
        return text

    def tail(self) -> str:
        """Return what may follow a clause without belonging to it."""
        draw = self.rng.random()
        if draw < 0.4:
            return f"{self.rng.choice(('', ','))} {self.rng.choice(_JOINERS)} {self.clause()}"
        if draw < 0.7:
            return f"{self.rng.choice(('', ','))} {self.rng.choice(('and', 'but', 'so', 'or', 'yet'))} {self.clause()}"
        if draw < 0.85:
            return f", which {self.predicate('it', False)}"
        return f" ({self.clause()})" if draw < 0.92 else f" - {self.clause()}"

    def sentence(self) -> str:
        """Return a sentence: one clause or two."""
        text = self.clause() + (self.tail() if self.rng.random() < 0.5 else "")
        return text[0].upper() + text[1:] + self.rng.choice((".", ".", ".", ".", "!", "?", "..."))

    def material(self) -> Topic:
        """Return a topic about nothing, with everything an opinion is made of."""
        return Topic(
            name=self.phrase(deep=False),
            field="grammar",
            claims=tuple(self.clause() for _ in range(2)),
            should=tuple(f"{self._group()} should {self.action()}" for _ in range(2)),
            why=tuple(self.clause() for _ in range(3)),
            so=tuple(self.clause() for _ in range(2)),
            but=(self.clause(),),
            who=tuple(self.phrase(True) for _ in range(2)),
            terms=tuple(self.phrase() for _ in range(3)),
        )

    def _group(self) -> str:
        draw = self.rng.random()
        if draw < 0.3:
            return self.rng.choice(("people", "we", "you", "they", "the state", "everyone", "men", "women"))
        return self.phrase(draw < 0.75, deep=False)
