"""The Train tab's look at the data: rows as the model sees them, lengths, types, faults."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from socratic import preview
from socratic.data import Corpus
from socratic.preview import Preview, Seen
from socratic.prompts import TYPES
from socratic.ui import parts
from socratic.workspace import Workspace


def panel(
    corpus: Corpus, models: Sequence[str], values: Mapping[str, Any], workspace: Workspace
) -> str:
    """Return the look at a corpus, as the first chosen model sees it, as markup."""
    model = models[0] if models else "mini-flan-small"
    limits = (int(values["input_tokens"]), int(values["target_tokens"]))
    found = preview.of(corpus, model, limits, workspace)
    whose = "" if found.own else _other_tokenizer(model)
    return (
        whose
        + _findings(found, corpus)
        + _rows(found.rows)
        + '<div class="pair">'
        + _lengths("Tokens of the inputs", found.inputs, limits[0])
        + _lengths("Tokens of the questions", found.targets, limits[1])
        + "</div>"
        + _types(found)
    )


def _other_tokenizer(model: str) -> str:
    return parts.notice(
        f"The tokenizer of {model} is not on this machine yet, so that the bundled miniature's "
        "shows here; it cuts words finer, and the model's own numbers are lower."
    )


def _findings(found: Preview, corpus: Corpus) -> str:
    sampled, total = len(found.inputs), corpus.counts["train"]
    where = f"{sampled:,} train rows" + ("" if sampled == total else f" drawn from {total:,}")
    said = [
        f"<b>{found.cut_inputs:,}</b> inputs and <b>{found.cut_targets:,}</b> questions of "
        f"{where} are longer than the limits of {found.limits[0]} and {found.limits[1]} tokens, "
        "and are cut",
        f"<b>{found.duplicates:,}</b> train rows repeat the context and type of another "
        f"(<b>{found.same:,}</b> of them its question too); they are kept as further references",
        f"<b>{found.shared:,}</b> contexts of train stand in another split",
        f"<b>{found.unknown:,}</b> tokens of these inputs are unknown to the tokenizer",
    ]
    said += [escape(note.rstrip(".")) for note in corpus.notes]
    return "<ul>" + "".join(f"<li>{line}.</li>" for line in said) + "</ul>"


def _rows(rows: Sequence[Seen]) -> str:
    cells = "".join(
        f"<tr><td>{escape(each.input)}{_cut(each)}</td><td>{escape(each.target)}</td>"
        f"<td>{each.read:,} of {each.total:,}</td></tr>"
        for each in rows
    )
    return (
        '<div class="scroll"><table class="samples"><thead><tr><th>What the model reads</th>'
        f"<th>What it learns to write</th><th>Tokens read</th></tr></thead><tbody>{cells}</tbody>"
        "</table></div>"
    )


def _cut(each: Seen) -> str:
    return f' <del title="cut, never read">{escape(each.cut)}</del>' if each.cut else ""


def _lengths(title: str, values: Sequence[int], limit: int) -> str:
    stretches = preview.histogram(values)
    most = max((count for _, _, count in stretches), default=1) or 1
    rows = "".join(
        f"<tr><td>{low:,}-{high:,}{' (cut)' if low > limit else ''}</td><td>{count:,}</td>"
        f'<td class="wide"><div class="bar"><i style="width:{100 * count / most:.1f}%"></i></div>'
        "</td></tr>"
        for low, high, count in stretches
    )
    middle = sorted(values)[len(values) // 2] if values else 0
    return (
        f'<div><h3>{title}</h3><p class="quiet">half have at most {middle:,}, the longest '
        f'{max(values, default=0):,}, the limit is {limit:,}</p><table class="lengths"><tbody>'
        f"{rows}</tbody></table></div>"
    )


def _types(found: Preview) -> str:
    heads = "".join(f"<th>{escape(name)}</th>" for name in found.types)
    rows = "".join(
        f"<tr><td>{escape(kind.label)}</td>"
        + "".join(_share(counted, kind.key) for counted in found.types.values())
        + "</tr>"
        for kind in TYPES
    )
    return (
        f'<div class="scroll"><table><thead><tr><th>Question type</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _share(counted: Mapping[str, int], key: str) -> str:
    total = sum(counted.values()) or 1
    return f"<td>{counted[key]:,} <small>{counted[key] / total:.1%}</small></td>"
