"""What is folded away, and drawn when it is opened first."""

from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from socratic.ui.boundary import here


@contextmanager
def folded(label: str, name: str) -> Iterator[gr.Accordion]:
    """Give a closed accordion, within which a browser draws nothing until it is opened.

    Half of the controls of a tab are in such; drawn with the page they would keep the others
    waiting. name: its element id.
    """
    with (
        gr.Accordion(label, open=False, elem_id=name) as fold,
        gr.Column(visible=False) as within,
    ):
        yield fold
    here(fold.expand, [{"visible": True}], [within])
