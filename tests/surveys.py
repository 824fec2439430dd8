"""What the tests of the commands `sanity` and `robustness` share."""

import csv
from pathlib import Path

METHODS = ["--methods", "gradient", "smoothgrad:samples=3", "edges"]


def rows_of(file: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with file.open() as opened:
        return list(csv.DictReader(opened))
