"""The lines of a table as text, as CSV and as LaTeX."""

import csv
import io
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np

SIGNS = {"σ": "sigma", "φ": "phi", "η": "eta", "ε": "varepsilon", "×": "times"}
"""Letters of knobs and signs of titles, by their names in LaTeX."""


def as_text(lines: Sequence[Mapping[str, str]], head: str, notes: Sequence[str]) -> str:
    names = list(lines[0])
    widths = {name: max(len(name), *(len(line[name]) for line in lines)) for name in names}
    first = names[0]

    def told(line: Mapping[str, str]) -> str:
        cells = [line[n].ljust(widths[n]) if n == first else line[n].rjust(widths[n]) for n in names]
        return "  ".join(cells).rstrip()

    body = [told({name: name for name in names}), "-" * (sum(widths.values()) + 2 * (len(names) - 1))]
    return "\n".join([*textwrap.wrap(head, 110), "", *body, *map(told, lines), *(["", *notes] if notes else []), ""])


def as_csv(lines: Sequence[Mapping[str, str | float]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({k: v if isinstance(v, (str, int)) else _plain(v) for k, v in line.items()})
    return buffer.getvalue()


def _plain(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4f}"


def as_latex(lines: Sequence[Mapping[str, str]], head: str, notes: Sequence[str]) -> str:
    names = list(lines[0])

    def told(cells: Sequence[str]) -> str:
        return " & ".join(_escaped(cell) for cell in cells) + r" \\"

    return "\n".join(
        [
            *(f"% {line}" for said in (head, *notes) for line in textwrap.wrap(said, 110)),
            rf"\begin{{tabular}}{{l{'r' * (len(names) - 1)}}}",
            r"\toprule",
            told(names),
            r"\midrule",
            *(told(list(line.values())) for line in lines),
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _escaped(text: str) -> str:
    for sign in "_%&#":
        text = text.replace(sign, f"\\{sign}")
    for letter, name in SIGNS.items():
        text = text.replace(letter, rf"$\{name}$")
    return text
