"""The “Rate blind” part of the Generate tab: one item after the other, names afterwards.

The page holds a form and nothing else; who is rating what is kept by the server for this browser
session. The browser remembers round and name (`data-keep`, see `assets/rating.js`) and tells them
with every message, so that a reload or a restart of the app goes on.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from socratic.catalog import ASSETS
from socratic.errors import RatingError, UsageError, WorkspaceError
from socratic.rating.desk import Desk, rater_name
from socratic.rating.store import Store
from socratic.ui import parts, rating_form
from socratic.ui.boundary import wire
from socratic.ui.ticking import follow, opened
from socratic.workspace import Workspace

Inputs = Mapping[Any, Any]
SCRIPT = ASSETS / "rating.js"
SECONDS = 3


@dataclass(frozen=True)
class Session:
    """Who rates what in this browser session.

    name, visitor: as typed, and the browser's secret in public; rater: made of both. item: the one
    on the form.
    """

    round: str = ""
    name: str = ""
    visitor: str = ""
    rater: str = ""
    item: int | None = None


@dataclass(frozen=True)
class Controls:
    """The controls of the tab, by name. public: whether strangers rate."""

    store: Store
    public: bool
    round: Any
    name: Any
    start: Any
    told: Any
    sheet: Any
    session: Any

    @property
    def outputs(self) -> list[Any]:
        """What an action may change."""
        return [self.told, self.sheet, self.session, self.name, self.round]


def build(page: Any, workspace: Workspace, public: bool = False) -> None:
    """Draw the part and connect it; loading the `page` goes on where this browser was.

    public: each visitor is a rater of their own, whatever name they give.
    """
    store = Store(workspace)
    offered = choices(store)
    with gr.Row(elem_classes="controls"):
        rounds = gr.Dropdown(
            offered,
            value=offered[0] if offered else None,
            label="Round",
            filterable=False,
            min_width=260,
            elem_id="rate-round",
        )
        name = gr.Textbox(
            label="Your name or initials", max_lines=1, min_width=180, elem_id="rate-name"
        )
        start = gr.Button("Start", variant="primary", scale=0, min_width=140, elem_id="rate-start")
    told = parts.markup("rate-told")
    sheet = parts.markup("rate-sheet", rating_form.WELCOME, SCRIPT.read_text(encoding="utf-8"))
    session = gr.State(Session())
    _connect(page, Controls(store, public, rounds, name, start, told, sheet, session))


def choices(store: Store) -> list[str]:
    """Return the rounds there are, newest first; none where they cannot be read (told on load)."""
    try:
        return [one.id for one in store.rounds()]
    except WorkspaceError:
        return []


def _connect(page: Any, controls: Controls) -> None:
    def start(inputs: Inputs) -> dict[Any, Any]:
        return _start(controls, inputs)

    def act(inputs: Inputs, event: gr.EventData) -> dict[Any, Any]:
        return _act(controls, inputs[controls.session], event._data)

    def check() -> dict[Any, Any]:
        controls.store.rounds()
        return {controls.told: ""}

    begin = [controls.start.click, controls.name.submit]
    given = {controls.round, controls.name, controls.session}
    wire(begin, start, given, controls.outputs, told=controls.told)
    wire(controls.sheet.submit, act, {controls.session}, controls.outputs, told=controls.told)
    wire(opened(page, controls.told), check, None, [controls.told], told=controls.told)
    offered = gr.State(None)
    follow(
        page,
        SECONDS,
        lambda known, chosen: _offer(controls, known, chosen),
        [offered, controls.round],
        [controls.round, offered],
    )


def _offer(controls: Controls, known: Any, chosen: str | None) -> Any:
    """Offer rounds made since; what is chosen stays."""
    rounds = choices(controls.store)
    if rounds == known:
        return gr.skip()
    value = chosen if chosen in rounds else next(iter(rounds), None)
    return gr.update(choices=rounds, value=value), rounds


def _start(controls: Controls, inputs: Inputs) -> dict[Any, Any]:
    """Begin or go on as the rater named."""
    if not inputs[controls.round]:
        raise UsageError("No round is chosen; make one under “Rounds” first.")
    visitor = inputs[controls.session].visitor
    if controls.public and not visitor:
        visitor = secrets.token_urlsafe(16)
    kept = {"round": inputs[controls.round], "name": inputs[controls.name], "visitor": visitor}
    return _next(controls, _session(controls, kept))


def _session(controls: Controls, kept: Mapping[str, Any]) -> Session:
    """Return a session of what a browser remembers; raise UsageError when that is no rater."""
    told = {key: kept.get(key) for key in ("round", "name", "visitor")}
    texts = {key: value if isinstance(value, str) else "" for key, value in told.items()}
    if controls.public and not texts["visitor"]:
        raise UsageError("Nobody is rating here; give your name, then press Start.")
    rater = rater_name(texts["name"], texts["visitor"] if controls.public else "")
    return Session(texts["round"], texts["name"], texts["visitor"], rater)


def _act(controls: Controls, session: Session, message: Any) -> dict[Any, Any]:
    """Do what a button or the form asks for; only what this session shows can be rated."""
    message = message if isinstance(message, dict) else {}
    act = message.get("act")
    if not session.rater:
        kept = message.get("kept")
        session = _session(controls, kept if isinstance(kept, dict) else {})
        if act == "open" and session.round not in choices(controls.store):
            return {controls.told: ""}
        session = replace(session, item=_desk(controls, session).next())
    does = {"rate": _rate, "skip": _skip, "withdraw": _withdraw, "mine": _mine, "open": _open}
    if act in does:
        return does[act](controls, session, message)
    return _next(controls, session, skipped=act == "again")


def _open(controls: Controls, session: Session, _: Mapping[str, Any]) -> dict[Any, Any]:
    """Go on where this browser was before a reload or a restart."""
    named = {controls.name: session.name, controls.round: session.round}
    return _next(controls, session) | named


def _desk(controls: Controls, session: Session) -> Desk:
    return Desk(controls.store, controls.store.round(session.round), session.rater)


def _item(session: Session, message: Mapping[str, Any]) -> int:
    """Return the item a message is about; raise RatingError unless it is the one on the form."""
    item = message.get("item")
    if session.item is None or item != session.item:
        raise RatingError("That item is not the one on your form; nothing was changed.")
    return session.item


def _rate(controls: Controls, session: Session, message: Mapping[str, Any]) -> dict[Any, Any]:
    item, desk = _item(session, message), _desk(controls, session)
    try:
        desk.submit(item, message)
    except RatingError as error:
        # Done in another tab: the sentence is told and the next item comes.
        if _desk(controls, session).is_done(item):
            return _next(controls, session) | {controls.told: parts.notice(str(error), "bad")}
        raise
    desk = _desk(controls, session)
    return {
        controls.told: "",
        controls.sheet: _kept(session, rating_form.revealed(desk.revealed(item), desk.progress())),
        controls.session: replace(session, item=None),
    }


def _skip(controls: Controls, session: Session, message: Mapping[str, Any]) -> dict[Any, Any]:
    _desk(controls, session).skip(_item(session, message))
    return _next(controls, session)


def _withdraw(controls: Controls, session: Session, message: Mapping[str, Any]) -> dict[Any, Any]:
    item = message.get("item")
    if not isinstance(item, int):
        raise RatingError("No item is named; nothing was withdrawn.")
    _desk(controls, session).withdraw(item)
    words = f"Your rating of item {item + 1} is withdrawn; it counts nowhere any more."
    return _mine(controls, session, message) | {controls.told: parts.notice(words)}


def _mine(controls: Controls, session: Session, _: Mapping[str, Any]) -> dict[Any, Any]:
    desk = _desk(controls, session)
    every = [desk.revealed(item) for item in desk.rated()]
    return {
        controls.told: "",
        controls.sheet: _kept(session, rating_form.mine(every, desk.progress())),
        controls.session: replace(session, item=None),
    }


def _next(controls: Controls, session: Session, skipped: bool = False) -> dict[Any, Any]:
    """Show the next item's form, or all ratings once there is none."""
    desk = _desk(controls, session)
    item = desk.next(skipped)
    if item is None:
        return _mine(controls, session, {})
    return {
        controls.told: "",
        controls.sheet: _kept(session, rating_form.form(desk.sheet(item), desk.progress())),
        controls.session: replace(session, item=item),
    }


def _kept(session: Session, markup: str) -> str:
    """Return the markup with what the browser is to remember of this session."""
    kept = {"round": session.round, "name": session.name, "visitor": session.visitor}
    return f'<div data-keep="{escape(json.dumps(kept))}">{markup}</div>'
