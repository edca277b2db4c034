"""Text to pre-train on: plain text for span corruption, and the instruction mix.

    Writer(seed).plain()        a passage: opinions, dialogues, sentences about nothing
    Writer(seed).instruction()  a task in words and its answer

Neither contains the prompt of the application, and both use the training topics only.
"""

import random
from dataclasses import dataclass

from socratic.prompts import TYPE_KEYS
from training.miniature.corpus import split_topics
from training.miniature.grammar import Grammar
from training.miniature.opinions import Composer, Opinion, capital, plain_tail
from training.miniature.questions import ask, second_person
from training.miniature.tables import phrases, words

# How a listener asks back, in a story; mostly the story says what is on their mind.
_ASIDES = {
    "clarity": ("wanted clarity about this:", "did not quite understand and asked for clarity:"),
    "assumptions": ("looked for assumptions in this:", "wondered about the assumptions:"),
    "reasons_evidence": ("wanted reasons and evidence:", "asked for the evidence behind this:"),
    "alternate_viewpoints_perspectives": (
        "thought of alternate viewpoints on this:",
        "took other perspectives on this:",
    ),
    "implication_consequences": (
        "thought of the implication of this:",
        "wondered about the consequences:",
    ),
}
_ASKED = ("had a question about this:", "heard this and asked back:")

_WORDINGS = {
    "clarity": (
        "Ask what is meant.",
        "Ask for clarity: what is meant?",
        "Write a question about meaning.",
    ),
    "assumptions": (
        "Ask what is taken for granted.",
        "Question the assumptions.",
        "Write a question about what is presupposed.",
    ),
    "reasons_evidence": (
        "Ask for reasons and evidence.",
        "Ask how the author knows.",
        "Write a question about the grounds of this.",
    ),
    "alternate_viewpoints_perspectives": (
        "Ask from alternate viewpoints and perspectives.",
        "Ask about the other side.",
        "Write a question from another angle.",
    ),
    "implication_consequences": (
        "Ask about the implication and the consequences.",
        "Ask where this leads.",
        "Write a question about the results.",
    ),
}
# What people write for these; questions about them have to know both.
_SHORT = (
    ("I am ", "I'm "), ("it is ", "it's "), ("It is ", "It's "), ("they are ", "they're "),
    ("we are ", "we're "), ("you are ", "you're "), ("that is ", "that's "), ("he is ", "he's "),
    ("there is ", "there's "), ("do not ", "don't "), ("does not ", "doesn't "),
    ("I have ", "I've "), ("I will ", "I'll "), ("should not ", "shouldn't "),
)  # fmt: skip
_FIND = {
    "claim": (
        "Repeat the claim in this text:",
        "What does the author say?",
        "Find the main point:",
    ),
    "cause": ("What is the reason given?", "Find the reason:"),
    "denied": ("What does the author deny?", "Repeat what is doubted in this text:"),
    "effect": ("What is the result, in the author's words?", "Find the result:"),
    "term": ("Which notion is this about?", "Name the thing in question:"),
    "group": ("Who is concerned?", "Name the people in the text:"),
}


_FIRST = ("Write out the first sentence:", "How does this text begin?")


def _said(opinion: Opinion) -> str:
    if "denied" in opinion.spans:
        return f"you do not think that {second_person(opinion.spans['denied'])}"
    return f"you say that {second_person(opinion.spans['claim'])}"


@dataclass(frozen=True)
class Task:
    """What a model reads and what it should write."""

    source: str
    target: str


