"""The curves of one run as a picture for its model card: no browser, nothing to load."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from socratic import catalog
from socratic.runs import Manifest

NAME = "curves.png"
# Each panel: its title, and what is drawn in it with its line.
_PANELS = (
    ("loss", (("loss", "-", "training"), ("eval_loss", "o--", "validation"))),
    ("validation ROUGE-L", (("rougeL", "o-", "validation"),)),
)
_INCHES, _DOTS = (9.0, 3.2), 110
Points = Sequence[Mapping[str, Any]]


def curves(manifest: Manifest, points: Points) -> bytes:
    """Return the run's losses and ROUGE-L by step as a PNG; no bytes where nothing was measured."""
    drawn = [(title, kept) for title, lines in _PANELS if (kept := _measured(lines, points))]
    if not drawn:
        return b""
    # Matplotlib takes a second to import, and only a card with curves needs it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    spec = catalog.find(manifest.model)
    figure = Figure(figsize=_INCHES, layout="constrained")
    panels = figure.subplots(1, len(drawn), squeeze=False)[0]
    for axes, (title, lines) in zip(panels, drawn, strict=True):
        for key, style, label in lines:
            steps, values = zip(*_series(key, points), strict=True)
            colour = spec.colour if spec else catalog.GREY
            axes.plot(steps, values, style, color=colour, label=label, markersize=3)
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
        if len(lines) > 1:
            axes.legend(frameon=False)
    file = io.BytesIO()
    # Without a date in it, the same curves give the same file.
    FigureCanvasAgg(figure).print_png(file, metadata={"Software": None})
    return file.getvalue()


def _measured(lines: Sequence[tuple[str, str, str]], points: Points) -> list[tuple[str, str, str]]:
    return [line for line in lines if _series(line[0], points)]


def _series(key: str, points: Points) -> list[tuple[float, float]]:
    found = [(point.get("step"), point.get(key)) for point in points]
    return [(x, y) for x, y in found if _number(x) and _number(y)]  # type: ignore[misc]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
