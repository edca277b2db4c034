"""Where errors become messages: every handler and endpoint of the page passes here.

A `SocraticError` is a sentence for the user. Anything else is a bug: it goes to the log with its
traceback, and the user reads that it is not their fault.
"""

import copy
import functools
import inspect
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
from pydantic import ValidationError, validate_call
from starlette.routing import Route

from socratic.decoding import told
from socratic.errors import SocraticError, UsageError
from socratic.ui.parts import notice

log = logging.getLogger(__name__)
BUG = "Something went wrong that is no fault of yours. What it was stands in the app's own output."
MISFIT = "What was sent does not fit this page; load it again."
MOST_SAID = 2_000
SECONDS_SHOWN = 20

Handler = Callable[..., Any]


# Handlers of the page are no endpoints for programs; each answers whoever asks, at once. Even a
# hidden progress is told to every output at every event, and a browser walks through all of the
# page for each: it is told to none.
_USUAL: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "show_progress_on": [],
    "concurrency_limit": None,
}


@dataclass(frozen=True)
class Way:
    """How an error is told: in the place `told`, else as a message; `quiet`: in the log alone."""

    told: Any = None
    quiet: bool = False


def wire(triggers: Any, handler: Handler, inputs: Any, outputs: Any, **options: Any) -> Any:
    """Connect a handler of the page behind the boundary, and return the event.

    told: the output that shows an error's sentence; without it a message does.
    quiet: say nothing on the page, for what runs by itself every few seconds.
    """
    way = Way(options.pop("told", None), options.pop("quiet", False))
    return gr.on(triggers, guarded(handler, way), inputs, outputs, **(_USUAL | options))


def here(trigger: Any, updates: Sequence[Mapping[str, Any]], outputs: Sequence[Any]) -> None:
    """Let the browser give each of `outputs` its update by itself; no server is asked."""
    told = [{"__type__": "update", **update} for update in updates]
    trigger(None, None, list(outputs), js=f"() => {json.dumps(told)}", **_USUAL)


def after(event: Any, handler: Handler, inputs: Any, outputs: Any, **options: Any) -> Any:
    """Connect a handler that runs when `event` is done, also if it failed; else as `wire`."""
    way = Way(options.pop("told", None), options.pop("quiet", False))
    return event.then(guarded(handler, way), inputs, outputs, **(_USUAL | options))


def guarded(handler: Handler, way: Way | None = None) -> Handler:
    """Return `handler` with its errors told and its other outputs left as they are."""
    way = way or Way()
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield from handler(*args, **kwargs)
            except Exception as error:
                yield _answer(error, way)

        return stream

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except Exception as error:
            return _answer(error, way)

    return call


def _answer(error: Exception, way: Way) -> Any:
    """Return the outputs of a handler that failed, the error told."""
    if isinstance(error, gr.Error):
        raise error
    if not isinstance(error, SocraticError):
        log.error("A handler of the page failed", exc_info=error)
    sentence = str(error) if isinstance(error, SocraticError) else BUG
    if way.told is not None:
        return {way.told: notice(sentence, "bad")}
    if not way.quiet:
        warn(sentence)
    return gr.skip()


def warn(message: str) -> None:
    """Show a sentence that cannot be overlooked; what it quotes shows as text, never as markup."""
    gr.Warning(escape(message), duration=SECONDS_SHOWN, title="")


def sent(event: gr.EventData, name: str) -> str:
    """Return what a script of ours sent with an event; raise UsageError when it is not there."""
    try:
        return str(getattr(event, name))
    except (AttributeError, TypeError):
        raise UsageError(MISFIT) from None


class Page(gr.Blocks):  # type: ignore[misc]  # Gradio has no types
    """A page that answers what it cannot read with a sentence, and what did not change at no cost.

    Its own handlers are guarded; what else raises here are Gradio's readers of the values sent,
    which no browser with the page open sends wrong. addresses: what is served besides the page.
    """

    addresses: Sequence[Route] = ()

    async def preprocess_data(self, *args: Any, **kwargs: Any) -> Any:
        """Read what was sent; see `gradio.Blocks`."""
        try:
            _refuse_emptied(*args[:2])
            return await super().preprocess_data(*args, **kwargs)
        except Exception as error:
            raise unreadable(error) from error

    async def call_function(self, *args: Any, **kwargs: Any) -> Any:
        """Call a handler; see `gradio.Blocks`."""
        try:
            return await super().call_function(*args, **kwargs)
        except Exception as error:
            raise unreadable(error) from error

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """Take in what a handler returned; see `gradio.Blocks`, which is given what changes alone.

        It makes every other output of the event anew as well, at half a millisecond each.
        """
        outputs = block_fn.outputs
        if len(outputs) < 2 or not isinstance(predictions, dict):
            return list(await super().postprocess_data(block_fn, predictions, state))
        touched = copy.copy(block_fn)
        touched.outputs = [output for output in outputs if output in predictions]
        nothing = not predictions or predictions == gr.skip()
        made = [] if nothing else await super().postprocess_data(touched, predictions, state)
        changed = iter(made)
        left = [None if output.stateful else gr.skip() for output in outputs]
        return [
            next(changed) if output in predictions else same
            for output, same in zip(outputs, left, strict=True)
        ]


def _refuse_emptied(function: Any, values: list[Any]) -> None:
    """Raise an error where a choice that cannot be taken back in a browser came empty."""
    for control, value in zip(function.inputs, values, strict=False):
        fixed = isinstance(control, gr.Radio | gr.Checkbox | gr.Slider)
        if fixed and value is None and control.value is not None:
            raise gr.Error(MISFIT)


def unreadable(error: Exception) -> gr.Error:
    """Return an error as the answer to its sender, who alone is at fault."""
    said = str(error.message)[:MOST_SAID] if isinstance(error, gr.Error) else MISFIT
    return gr.Error(said, print_exception=False)


def endpoint(function: Handler) -> Handler:
    """Return `function` for programs: its errors reach the client as one sentence.

    What a program sends is checked against the annotations first.
    """
    checked = validate_call(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return checked(*args, **kwargs)
        except ValidationError as error:
            raise gr.Error(
                f"The request cannot be read: {told(error)}", print_exception=False
            ) from (error)
        except SocraticError as error:
            raise gr.Error(str(error), print_exception=False) from error
        except Exception as error:
            log.exception("An endpoint failed")
            raise gr.Error(BUG, print_exception=False) from error

    return call
