"""The Generate tab: one context in, a grid of questions out, model by model as they come."""

from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from socratic import decoding
from socratic.access import OWNER, Access
from socratic.grid import Grid, Place
from socratic.pool import Pool
from socratic.ui import fields, generate_ask, generate_memory, generate_session, parts
from socratic.ui.boundary import after, sent, wire
from socratic.ui.generate_ask import buttons, cancelled
from socratic.ui.generate_controls import OWN, Controls, chosen_decoding, draw, offer
from socratic.ui.ticking import follow
from socratic.workspace import Workspace

Inputs = Mapping[Any, Any]
# One request at a time, from the page or a program: models share the same cores or GPU.
CONCURRENCY = "generation"
SECONDS = 3
COUNT_SCRIPT = """(text) => {
  const count = [...(text || "")].length;
  return `<span class="quiet">${count.toLocaleString("en")} characters</span>`;
}"""


def build(page: Any, workspace: Workspace, pool: Pool, access: Access = OWNER) -> Controls:
    """Draw the tab and connect it; loading the `page` restores the choice of models."""
    if access.limits:
        parts.markup("ask-limits", f'<p class="caption">{access.limits.sentence}</p>')
    controls = draw(workspace, pool)
    for name, most in (access.limits.knobs if access.limits else {}).items():
        controls.knobs[name].info += f"; on this page at most {most}"
    _connect_asking(page, controls)
    _connect_choices(page, controls)
    _connect_session(controls)
    controls.context.change(
        None, controls.context, controls.count, js=COUNT_SCRIPT, api_visibility="private"
    )
    if not access.public:
        generate_memory.build(page, pool)
    return controls


