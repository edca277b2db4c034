"""Opinions of one to six sentences, and the spans of them a question may take up.

Opinion.text       the context
Opinion.spans      claim, denied, cause, effect: a clause; term, group: a noun phrase
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from training.miniature.tables import Topic, phrases, subject

Tail = Callable[[], str]
# One opinion in ten says what it does not believe, as people do.
_DENIED = 0.1


@dataclass
class Opinion:
    """A context and its spans, as they stand in it."""

    text: str
    topic: str
    spans: dict[str, str] = field(default_factory=dict)


def capital(text: str) -> str:
    """Return `text` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def statements(material: Topic) -> tuple[str, ...]:
    """Return what may be the claim of an opinion."""
    return material.claims + material.should + material.why


class Composer:
    """Writes opinions. `tail` adds what may follow a clause, `filler` a sentence beside it."""

    def __init__(self, rng: random.Random, tail: Tail, filler: Tail | None = None):
        self.rng = rng
        self.tail = tail
        self.filler = filler
        self.frames = phrases()

    def _frame(self, key: str) -> str:
        return self.rng.choice(self.frames[key])

    def _maybe(self, chance: float) -> bool:
        return self.rng.random() < chance

    def _claim(self, claim: str, spans: dict[str, str]) -> str:
        draw = self.rng.random()
        if "denied" in spans:
            text = self._frame("denied").format(x=claim)
        elif draw < 0.22:
            text = claim
        elif draw < 0.72:
            text = self._frame("claim").format(x=claim)
        elif draw < 0.86:
            text = self._frame("hedged").format(x=claim)
        else:
            people = self.frames["people" if self._maybe(0.6) else "names"]
            text = self._frame("third").format(p=self.rng.choice(people), x=claim)
        if " should " not in claim:
            name = subject(claim)
            if name:
                spans["term"] = name
        return text

    def _support(self, material: Topic, spans: dict[str, str], text: str) -> str:
        why = list(material.why)
        self.rng.shuffle(why)
        if self._maybe(0.4):
            spans["cause"] = why[0]
            return text + self._frame("because").format(x=why[0]) + self._end()
        if material.so and self._maybe(0.25):
            spans["effect"] = material.so[0]
            return text + self._frame("which").format(x=material.so[0]) + self._end()
        return text + (self.tail() if self._maybe(0.3) else "") + self._end()

    def _end(self) -> str:
        return "." if self._maybe(0.93) else self.rng.choice("!!.")

    def _more(self, material: Topic, spans: dict[str, str]) -> list[str]:
        said = spans.get("cause")
        why = [reason for reason in material.why if reason != said]
        so = [effect for effect in material.so if effect != spans.get("effect")]
        choices = [
            (key, kind, self.rng.choice(values))
            for key, kind, values in (
                ("reason" if self._maybe(0.5) else "example", "cause", why),
                ("effect", "effect", so),
                ("counter", "", material.but),
                ("group", "group", material.who),
                ("term", "term", material.terms),
            )
            if values
        ]
        self.rng.shuffle(choices)
        count = self.rng.choice((0, 0, 1, 1, 2, 2, 3, 4))
        sentences = []
        for key, kind, value in choices[:count]:
            # What is said first is what a question takes up: no later span replaces it.
            if kind in ("term", "group") or (kind and kind not in spans):
                spans[kind] = value
            plain = key in ("reason", "example") and self._maybe(0.3)
            sentences.append(
                (capital(value) + ".") if plain else capital(self._frame(key).format(x=value))
            )
            if plain and spans.get("cause") == value and value != said:
                del spans["cause"]
        return sentences

    def compose(self, material: Topic, claim: str | None = None) -> Opinion:
        """Return an opinion about `material`; `claim` is one of its statements, or drawn."""
        claim = claim or self.rng.choice(statements(material))
        material = replace(material, why=tuple(w for w in material.why if w != claim))
        spans = {"claim": claim}
        if self._maybe(_DENIED):
            # What speaks against the claim is then the reason, and its reason is granted.
            spans = {"denied": claim}
            material = replace(material, why=material.but, so=(), but=material.why[:1])
        sentences = []
        if self._maybe(0.3):
            key = "intro_topic" if self._maybe(0.6) else "intro"
            sentences.append(capital(self._frame(key).format(x=material.name)))
        framed = self._claim(claim, spans)
        if self.filler is not None and framed != claim and self._maybe(0.3):
            sentences.append(self.filler())
        sentences.append(self._support(material, spans, capital(framed)))
        sentences += self._more(material, spans)
        if self._maybe(0.12):
            sentences.append(self._frame("closing"))
        if self.filler is not None:
            count = self.rng.choice((0, 0, 0, 1, 2))
            sentences += [self.filler() for _ in range(count)]
        text = " ".join(sentences)
        if self._maybe(0.06):
            text = text.lower()
            spans = {key: value.lower() for key, value in spans.items()}
        return Opinion(text, material.name, spans)


def plain_tail(rng: random.Random) -> Tail:
    """Return a function that draws short tails for coherent opinions."""
    tails = phrases()["tails"]
    return lambda: rng.choice(tails)
