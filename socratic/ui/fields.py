"""Typed controls made from the fields of a pydantic model: one control per field, none by hand.

A range is told, not enforced by the control: what is out of range comes back from the model, all
problems in one sentence.
"""

from collections.abc import Collection, Mapping
from math import floor, log10
from typing import Any, Literal, get_args, get_origin

import gradio as gr
from pydantic import BaseModel
from pydantic.fields import FieldInfo

Controls = dict[str, Any]
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_SPELLED = {"lora": "LoRA", "top k": "Top-k", "top p": "Top-p", "ngram": "n-gram"}


def controls(
    model: type[BaseModel], start: BaseModel, names: Collection[str] | None = None
) -> Controls:
    """Return a control per field of `model`, by name, showing the values of `start`.

    names: those to make; all where None.
    """
    return {
        name: _control(name, info, getattr(start, name))
        for name, info in model.model_fields.items()
        if names is None or name in names
    }


def chosen(made: Controls, inputs: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the value of each field as the page has it."""
    return {name: inputs[control] for name, control in made.items()}


def showing(made: Controls, values: BaseModel) -> dict[Any, Any]:
    """Return the updates that make the controls show `values`."""
    return {control: getattr(values, name) for name, control in made.items()}


def label(name: str) -> str:
    """Return the name of a field as one reads it."""
    text = name.replace("_", " ")
    for plain, spelled in _SPELLED.items():
        text = text.replace(plain, spelled)
    return text[0].upper() + text[1:]


def hint(info: FieldInfo) -> str:
    """Return a field's line of why, with its range and default."""
    limits = [
        f"{sign} {_plain(getattr(rule, key))}"
        for rule in info.metadata
        for key, sign in _SIGNS.items()
        if getattr(rule, key, None) is not None
    ]
    return f"{info.description} ({', '.join([*limits, f'default {_plain(info.default)}'])})"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _control(name: str, info: FieldInfo, value: Any) -> Any:
    told = {"label": label(name), "info": hint(info), "value": value, "min_width": 210}
    if get_origin(info.annotation) is Literal:
        return gr.Dropdown(choices=list(get_args(info.annotation)), filterable=False, **told)
    if info.annotation is bool:
        return gr.Checkbox(**told)
    if info.annotation is int:
        return gr.Number(precision=0, **told)
    return gr.Number(step=_step(info.default), **told)


def _step(default: float) -> float:
    """Return a step for the arrow keys, a tenth of the default's magnitude or finer."""
    return float(10 ** (floor(log10(default)) - 1)) if default else 0.01
