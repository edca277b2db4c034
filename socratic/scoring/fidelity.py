"""Type fidelity: is a question of the type that was asked for? A small classifier says.

TF-IDF and logistic regression (scikit-learn), trained on labelled questions the user has: people's
labels (MTurk) where there are any. It errs, so its own confusion matrix, on questions it was not
trained on, stands beside every number.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat

from socratic.data import Row, context_key
from socratic.errors import ScoreError
from socratic.prompts import TYPE_KEYS
from socratic.scoring.guard import checked_reference
from socratic.scoring.measures import Measure, mean

FOLDS = 5
SEED = 42
_FEWEST = 2 * FOLDS  # questions of each type, so that every fold has some


class Confusion(BaseModel):
    """How a classifier did on questions it was not trained on.

    types: keys, in the order of rows and columns. matrix: [true][said] counts. source: of labels.
    """

    model_config = ConfigDict(frozen=True)

    types: list[str]
    matrix: list[list[int]]
    accuracy: FiniteFloat
    macro_f1: FiniteFloat
    n: int
    source: str


@dataclass(frozen=True)
class Judge:
    """A trained classifier, what it is worth, and the sha256 of the labels it learnt from."""

    model: Any
    confusion: Confusion
    sha256: str

    def measure(self, outputs: Sequence[str], types: Sequence[str]) -> Measure:
        """Return the share of outputs taken for the type asked for; an empty output is none."""
        said = self.model.predict([text or " " for text in outputs])
        right = [
            float(bool(text.strip()) and label == wanted)
            for text, label, wanted in zip(outputs, said, types, strict=True)
        ]
        worth = f"{self.confusion.n:,} labels of {self.confusion.source}"
        how = (
            "share of rows taken for the type asked for, TF-IDF and logistic regression on "
            f"{worth} (sha256 {self.sha256[:8]}); itself right in {self.confusion.accuracy:.1%}, "
            f"macro F1 {self.confusion.macro_f1:.3f}, cross-validated by context"
        )
        return mean("fidelity", right, how)


def train(rows: Sequence[Row], source: str) -> Judge:
    """Return the classifier trained on the questions and labels of `rows`.

    source: where the labels come from, in words. Its confusion matrix is cross-validated, all
    questions about one context in one fold. Raises ScoreError for too few labels of a type.
    """
    counts = {key: sum(row.type == key for row in rows) for key in TYPE_KEYS}
    types = [key for key, count in counts.items() if count]
    few = [key for key in types if counts[key] < _FEWEST]
    if len(types) < 2 or few:
        raise ScoreError(
            f"The labels of {source} are too few ({few[0] if few else 'one type alone'}: "
            f"{counts[few[0]] if few else len(rows)}); type fidelity takes {_FEWEST} of each type."
        )
    texts = [checked_reference(row.question, "labelled question") for row in rows]
    labels = np.array([row.type for row in rows])
    said = _cross_validated(rows, texts, labels)
    model = _fresh().fit(texts, labels)
    digest = hashlib.sha256("\n".join(map(repr, zip(labels, texts, strict=True))).encode())
    return Judge(model, _confusion(types, labels, said, source), digest.hexdigest())


def _fresh() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|\?")
    # Types are of very unequal frequency, and a rare one is asked for as often as any.
    return make_pipeline(
        words, LogisticRegression(max_iter=1000, class_weight="balanced", random_state=SEED)
    )


def _cross_validated(rows: Sequence[Row], texts: Sequence[str], labels: Any) -> Any:
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    groups = [context_key(row.context) for row in rows]
    try:
        return cross_val_predict(_fresh(), texts, labels, groups=groups, cv=folds)
    except ValueError as error:
        raise ScoreError(
            f"The labelled questions are about too few contexts to check the classifier ({error})."
        ) from error


def _confusion(types: list[str], labels: Any, said: Any, source: str) -> Confusion:
    from sklearn.metrics import confusion_matrix, f1_score

    return Confusion(
        types=types,
        matrix=confusion_matrix(labels, said, labels=types).tolist(),
        accuracy=float((labels == said).mean()),
        macro_f1=float(f1_score(labels, said, average="macro", labels=types, zero_division=0)),
        n=len(labels),
        source=source,
    )
