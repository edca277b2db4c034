"""Asking on the Generate tab: a stream of grids, one cell again, a result from its inputs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import gradio as gr

from socratic import generation, replay, systems
from socratic.engines import Stop
from socratic.errors import Cancelled, GenerationError, SocraticError
from socratic.generation import Request
from socratic.grid import Grid, Place
from socratic.replay import Inputs
from socratic.ui import cards, parts
from socratic.ui.generate_controls import Controls, chosen_decoding, filled

Updates = dict[Any, Any]


def ask(controls: Controls, inputs: Mapping[Any, Any], stop: Stop) -> Iterator[Updates]:
    """Ask what the controls say, and yield the grid each time somebody has answered."""
    if stop():
        return
    request = Request(
        context=inputs[controls.context] or "",
        types=tuple(inputs[controls.types]),
        systems=systems.choose(
            inputs[controls.systems] or [], inputs[controls.bases], controls.workspace
        ),
        decoding=chosen_decoding(controls, inputs),
    )
    generation.check(request, controls.pool.limits)
    for grid in _answered(controls, Grid(request), stop):
        yield shown(controls, grid)


def ask_with(controls: Controls, text: str | None, stop: Stop) -> Iterator[Updates]:
    """Ask what a JSON of inputs says, show it in the controls, and yield the grid as `ask`."""
    if stop():
        return
    inputs = replay.parse(text or "")
    chosen = systems.choose([one.name for one in inputs.systems], False, controls.workspace)
    request = Request(inputs.context, tuple(inputs.types), chosen, inputs.decoding)
    generation.check(request, controls.pool.limits)
    changes = replay.changed(inputs, {system.key: system for system in chosen})
    empty = Grid(request, notes=tuple(changes))
    yield shown(controls, empty) | filled(controls, inputs)
    for grid in _answered(controls, empty, stop, inputs):
        yield shown(controls, grid)


def _answered(
    controls: Controls, grid: Grid, stop: Stop, expected: Inputs | None = None
) -> Iterator[Grid]:
    # Told before the first answer: it is the one that takes long.
    why = controls.pool.settle()
    grid = replace(grid, notes=(*grid.notes, why) if why else grid.notes)
    yield grid
    for answer in generation.ask(grid.request, controls.pool, stop):
        grid = grid.with_answer(answer)
        for cell in expected.again if expected else ():
            if cell.system == answer.system.key and not answer.error:
                grid = _once_more(controls, grid, (cell.system, cell.type), cell.attempt, stop)
        yield grid
    told = replay.other_engines(expected, grid) if expected else []
    yield replace(grid, ended=not grid.done, notes=(*grid.notes, *told))


def ask_again(
    controls: Controls, grid: Grid | None, place: Place | None, stop: Stop
) -> Iterator[Updates]:
    """Ask for one cell once more, and yield the grid without it, then with what came."""
    if grid is None or place is None or grid.first(place) is None or stop():
        return
    before = grid.card(place)
    yield shown(controls, replace(grid, pending=place))
    try:
        yield shown(
            controls,
            _once_more(controls, grid, place, before.attempt + 1 if before else 1, stop),
        )
    except Cancelled:
        yield shown(controls, grid)
    except SocraticError as error:
        yield shown(controls, grid) | {controls.told: parts.notice(str(error), "bad")}


def _once_more(controls: Controls, grid: Grid, place: Place, attempt: int, stop: Stop) -> Grid:
    """Return the grid with a cell's `attempt`; raise GenerationError with why there is none."""
    first = grid.first(place)
    if first is None:
        return grid
    answer = generation.again(first, grid.request, controls.pool, attempt, stop)
    if answer.error:
        raise GenerationError(answer.error)
    return grid.with_card(answer.cards[0])


def shown(controls: Controls, grid: Grid) -> Updates:
    """Return the updates that show a grid."""
    return {
        controls.grid: cards.markup(grid),
        controls.told: parts.notice(cards.progress(grid)) if grid.busy else "",
        controls.asked: grid,
    }


def cancelled(controls: Controls, grid: Grid | None) -> Updates:
    """Return the updates after a cancel: what came stays, what did not is said to be cancelled."""
    if grid is None:
        return {controls.told: ""}
    return shown(controls, replace(grid, ended=not grid.done, pending=None))


def buttons(controls: Controls, busy: bool) -> Updates:
    """Return the updates of the buttons while somebody is asked, or not."""
    return {
        controls.ask: gr.update(interactive=not busy),
        controls.use: gr.update(interactive=not busy),
        controls.cancel: gr.update(interactive=busy),
    }
