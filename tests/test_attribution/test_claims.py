"""docs/results.md says what the shipped results files say."""

import csv
import re

import claims
import pytest
from claims import FILES, Decided, decide

NUMBER = r"[+−]?\d+\.\d+"
TOLD = re.compile(rf"([+−]{NUMBER[5:]})\s+\[({NUMBER}),\s+({NUMBER})\](\\\*)?")
PAGE = (claims.ASSETS.parent / "docs" / "results.md").read_text()
TABLES = PAGE.partition("## Sanity checks")[0]
"""The part of the page that speaks of the results files."""


@pytest.fixture(scope="module")
def decided() -> dict[str, tuple[int, list[Decided]]]:
    return {name: decide(name) for name in FILES}


def told(numbers: tuple[float, float, float], like: tuple[str, str, str]) -> bool:
    """Whether these numbers, with as many decimals, are those of the page."""
    pairs = zip(numbers, like, strict=True)
    return all(f"{n:.{len(text.partition('.')[2])}f}" in forms(text) for n, text in pairs)


def forms(text: str) -> set[str]:
    """A number of the page as Python writes it. A negative one that is rounded to 0 may lack its sign."""
    plain = text.replace("−", "-").replace("+", "")
    return {plain, f"-{plain}"} if float(plain) == 0 else {plain}


def test_every_difference_with_its_interval_is_one_that_is_decided(decided):
    """And has a star if it is more than chance, and none if it is not."""
    found = TOLD.findall(TABLES)
    assert len(found) > 30
    known = [one for _, each in decided.values() for one in each]
    for *like, star in found:
        verdicts = {one.sure for one in known if told((one.mean, one.low, one.high), like)}
        assert verdicts == {bool(star)}, like


@pytest.mark.parametrize(("section", "name"), [("## Every method", "ig-family"), ("## Main methods", "headline")])
def test_the_tables_are_those_of_the_csv_files(section, name):
    """The same methods in the same order, and each number to its digits."""
    with (claims.ASSETS / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    head, _, *lines = TABLES[TABLES.index(section) :].partition("\n| method |")[2].partition("\n\n")[0].splitlines()
    columns = [column.strip(" ↑↓").lower() for column in head.strip("|").split("|")]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        for column, cell in zip(columns, line.split("|")[2:-1], strict=True):
            ends = [row[f"{column}_{end}"] for end in ("low", "high")] if "[" in cell else []
            numbers = re.findall(r"−?\d+(?:\.\d+)?", cell)
            assert len(numbers) == 1 + len(ends), line
            for text, value in zip(numbers, [row[column], *ends], strict=True):
                assert f"{float(value):.{len(text.partition('.')[2])}f}" in forms(text), line


def test_it_says_for_how_many_differences_each_file_was_corrected(decided):
    counts = [str(len(each)) for _, each in decided.values()]
    assert f"({', '.join(counts[:-1])} and {counts[-1]})" in re.sub(r"\s+", " ", PAGE)


@pytest.mark.parametrize("name", FILES)
def test_it_names_each_file(name):
    assert f"(../assets/{name})" in PAGE


def test_metrics_says_how_small_a_difference_is_seen():
    page = re.sub(r"\s+", " ", (claims.ASSETS.parent / "docs" / "metrics.md").read_text())
    can = claims.resolution("headline.db.gz")
    assert f"over {can.photos} photos" in page
    assert f"a standard deviation of {can.spread:.1f} (median over all pairs of cases)" in page
    assert f"{can.photos} photos can then show a difference of about {can.seen:.1f} (power 80 %)" in page
    assert f"A difference of 0.5 needs about {round(can.needed, -1)} photos" in page
