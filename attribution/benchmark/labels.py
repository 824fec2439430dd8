"""The classes that somebody gave the photos of a folder, in its `labels.csv`."""

import csv
from collections.abc import Sequence
from pathlib import Path

COLUMNS = ("file", "imagenet_class")
DIGITS = 18
"""A class has at most so many: a larger number does not fit into a results file."""


def labels(folder: Path) -> dict[str, int]:
    """The classes of the photos, by name: the columns `file` and `imagenet_class` of `labels.csv` in the folder, or
    its two columns, if it has no head and each line is a name and a number. Commas or semicolons separate them.

    Empty if the folder has no such file. Raises ValueError for a class that is no number, and for a file that cannot be
    read.
    """
    file = folder / "labels.csv"
    if not file.is_file():
        return {}
    try:
        given = _lines(file)
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8; save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"{file} cannot be read as CSV ({error}); save it again, or move it away") from None
    for name, text in given:
        if text and not (text.isdecimal() and len(text) <= DIGITS):
            raise ValueError(f"{file}: the class of {name} is {text:.40}; write its number, or nothing")
    return {name: int(text) for name, text in given if text}


def _lines(file: Path) -> Sequence[tuple[str, str]]:
    """The name and the class of each line; empty for a file of something else."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        lines = opened.readlines()
    # Where a comma is the decimal point, spreadsheets separate by semicolons.
    comma = ";" if lines and ";" in lines[0] and "," not in lines[0] else ","
    rows = [row for row in csv.reader(lines, delimiter=comma) if row]
    plain = all(len(row) == 2 and row[1].strip().isdecimal() for row in rows)
    reader = csv.DictReader(lines, COLUMNS if plain else None, delimiter=comma)
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        return []
    return [(str(line["file"]).strip(), str(line["imagenet_class"] or "").strip()) for line in reader]
