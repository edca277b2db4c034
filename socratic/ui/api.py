"""The page's named endpoints for programs: `/generate`, `/table`, `/runs`.

client = gradio_client.Client("http://127.0.0.1:7860")
client.predict("Homework should be abolished.", api_name="/generate")
"""

from typing import Any

import gradio as gr

from socratic import decoding as decodings
from socratic import generation, results, systems
from socratic.generation import Answer, Request
from socratic.pool import Pool
from socratic.prompts import TYPE_KEYS
from socratic.ui.boundary import Handler, endpoint
from socratic.ui.generate import CONCURRENCY
from socratic.ui.generate_controls import offer
from socratic.ui.run_views import Board, View
from socratic.ui.scores import Library
from socratic.workspace import Workspace

Rows = list[dict[str, Any]]


def build(board: Board, library: Library, pool: Pool) -> None:
    """Register the endpoints on the page being built."""
    asking = {"concurrency_limit": 1, "concurrency_id": CONCURRENCY}
    gr.api(endpoint(_generate(board.workspace, pool)), api_name="generate", **asking)
    gr.api(endpoint(_table(library)), api_name="table", concurrency_limit=None)
    gr.api(endpoint(_runs(board)), api_name="runs", concurrency_limit=None)


def _generate(workspace: Workspace, pool: Pool) -> Handler:
    def generate(
        context: str,
        types: list[str] | None = None,
        models: list[str] | None = None,
        decoding: str = "thesis",
        seed: int = 42,
        candidates: int = 1,
        bases: bool = False,
        knobs: dict | None = None,  # type: ignore[type-arg]
    ) -> list[dict]:  # type: ignore[type-arg]  # the endpoint's schema takes no item types
        """Ask models for Socratic questions about a context.

        Args:
            context: An opinion, two to five sentences.
            types: Question types by key; all five when left out.
            models: Run ids, model keys (`KEY:base` without its adapter), adapter folders or Hub
                ids; the newest adapter of each model when left out.
            decoding: A preset, thesis (beam search) or paper (sampling).
            seed: Start of the random numbers; the same seed gives the same text.
            candidates: Questions per model and type, 1 to 8.
            bases: Ask each base model without its adapter too.
            knobs: Any other value of the decoding by name, such as {"beams": 8} or {"top_k": 20}:
                beams, sample, temperature, top_k, top_p, repetition_penalty, no_repeat_ngram,
                length_penalty, min_new_tokens, max_new_tokens.

        Returns:
            One item per question: model, type, question, seconds, new_tokens, engine. A model
            that failed gives one item with an empty question and its error.
        """
        names = offer(workspace)[1] if models is None else models
        request = Request(
            context=context,
            types=tuple(TYPE_KEYS if types is None else types),
            systems=systems.choose(names, bases, workspace),
            decoding=decodings.preset(decoding).changed(
                **{**(knobs or {}), "seed": seed, "candidates": candidates}
            ),
        )
        return [row for answer in generation.ask(request, pool) for row in rows_of(answer)]

    return generate


def _table(library: Library) -> Handler:
    def table() -> list[dict]:  # type: ignore[type-arg]
        """Return every score known: own, zero-shot, floors and published, each with its source.

        Returns:
            One item per number: name, kind, metric, value, low, high, n, split, decoding,
            implementation, source, comparable, reason and where it belongs.
        """
        found = results.records(library.shelf().evaluations)
        return [record.model_dump(mode="json") for record in found]

    return table


def _runs(board: Board) -> Handler:
    def runs() -> list[dict]:  # type: ignore[type-arg]
        """Return every run with its state, the newest first, the bundled ones last.

        Returns:
            One item per run: run, title, kind, model, family, state, step, total_steps, epoch,
            best_rougeL, seconds_left, message, bundled.
        """
        return [row_of(view) for view in board.views()]

    return runs


def rows_of(answer: Answer) -> Rows:
    """Return an answer as the items of `/generate`."""
    if answer.error:
        failed = {"type": "", "question": "", "seconds": 0.0, "new_tokens": 0, "engine": ""}
        return [{"model": answer.system.key, **failed, "error": answer.error}]
    return answer.records()


def row_of(view: View) -> dict[str, Any]:
    """Return a run as an item of `/runs`."""
    manifest, status = view.manifest, view.status
    return {
        "run": view.run.id,
        "title": view.title,
        "kind": view.kind,
        "model": manifest.model if manifest else None,
        "family": manifest.family if manifest else None,
        "state": view.state,
        "step": status.step if status else 0,
        "total_steps": status.total_steps if status else 0,
        "epoch": status.epoch if status else 0.0,
        "best_rougeL": view.best,
        "seconds_left": view.eta,
        "message": view.message,
        "bundled": view.run.bundled,
    }