def _connect_asking(page: Any, controls: Controls) -> None:
    """Connect the three ways to ask: what is chosen, a cell again, a result's inputs."""

    def begin(request: gr.Request) -> dict[Any, Any]:
        controls.desk.begin(request.session_hash)
        return buttons(controls, busy=True)

    def pick(grid: Grid | None, request: gr.Request, event: gr.EventData) -> dict[Any, Any]:
        if grid is None or grid.busy:
            return {controls.picked: None}
        controls.desk.begin(request.session_hash)
        place: Place = (sent(event, "system"), sent(event, "type"))
        return buttons(controls, busy=True) | {controls.picked: place}

    def ask(inputs: Inputs, request: gr.Request) -> Iterator[dict[Any, Any]]:
        stop = controls.desk.watch(request.session_hash)
        yield from generate_ask.ask(controls, inputs, stop)

    def ask_with(text: str | None, request: gr.Request) -> Iterator[dict[Any, Any]]:
        stop = controls.desk.watch(request.session_hash)
        yield from generate_ask.ask_with(controls, text, stop)

    def ask_again(
        grid: Grid | None, place: Place | None, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        stop = controls.desk.watch(request.session_hash)
        yield from generate_ask.ask_again(controls, grid, place, stop)

    def cancel(grid: Grid | None, request: gr.Request) -> dict[Any, Any]:
        controls.desk.stop(request.session_hash)
        return cancelled(controls, grid) | buttons(controls, busy=False)

    def leave(request: gr.Request) -> None:
        controls.desk.stop(request.session_hash)

    switched = [controls.ask, controls.use, controls.cancel]
    shown = [controls.grid, controls.told, controls.asked]
    filled = [*_inputs(controls), controls.preset]
    # Waiting for others to be answered can be cancelled too, so the buttons turn before the queue.
    begun = wire(controls.ask.click, begin, None, switched)
    repeated = wire(controls.use.click, begin, None, switched)
    picked = wire(controls.grid.click, pick, controls.asked, [*switched, controls.picked])
    asking = [
        _streamed(controls, begun, ask, controls.chosen, shown),
        _streamed(controls, repeated, ask_with, controls.inputs, [*shown, *filled]),
        _streamed(controls, picked, ask_again, [controls.asked, controls.picked], shown),
    ]
    for each in asking:
        _finish(controls, each)
    stopped = wire(
        controls.cancel.click, cancel, controls.asked, [*shown, *switched], cancels=asking
    )
    _finish(controls, stopped)
    page.unload(leave)


def _inputs(controls: Controls) -> list[Any]:
    return sorted(controls.chosen, key=lambda control: int(control._id))


def _streamed(controls: Controls, event: Any, handler: Any, inputs: Any, outputs: Any) -> Any:
    return after(
        event,
        handler,
        inputs,
        outputs,
        told=controls.told,
        concurrency_limit=1,
        concurrency_id=CONCURRENCY,
        show_progress="minimal",
        show_progress_on=controls.told,
    )


def _finish(controls: Controls, event: Any) -> None:
    """Turn the buttons back and put the grid into the history when an asking has ended."""

    def finish(grid: Grid | None, history: list[Grid], key: Any) -> dict[Any, Any]:
        ended = generate_session.finished(controls, grid, history, key)
        return ended | buttons(controls, busy=False)

    switched = [controls.ask, controls.use, controls.cancel]
    given = [controls.asked, controls.history, controls.browser]
    after(event, finish, given, [*_kept(controls), controls.browser, *switched])


def _kept(controls: Controls) -> list[Any]:
    """Return what shows the history."""
    files = [controls.csv, controls.markdown]
    return [controls.history, controls.past, *files, controls.inputs]


def _connect_session(controls: Controls) -> None:
    def restore(key: Any, history: list[Grid]) -> dict[Any, Any]:
        return generate_session.restored(controls, key, history)

    def see_again(started: str | None, history: list[Grid]) -> dict[Any, Any]:
        return generate_session.seen_again(controls, started, history)

    outputs = [controls.grid, controls.told, controls.asked, controls.preset, controls.inputs]
    last = [controls.grid, controls.told, controls.asked, controls.context]
    # What the browser keeps is known once the tab is opened, which is after the page is loaded.
    kept = [controls.browser, controls.history]
    wire(controls.browser.change, restore, kept, [*last, *_kept(controls)], quiet=True)
    past = [controls.past, controls.history]
    wire(controls.past.input, see_again, past, [*outputs, *_inputs(controls)])
    if controls.given is not None:

        def take(path: str | None) -> Any:
            return generate_session.opened(path), ""

        taken = [controls.inputs, controls.told]
        wire(controls.given.upload, take, controls.given, taken, told=controls.told)


def _connect_choices(page: Any, controls: Controls) -> None:
    def follow_preset(name: str) -> Any:
        known = decoding.PRESETS.get(name)
        if known is None:
            return gr.skip()
        values = fields.showing(controls.knobs, known)
        return {knob: value for knob, value in values.items() if knob not in own}

    def name_preset(inputs: Inputs) -> str:
        return decoding.name_of(chosen_decoding(controls, inputs))

    def follow_runs(offered: Any, chosen: list[str] | None) -> Any:
        return _follow_runs(controls, offered, chosen or [])

    knobs = list(controls.knobs.values())
    own = [controls.knobs[name] for name in OWN]
    others = [knob for knob in knobs if knob not in own]
    wire(controls.preset.input, follow_preset, controls.preset, others)
    wire([knob.input for knob in others], name_preset, set(knobs), controls.preset, quiet=True)
    followed = [controls.offered, controls.systems]
    follow(page, SECONDS, follow_runs, followed, followed)


def _follow_runs(controls: Controls, offered: Any, chosen: list[str]) -> Any:
    """Offer adapters that were finished since; a choice the user made stays."""
    choices, default = offer(controls.workspace)
    if offered == (choices, default):
        return gr.skip()
    before = {key for _, key in offered[0]} if offered else set()
    gone = before - {key for _, key in choices}
    # Not looked at before: a run's button may have chosen for this tab before it was opened.
    untouched = chosen == (offered[1] if offered else controls.systems.value)
    value = default if untouched else [key for key in chosen if key not in gone]
    return {
        controls.offered: (choices, default),
        controls.systems: gr.update(choices=choices, value=value),
    }
