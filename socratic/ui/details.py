"""What stands behind a line of the table: every number of the system, and how to get it again."""

from collections.abc import Sequence
from html import escape

from socratic import tables
from socratic.results import Record
from socratic.tables import Line
from socratic.ui import parts


def system(line: Line, place: int, found: Sequence[Record]) -> str:
    """Return a hidden panel for line `place`, with all of its system's numbers in `found`."""
    own = [record for record in found if record.key == line.record.key]
    facts = _facts(line.record)
    rows = "".join(_row(record) for record in own)
    return (
        f'<section class="details" data-of="{place}" hidden><h3>{parts.dot(line.record.colour)}'
        f"{escape(line.record.name)}</h3><dl>{facts}</dl>"
        '<div class="scroll"><table><thead><tr><th>Metric</th><th>Value</th><th>Computed as</th>'
        f"<th>Again, from what was kept</th></tr></thead><tbody>{rows}</tbody></table></div>"
        "</section>"
    )


def _facts(record: Record) -> str:
    known = {
        "Rows": record.rows,
        "Data sha256": record.dataset_sha256[:16],
        "Decoding": record.decoding,
        "Run": record.run,
        "Seed": None if record.seed is None or record.seeds > 1 else str(record.seed),
        "Source": record.source,
    }
    return "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in known.items() if value
    )


def _row(record: Record) -> str:
    again = (
        f"<code>{escape(record.reproduce)}</code> {parts.copy_button(record.reproduce)}"
        if record.reproduce
        else tables.ABSENT
    )
    why = f"<small>{escape(record.reason)}</small>" if record.reason else ""
    return (
        f"<tr><th>{escape(tables.metric(record.metric).label)}</th>"
        f"<td>{escape(tables.cell(record, 4))}{why}</td>"
        f'<td class="long">{escape(record.implementation)}</td><td class="long">{again}</td></tr>'
    )
