"""The Compare tab's human ratings: what people said of the models, beside what metrics say."""

from html import escape
from typing import Any

from socratic.rating.store import Store
from socratic.ui import parts, rating_results
from socratic.ui.boundary import wire
from socratic.workspace import Workspace

NOTHING = parts.empty(
    "Nobody has rated yet",
    "Make a round under Generate, “Rounds”, let people rate it blind, and what they said stands "
    "here beside the metrics.",
)


def build(workspace: Workspace, tab: Any) -> None:
    """Draw the part and connect it; it is read whenever its `tab` is opened."""
    told = parts.markup("human-told")
    shown = parts.markup("human-ratings")
    wire([tab.select], lambda: ["", markup(Store(workspace))], [], [told, shown], told=told)


def markup(store: Store) -> str:
    """Return the tables of every round that was rated, newest first."""
    found = [(one.id, tuple(store.ratings(one.id))) for one in store.rounds()]
    return "".join(_round(store, name, given) for name, given in found if given) or NOTHING


def _round(store: Store, name: str, given: tuple[Any, ...]) -> str:
    results = rating_results.analysed(store.round(name), given)
    refusal = parts.notice(results.refusal, "bad") if results.refusal else ""
    return f"<h2>Round {escape(name)}</h2>{refusal}{rating_results.markup(results)}"
