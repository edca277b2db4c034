r"""Text and tables as LaTeX prints them: escaped, with booktabs, never wider than the text.

What is returned needs `\usepackage{booktabs,graphicx}`, and says so in its first line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from socratic.tables import ABSENT, MARK

NEEDS = r"% needs \usepackage{booktabs,graphicx}"
# A table wider than the text is made as wide as the text; a narrower one stays as it is.
_FITTED = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
_SIGNS = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "\u00b1": r"$\pm$",
        MARK: r"\textsuperscript{\textdagger}",
        ABSENT: "--",
    }
)


def escaped(text: object) -> str:
    """Return plain text so that LaTeX prints it as it is."""
    plain = str(text)
    # After the end of a row, "[" and "*" would be read as its options.
    first = f"{{{plain[0]}}}" if plain[:1] in ("[", "*") else plain[:1].translate(_SIGNS)
    return first + plain[1:].translate(_SIGNS)


def row(cells: Iterable[object]) -> str:
    """Return a row of plain cells."""
    return " & ".join(map(escaped, cells)) + r" \\"


@dataclass(frozen=True)
class Table:
    """A table. caption, heads, notes: plain text. columns: as `tabular` has them; body: LaTeX."""

    caption: str
    label: str
    columns: str
    heads: Sequence[str]
    body: Sequence[str]
    notes: Sequence[str] = ()

    def text(self) -> str:
        """Return it as a float of its own, the notes beneath."""
        under = [rf"{escaped(note)}\\" for note in self.notes]
        lines = [
            NEEDS,
            r"\begin{table}[t]",
            r"\centering",
            rf"\caption{{{escaped(self.caption)}}}",
            rf"\label{{tab:{self.label}}}",
            r"\footnotesize",
            _FITTED,
            rf"\begin{{tabular}}{{{self.columns}}}",
            r"\toprule",
            row(self.heads),
            r"\midrule",
            *self.body,
            r"\bottomrule",
            r"\end{tabular}}",
            *([r"\par\smallskip\raggedright", *under] if under else []),
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"
