"""Curves as files: CSV, PNG, SVG, PDF, and a figure that LaTeX can include."""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import get_args

from socratic import catalog, latex
from socratic.errors import UsageError
from socratic.figures.measurements import X_AXES, Curve
from socratic.figures.printed_curves import Format, Sheet, printed
from socratic.runs import MetricsReader, Run

FORMATS = ("csv", *get_args(Format), "tex")
_FIRST = ("run", "step", "epoch", "time")


def curve_of(run: Run) -> Curve:
    """Return the curves of a run; raise RunError where its manifest is damaged."""
    manifest = run.manifest()
    spec = catalog.find(manifest.model)
    points = MetricsReader(run.metrics_file).news()
    return Curve(manifest.title, spec.colour if spec else catalog.GREY, points)


def distinct(found: Sequence[Run]) -> list[Curve]:
    """Return the curves of runs, in the catalogue's order, with titles that tell them apart."""
    ordered = sorted(found, key=_place)
    curves = [curve_of(run) for run in ordered]
    titles = [curve.title for curve in curves]
    return [
        curve
        if titles.count(curve.title) == 1
        else Curve(f"{curve.title} {run.id[-13:]}", curve.colour, curve.points)
        for run, curve in zip(ordered, curves, strict=True)
    ]


def _place(run: Run) -> int:
    keys = [spec.key for spec in catalog.MODELS]
    model = run.manifest().model
    return keys.index(model) if model in keys else len(keys)


def to_csv(series: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Return every point of runs, by run id, one a line, with a column per measurement."""
    found = dict.fromkeys(key for points in series.values() for point in points for key in point)
    columns = [*_FIRST, *(key for key in found if key not in _FIRST)]
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    for run_id, points in series.items():
        writer.writerows({"run": run_id, **point} for point in points)
    return file.getvalue()


def to_tex(sheet: Sheet, stem: str) -> str:
    """Return a LaTeX figure that includes `stem`.pdf at its own size, with a caption."""
    titles = ", ".join(dict.fromkeys(curve.title for curve in sheet.series))
    what = {
        "loss": "Training loss (lines) and validation loss (markers)",
        "rougeL": "ROUGE-L on validation rows (greedy decoding)",
    }.get(sheet.metric, sheet.metric.replace("_", " "))
    smooth = f", smoothed with weight {sheet.look.smoothing:g}" if sheet.look.smoothing else ""
    axis = X_AXES[sheet.look.x].title
    caption = latex.escaped(f"{what} of {titles}, by {axis}{smooth}.")
    return (
        "% needs \\usepackage{graphicx}; the PDF is as wide as the text of an A4 page\n"
        "\\begin{figure}[t]\n  \\centering\n"
        f"  \\includegraphics[width=\\linewidth]{{{stem}.pdf}}\n"
        f"  \\caption{{{caption}}}\n  \\label{{fig:{stem}}}\n\\end{{figure}}\n"
    )


def files(sheet: Sheet, found: Sequence[Run], form: str, stem: str) -> dict[str, bytes]:
    """Return the files of an export by name; `tex` comes with the PDF it includes.

    Raises UsageError for a format there is not, or when there is nothing to show.
    """
    if form == "csv":
        if not sheet.series:
            raise UsageError("No run is chosen; choose one to export its curves.")
        points = {run.id: MetricsReader(run.metrics_file).news() for run in found}
        return {f"{stem}.csv": to_csv(points).encode()}
    if form == "tex":
        pdf = printed(sheet, "pdf")
        return {f"{stem}.tex": to_tex(sheet, stem).encode(), f"{stem}.pdf": pdf}
    for known in get_args(Format):
        if form == known:
            return {f"{stem}.{form}": printed(sheet, known)}
    raise UsageError(f"There is no format {form!r}; choose {', '.join(FORMATS)}.")


def packed(made: Mapping[str, bytes], stem: str) -> tuple[str, bytes]:
    """Return one file to download: the only one, or all of them in a zip."""
    if len(made) == 1:
        return next(iter(made.items()))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in made.items():
            archive.writestr(name, content)
    return f"{stem}.zip", file.getvalue()