class Writer:
    """Draws passages and tasks; the same seed gives the same text.

    contracted: half of the opinions say "I'm" and "don't" instead of "I am" and "do not".
    """

    def __init__(self, seed: int | str, contracted: bool = False):
        self.contracted = contracted
        self.rng = random.Random(f"plain {seed}")
        self.topics = split_topics()["train"]
        self.grammar = Grammar(self.rng, self.topics)
        self.coherent = Composer(self.rng, plain_tail(self.rng))
        self.mixed = Composer(self.rng, self.grammar.tail, self.grammar.sentence)

    def opinion(self) -> Opinion:
        """Return an opinion: on a training topic, or about nothing, or between the two."""
        draw = self.rng.random()
        if draw < 0.3:
            found = self.coherent.compose(self.rng.choice(self.topics))
        elif draw < 0.4:
            found = self.mixed.compose(self.rng.choice(self.topics))
        else:
            found = self.mixed.compose(self.grammar.material())
        if self.rng.random() < 0.12:
            extra = " ".join(self.grammar.sentence() for _ in range(self.rng.randint(2, 8)))
            found.text = f"{found.text} {extra}"
        if self.contracted and self.rng.random() < 0.5:
            for long, short in _SHORT:
                found.text = found.text.replace(long, short)
                found.spans = {
                    key: (value + " ").replace(long, short).strip()
                    for key, value in found.spans.items()
                }
        if self.rng.random() < 0.1:
            found.text = found.text.replace("'", "’")
            found.spans = {key: value.replace("'", "’") for key, value in found.spans.items()}
        return found

    def rare_words(self) -> str:
        """Return words in no order, rare and invented ones among them."""
        table = words()
        pools = (table.rare, table.others, table.adjectives, tuple(n[1] for n in table.nouns))
        picked = []
        for _ in range(self.rng.randint(2, 10)):
            word = (
                self.grammar.invented()
                if self.rng.random() < 0.2
                else self.rng.choice(self.rng.choice(pools))
            )
            picked.append(word.capitalize() if self.rng.random() < 0.15 else word)
        return " ".join(picked)

    def dialogue(self) -> tuple[str, str]:
        """Return an opinion with the story around it, and the question asked back."""
        opinion, key = self.opinion(), self.rng.choice(TYPE_KEYS)
        name = self.rng.choice(phrases()["names"])
        aside = self.rng.choice(_ASIDES[key] if self.rng.random() < 0.9 else _ASKED)
        return f"{name} {aside} {opinion.text}", ask(opinion, key)[0]

    def quotation(self) -> tuple[str, str]:
        """Return a passage that ends in "in other words", and the words it repeats."""
        if self.rng.random() < 0.3:
            text = self.rare_words()
            return f"{text}. Again:", text
        opinion = self.opinion()
        name = self.rng.choice(phrases()["names"])
        return f"{opinion.text} {name} repeated:", f"So {_said(opinion)}."

    def passage(self) -> str:
        """Return plain text without a gap."""
        if self.rng.random() < 0.3:
            return " ".join(self.grammar.sentence() for _ in range(self.rng.randint(1, 4)))
        return self.opinion().text

    def instruction(self) -> Task:
        """Return a task of the instruction mix."""
        draw, opinion = self.rng.random(), self.opinion()
        if draw < 0.56:
            key = self.rng.choice(TYPE_KEYS)
            question = ask(opinion, key)[0]
            wording = self.rng.choice(_WORDINGS[key])
            if self.rng.random() < 0.1:
                begin = " ".join(question.split()[:2])
                wording = f"Write a question starting with {begin} about this text:"
            return Task(f"{wording} {opinion.text}", question)
        if draw < 0.74:
            kind = self.rng.choice([key for key in _FIND if key in opinion.spans])
            answer = capital(opinion.spans[kind]) + "."
            return Task(f"{self.rng.choice(_FIND[kind])} {opinion.text}", answer)
        if draw < 0.86:
            first = opinion.text.split(". ")[0].rstrip(".") + "."
            return Task(f"{self.rng.choice(_FIRST)} {opinion.text}", first)
        if draw < 0.9:
            claim = opinion.spans.get("claim") or opinion.spans["denied"]
            return Task(f"Say this to the author: {claim}", f"You say that {second_person(claim)}.")
        text = self.rare_words()
        return Task(f"Repeat these words: {text}", text)
