"""What the tests of the commands `sanity` and `robustness` share."""

import csv
from pathlib import Path

METHODS = ["--methods", "gradient", "smoothgrad:samples=3", "edges"]
TITLES = {
    "gradient": "Gradient",
    "integrated_gradients": "Integrated Gradients, M = 10",
    "smoothgrad": "SmoothGrad, R = 10",
    "smooth_taylor": "SmoothTaylor, R = 10",
    "lrp": "LRP",
}
"""The methods of the shipped tables, by what docs/results.md calls them. Below them stand `edges` and `centre`."""


def rows_of(file: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with file.open() as opened:
        return list(csv.DictReader(opened))
